package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"qsync/cmd/qsync/config"
	"qsync/web"
)

// Run has the running node serve its page, and a browser show it.
func (c *openCmd) Run(p *program) error {
	h, err := p.existingHome()
	if err != nil {
		return err
	}
	nodes := h.ask(askTime)
	if len(nodes) == 0 {
		return usagef("no qsync runs for the home %s: start 'qsync serve', or 'qsync share DIR', and then this again", quote(h.dir))
	}
	slices.SortStableFunc(nodes, func(a, b answeringNode) int { // the one that serves all comes first
		switch {
		case a.Serve == b.Serve:
			return 0
		case a.Serve:
			return -1
		}
		return 1
	})
	return c.show(p, func(q windowRequest) (windowAnswer, error) {
		ctx, cancel := context.WithTimeout(context.Background(), applyTime)
		defer cancel()
		var a windowAnswer
		err := h.call(ctx, nodes[0].socket, "/v1/window", q, &a)
		if errors.Is(err, errNoFolder) {
			err = failf("process %d is of an older qsync that has no page: start it again", nodes[0].PID)
		}
		return a, cmp.Or(err, a.err())
	}, browserTime)
}

// show opens the address that ask gives, or prints it where no browser can be started.
// What a browser is started with can be seen by all users of the machine: it lets in
// whoever runs this alone. within is how long what starts it may take to fail.
func (c *openCmd) show(p *program, ask func(windowRequest) (windowAnswer, error), within time.Duration) error {
	if starter := browserOf(p.vars); starter != nil && !c.URL && !p.flags.JSON {
		me := os.Getuid()
		a, err := ask(windowRequest{User: &me})
		if err != nil {
			return err
		}
		if a.User == nil {
			return failf("the running qsync is an older one: its address would let in whoever sees it in the list of processes. Start it again, or use --url")
		}
		if startBrowser(append(starter, a.URL), within) == nil {
			at, _, _ := strings.Cut(a.URL, "#")
			return p.print("opening " + at + " in the browser\n")
		}
	}
	a, err := ask(windowRequest{})
	if err != nil {
		return err
	}
	if p.flags.JSON {
		return p.printJSON(map[string]string{"url": a.URL})
	}
	text := a.URL + "\n"
	if !c.URL {
		text = "no browser can be started here; open this, it lets in once, within a minute:\n" + text
	}
	return p.print(text)
}

// browserTime is how long the starter of a browser may take to fail.
const browserTime = 2 * time.Second

// browserOf is the command that has this desktop's browser open the address after it,
// nil where there is no desktop.
func browserOf(vars map[string]string) []string {
	switch runtime.GOOS {
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler"}
	case "darwin":
		return []string{"open"}
	case "android":
		return []string{"termux-open-url"}
	}
	if vars["DISPLAY"] == "" && vars["WAYLAND_DISPLAY"] == "" {
		return nil
	}
	return []string{"xdg-open"}
}

func startBrowser(command []string, within time.Duration) error {
	cmd := exec.Command(command[0], command[1:]...)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(within): // some stay for as long as the browser does
		return nil
	}
}

// Run asks for a password and writes its hash to config.yaml.
func (c *configPasswordCmd) Run(p *program) error {
	h, err := p.openHome()
	if err != nil {
		return err
	}
	password, err := p.askPassword()
	if err != nil {
		return err
	}
	hash, err := web.HashPassword(password)
	if err != nil {
		return usagef("%v", err)
	}
	if err := h.change(func(c *config.Config) (*config.Config, error) { return c.Set("web.password", hash) }); err != nil {
		return err
	}
	p.ui.say("%s has the hash of the password now, as web.password", quote(h.configPath()))
	return nil
}

// askPassword reads a password: twice and unseen from a terminal, else the first
// line of standard input.
func (p *program) askPassword() (string, error) {
	in, ok := p.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		text, err := io.ReadAll(io.LimitReader(p.in, 64<<10))
		if err != nil {
			return "", failf("cannot read the password: %v", err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		return strings.TrimSuffix(line, "\r"), nil
	}
	var typed [2]string
	for i, question := range []string{"password: ", "once more: "} {
		p.ui.printf("%s", question)
		b, err := term.ReadPassword(int(in.Fd()))
		p.ui.printf("\n")
		if err != nil {
			return "", failf("cannot read the password: %v", err)
		}
		typed[i] = string(b)
	}
	if typed[0] != typed[1] {
		return "", usagef("the two are not the same: try again")
	}
	return typed[0], nil
}
