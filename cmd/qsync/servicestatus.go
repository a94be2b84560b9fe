package main

import (
	"context"
	"errors"
	"fmt"

	"qsync/cmd/qsync/service"
)

// errNotActive: the service that was asked about does not run.
var errNotActive = errors.New("the service does not run")

// Run says how the service is: exit code 0 if it runs.
func (c *serviceStatusCmd) Run(p *program) error {
	m, err := c.manager(p)
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, err := m.State(ctx)
	if errors.Is(err, service.ErrNotInstalled) && p.flags.JSON {
		if err := p.printJSON(serviceJSON{Unit: m.Path(), Cure: "qsync service install" + c.flag()}); err != nil {
			return err
		}
		return &sentence{text: errNotActive.Error(), said: true}
	}
	if err != nil {
		return c.explained(p, err)
	}
	j := serviceJSON{
		Unit: m.Path(), Installed: true, Active: s.Active, State: s.Text, PID: s.PID,
		Program: s.Program, Home: s.Home, User: s.User, AtBoot: s.Enabled && c.System, Cure: c.cure(s),
	}
	if !c.System && s.Enabled {
		if lingers, err := m.Lingers(ctx, p.userName()); err == nil {
			j.AtBoot = lingers
		}
	}
	if p.flags.JSON {
		err = p.printJSON(j)
	} else {
		err = p.print(serviceText(j, s, c.System))
	}
	if err == nil && !s.Active {
		err = &sentence{text: errNotActive.Error(), said: true}
	}
	return err
}

// cure is what to do about a service that is not as it should be.
func (c *serviceStatusCmd) cure(s service.State) string {
	again := "qsync service install" + c.flag()
	switch {
	case s.Gone:
		return "the program was moved: put it back, or run '" + again + "' from where it is now"
	case s.Stale, !s.Enabled, !s.Active && s.Result == "success":
		return "'" + again + "' puts it right"
	case !s.Active:
		return "'qsync service logs" + c.flag() + "' says why it does not run"
	}
	return ""
}

func serviceText(j serviceJSON, s service.State, system bool) string {
	t := &page{}
	t.name(0, "service", j.Unit, "")
	state := j.State
	if j.PID != 0 {
		state += fmt.Sprintf(", process %d", j.PID)
	}
	if s.Result != "" && s.Result != "success" {
		state += ", ended by " + s.Result
	}
	t.row(0, "state", state)
	switch {
	case !s.Enabled:
		t.row(0, "starts", "not by itself")
	case j.AtBoot:
		t.row(0, "starts", "with the machine")
	case !system:
		t.row(0, "starts", "when you log in ('sudo loginctl enable-linger "+currentUser+"' makes it start with the machine)")
	}
	t.name(0, "program", j.Program, "")
	t.name(0, "home", j.Home, "")
	if j.User != "" {
		t.row(0, "user", j.User)
	}
	if j.Cure != "" {
		t.row(0, "cure", j.Cure)
	}
	return t.String()
}

// currentUser is what a shell puts the name of its user in for.
const currentUser = `"$USER"`
