package peer

import (
	"crypto/rand"
	"encoding/binary"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
)

func randomRun() uint64 {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err) // documented never to happen
	}
	return binary.BigEndian.Uint64(b[:])
}

// Watcher tells when to look at the disk. [disk.Watcher] is one.
type Watcher interface {
	Hints() <-chan disk.Hint
}

// maxLook is how many single paths the scanner is asked to look at before it
// looks at everything.
const maxLook = 4096

// lookQueue gathers the paths that may have changed.
type lookQueue struct {
	mu    sync.Mutex
	paths map[folder.Path]bool // true: and everything below
	all   bool
	ready chan struct{} // one token when there is something
	once  sync.Once
}

func (q *lookQueue) signal() chan struct{} {
	q.once.Do(func() { q.ready = make(chan struct{}, 1) })
	return q.ready
}

func (q *lookQueue) add(p folder.Path, deep bool) {
	q.mu.Lock()
	if q.paths == nil {
		q.paths = make(map[folder.Path]bool)
	}
	if len(q.paths) >= maxLook {
		q.all = true
	} else {
		q.paths[p] = q.paths[p] || deep
	}
	q.mu.Unlock()
	select {
	case q.signal() <- struct{}{}:
	default:
	}
}

func (q *lookQueue) addAll() {
	q.mu.Lock()
	q.all = true
	q.mu.Unlock()
	select {
	case q.signal() <- struct{}{}:
	default:
	}
}

// look is one thing to look at.
type look struct {
	path folder.Path
	deep bool
}

func (q *lookQueue) take() (looks []look, all bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	all = q.all
	for _, p := range slices.SortedFunc(maps.Keys(q.paths), folder.Path.Compare) {
		looks = append(looks, look{p, q.paths[p]})
	}
	clear(q.paths)
	q.all = false
	return looks, all
}

// pathSet is a set of paths for several goroutines.
type pathSet struct {
	mu sync.Mutex
	m  map[folder.Path]struct{}
}

func (s *pathSet) add(p folder.Path) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = make(map[folder.Path]struct{})
	}
	s.m[p] = struct{}{}
}

func (s *pathSet) has(p folder.Path) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.m[p]
	return ok
}

func (s *pathSet) count() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.m))
}

func (s *pathSet) all() []folder.Path {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.m), folder.Path.Compare)
}

// covers reports whether p is one of the paths, or below one.
func (s *pathSet) covers(p folder.Path) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; len(s.m) > 0 && p != ""; p = p.Dir() {
		if _, ok := s.m[p]; ok {
			return true
		}
	}
	return false
}

func (s *pathSet) drop(p folder.Path) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, p)
}

// parking holds wanted paths that could not be had; each is tried again after a
// while, or at once when a reason to hope turns up.
type parking struct {
	mu sync.Mutex
	m  map[folder.Path]parkedPath
}

type parkedPath struct {
	until time.Time
	tries int
	why   string        // for people; "" if it is only a matter of time
	lost  folder.Digest // whoever wrote this has it no more, and it came to nobody
}

// Delays of a parked path: short at first, for what is about to arrive; long for
// what is lost, which comes again with news if it does.
const (
	parkMin  = 200 * time.Millisecond
	parkMax  = time.Minute
	lostMin  = time.Minute
	lostMost = time.Hour
)

// park puts p off, and reports whether the reason is news.
func (k *parking) park(p folder.Path, why string) (news bool) {
	k.put(p, func(e *parkedPath) {
		news = e.why != why
		e.why, e.lost = why, folder.Digest{}
		e.until = time.Now().Add(min(parkMin<<min(e.tries, 20), parkMax))
	})
	return news
}

// tries is how often p was parked in a row.
func (k *parking) tries(p folder.Path) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.m[p].tries
}

// reason is why p is parked, "" if it is not or for no reason to tell.
func (k *parking) reason(p folder.Path) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.m[p].why
}

// lose parks p because content d of it is lost, and reports whether that is new.
func (k *parking) lose(p folder.Path, d folder.Digest) (found bool) {
	k.put(p, func(e *parkedPath) {
		if found = e.lost != d; found {
			e.tries = 0
		}
		e.why, e.lost = "", d
		e.until = time.Now().Add(min(lostMin<<min(e.tries, 10), lostMost))
	})
	return found
}

func (k *parking) put(p folder.Path, set func(*parkedPath)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.m == nil {
		k.m = make(map[folder.Path]parkedPath)
	}
	e := k.m[p]
	was := e
	set(&e)
	if e.lost == was.lost && time.Now().Before(was.until) {
		e.until = was.until // it is put off already: what fails meanwhile is no try of its own
	} else {
		e.tries++
	}
	k.m[p] = e
}

// onceTries is how often a path may fail before a single pass ends without it.
const onceTries = 3

// given counts the paths that have failed, for a reason, so often.
func (k *parking) given() (n int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.m {
		if e.why != "" && e.tries >= onceTries {
			n++
		}
	}
	return n
}

// parked reports whether p is left alone for now, and whether the content d that
// it should have is lost.
func (k *parking) parked(p folder.Path, d folder.Digest) (parked, lost bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.m[p]
	lost = ok && e.lost != folder.Digest{}
	if lost && e.lost != d {
		return false, false // something else is wanted by now
	}
	return ok && time.Now().Before(e.until), lost
}

func (k *parking) free(p folder.Path) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.m, p)
}

// forget gives up paths that are parked for a reason, if that has become
// pointless. It asks about as many as are shown.
func (k *parking) forget(pointless func(folder.Path) bool) {
	k.mu.Lock()
	var all []folder.Path
	for p, e := range k.m {
		if e.why != "" && len(all) < maxListed {
			all = append(all, p)
		}
	}
	k.mu.Unlock()
	for _, p := range all {
		if pointless(p) {
			k.free(p)
		}
	}
}

// freeAll lets p and all below it be tried at once.
func (k *parking) freeAll(p folder.Path) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.m, func(q folder.Path, _ parkedPath) bool { return q == p || q.Below(p) })
}

// hope lets every path that waits for a source be tried at once.
func (k *parking) hope() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for p, e := range k.m {
		e.until = time.Time{}
		k.m[p] = e
	}
}

// next is when the first path is due that was not at time began; false if
// there is none. Of those due then the last round has made what it could.
func (k *parking) next(began time.Time) (t time.Time, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.m {
		if e.until.After(began) && (!ok || e.until.Before(t)) {
			t, ok = e.until, true
		}
	}
	return t, ok
}

// sweep forgets the paths that were due when a whole round began, and that it
// neither placed nor parked again: nobody wants them any more.
func (k *parking) sweep(began time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for p, e := range k.m {
		if e.until.Before(began) {
			delete(k.m, p)
		}
	}
}

// counters are the run's figures.
type counters struct {
	added, modified, deleted, bytes atomic.Int64
	dirsAdded, dirsModified         atomic.Int64 // of them
	dirsDeleted                     atomic.Int64
	sent, announced, conflicts      atomic.Int64
	received                        atomic.Int64
	read                            atomic.Int64 // files, by looks
	current                         atomic.Pointer[string]
}

func (c *counters) totals() Totals {
	return Totals{
		Added: c.added.Load(), Modified: c.modified.Load(), Deleted: c.deleted.Load(), Bytes: c.bytes.Load(),
		DirsAdded: c.dirsAdded.Load(), DirsModified: c.dirsModified.Load(), DirsDeleted: c.dirsDeleted.Load(),
		Sent: c.sent.Load(), Announced: c.announced.Load(), Conflicts: c.conflicts.Load(),
	}
}

// hint notes where the watcher says that something may have changed.
func (f *Folder) hint(h disk.Hint) {
	if h.Lost || h.Path == "" && h.Deep {
		f.look.addAll()
		return
	}
	if h.Path != "" {
		if _, err := folder.ParsePath(string(h.Path)); err != nil {
			f.problem(h.Path, err) // it cannot be in the map, so no look is needed
			return
		}
	}
	switch {
	case !h.Wrote:
	case f.written.count() < maxLook:
		f.written.add(h.Path)
	default:
		f.look.addAll()
	}
	f.motion.hint(h.Path, h.Open)
	f.movedDirs.add(h.Path, h.From)
	f.look.add(h.Path, h.Deep)
}

// lookLater hints at a path after a while.
func (f *Folder) lookLater(p folder.Path, deep bool, wait time.Duration) {
	time.AfterFunc(wait, func() {
		if f.ctx.Err() == nil {
			f.look.add(p, deep)
		}
	})
}
