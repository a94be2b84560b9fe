package peer

import (
	"errors"
	"sync/atomic"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// Bounds of a batch that is made durable together.
const (
	placeFiles = 1000 // at most: each holds a descriptor
	placeBytes = 64 << 20
	batchFiles = 500 // enough to hand a batch on when nothing is being flushed
	batchBytes = 16 << 20
	placeIdle  = 100 * time.Millisecond // an unfinished batch waits no longer
	fewFiles   = 8                      // up to here each is flushed by itself, beyond the whole file system is
)

// placer puts staged files in place and tells the map, in the order that makes
// every power cut harmless: content durable, swap, directory durable, map.
//
// A collector gathers a batch while the one before is flushed and swapped, so
// that staging never waits for the disk's flushes; the slower they are, the
// larger the batches become. One flush of the file system serves two batches:
// it makes the content of one durable and the directories of the one before.
type placer struct {
	f       *Folder
	ops     chan placeOp
	batches chan *placeBatch
	ended   chan struct{}
	placed  atomic.Int64

	// Of the flushing side alone:
	pending []store.Change // on disk, not yet durable there
	dirs    map[folder.Path]bool
	all     bool // what is pending needs a flush of everything
	err     error
}

// placeOp is one thing handed over: staged files, or changes done already.
type placeOp struct {
	files   []stagedFile
	changes []store.Change
	extra   folder.Path // a file that was moved aside: look at it
	meta    bool
	flush   chan error
}

type stagedFile struct {
	want   want
	staged *disk.Staged
}

type placeBatch struct {
	staged  []stagedFile
	bytes   int64
	changes []store.Change
	meta    bool
	due     bool
	flush   chan error // answered when all up to here is in the map
}

func (b *placeBatch) full() bool {
	return len(b.staged) >= placeFiles || b.bytes >= placeBytes || len(b.changes) >= 2*placeFiles || b.flush != nil
}

func (b *placeBatch) ready() bool {
	return b.due || b.full() || len(b.staged) >= batchFiles || b.bytes >= batchBytes
}

func newPlacer(f *Folder) *placer {
	p := &placer{
		f: f, ops: make(chan placeOp, 64), batches: make(chan *placeBatch), ended: make(chan struct{}),
		dirs: make(map[folder.Path]bool),
	}
	f.group.Go(func() error { p.collect(); return nil })
	f.group.Go(func() error { p.work(); return nil })
	return p
}

// put takes over staged and verified files.
func (p *placer) put(files []stagedFile) { p.ops <- placeOp{files: files} }

// add takes changes that are on disk already.
func (p *placer) add(c []store.Change, displaced folder.Path) error {
	p.ops <- placeOp{changes: c, extra: displaced}
	return nil
}

// meta notes that metadata was set, which only a flush of everything secures.
func (p *placer) meta() { p.ops <- placeOp{meta: true} }

// finish returns when all that was handed over is durable and in the map.
func (p *placer) finish() error {
	done := make(chan error)
	p.ops <- placeOp{flush: done}
	return <-done
}

// close ends the placer; nothing may be handed over any more.
func (p *placer) close() {
	close(p.ops)
	<-p.ended
}

// collect gathers batches and hands them on.
func (p *placer) collect() {
	defer close(p.batches)
	idle := time.NewTimer(placeIdle)
	defer idle.Stop()
	cur := &placeBatch{}
	for {
		in, out := p.ops, p.batches
		if cur.full() {
			in = nil
		}
		if !cur.ready() {
			out = nil
		}
		select {
		case op, ok := <-in:
			if !ok {
				for _, s := range cur.staged {
					s.staged.Discard()
				}
				return
			}
			empty := len(cur.staged) == 0
			if p.take(cur, op); empty && len(cur.staged) > 0 {
				idle.Reset(placeIdle)
			}
		case out <- cur:
			cur = &placeBatch{}
		case <-idle.C:
			cur.due = len(cur.staged) > 0
		}
	}
}

func (p *placer) take(b *placeBatch, op placeOp) {
	if op.extra != "" {
		p.f.look.add(op.extra, false)
	}
	b.meta = b.meta || op.meta
	b.changes = append(b.changes, op.changes...)
	b.staged = append(b.staged, op.files...)
	for i := range op.files {
		b.bytes += op.files[i].want.res.Value.Size
	}
	if op.flush != nil {
		b.flush = op.flush
	}
}

// work flushes batch after batch.
func (p *placer) work() {
	defer close(p.ended)
	for b := range p.batches {
		for _, c := range b.changes {
			p.pending = append(p.pending, c)
			p.dirs[c.Path.Dir()] = true
		}
		p.all = p.all || b.meta
		err := p.flush(b.staged)
		if b.flush != nil || len(p.pending) >= 2*placeFiles {
			err = errors.Join(err, p.commit(false))
		}
		p.err = errors.Join(p.err, err)
		if b.flush != nil {
			b.flush <- p.err
			p.err = nil
		}
	}
}

// flush makes what is staged durable and swaps it in.
func (p *placer) flush(staged []stagedFile) error {
	if len(staged) == 0 {
		return nil
	}
	bulk := len(staged) > fewFiles
	if bulk {
		if err := p.f.root.SyncAll(); err != nil {
			bulk = false // this platform or file system has no such flush
		} else if err := p.commit(true); err != nil {
			return err
		}
	}
	for _, s := range staged {
		if !bulk {
			// A failed flush may have thrown the data away and will not fail
			// again: the staged file is worthless now (FSYNC, ATC 2020).
			if err := s.staged.Sync(); err != nil {
				s.staged.Discard()
				if err := p.f.pathFailed(s.want.rec.Path, err); err != nil {
					return err
				}
				continue
			}
		}
		if err := p.swap(s); err != nil {
			return err
		}
	}
	return nil
}

// swap puts one durable file in place.
func (p *placer) swap(s stagedFile) error {
	f := p.f
	fresh, err := f.refresh(&s.want)
	if err != nil || !fresh {
		s.staged.Discard()
		return err
	}
	rec := &s.want.rec
	kept, err := f.keepLosers(rec, s.want.res)
	if err != nil {
		s.staged.Discard()
		return f.pathFailed(rec.Path, err)
	}
	f.touched.add(rec.Path.Dir())
	f.placing.add(rec.Path)
	placed, err := f.root.Put(rec.Path, s.staged, rec.Local)
	if err != nil {
		f.placing.drop(rec.Path)
		s.staged.Discard()
		return f.pathFailed(rec.Path, err)
	}
	if placed.Displaced != "" {
		f.look.add(placed.Displaced, false)
	}
	after := placed.Local
	after.Value, after.Dot = asPlaced(s.want.res.Value, placed), written(s.want.res)
	f.tally(rec.Local, after)
	p.placed.Add(1)
	_, took := absorbed(rec, s.want.res)
	p.pending = append(append(p.pending, kept...), store.Change{
		Path: rec.Path, Before: rec.Local, After: after, Applied: true, Merged: took && after.Dot.IsZero(),
	})
	p.dirs[rec.Path.Dir()] = true
	return nil
}

// refresh reads the record of w again: while its content was on the way a peer
// may have told of another write, which makes what is on disk a conflict's
// loser. It reports false if something else is wanted now.
func (f *Folder) refresh(w *want) (bool, error) {
	now, err := f.store.Record(w.rec.Path)
	if err != nil {
		return false, err
	}
	res := now.Register.Resolve()
	if now.Local != w.rec.Local || !folder.SameOnDisk(res.Value, w.res.Value) {
		f.wakeSyncer()
		return false, nil
	}
	w.rec, w.res = now, res
	return true, nil
}

// asPlaced is the value v with the mode and time that the disk could keep of it.
func asPlaced(v folder.Value, p disk.Placed) folder.Value {
	v.Mode = p.Local.Value.Mode
	if coarse(p.Local.Value.MTime, v.MTime) {
		v.MTime = p.Local.Value.MTime
	}
	return v
}

// coarse reports whether a file system that was asked to keep time want could
// have made got of it. Any other time is somebody's change since, which a scan
// must find.
func coarse(got, want int64) bool {
	for _, unit := range []int64{100, 1e3, 1e6, 1e7, 1e9, 2e9} {
		if d := got - want; got%unit == 0 && -unit < d && d < unit {
			return true
		}
	}
	for _, end := range timeEnds {
		if got == end.at*1e9 && (want < got) == end.first {
			return true
		}
	}
	return false
}

// timeEnds are the first and the last second that file systems can store: they
// make that of any time beyond it.
var timeEnds = []struct {
	at    int64
	first bool
}{{-1 << 31, true}, {0, true}, {1<<31 - 1, false}, {1<<32 - 1, false}}

// written names the write that was placed: none where another's mode was merged
// into it, since the map takes a file placed by a write for all that this write
// asks for, and the other may be gone by the time it hears of it.
func written(res folder.Resolution) folder.Dot {
	if res.Value.Mode != res.Winner.Value.Mode {
		return folder.Dot{}
	}
	return res.Winner.Dot
}

// commit tells the map what is on disk, durable already or made so first.
func (p *placer) commit(durable bool) error {
	changes, dirs := p.pending, p.dirs
	if len(changes) == 0 {
		return nil
	}
	p.pending, p.dirs = nil, make(map[folder.Path]bool)
	defer func() {
		for _, c := range changes {
			p.f.placing.drop(c.Path)
		}
	}()
	if !durable {
		if err := p.secure(dirs, p.all); err != nil {
			for _, c := range changes {
				p.f.parked.park(c.Path, plain(err))
				p.f.look.add(c.Path, false)
			}
			return nil
		}
	}
	p.all = false
	for i := range changes {
		c := &changes[i]
		if c.After.Value.Kind == folder.Absent {
			continue
		}
		if st, ok := p.f.root.Restat(c.Path, c.After); ok {
			c.After.Stat = st
		} else {
			p.f.look.add(c.Path, false) // changed by somebody since
		}
	}
	out, err := p.f.store.Commit(changes, p.f.Mode().announces())
	if err != nil {
		return err
	}
	for _, stale := range out.Stale {
		p.f.look.add(stale, false)
	}
	for _, c := range changes {
		p.f.parked.free(c.Path)
	}
	p.f.changed()
	return nil
}

// secure makes directory entries durable.
func (p *placer) secure(dirs map[folder.Path]bool, all bool) error {
	if all || len(dirs) > fewFiles {
		if err := p.f.root.SyncAll(); err == nil {
			return nil
		}
	}
	for d := range dirs {
		err := p.f.root.SyncDir(d)
		for d != "" && errors.Is(err, disk.ErrNoParent) {
			d = d.Dir() // it is gone itself: that is what must last
			err = p.f.root.SyncDir(d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tally counts what was done to the disk, for the totals of the run.
func (f *Folder) tally(before, after folder.Local) {
	if before.Value.Kind == folder.Absent {
		f.counts.added.Add(1)
	} else {
		f.counts.modified.Add(1)
	}
	f.counts.bytes.Add(after.Value.Size)
}
