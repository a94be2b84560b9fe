package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"

	"qsync/folder"
)

// scanner is one Scan: the walk, merged with the index.
type scanner struct {
	ctx   context.Context
	o     *ScanOptions
	root  *Root
	dev   uint64 // of the root; a directory elsewhere is a mount
	known *cursor
	queue *queue
	stats ScanStats
	bufs  [][]dirent // by depth, so that a directory reuses its predecessor's

	bare    folder.Path // the directory we are in that was a mount and is none now; "" for none
	missing bool        // something known below it is not there
	unsure  bool        // or could not be looked at
}

// level is an open directory of the walk. Queued work keeps it open.
type level struct {
	d     *dir
	path  folder.Path
	depth int
	ign   *folder.Ignore
	refs  atomic.Int32
}

func newLevel(d *dir, p folder.Path, depth int) *level {
	l := &level{d: d, path: p, depth: depth}
	l.refs.Store(1)
	return l
}

func (l *level) release() {
	if l.refs.Add(-1) == 0 {
		l.d.Close()
	}
}

func (l *level) ignores(p folder.Path, isDir bool) bool {
	return l.ign != nil && l.ign.Match(p, isDir)
}

func newScanner(ctx context.Context, o *ScanOptions, root info) *scanner {
	s := &scanner{ctx: ctx, o: o, dev: root.Dev, known: newCursor(o.Known, o.Under)}
	s.queue = newQueue(ctx, s.deliver, s.progress)
	return s
}

// close delivers what is queued, if all went well, and ends the goroutines.
func (s *scanner) close() error {
	s.known.stop()
	err := s.queue.close()
	s.stats.Hashed, s.stats.Bytes = s.queue.files.Load(), s.queue.bytes.Load()
	return err
}

func (s *scanner) progress() {
	if s.o.Progress != nil {
		s.o.Progress(s.stats.Entries, s.queue.bytes.Load())
	}
}

func (s *scanner) deliver(it *item) error {
	switch {
	case it.err != nil:
		s.stats.Problems++
		if s.o.Problem != nil {
			s.o.Problem(Problem{it.found.Path, it.err})
		}
	case !it.same:
		s.stats.Found++
		if it.found.After.Stat.Racy {
			s.stats.Racy++
		}
		if s.o.Found != nil {
			return s.o.Found(it.found)
		}
	case it.found.After.Stat.Racy:
		s.stats.Racy++
	}
	return nil
}

func (s *scanner) run(r *Root) (err error) {
	defer func() {
		if err != nil {
			s.queue.fail()
		}
	}()
	if err := s.known.advance(); err != nil {
		return err
	}
	d, err := r.dir.walk("")
	if err != nil {
		return fmt.Errorf("root: %w", err)
	}
	s.root = r
	lv := newLevel(d, "", 0)
	lv.ign = s.o.Ignore
	if s.o.Under != "" {
		return s.descend(lv)
	}
	defer lv.release()
	if s.o.Shallow {
		return nil
	}
	names, err := s.fill(lv)
	if err != nil {
		return s.problem("", err)
	}
	return s.walk(lv, names)
}

// fill makes a directory ready to be walked: watched, listed, in path order,
// its ignore file in force.
func (s *scanner) fill(lv *level) ([]dirent, error) {
	if s.o.Watch != nil {
		s.o.Watch.add(lv.d, lv.path)
	}
	for len(s.bufs) <= lv.depth {
		s.bufs = append(s.bufs, nil)
	}
	names, err := lv.d.list(s.bufs[lv.depth][:0])
	s.bufs[lv.depth] = names[:0]
	if err != nil {
		return nil, err
	}
	byName := func(a, b dirent) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(names, byName)
	if s.rename(lv, names) {
		slices.SortFunc(names, byName)
	}
	// A directory that changes while it is read may list a name twice.
	names = slices.CompactFunc(names, func(a, b dirent) bool { return a.Name == b.Name })
	if _, ok := slices.BinarySearchFunc(names, IgnoreName, func(e dirent, n string) int {
		return cmp.Compare(e.Name, n)
	}); ok {
		if lv.ign, err = layerIgnore(lv.ign, lv.d, lv.path); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// walk merges the entries of one directory with what is known below it. A
// known name that was not listed is visited like any other: its own lstat
// says whether it vanished or appeared since (F29).
func (s *scanner) walk(lv *level, names []dirent) error {
	for _, e := range names {
		for {
			n, _, ok := s.known.component(lv.path)
			if !ok || n >= e.Name {
				break
			}
			if err := s.visit(lv, dirent{Name: n, asked: true}); err != nil {
				return err
			}
		}
		if err := s.visit(lv, e); err != nil {
			return err
		}
	}
	for {
		n, _, ok := s.known.component(lv.path)
		if !ok {
			return nil
		}
		if err := s.visit(lv, dirent{Name: n, asked: true}); err != nil {
			return err
		}
	}
}

// tickEvery is how many entries pass between two looks at the rest of the world.
const tickEvery = 512

// visit looks at one entry and consumes everything known at or below it.
func (s *scanner) visit(lv *level, e dirent) error {
	if s.stats.Entries++; s.stats.Entries%tickEvery == 0 {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		s.progress()
	}
	if err := s.queue.poll(); err != nil {
		return err
	}
	if lv.path == "" && e.Name == folder.Reserved {
		return s.known.skip(folder.Reserved)
	}
	if e.Kind != folder.Absent && lv.ign != nil {
		if child := lv.path.Join(e.Name); lv.ignores(child, e.Kind == folder.Dir) {
			return s.hide(child)
		}
	}
	look := lv.d.stat
	if e.asked {
		look = func(name string) (info, error) { return s.ask(lv, name) }
	}
	in, err := look(e.Name)
	if in.Links > 1 && err == nil && s.o.Linked != nil {
		s.o.Linked(lv.path.Join(e.Name), in.Inode)
	}
	if err == nil && (in.Kind == folder.File || in.Kind == folder.Symlink) && in.Kind == e.Kind {
		if n, exact, ok := s.known.component(lv.path); ok && exact && n == e.Name &&
			!s.o.Verify && unchanged(in, &s.known.cur.Local) {
			return s.pass(lv, e.Name)
		}
	}
	return s.classify(lv, e, statted{in, err})
}

type statted struct {
	info
	err error
}

// pass consumes an entry that did not change, and what is known below it: a
// file has nothing there.
func (s *scanner) pass(lv *level, name string) error {
	if err := s.known.advance(); err != nil {
		return err
	}
	if n, _, ok := s.known.component(lv.path); ok && n == name {
		return s.vanished(lv, lv.path.Join(name))
	}
	return nil
}

// classify is visit for whatever is not simply unchanged.
func (s *scanner) classify(lv *level, e dirent, st statted) error {
	child := lv.path.Join(e.Name)
	switch {
	case errors.Is(st.err, fs.ErrNotExist):
		return s.vanished(lv, child)
	case st.err != nil:
		return s.problem(child, st.err)
	}
	if e.Kind == folder.Absent || (e.Kind == folder.Dir) != (st.Kind == folder.Dir) {
		if lv.ignores(child, st.Kind == folder.Dir) {
			return s.hide(child)
		}
	}
	if st.Special {
		return s.problem(child, ErrSpecial)
	}
	if lv.depth == 0 && folder.IsReserved(e.Name) || lv.depth >= folder.MaxDepth || len(child) > folder.MaxPath || len(e.Name) > folder.MaxName {
		if _, err := folder.ParsePath(string(child)); err != nil {
			return s.problem(child, err)
		}
	}
	if s.misses(child, st.Kind) {
		return s.vanished(lv, child)
	}
	if st.Kind == folder.Dir {
		return s.enter(lv, e.Name, st.info)
	}
	before, err := s.take(child)
	if err != nil {
		return err
	}
	if !s.o.Verify && unchanged(st.info, &before) {
		return s.vanished(lv, child)
	}
	it := &item{found: Found{Path: child, Before: before}, lv: lv, name: e.Name, kind: st.Kind, seen: st.info, done: make(chan struct{})}
	if before.Value.Kind == folder.Absent && st.Kind == folder.File && s.o.Renamed != nil && !s.o.Verify {
		if was, ok := s.o.Renamed(child); ok && st.Inode != 0 && unchanged(st.info, &was) {
			it.was = was
		}
	}
	lv.refs.Add(1)
	if err := s.queue.push(it); err != nil {
		return err
	}
	return s.vanished(lv, child)
}

// take consumes what is known of p itself.
func (s *scanner) take(p folder.Path) (folder.Local, error) {
	if !s.known.ok || s.known.cur.Path != p {
		return folder.Local{}, nil
	}
	l := s.known.cur.Local
	return l, s.known.advance()
}
