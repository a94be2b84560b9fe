package main

import (
	"context"
	"errors"
	"fmt"

	"qsync/peer"
)

// stoppedFolder answers for a folder that does not run.
type stoppedFolder struct {
	st  peer.FolderStatus
	err error
}

func (f stoppedFolder) Status() peer.FolderStatus       { return f.st }
func (f stoppedFolder) Wait(context.Context, int) error { return f.err }
func (f stoppedFolder) Rescan(context.Context) error    { return f.err }
func (f stoppedFolder) Missing(int) string              { return explain(f.err) }

// controlled are all folders, as the control socket speaks with them.
func (g *manager) controlled() (all []controlled) {
	for _, u := range g.all() {
		parts := g.partsOf(u)
		for _, m := range parts {
			all = append(all, m)
		}
		if len(parts) == 0 {
			all = append(all, g.stopped(u)...)
		}
	}
	return all
}

// stopped is what is known of a unit that does not run.
func (g *manager) stopped(u *unit) (all []controlled) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if u.err == nil {
		return nil // it is about to start or to go
	}
	was := u.was
	if len(was) == 0 {
		was = []peer.FolderStatus{{
			Path: u.conf.Path, Mode: string(u.conf.Mode), Problems: []peer.Problem{}, Conflicts: []string{},
			Peers: []peer.PeerStatus{}, Dialers: []peer.Dialer{},
		}}
	}
	for _, st := range was {
		st.State, st.Reason = "stopped", u.reason()
		if u.conf.Paused {
			st.State = "paused"
		}
		all = append(all, stoppedFolder{st, u.err})
	}
	return all
}

// reason is why a unit does not run, and what helps.
func (u *unit) reason() string {
	switch {
	case errors.Is(u.err, peer.ErrBrake):
		return fmt.Sprintf("%v. Nothing was touched. If this is what you want, 'qsync resume %s --max-delete 100%%' lets it through", u.err, quote(u.conf.Path))
	case u.conf.Paused:
		return fmt.Sprintf("paused, and it could not go on now: %s", explain(u.err))
	}
	return fmt.Sprintf("%s; it is tried again every %d s", explain(u.err), int(retryEvery.Seconds()))
}

// complete adds to a node's status what only its session knows.
func (g *manager) complete(st *peer.Status) {
	for _, m := range g.running() {
		for i := range st.Folders {
			if f := &st.Folders[i]; f.Path == m.Dir() {
				f.Label, f.Profile, f.Last = m.conf.Label, m.conf.Profile, m.last
			}
		}
	}
	for _, u := range g.all() {
		if len(g.partsOf(u)) > 0 {
			continue
		}
		for _, f := range g.stopped(u) {
			st.Folders = append(st.Folders, f.Status())
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	st.Serve, st.Config = g.serve, g.problem
}

// trouble is why the folder at dir does not run here, nil if it does or is not
// one of this run.
func (g *manager) trouble(dir string) error {
	for _, u := range g.all() {
		g.mu.Lock()
		err, path := u.err, u.conf.Path
		g.mu.Unlock()
		if err != nil && sameDir(path, dir) {
			return err
		}
	}
	return nil
}
