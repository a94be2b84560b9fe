package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"qsync/cmd/qsync/config"
)

// applyTime is how long a running node may take to apply a change: folders are
// closed and opened meanwhile.
const applyTime = time.Minute

// startTime is how long a 'qsync serve' that has just been started may take to
// open its control socket.
const startTime = 5 * time.Second

// serving finds the 'qsync serve' of the home, nil if there is none.
func (h home) serving() (*answeringNode, error) {
	pid := h.server()
	if pid == 0 {
		return nil, nil
	}
	for end := time.Now().Add(startTime); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for _, n := range h.ask(askTime) {
			if n.Serve {
				return &n, nil
			}
		}
		if h.server() == 0 {
			return nil, nil
		}
	}
	return nil, failf("process %d serves the home %s and does not answer: end it, and start 'qsync serve' again", pid, quote(h.dir))
}

// apply has one node take config.yaml anew. The error is why it does not run the
// folder of the request.
func (h home) apply(n answeringNode, q applyRequest) error {
	ctx, cancel := context.WithTimeout(context.Background(), applyTime)
	defer cancel()
	var a waitAnswer
	if err := h.call(ctx, n.socket, "/v1/apply", q, &a); err != nil {
		return &sentence{text: fmt.Sprintf("process %d has not taken the change: %v", n.PID, err), kind: errUnheard}
	}
	return a.err()
}

// err is what an answer tells, with its exit code.
func (a waitAnswer) err() error {
	if a.Code == 0 {
		return nil
	}
	for _, row := range exitTable {
		if row.code == a.Code {
			return &sentence{text: a.Missing, kind: row.err}
		}
	}
	return failf("%s", a.Missing)
}

// errUnheard is a node that did not answer a change.
var errUnheard = errors.New("no answer")

// applyAll has all nodes of the home take config.yaml anew. One that ends over
// it, for its last folder is forgotten, may be gone before it has answered: there
// is nobody left then who has not taken the change.
func (h home) applyAll(q applyRequest) error {
	var errs []error
	for _, n := range h.ask(askTime) {
		err := h.apply(n, q)
		if !errors.Is(err, errUnheard) || h.listens(n.socket) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// listens reports whether somebody is at a control socket.
func (h home) listens(socket string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	c, err := h.dial(ctx, socket)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// handing is a folder on its way to the 'qsync serve' of the home.
type handing struct {
	home home
	served
	m    *managed
	edit configEdit
}

// handOver has a running 'qsync serve' run a folder, and prints what share and
// join print.
func (p *program) handOver(f *syncFlags, n *answeringNode, g *handing) error {
	if _, err := g.home.awayFrom(g.dir); err != nil {
		return err
	}
	for flag, given := range map[string]bool{"--listen": f.Listen != "", "--name": f.Name != "", "--no-discovery": f.NoDiscovery, "--transport": f.Transport != ""} {
		if given {
			p.ui.say("note: %s is not heeded: process %d serves this home with settings of its own; they are in config.yaml", flag, n.PID)
		}
	}
	if g.missing {
		if err := os.Mkdir(g.dir, 0o777); err != nil {
			return failf("cannot make %s: %v", quote(g.dir), reason(err))
		}
	}
	if err := g.home.save(g.m.entry); err != nil {
		return err
	}
	err := g.home.change(g.edit)
	if err == nil {
		err = g.home.apply(*n, applyRequest{Folder: g.dir, At: g.at})
	}
	if err != nil {
		return errors.Join(err, g.undo(*n))
	}
	for _, now := range g.home.ask(askTime) {
		if now.PID == n.PID {
			n = &now
		}
	}
	p.ui.say("process %d serves it", n.PID)
	return p.announce(n.Status, g.m, g.announcement(f.NoDiscovery))
}

// undo takes back what was written for a folder that was not known before.
func (g *handing) undo(n answeringNode) error {
	if !g.m.fresh {
		return nil
	}
	err := g.home.change(func(c *config.Config) (*config.Config, error) {
		f, ok := folderAt(c, g.dir)
		if !ok {
			return c, nil
		}
		return c.RemoveFolder(f.Path)
	})
	return errors.Join(err, g.home.apply(n, applyRequest{}), g.home.drop(g.m.entry.tag))
}

// offer tells a folder where its peers may be, as an invitation says.
func (g *manager) offer(dir string, at []string) {
	addrs, _ := invitation{at: at}.hints()
	for _, m := range g.running() {
		if sameDir(m.Dir(), dir) && !m.paired {
			m.Offer(addrs)
		}
	}
}
