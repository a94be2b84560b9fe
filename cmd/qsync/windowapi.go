package main

import (
	"context"
	"net/http"
	"slices"
	"time"

	"qsync/peer"
)

// windowAPI is what a page asks: the requests of the control socket, under the
// same paths, but for those that name files outside of the folders. It also
// answers about folders that have stopped here.
func (s *session) windowAPI() http.Handler {
	c := s.control()
	c.borrow, c.did = s.folders.borrow, s.seen.stale
	return c.handler(windowVerbs)
}

// borrowTime is how long a request about a folder waits for one that is being
// opened or closed. A dead disk can make that last for ever.
const borrowTime = 5 * time.Second

// borrow opens a folder that has stopped here for as long as do takes, without
// running it. The error is errNoFolder for one that is none of this node's.
func (g *manager) borrow(dir string, do func(*peer.Folder) error) error {
	for _, u := range g.all() {
		if !sameDir(u.conf.Path, dir) && (u.conf.To == "" || !sameDir(u.conf.To, dir)) {
			continue
		}
		for end := time.Now().Add(borrowTime); !g.rests(u); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				return failf("%s is being opened or closed right now; try again in a moment", quote(dir))
			}
		}
		defer u.work.Unlock()
		for _, m := range g.partsOf(u) {
			if sameDir(m.Dir(), dir) {
				defer g.s.seen.stale(m.Folder)
				return do(m.Folder)
			}
		}
		e, known, err := g.s.home.find(dir)
		if err == nil && !known {
			err = failf("%s has never run here: there is nothing to show yet", quote(dir))
		}
		if err != nil {
			return err
		}
		g.mu.Lock()
		m := &managed{entry: e, conf: u.conf}
		g.mu.Unlock()
		if m.conf.Path = e.Dir; m.conf.To != "" {
			m.conf.Mode = "" // each side of a pair has its own, which the home remembers
		}
		return g.s.lend(m, func(f *peer.Folder) error {
			defer func() { g.answered(u, m.entry.Dir, f.Held()) }()
			return do(f)
		})
	}
	return errNoFolder
}

// rests reports whether a unit is neither being opened nor closed, nor about to be
// closed because it has stopped; then u.work is held.
func (g *manager) rests(u *unit) bool {
	if !u.work.TryLock() {
		return false
	}
	if g.serve && slices.ContainsFunc(g.partsOf(u), (*managed).over) {
		u.work.Unlock()
		return false
	}
	return true
}

// lend opens a folder beside the node of the session, which does not see it.
func (s *session) lend(m *managed, do func(*peer.Folder) error) error {
	fc, err := s.idle(m, true)
	if err != nil {
		return err
	}
	n, err := peer.New(s.offline())
	if err != nil {
		return err
	}
	f, err := n.Add(fc)
	if err != nil {
		return s.opened(err, m.entry.Dir)
	}
	defer n.Remove(f)
	return do(f)
}

// bounded is a query that can tell whether its paths lie in the folder.
type bounded interface{ check() error }

// checked is a verb that does nothing but for paths of the folder.
func checked[Q bounded, A any](v verb[Q, A]) verb[Q, A] {
	return verb[Q, A]{v.name, func(ctx context.Context, f *peer.Folder, q Q) (a A, err error) {
		if err := q.check(); err != nil {
			return a, err
		}
		return v.do(ctx, f, q)
	}}
}

func (q versionsQuery) check() error { return allIn(true, q.Path, q.After) }
func (q restoreQuery) check() error  { return allIn(true, q.Path, q.After) }

func (q resolveQuery) check() error {
	if q.To != "" || q.How.From != "" {
		return usagef("a page can keep one side of a conflict or both; 'qsync conflicts resolve' merges")
	}
	return allIn(false, q.Path)
}

func (q ignoredQueries) check() error {
	for _, x := range q {
		if err := allIn(false, x.Path); err != nil {
			return err
		}
	}
	return nil
}

// allIn reports what is no path of a folder; root says whether each may be the
// folder itself.
func allIn(root bool, paths ...[]byte) error {
	for _, p := range paths {
		if _, err := pathIn(p, root); err != nil {
			return err
		}
	}
	return nil
}
