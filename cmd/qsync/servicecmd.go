package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"

	"qsync/cmd/qsync/service"
)

type serviceCmd struct {
	Install   serviceInstallCmd   `cmd:"" help:"Start 'qsync serve' now and with the machine."`
	Uninstall serviceUninstallCmd `cmd:"" help:"Stop it and take it away; folders and settings stay."`
	Status    serviceStatusCmd    `cmd:"" help:"Say how the service is."`
	Logs      serviceLogsCmd      `cmd:"" help:"Show what it has logged."`
}

// serviceScope says which systemd is meant.
type serviceScope struct {
	System bool `help:"The machine's service; needs root."`
	User   bool `help:"This user's own service (the default)."`
}

type serviceInstallCmd struct {
	serviceScope
	UserName string `name:"user-name" placeholder:"NAME" help:"With --system: whom it runs as (default who called sudo)."`
}

type serviceUninstallCmd struct{ serviceScope }

type serviceStatusCmd struct{ serviceScope }

type serviceLogsCmd struct {
	serviceScope
	Lines  count `default:"100" placeholder:"N" help:"How many lines (default 100)."`
	Follow bool  `short:"f" help:"And go on until Ctrl-C."`
}

// systemUnits is where the machine's unit files of this machine's owner are.
const systemUnits = "/etc/systemd/system"

// manager is the systemd that the flags mean.
func (c serviceScope) manager(p *program) (service.Manager, error) {
	m := service.Manager{System: c.System, Dir: systemUnits, Run: service.Exec}
	switch {
	case c.System && c.User:
		return m, usagef("--system or --user, not both")
	case c.System:
		return m, nil
	}
	settings := p.vars["XDG_CONFIG_HOME"]
	if !filepath.IsAbs(settings) {
		if settings = filepath.Join(p.vars["HOME"], ".config"); !filepath.IsAbs(settings) {
			return m, usagef("there is no directory for this user's services: set HOME")
		}
	}
	m.Dir = filepath.Join(settings, "systemd", "user")
	return m, nil
}

// flag is what the scope adds to a command that people are told to type.
func (c serviceScope) flag() string {
	if c.System {
		return " --system"
	}
	return ""
}

// explained makes a sentence of an error of the service.
func (c serviceScope) explained(p *program, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, service.ErrNoSystemd):
		return failf("systemd does not run this machine, so there is no service; 'qsync service install%s' says what else starts qsync by itself", c.flag())
	case errors.Is(err, service.ErrNoBus):
		return failf("there is no systemd of this user to talk to: log in as that user (not by su or sudo), or set XDG_RUNTIME_DIR=/run/user/%d, or use --system", os.Geteuid())
	case errors.Is(err, service.ErrNotInstalled):
		return failf("the service is not installed; 'qsync service install%s' does it", c.flag())
	case errors.Is(err, service.ErrForeign):
		return failf("there is a %s that qsync did not write (%s): leave it, or remove it and run this again", service.Name, c.path(p))
	case errors.Is(err, service.ErrOther):
		return failf("%v: take that one away first ('qsync service uninstall%s'), or name its home with --home", err, c.flag())
	case errors.Is(err, service.ErrStart):
		return failf("%v; 'qsync service logs%s' says why", err, c.flag())
	case errors.Is(err, fs.ErrPermission) && c.System:
		return failf("%v: --system needs root; type it with sudo before it", err)
	}
	return failf("%v", err)
}

func (c serviceScope) path(p *program) string {
	m, err := c.manager(p)
	if err != nil {
		return service.Name
	}
	return quote(m.Path())
}

// Run installs the service.
func (c *serviceInstallCmd) Run(p *program) error {
	m, err := c.manager(p)
	if err != nil {
		return err
	}
	u, owner, err := c.unit(p)
	if err != nil {
		return err
	}
	if runtime.GOOS != "linux" || errors.Is(m.Booted(context.Background()), service.ErrNoSystemd) {
		if err := p.print(service.Manual(runtime.GOOS, u.Program, u.Home)); err != nil {
			return err
		}
		return failf("systemd does not run this machine: nothing was installed; the text above says what to do instead")
	}
	if c.System && os.Geteuid() != 0 {
		return failf("--system needs root: sudo qsync service install --system --user-name NAME, or leave --system out for a service of your own")
	}
	if c.System {
		if err := handOver(u.Home, owner); err != nil {
			return err
		}
	}
	return c.install(p, m, u)
}

// unit is what the flags ask for; owner is nil for a user's own service.
func (c *serviceInstallCmd) unit(p *program) (u service.Unit, owner *user.User, err error) {
	if u.Program, err = os.Executable(); err != nil {
		return u, nil, failf("cannot tell where this program is: %v", err)
	}
	if strings.Contains(u.Program, string(filepath.Separator)+"go-build") {
		return u, nil, usagef("this qsync was made by 'go run' and is gone in a moment: build it, put it in place, such as /usr/local/bin, and run it from there")
	}
	if !c.System {
		if c.UserName != "" {
			return u, nil, usagef("--user-name goes with --system: a user's own service runs as that user")
		}
		if os.Geteuid() == 0 && p.vars["SUDO_USER"] != "" && p.vars["SUDO_USER"] != "root" {
			return u, nil, usagef("leave sudo out for a service of your own, or use --system for one of the machine")
		}
		u.Home, err = p.homeDir()
		return u, nil, err
	}
	if owner, err = c.owner(p); err != nil {
		return u, nil, err
	}
	u.User = owner.Username
	if u.Home = filepath.Join(owner.HomeDir, ".local", "state", "qsync"); p.flags.Home != "" {
		u.Home, err = p.homeDir()
	} else if fi, serr := os.Stat(owner.HomeDir); serr != nil || !fi.IsDir() {
		err = usagef("the user %s has no home directory: give qsync's with --home, such as /var/lib/qsync", quote(owner.Username))
	}
	if err == nil {
		u.Writable, err = sealed(home{dir: u.Home}, owner.HomeDir)
	}
	return u, owner, err
}

func (c *serviceInstallCmd) owner(p *program) (*user.User, error) {
	name := c.UserName
	if name == "" {
		name = p.vars["SUDO_USER"]
	}
	if name == "" {
		return nil, usagef("say whom the service runs as: --user-name NAME, best who owns the folders (root works, and may do more than it should)")
	}
	owner, err := user.Lookup(name)
	if err != nil {
		return nil, usagef("there is no user %s on this machine; --user-name takes one that there is", quote(name))
	}
	return owner, nil
}

type serviceJSON struct {
	Unit      string `json:"unit"`
	Installed bool   `json:"installed"`
	Changed   bool   `json:"changed,omitempty"` // by this command
	Active    bool   `json:"active"`
	AtBoot    bool   `json:"at_boot"` // else at the next login, or not at all
	State     string `json:"state,omitempty"`
	PID       int    `json:"pid,omitempty"`
	Program   string `json:"program,omitempty"`
	Home      string `json:"home,omitempty"`
	User      string `json:"user,omitempty"`
	Cure      string `json:"cure,omitempty"`
}

func (c *serviceInstallCmd) install(p *program, m service.Manager, u service.Unit) error {
	ctx := context.Background()
	changed, err := m.Install(ctx, u)
	if err != nil {
		return c.explained(p, err)
	}
	boot := c.System
	if !boot {
		boot, err = m.Lingers(ctx, p.userName())
	}
	if p.flags.JSON {
		return p.printJSON(serviceJSON{Unit: m.Path(), Installed: true, Changed: changed, Active: true, AtBoot: boot, Program: u.Program, Home: u.Home, User: u.User})
	}
	text := fmt.Sprintf("installed and running: %s\n", quote(m.Path()))
	if !changed {
		text = fmt.Sprintf("installed and running already: %s\n", quote(m.Path()))
	}
	text += fmt.Sprintf("home      %s\n", quote(u.Home))
	switch {
	case err != nil:
		text += "starts    at login; whether before that, 'loginctl' does not tell\n"
	case boot:
		text += "starts    with the machine\n"
	default:
		text += "starts    when you log in; to have it start with the machine, type once:\n          sudo loginctl enable-linger " + p.userName() + "\n"
	}
	return p.print(text + "see       qsync status; qsync service logs" + c.flag() + "\n")
}

// userName is who this process belongs to.
func (p *program) userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return p.vars["USER"]
}

// Run takes the service away.
func (c *serviceUninstallCmd) Run(p *program) error {
	m, err := c.manager(p)
	if err != nil {
		return err
	}
	err = m.Uninstall(context.Background())
	if errors.Is(err, service.ErrNotInstalled) {
		p.ui.say("there is no such service: %s does not exist", m.Path())
		return nil
	}
	if err != nil {
		return c.explained(p, err)
	}
	p.ui.say("the service is stopped and gone; its home and the folders are as they were")
	return nil
}

// Run shows the service's log.
func (c *serviceLogsCmd) Run(p *program) error {
	m, err := c.manager(p)
	if err != nil {
		return err
	}
	if _, err := m.Installed(); err != nil {
		return c.explained(p, err)
	}
	args := m.LogCommand(int(c.Lines), c.Follow)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = p.out, p.ui
	if err := cmd.Run(); err != nil {
		return failf("journalctl: %v; where config.yaml names a log file, its messages are in there", err)
	}
	return nil
}
