package peer

import (
	"hash/maphash"
	"sync"
	"time"

	"qsync/folder"
	"qsync/store"
)

// The brake counts what goes over so long, and knows so many paths of it; of
// more it knows how many.
const (
	windowSpan  = 10 * time.Minute
	windowStep  = time.Minute // how exact that is
	windowPaths = 1 << 16
)

// window is what a folder has lost of late without the brake having stopped it:
// what vanished here and was passed on, or what the peers removed here. Together
// with what is about to go it must not be too much either, or else a folder that
// goes in small parts would go as a whole. What is there again, or has another
// name, is not lost; and what is not older than the window itself, as the output
// of a build that is made and removed again, counts for nothing in it. It is known
// to this process alone, but for what had gone before a stop: see [store.Hold].
type window struct {
	mu     sync.Mutex
	lost   ledger
	born   ledger
	before int64 // lost before the stop that an earlier run of the folder came to
	swept  time.Time
}

// loss is an entry that goes, or comes.
type loss struct {
	key     uint64 // of its path
	content uint64 // [folder.Value.ContentID], 0 where names are not told by it
}

var windowSeed = maphash.MakeSeed()

func lossOf(p folder.Path, v folder.Value) loss {
	l := loss{key: maphash.String(windowSeed, string(p))}
	if v.Kind == folder.File || v.Kind == folder.Symlink {
		l.content = v.ContentID()
	}
	return l
}

// came notes an entry that was not there; young says that it is new to everybody.
func (w *window) came(l loss, young bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sweep()
	if w.lost.drop(l.key) || w.lost.take(l.content) {
		return // it is back, or has another name
	}
	w.born.add(l, young)
}

// cameMore notes so many more of which nothing else is known.
func (w *window) cameMore(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n > 0 {
		w.born.more, w.born.moreAt = w.born.more+n, time.Now()
	}
}

// gone notes an entry that has been lost.
func (w *window) gone(l loss) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sweep()
	if young := w.born.m[l.key].young; w.born.drop(l.key) && young || w.born.take(l.content) {
		return
	}
	if w.born.more > 0 {
		w.born.more-- // one of those of which nothing but the number is known
		return
	}
	w.lost.add(l, false)
}

// sum is how many entries are lost, and how many are new.
func (w *window) sum() (lost, born int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sweep()
	return w.lost.len() + w.before, w.born.len()
}

// lately is how many entries were lost within d.
func (w *window) lately(d time.Duration) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.lost.order) - 1; i >= 0 && time.Since(w.lost.order[i]) < d; i-- {
		n++
	}
	return n
}

// weigh counts those of all that would be lost by the rules of the window.
func (w *window) weigh(all []loss) (n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sweep()
	named, more := make(map[uint64]int), w.born.more
	for _, x := range w.born.m {
		if x.content != 0 {
			named[x.content]++
		}
	}
	for _, l := range all {
		if x, ok := w.born.m[l.key]; ok {
			named[x.content]-- // its own name is no other one
		}
	}
	for _, l := range all {
		switch {
		case w.born.m[l.key].young:
		case named[l.content] > 0:
			named[l.content]--
		case more > 0:
			more--
		default:
			n++
		}
	}
	return n
}

// returned forgets losses that are there again.
func (w *window) returned(f *Folder) error {
	for r, err := range f.store.Records("") {
		if err != nil {
			return err
		}
		if r.Local.Value.Kind == folder.Absent {
			continue
		}
		key := lossOf(r.Path, folder.Value{}).key
		w.mu.Lock()
		w.lost.drop(key)
		w.mu.Unlock()
	}
	return nil
}

// clear begins anew: a person has said that it is meant.
func (w *window) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost, w.born, w.before = ledger{}, ledger{}, 0
}

// resume takes over what had been lost before a stop, or forgets it.
func (w *window) resume(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before = n
}

// expire lets go of what is older than the window.
func (w *window) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sweep()
}

func (w *window) sweep() {
	if time.Since(w.swept) < windowStep {
		return
	}
	w.swept = time.Now()
	w.lost.sweep(w.swept.Add(-windowSpan))
	w.born.sweep(w.swept.Add(-windowSpan))
}

// ledger is a set of entries by path, and by content.
type ledger struct {
	m      map[uint64]lately
	by     map[uint64][]uint64 // keys by content; some may be no more
	order  []time.Time         // of the last ones
	more   int64               // entries of which only the number is known
	moreAt time.Time           // the last of them
}

type lately struct {
	at      time.Time
	content uint64
	young   bool
}

// ledgerOrder bounds how many times are remembered: see [stormGone].
const ledgerOrder = 2 * stormGone

func (l *ledger) len() int64 { return int64(len(l.m)) + l.more }

func (l *ledger) add(x loss, young bool) {
	now := time.Now()
	if len(l.order) >= 2*ledgerOrder {
		l.order = append(l.order[:0], l.order[ledgerOrder:]...)
	}
	l.order = append(l.order, now)
	if len(l.m) >= windowPaths {
		l.more, l.moreAt = l.more+1, now
		return
	}
	if l.m == nil {
		l.m, l.by = make(map[uint64]lately), make(map[uint64][]uint64)
	}
	if _, known := l.m[x.key]; !known && x.content != 0 {
		l.by[x.content] = append(l.by[x.content], x.key)
	}
	l.m[x.key] = lately{now, x.content, young}
}

func (l *ledger) drop(key uint64) bool {
	_, ok := l.m[key]
	delete(l.m, key)
	return ok
}

// take takes one entry of that content away, and reports whether there was one.
func (l *ledger) take(content uint64) bool {
	keys := l.by[content]
	for len(keys) > 0 {
		key := keys[len(keys)-1]
		keys = keys[:len(keys)-1]
		if x, ok := l.m[key]; ok && x.content == content {
			l.by[content] = keys
			delete(l.m, key)
			return true
		}
	}
	delete(l.by, content)
	return false
}

// sweep lets go of what is not younger than end.
func (l *ledger) sweep(end time.Time) {
	by := make(map[uint64][]uint64)
	for key, x := range l.m {
		if !x.at.After(end) {
			delete(l.m, key)
		} else if x.content != 0 {
			by[x.content] = append(by[x.content], key)
		}
	}
	if l.by = by; len(l.m) == 0 {
		l.m, l.by = nil, nil // a map does not shrink
	}
	if !l.moreAt.After(end) {
		l.more = 0
	}
}

// overdone reports whether the loss of all, of so many entries, is too much
// together with what was lost before in the window, and how much that was.
func (f *Folder) overdone(w *window, all []loss, total int64) (before int64, stop bool, err error) {
	before, _ = w.sum()
	if before == 0 || !f.cfg.MaxDelete.Stops(int64(len(all))+before, total+before) {
		return before, false, nil
	}
	n := w.weigh(all)
	if n == 0 || !f.cfg.MaxDelete.Stops(n+before, total+before) {
		return before, false, nil
	}
	if err := w.returned(f); err != nil {
		return before, false, err
	}
	before, _ = w.sum()
	return before, before > 0 && f.cfg.MaxDelete.Stops(n+before, total+before), nil
}

// resumeHeld counts what had gone before a stop that a person is yet to decide
// about, or has not been carried out.
func (f *Folder) resumeHeld() {
	switch h := f.store.Hold(); {
	case h.Answer == store.Undone:
	case heldHere(h):
		f.away.resume(h.Passed)
	case h.Why == store.HoldIncoming:
		f.removed.resume(h.Passed)
	}
}

// release forgets the stop: it is settled.
func (f *Folder) release() error {
	f.away.resume(0)
	f.removed.resume(0)
	return f.store.Release()
}

// newHere notes what sync has made here.
func (f *Folder) newHere(changes []store.Change) {
	f.mu.Lock()
	young := f.wasSynced // what comes in a first exchange may be old
	f.mu.Unlock()
	for i := range changes {
		c := &changes[i]
		if c.Before.Value.Kind == folder.Absent && c.After.Value.Kind != folder.Absent {
			f.removed.came(lossOf(c.Path, c.After.Value), young)
		}
	}
}
