package main

import (
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
	ctx, cancel := context.WithTimeout(context.Background(), applyTime)
	defer cancel()
	var a windowAnswer
	if err := h.call(ctx, nodes[0].socket, "/v1/window", struct{}{}, &a); err != nil {
		if errors.Is(err, errNoFolder) {
			err = failf("process %d is of an older qsync that has no page: start it again", nodes[0].PID)
		}
		return err
	}
	if err := a.err(); err != nil {
		return err
	}
	return c.show(p, a.URL)
}

// show opens an address, or prints it where no browser can be started.
func (c *openCmd) show(p *program, url string) error {
	if p.flags.JSON {
		return p.printJSON(map[string]string{"url": url})
	}
	if !c.URL && startBrowser(p.vars, url) == nil {
		at, _, _ := strings.Cut(url, "#")
		return p.print("opening " + at + " in the browser\n")
	}
	text := url + "\n"
	if !c.URL {
		text = "no browser can be started here; open this, it lets in once, within a minute:\n" + text
	}
	return p.print(text)
}

// browserTime is how long the starter of a browser may take to fail.
const browserTime = 2 * time.Second

// startBrowser starts this desktop's browser. The address is secret for as long
// as its ticket is good: other users of the machine can see it in the list of
// processes, but not reach a ticket that was used. So no browser is looked for
// where there is no desktop.
func startBrowser(vars map[string]string, url string) error {
	var cmd *exec.Cmd
	switch runtime.GOOS {
	case "windows":
		cmd = exec.Command("rundll32", "url.dll,FileProtocolHandler", url)
	case "darwin":
		cmd = exec.Command("open", url)
	case "android":
		cmd = exec.Command("termux-open-url", url)
	default:
		if vars["DISPLAY"] == "" && vars["WAYLAND_DISPLAY"] == "" {
			return errors.New("no desktop")
		}
		cmd = exec.Command("xdg-open", url)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(browserTime): // some stay for as long as the browser does
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
