package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"qsync/cmd/qsync/config"
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
			Path: u.conf.Path, Mode: cmp.Or(string(u.conf.Mode), peer.ModeAuto.String()), Problems: []peer.Problem{}, Conflicts: []string{},
			Peers: []peer.PeerStatus{}, Dialers: []peer.Dialer{},
		}}
	}
	for _, st := range was {
		st.State, st.Reason = "stopped", reasonOf(u.err, u.conf)
		st.Label, st.Profile = u.conf.Label, u.conf.Profile
		if u.conf.Paused {
			st.State = "paused"
		}
		all = append(all, stoppedFolder{st, u.err})
	}
	return all
}

// left is a folder that has just stopped: nobody is connected, and nothing moves.
func left(st peer.FolderStatus, at time.Time) peer.FolderStatus {
	st.Rate, st.ETA, st.Current, st.RawCurrent, st.Dialers = peer.Rate{}, nil, "", nil, []peer.Dialer{}
	st.Peers = slices.Clone(st.Peers)
	for i := range st.Peers {
		p := &st.Peers[i]
		if p.Connected {
			p.LastSeen = at.UTC()
		}
		p.Connected, p.InSync, p.Transport = false, false, nil
	}
	return st
}

// reasonOf is why a folder of config.yaml does not run, and what helps.
func reasonOf(err error, conf config.Folder) string {
	switch {
	case errors.Is(err, peer.ErrBrake):
		return explain(err) // it names the commands
	case errors.Is(err, errOpening):
		return "it is being opened; where that takes long, its disk does not answer"
	case conf.Paused:
		return fmt.Sprintf("paused, and it could not go on now: %s", explain(err))
	}
	return fmt.Sprintf("%s; it is tried again every %d s", explain(err), int(retryEvery.Seconds()))
}

// complete adds to a node's status what only its session knows, and puts the
// folders in the order of config.yaml, whichever was the first to open.
func (g *manager) complete(st *peer.Status) {
	at := map[string]int{}
	for _, m := range g.running() {
		for i := range st.Folders {
			if f := &st.Folders[i]; f.Path == m.Dir() {
				g.describe(m, f)
			}
		}
	}
	for i, u := range g.all() {
		parts := g.partsOf(u)
		for j, m := range parts {
			at[m.Dir()] = 2*i + j
		}
		if len(parts) > 0 {
			continue
		}
		for j, f := range g.stopped(u) {
			st.Folders = append(st.Folders, f.Status())
			at[st.Folders[len(st.Folders)-1].Path] = 2*i + j
		}
	}
	slices.SortStableFunc(st.Folders, func(a, b peer.FolderStatus) int { return cmp.Compare(at[a.Path], at[b.Path]) })
	g.mu.Lock()
	defer g.mu.Unlock()
	st.Serve, st.Config = g.serve, g.problem
}

// describe adds to the state of a folder that runs what only its session knows.
func (g *manager) describe(m *managed, f *peer.FolderStatus) {
	f.Label, f.Profile, f.Last = m.conf.Label, m.conf.Profile, m.last
	if err := m.Err(); err != nil && g.serve {
		f.Reason = reasonOf(err, m.conf) // about to be closed
	}
}

// trouble is why the folder at dir does not run here, nil if it does or is not
// one of this run.
func (g *manager) trouble(dir string) error {
	for _, u := range g.all() {
		g.mu.Lock()
		err, conf := u.err, u.conf
		g.mu.Unlock()
		if err == nil || !sameDir(conf.Path, dir) {
			continue
		}
		if !mayHelp(err) {
			return &sentence{text: reasonOf(err, conf), kind: err}
		}
		return err
	}
	return nil
}
