package peer

import (
	"slices"
	"sync"
	"time"

	"qsync/folder"
)

// A file that is changed again and again without a pause, like a log, is not told
// of each time (F37): its first changes are, as any save is, and from then on one
// every motionMin, motionMin*2, ... motionMost, or when it has come to rest.
// Whoever saves twice a second makes pauses.
const (
	restless   = 10                      // changes without a pause that are told at once
	pauseShut  = 250 * time.Millisecond  // without a hint: a pause
	pauseOpen  = 1500 * time.Millisecond // the same where it is kept open; it is hinted at every second
	motionMin  = 5 * time.Second
	motionMost = time.Minute
	motionRest = 3 * time.Second // without a hint: at rest
	motionCost = 10              // at most one part in so many of the time is spent on reading a file that moves

	maxMotion = 4096 // files that are remembered; of others every change is told
)

// A store into a mapped page moves a file's time only when the page was clean,
// which it is after the kernel's writeback, half a minute later (F34). So what
// was edited here is read once more when it has been quiet for longer.
const (
	proofAfter = 35 * time.Second
	proofYoung = time.Minute // older files are not read again
	proofFiles = 512         // of those that wait for it, and
	proofBytes = 256 << 20   // their content
)

// motion remembers the files that have changed here lately. It is empty, and no
// timer runs, when nothing has.
type motion struct {
	mu    sync.Mutex
	m     map[folder.Path]*moving
	swept time.Time
	files int   // of m that are to be proven
	bytes int64 // of these
}

type moving struct {
	times  int           // changes without a pause
	last   time.Time     // when the latest was found
	cost   time.Duration // the part of wait that is for its reading
	wait   time.Duration // before the next is looked for
	hinted time.Time
	open   bool  // when it was last hinted at, somebody was writing
	failed bool  // the latest look found it changing while it was read
	held   bool  // a look was put off
	prove  bool  // it is to be read once more
	size   int64 // then
	mixed  bool  // it may have been read in the middle of a write
}

// due is when a look at it is no longer put off.
func (e *moving) due() time.Time {
	if e.failed && !e.open {
		return e.last // whoever wrote it has closed it
	}
	rest := e.hinted.Add(motionRest)
	if least := e.last.Add(motionMin); rest.Before(least) {
		rest = least
	}
	if at := e.last.Add(e.wait); at.Before(rest) {
		return at
	}
	return rest
}

// proof is when it is read once more.
func (e *moving) proof() time.Time {
	if e.hinted.After(e.last) {
		return e.hinted.Add(proofAfter)
	}
	return e.last.Add(proofAfter)
}

// hint notes that the watcher has hinted at p.
func (m *motion) hint(p folder.Path, open bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.m[p]
	if e == nil {
		return
	}
	pause := pauseShut
	if open {
		pause = pauseOpen
	}
	now := time.Now()
	if now.Sub(e.hinted) > pause && !e.failed {
		e.times, e.wait = 0, e.cost
	}
	e.hinted, e.open = now, open
}

// holds reports whether a look at p is to wait; [motion.take] returns it then.
func (m *motion) holds(p folder.Path) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.m[p]
	if e == nil || !time.Now().Before(e.due()) {
		return false
	}
	e.held = true
	return true
}

// found notes that p was found changed, or changing while it was read, after a
// look that took so long.
func (m *motion) found(p folder.Path, failed bool, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	e := m.m[p]
	if e == nil {
		if !m.room(now) {
			return
		}
		e = &moving{hinted: now}
		m.m[p] = e
	}
	if now.Sub(e.last) > 2*max(e.wait, motionMin) {
		e.times = 0
	}
	e.times++
	e.cost = 0 // to read it, next to nothing
	if took >= scanDelay {
		e.cost = motionCost * took
	}
	e.wait = e.cost
	if n := e.times - restless; n >= 0 {
		e.wait = max(e.cost, min(motionMin<<min(n, 10), motionMost))
	}
	e.last, e.failed, e.held = now, failed, false
}

// room makes room for one more file, if there is any.
func (m *motion) room(now time.Time) bool {
	if m.m == nil {
		m.m = make(map[folder.Path]*moving)
	}
	if len(m.m) < maxMotion {
		return true
	}
	if now.Sub(m.swept) < time.Second {
		return false
	}
	m.swept = now
	for p, e := range m.m {
		if e.idle(now) {
			delete(m.m, p)
		}
	}
	return len(m.m) < maxMotion
}

// idle reports whether nothing is lost by forgetting it.
func (e *moving) idle(now time.Time) bool {
	if e.mixed && now.Sub(e.last) < proofYoung {
		return false
	}
	return !e.held && !e.prove && now.Sub(e.last) > 2*max(e.wait, motionMin)
}

// prove asks for p, which has that size, to be read once more, and reports whether
// it will be: what waits for that is bounded, and p may be one of a part of it.
func (m *motion) prove(p folder.Path, size, part int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.of(p)
	if e == nil {
		return false
	}
	m.proven(e)
	if int64(m.files) < proofFiles/part && m.bytes+size <= proofBytes/part {
		e.prove, e.size = true, size
		m.files++
		m.bytes += size
	}
	return e.prove
}

// of returns what is remembered of p, nil if there is no room for more.
func (m *motion) of(p folder.Path) *moving {
	e := m.m[p]
	if e == nil && m.room(time.Now()) {
		e = &moving{last: time.Now()}
		m.m[p] = e
	}
	return e
}

// mixed notes that p may have been read in the middle of a write. The watcher tells
// of its end.
func (m *motion) mixed(p folder.Path) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.of(p); e != nil {
		e.mixed, e.last = true, time.Now()
	}
}

// soon reports whether p, which may have been read in the middle of a write, has been
// so only just now: to be read alike again tells nothing yet.
func (m *motion) soon(p folder.Path) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.m[p]
	return e != nil && e.mixed && time.Since(e.last) < racyWait
}

// untold returns the files that may have been read in the middle of a write whose end
// was not told of, because hints were lost.
func (m *motion) untold() (files []folder.Path) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, e := range m.m {
		if e.mixed && time.Since(e.last) < proofYoung {
			files = append(files, p)
		}
		e.mixed = false
	}
	return files
}

// left notes that the file at p has another name now: it is not read there.
func (m *motion) left(p folder.Path) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.m[p]; e != nil {
		m.proven(e)
	}
}

// proves reports whether p waits to be read once more.
func (m *motion) proves(p folder.Path) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.m[p]
	return e != nil && e.prove
}

func (m *motion) proven(e *moving) {
	if e.prove {
		m.files--
		m.bytes -= e.size
	}
	e.prove = false
}

// looked notes that a look at everything begins.
func (m *motion) looked() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.m {
		e.held = false
	}
}

// wait is how long what moves most of the given files is still to be left alone.
func (m *motion) wait(files []folder.Path) (longest time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range files {
		if e := m.m[p]; e != nil {
			longest = max(longest, time.Until(e.due()))
		}
	}
	return longest
}

// take returns the files that are due for the look that was put off, and those
// that are due to be read once more, both in path order.
func (m *motion) take() (looks, proofs []folder.Path) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for p, e := range m.m {
		switch {
		case e.held && !now.Before(e.due()):
			looks = append(looks, p)
			e.held = false
		case e.prove && !e.held && !now.Before(e.proof()):
			proofs = append(proofs, p)
			m.proven(e)
		case e.idle(now):
			delete(m.m, p)
		}
	}
	slices.SortFunc(looks, folder.Path.Compare)
	slices.SortFunc(proofs, folder.Path.Compare)
	return looks, proofs
}

// next is when take has something; false if there is nothing to wait for.
func (m *motion) next() (at time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.m {
		var t time.Time
		switch {
		case e.held:
			t = e.due()
		case e.prove:
			t = e.proof()
		default:
			continue
		}
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	return at, ok
}

// waiting counts the files that have changed again since they were last told of.
func (m *motion) waiting() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.m {
		if e.held {
			n++
		}
	}
	return n
}

// forget forgets everything but what is to be read once more: a look at everything
// is to come, and finds nothing that left no trace.
func (m *motion) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, e := range m.m {
		if !e.prove {
			delete(m.m, p)
			continue
		}
		*e = moving{last: e.last, hinted: e.hinted, prove: true, size: e.size}
	}
}
