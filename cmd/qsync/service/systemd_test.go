package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// systemd answers as systemctl and loginctl do, and keeps the state that the
// commands it gets would make.
type systemd struct {
	t               *testing.T
	offline, noBus  bool
	fails           string // a command that fails
	enabled, active bool
	linger          string
	asked           []string
}

func (s *systemd) run(_ context.Context, name string, args ...string) (string, error) {
	line := strings.Join(append([]string{name}, args...), " ")
	s.asked = append(s.asked, line)
	if line == "systemctl is-system-running" {
		if s.offline {
			return "offline\n", errors.New("exit status 1")
		}
		return "degraded\n", errors.New("exit status 1")
	}
	if name == "loginctl" {
		return s.linger + "\n", nil
	}
	if s.noBus {
		return "", errors.New("Failed to connect to bus: No medium found: exit status 1")
	}
	if s.fails != "" && strings.Contains(line, s.fails) {
		return "", errors.New("Job for qsync.service failed: exit status 1")
	}
	word := map[bool]string{true: "active", false: "inactive"}
	switch {
	case strings.Contains(line, "--user daemon-reload"):
	case strings.Contains(line, "--user show --property=Version"):
	case strings.Contains(line, "--user enable qsync.service"):
		s.enabled = true
	case strings.Contains(line, "--user restart qsync.service"):
		s.active = true
	case strings.Contains(line, "--user disable --now qsync.service"):
		s.enabled, s.active = false, false
	case strings.Contains(line, "--user show qsync.service"):
		return fmt.Sprintf("ActiveState=%s\nSubState=running\nUnitFileState=%s\nMainPID=7\nResult=success\nNeedDaemonReload=no\n", word[s.active], map[bool]string{true: "enabled", false: "disabled"}[s.enabled]), nil
	default:
		s.t.Errorf("systemd is not asked %q", line)
	}
	return "", nil
}

func fakes(t *testing.T) (*systemd, Manager, Unit) {
	s := &systemd{t: t}
	program := filepath.Join(t.TempDir(), "qsync")
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	return s, Manager{Dir: filepath.Join(t.TempDir(), "systemd", "user"), Run: s.run}, Unit{Program: program, Home: "/home/u/q s"}
}

func TestInstall(t *testing.T) {
	s, m, u := fakes(t)
	ctx := t.Context()
	for i, want := range []bool{true, false} {
		changed, err := m.Install(ctx, u)
		if err != nil || changed != want {
			t.Fatalf("install %d: %v, %v", i, changed, err)
		}
	}
	if !s.enabled || !s.active {
		t.Error("installed and not started")
	}
	if n := len(slices.DeleteFunc(slices.Clone(s.asked), func(l string) bool { return !strings.Contains(l, "restart") })); n != 1 {
		t.Errorf("started %d times, want once", n)
	}
	st, err := m.State(ctx)
	if err != nil || !st.Active || !st.Enabled || st.PID != 7 || st.Gone || st.Home != u.Home {
		t.Errorf("state %+v, %v", st, err)
	}
	if err := os.Remove(u.Program); err != nil {
		t.Fatal(err)
	}
	if st, err := m.State(ctx); err != nil || !st.Gone {
		t.Errorf("the program is gone, state %+v, %v", st, err)
	}
	// A newer binary elsewhere takes its place.
	u.Program = "/usr/local/bin/qsync"
	if changed, err := m.Install(ctx, u); err != nil || !changed {
		t.Errorf("installing for another binary: %v, %v", changed, err)
	}
	// Somebody has stopped it.
	s.active = false
	if changed, err := m.Install(ctx, u); err != nil || !changed || !s.active {
		t.Errorf("installing what was stopped: %v, %v", changed, err)
	}
	if err := m.Uninstall(ctx); err != nil || s.active || s.enabled {
		t.Errorf("uninstall: %v", err)
	}
	if err := m.Uninstall(ctx); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("uninstalling twice: %v", err)
	}
	if left, err := os.ReadDir(m.Dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestInstallRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*systemd, Manager, *Unit)
		want    error
	}{
		"not systemd":  {func(s *systemd, _ Manager, _ *Unit) { s.offline = true }, ErrNoSystemd},
		"start fails":  {func(s *systemd, _ Manager, _ *Unit) { s.fails = "restart" }, ErrStart},
		"foreign unit": {func(_ *systemd, m Manager, _ *Unit) { write(t, m, "[Service]\nExecStart=/bin/x\n") }, ErrForeign},
		"other home": {func(_ *systemd, m Manager, u *Unit) {
			text, _ := Unit{Program: u.Program, Home: "/other"}.Text()
			write(t, m, text)
		}, ErrOther},
		"no bus": {func(s *systemd, _ Manager, _ *Unit) { s.noBus = true }, ErrNoBus},
	} {
		s, m, u := fakes(t)
		c.prepare(s, m, &u)
		before, _ := os.ReadFile(m.Path())
		if changed, err := m.Install(t.Context(), u); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v", name, changed, err)
		}
		if after, _ := os.ReadFile(m.Path()); len(before) > 0 && string(after) != string(before) {
			t.Errorf("%s: refused and overwritten", name)
		} else if len(before) == 0 && len(after) > 0 && c.want != ErrStart {
			t.Errorf("%s: refused and written", name)
		}
	}
}

func write(t *testing.T, m Manager, text string) {
	t.Helper()
	if err := os.MkdirAll(m.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.Path(), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestNoSystemctl(t *testing.T) {
	m := Manager{Run: func(context.Context, string, ...string) (string, error) {
		return "", &exec.Error{Name: "systemctl", Err: exec.ErrNotFound}
	}}
	if err := m.Booted(t.Context()); !errors.Is(err, ErrNoSystemd) {
		t.Errorf("without systemctl: %v", err)
	}
}

func TestLingers(t *testing.T) {
	s, m, _ := fakes(t)
	for word, want := range map[string]bool{"yes": true, "no": false, "": false} {
		s.linger = word
		if got, err := m.Lingers(t.Context(), "u"); err != nil || got != want {
			t.Errorf("Linger=%s: %v, %v", word, got, err)
		}
	}
}

func TestLogCommand(t *testing.T) {
	if got := strings.Join(Manager{}.LogCommand(50, true), " "); got != "journalctl --user --unit qsync.service --no-pager --lines 50 --follow" {
		t.Error(got)
	}
	if got := strings.Join(Manager{System: true}.LogCommand(5, false), " "); got != "journalctl --unit qsync.service --no-pager --lines 5" {
		t.Error(got)
	}
}

func TestExec(t *testing.T) {
	if _, err := Exec(t.Context(), "qsync-no-such-program"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a program that does not exist: %v", err)
	}
}
