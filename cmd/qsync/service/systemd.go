package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Why nothing could be done; the commands' errors wrap one of them.
var (
	ErrNoSystemd    = errors.New("systemd does not run this machine")
	ErrNoBus        = errors.New("there is no systemd of this user to talk to")
	ErrForeign      = errors.New("the unit file was not written by qsync")
	ErrOther        = errors.New("the service runs another home")
	ErrNotInstalled = errors.New("the service is not installed")
	ErrStart        = errors.New("the service did not start")
)

// Manager is a systemd: the machine's, or a user's own.
type Manager struct {
	System bool
	Dir    string // where its unit files are
	// Run runs a program to its end and returns what it printed.
	Run func(ctx context.Context, name string, args ...string) (string, error)
}

// Exec runs a program of this machine. The error holds what it complained about.
func Exec(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	if text := strings.TrimSpace(complaint.String()); err != nil && text != "" {
		err = fmt.Errorf("%s: %w", text, err)
	}
	return out.String(), err
}

// Path is where the unit file is.
func (m Manager) Path() string { return filepath.Join(m.Dir, Name) }

// systemctl runs it for this manager.
func (m Manager) systemctl(ctx context.Context, args ...string) (string, error) {
	if !m.System {
		args = append([]string{"--user"}, args...)
	}
	out, err := m.Run(ctx, "systemctl", args...)
	if err != nil && (strings.Contains(err.Error(), "onnect to bus") || strings.Contains(err.Error(), "connect to user scope bus")) {
		err = fmt.Errorf("%w: %w", ErrNoBus, err)
	}
	return out, err
}

// Booted returns nil where systemd runs the machine, else [ErrNoSystemd].
func (m Manager) Booted(ctx context.Context) error {
	// The exit code tells how the machine is, which does not matter here.
	out, err := m.Run(ctx, "systemctl", "is-system-running")
	state := strings.TrimSpace(out)
	if state == "" || state == "offline" || errors.Is(err, exec.ErrNotFound) {
		return ErrNoSystemd
	}
	return nil
}

// Installed reads the unit file. Errors to branch on: [ErrNotInstalled],
// [ErrForeign].
func (m Manager) Installed() (Unit, error) {
	text, err := os.ReadFile(m.Path())
	if errors.Is(err, fs.ErrNotExist) {
		return Unit{}, ErrNotInstalled
	}
	if err != nil {
		return Unit{}, fmt.Errorf("service: %w", err)
	}
	u, err := parse(string(text))
	if err != nil {
		return u, ErrForeign
	}
	return u, nil
}

// Install writes the unit file, and has the service started now and at every
// boot (or, in a user's manager, every login). changed is false where all that
// was so already. Errors to branch on: [ErrNoSystemd], [ErrNoBus], [ErrForeign],
// [ErrOther], [ErrStart], fs.ErrPermission.
func (m Manager) Install(ctx context.Context, u Unit) (changed bool, err error) {
	text, err := u.Text()
	if err != nil {
		return false, err
	}
	if err := m.Booted(ctx); err != nil {
		return false, err
	}
	old, err := m.Installed()
	switch {
	case err == nil && old.Home != u.Home:
		return false, fmt.Errorf("%w, %s", ErrOther, old.Home)
	case err != nil && !errors.Is(err, ErrNotInstalled):
		return false, err
	}
	// Asked before anything is written.
	if _, err := m.systemctl(ctx, "show", "--property=Version"); err != nil {
		return false, fmt.Errorf("service: %w", err)
	}
	s, err := m.State(ctx)
	if err != nil && !errors.Is(err, ErrNotInstalled) {
		return false, err
	}
	now, rerr := os.ReadFile(m.Path())
	same := rerr == nil && string(now) == text
	if same && s.Active && s.Enabled {
		return false, nil
	}
	if !same {
		if err := m.write(text); err != nil {
			return false, err
		}
	}
	return true, m.start(ctx)
}

// start makes the manager read the unit file, and (re)starts the service.
func (m Manager) start(ctx context.Context) error {
	if _, err := m.systemctl(ctx, "daemon-reload"); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	if _, err := m.systemctl(ctx, "enable", Name); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	// It returns when the node has said that it is ready.
	if _, err := m.systemctl(ctx, "restart", Name); err != nil {
		return fmt.Errorf("%w: %w", ErrStart, err)
	}
	return nil
}

// write puts the unit file in place as a whole.
func (m Manager) write(text string) error {
	if err := os.MkdirAll(m.Dir, 0o755); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	tmp, err := os.CreateTemp(m.Dir, ".qsync-")
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	_, err = tmp.WriteString(text)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if err == nil {
		err = tmp.Sync()
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), m.Path())
	}
	if err != nil {
		return fmt.Errorf("service: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}

// Uninstall stops the service and removes its unit file. Neither the home nor a
// folder is touched. Errors to branch on: [ErrNotInstalled], [ErrNoBus],
// [ErrForeign], fs.ErrPermission.
func (m Manager) Uninstall(ctx context.Context) error {
	if _, err := m.Installed(); err != nil {
		return err
	}
	// A manager that does not run has nothing to stop; the file still goes.
	if m.Booted(ctx) == nil {
		if _, err := m.systemctl(ctx, "disable", "--now", Name); err != nil {
			return fmt.Errorf("service: %w", err)
		}
	}
	if err := os.Remove(m.Path()); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	if m.Booted(ctx) == nil {
		if _, err := m.systemctl(ctx, "daemon-reload"); err != nil {
			return fmt.Errorf("service: %w", err)
		}
	}
	return nil
}

// State is how an installed service is.
type State struct {
	Unit
	Active  bool
	Enabled bool   // it starts by itself
	Text    string // systemd's words for its state, such as "active (running)"
	PID     int    // 0 unless it runs
	Result  string // how it last ended, "success" if it did not end badly
	Stale   bool   // the unit file was changed after systemd has read it
	Gone    bool   // the program is no longer where the unit says
}

// State asks how the service is. Errors as of [Manager.Installed], and
// [ErrNoBus].
func (m Manager) State(ctx context.Context) (State, error) {
	u, err := m.Installed()
	if err != nil {
		return State{}, err
	}
	s := State{Unit: u}
	_, serr := os.Stat(u.Program)
	s.Gone = errors.Is(serr, fs.ErrNotExist)
	out, err := m.systemctl(ctx, "show", Name, "--property=ActiveState,SubState,UnitFileState,MainPID,Result,NeedDaemonReload")
	if err != nil {
		return s, fmt.Errorf("service: %w", err)
	}
	v := map[string]string{}
	for line := range strings.Lines(out) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			v[key] = value
		}
	}
	s.Active = v["ActiveState"] == "active" || v["ActiveState"] == "reloading"
	s.Enabled = v["UnitFileState"] == "enabled"
	s.Text = fmt.Sprintf("%s (%s)", v["ActiveState"], v["SubState"])
	s.Result, s.Stale = v["Result"], v["NeedDaemonReload"] == "yes"
	s.PID, _ = strconv.Atoi(v["MainPID"]) // "" of a unit that is not loaded is 0
	return s, nil
}

// Lingers reports whether a user's services start at boot, before that user has
// logged in (loginctl(1)).
func (m Manager) Lingers(ctx context.Context, user string) (bool, error) {
	out, err := m.Run(ctx, "loginctl", "show-user", user, "--property=Linger", "--value")
	if err != nil {
		return false, fmt.Errorf("service: %w", err)
	}
	return strings.TrimSpace(out) == "yes", nil
}

// LogCommand is what shows the service's messages: a program and its arguments.
func (m Manager) LogCommand(lines int, follow bool) []string {
	args := []string{"journalctl", "--user", "--unit", Name}
	if m.System {
		args = []string{"journalctl", "--unit", Name}
	}
	args = append(args, "--no-pager", "--lines", strconv.Itoa(lines))
	if follow {
		args = append(args, "--follow")
	}
	return args
}
