package main

import (
	"context"
	"errors"
	"math"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"qsync/cmd/qsync/config"
	"qsync/folder"
	"qsync/peer"
)

// verb is something to ask about, or to do to, one folder that the home knows.
// Its Q and A go through JSON. The running node that has the folder answers it,
//
//	POST /v1/folder/NAME  {"folder", "query"}  gives  {"code", "missing", "answer"}
//
// and where none has, or the folder has stopped there, the command that asks
// opens the folder for as long as that takes: see [verb.ask]. So do works on a
// folder that runs, is paused, or was opened only, and must not wait for peers
// in the last case. It should end within seconds; what takes longer is asked for
// in parts.
//
// A new verb is a line in the table verbs.
type verb[Q, A any] struct {
	name string
	do   func(ctx context.Context, f *peer.Folder, q Q) (A, error)
}

// route is a verb as the control socket serves it.
type route interface {
	pattern() string
	serve(c *control) http.HandlerFunc
}

// verbRequest asks a node for what a verb does.
type verbRequest[Q any] struct {
	Folder string `json:"folder"`
	Query  Q      `json:"query"`
}

// verbAnswer is what came of it.
type verbAnswer[A any] struct {
	waitAnswer
	Answer A `json:"answer"`
}

// maxQuery bounds a request to a verb, in bytes.
const maxQuery = 1 << 20

func (v verb[Q, A]) path() string    { return "/v1/folder/" + v.name }
func (v verb[Q, A]) pattern() string { return "POST " + v.path() }

func (v verb[Q, A]) serve(c *control) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q verbRequest[Q]
		if !decode(w, r, &q) {
			return
		}
		var a verbAnswer[A]
		do := func(f *peer.Folder) (err error) {
			a.Answer, err = v.do(r.Context(), f, q.Query)
			return err
		}
		err := errNoFolder
		if f := c.running(q.Folder); f != nil {
			err = do(f)
			if c.did != nil {
				c.did(f)
			}
		} else if c.borrow != nil {
			err = c.borrow(q.Folder, do)
		}
		if errors.Is(err, errNoFolder) {
			http.Error(w, "no such folder runs here", http.StatusNotFound)
			return
		}
		if err != nil {
			a.waitAnswer = waitAnswer{Code: exitCode(err), Missing: explain(err)}
		}
		answer(w, a)
	}
}

// running returns the folder at dir if this node runs it, else nil.
func (c *control) running(dir string) *peer.Folder {
	for _, f := range c.folders() {
		if m, ok := f.(*managed); ok && sameDir(m.Dir(), dir) && !m.over() {
			return m.Folder
		}
	}
	return nil
}

// place is a folder that the home knows.
type place struct {
	home  home
	entry entry
}

// each does something for folder after folder. One that cannot be had stops none of
// the others; the code of the first such decides in the end.
func (p *program) each(all []place, do func(place) error) error {
	if len(all) == 1 {
		return do(all[0])
	}
	var failed error
	for _, at := range all {
		err := do(at)
		if errors.Is(err, errInterrupted) {
			return err
		}
		if err != nil && !spoken(err) {
			p.ui.printf("qsync: %s: %s", quote(at.entry.Dir), explain(err))
		}
		if err != nil && failed == nil {
			failed = outcome(err)
		}
	}
	return failed
}

// ask has the verb done for the folder at that place. The answer may hold
// something beside an error.
func (v verb[Q, A]) ask(p *program, at place, q Q) (A, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for _, n := range at.home.ask(askTime) {
		if runs([]answeringNode{n}, at.entry.Dir) == 0 {
			continue
		}
		var a verbAnswer[A]
		err := at.home.call(ctx, n.socket, v.path(), verbRequest[Q]{at.entry.Dir, q}, &a)
		if errors.Is(err, errNoFolder) {
			continue // it has stopped there, and is free
		}
		if err == nil {
			err = a.err()
		}
		if ctx.Err() != nil {
			err = outcome(errInterrupted)
		}
		return a.Answer, err
	}
	var a A
	err := p.openHere(at, func(f *peer.Folder) (err error) {
		a, err = v.do(ctx, f, q)
		return err
	})
	if ctx.Err() != nil {
		err = outcome(errInterrupted)
	}
	return a, err
}

// openHere opens a folder that no node runs, without running it either.
func (p *program) openHere(at place, do func(*peer.Folder) error) error {
	return p.openAs(at, func(*peer.FolderConfig) {}, do)
}

// openAs is openHere; adjust may change what the node is told.
func (p *program) openAs(at place, adjust func(*peer.FolderConfig), do func(*peer.Folder) error) error {
	s, err := p.startSession(&nodeFlags{}, false, false)
	if err != nil {
		return err
	}
	defer s.end()
	m := &managed{entry: at.entry}
	var listed bool
	if m.conf, listed = folderAt(s.conf, at.entry.Dir); !listed {
		m.conf = config.DefaultFolder(at.entry.Dir)
	}
	fc, err := s.idle(m, listed)
	if err != nil {
		return err
	}
	adjust(&fc)
	f, err := s.node.Add(fc)
	for end := time.Now().Add(borrowTime); errors.Is(err, peer.ErrBusy) && time.Now().Before(end) && stops(at); {
		time.Sleep(20 * time.Millisecond)
		f, err = s.node.Add(fc)
	}
	if err != nil {
		return s.opened(err, at.entry.Dir)
	}
	defer s.node.Remove(f)
	return do(f)
}

// stops reports whether a node has stopped the folder, so that it will be free in
// a moment if it is not yet: a stop is told of before everything is at rest.
func stops(at place) bool {
	for _, n := range at.home.ask(askTime) {
		for _, f := range n.Folders {
			if sameDir(f.Path, at.entry.Dir) {
				return f.State == "stopped"
			}
		}
	}
	return false
}

// idle is how a folder is opened that is not to run. Listed says that config.yaml
// has it.
func (s *session) idle(m *managed, listed bool) (peer.FolderConfig, error) {
	fc, err := s.config(m)
	fc.Paused, fc.Mirror = true, m.entry.Kind == "pair" && fc.Mode == peer.Send
	if fc.Versions > 0 || !listed {
		fc.Versions = math.MaxInt32 // how many are kept is for the runs to say, by their flags: nothing goes for being one too many here
	}
	return fc, err
}

// place finds the folder that has dir as its directory.
func (p *program) place(dir string) (place, error) {
	h, e, err := p.known(dir)
	return place{h, e}, err
}

// places are all folders of the home, or with a directory that one.
func (p *program) places(dir string) ([]place, error) {
	if dir != "" {
		at, err := p.place(dir)
		return []place{at}, err
	}
	h, err := p.existingHome()
	if err == nil {
		err = h.closed()
	}
	if err != nil {
		return nil, err
	}
	all, err := h.entries()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, usagef("the home %s knows no folder yet: 'qsync share DIR' makes one, or name another with --home", quote(h.dir))
	}
	var at []place
	for _, e := range all {
		at = append(at, place{h, e})
	}
	return at, nil
}

// placeOf finds the folder that a path lies in, and where: "" is the folder
// itself. The path need not exist.
func (p *program) placeOf(path string) (place, folder.Path, error) {
	if path == "" { // of a variable that is not set, say: not where somebody happens to be
		return place{}, "", usagef("the path is empty: give one, or . for the directory you are in")
	}
	h, err := p.existingHome()
	if err == nil {
		err = h.closed()
	}
	if err != nil {
		return place{}, "", err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return place{}, "", failf("cannot tell where %s is: %v", quote(path), err)
	}
	all, err := h.entries()
	if err != nil {
		return place{}, "", err
	}
	for dir, below := abs, ""; ; dir, below = filepath.Dir(dir), filepath.Join(filepath.Base(dir), below) {
		for _, e := range all {
			if !sameDir(e.Dir, dir) {
				continue
			}
			if below == "" {
				return place{h, e}, "", nil
			}
			in, err := folder.ParsePath(filepath.ToSlash(below))
			if err != nil {
				return place{}, "", usagef("%s cannot be a path of the folder %s", quote(path), quote(e.Dir))
			}
			return place{h, e}, in, nil
		}
		if dir == filepath.Dir(dir) {
			return place{}, "", usagef("%s is in no folder that this home knows; 'qsync folders' lists them", quote(abs))
		}
	}
}

// placeWithin is placeOf for a path that may also be relative to a folder, where
// the home knows but one.
func (p *program) placeWithin(path string) (place, folder.Path, error) {
	at, in, err := p.placeOf(path)
	if err == nil || path == "" || filepath.IsAbs(path) {
		return at, in, err
	}
	all, e := p.places("")
	if e != nil || len(all) != 1 {
		return at, in, err
	}
	in, err = insideOf(all[0], path)
	return all[0], in, err
}
