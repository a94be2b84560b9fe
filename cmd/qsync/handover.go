package main

import (
	"context"
	"errors"
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

// handing is a folder on its way into config.yaml.
type handing struct {
	served
	m    *managed
	edit configEdit
}

// handing prepares what share and join do to config.yaml.
func (a admin) handing(f *syncFlags, v served) (*handing, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	m, err := a.enlisted(c, &v)
	if err != nil {
		return nil, err
	}
	old := m.entry
	m.become(v.kind, v.mode)
	m.entry.Kind = v.kind
	edit := func(c *config.Config) (*config.Config, error) { return f.enlist(c, v.dir, old) }
	if v.label != "" {
		edit = naming(edit, v.dir, v.label)
	}
	next, err := edit(c)
	if err != nil {
		return nil, byHand(err)
	}
	m.conf, _ = folderAt(next, v.dir)
	return &handing{v, m, edit}, nil
}

// handOver has a running 'qsync serve' run a folder.
func (a admin) handOver(n *answeringNode, g *handing) error {
	if _, err := a.awayFrom(g.dir); err != nil {
		return err
	}
	if g.missing {
		if err := os.Mkdir(g.dir, 0o777); err != nil {
			return failf("cannot make %s: %v", quote(g.dir), reason(err))
		}
	}
	if err := a.save(g.m.entry); err != nil {
		return err
	}
	err := a.change(g.edit)
	if err == nil {
		err = a.apply(*n, applyRequest{Folder: g.dir, At: g.at})
	}
	if err != nil {
		return errors.Join(err, a.takeBack(n, g))
	}
	return nil
}

// takeBack takes back what was written for a folder that was not known before.
func (a admin) takeBack(n *answeringNode, g *handing) error {
	if !g.m.fresh {
		return nil
	}
	err := a.change(func(c *config.Config) (*config.Config, error) {
		f, ok := folderAt(c, g.dir)
		if !ok {
			return c, nil
		}
		return c.RemoveFolder(f.Path)
	})
	return errors.Join(err, a.apply(*n, applyRequest{}), a.drop(g.m.entry.tag))
}

// handOver has a running 'qsync serve' run a folder, and prints what share and
// join print.
func (p *program) handOver(f *syncFlags, n *answeringNode, g *handing) error {
	h, err := p.existingHome()
	if err != nil {
		return err
	}
	for flag, given := range map[string]bool{"--listen": f.Listen != "", "--name": f.Name != "", "--no-discovery": f.NoDiscovery, "--transport": f.Transport != ""} {
		if given {
			p.ui.say("note: %s is not heeded: process %d serves this home with settings of its own; they are in config.yaml", flag, n.PID)
		}
	}
	a := admin{home: h}
	if err := a.handOver(n, g); err != nil {
		return err
	}
	for _, now := range a.nodes() {
		if now.PID == n.PID {
			n = &now
		}
	}
	p.ui.say("process %d serves it", n.PID)
	return p.announce(n.Status, g.m, g.announcement(f.NoDiscovery))
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
