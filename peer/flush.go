package peer

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/folder/fault"
	"qsync/store"
)

// work flushes batch after batch. A durable batch waits to be swapped in until
// the flush of the next one runs, if there is a next one: the disk and the
// processor then work at the same time.
func (p *placer) work() {
	defer close(p.ended)
	for {
		b, ok := p.next()
		if !ok {
			break
		}
		if p.broken { // nothing is put on a disk that does not keep it
			p.discard(b.staged)
			b.staged = nil
		}
		err := p.flush(b)
		if b.flush != nil || len(p.pending) >= 2*placeFiles || p.due() {
			err = errors.Join(err, p.swapDurable(), p.secureAndCommit())
		}
		p.note(err)
		if b.flush != nil {
			b.flush <- p.err
			p.err = nil
		}
	}
	p.discard(p.durable)
	p.leave(p.pending)
}

// leave ends the time in which changes count as our own doing: they are in the
// map, or a look has to find what became of them.
func (p *placer) leave(changes []store.Change) {
	for i := range changes {
		p.f.placed(changes[i].Path)
	}
}

// next returns the next batch. While there is none it swaps in what is durable,
// and tells the map of it.
func (p *placer) next() (*placeBatch, bool) {
	select {
	case b, ok := <-p.batches:
		return b, ok
	default:
	}
	p.note(p.swapDurable())
	idle := time.NewTimer(commitIdle)
	defer idle.Stop()
	for {
		select {
		case b, ok := <-p.batches:
			return b, ok
		case <-idle.C:
			p.note(p.secureAndCommit())
		}
	}
}

// When what was put in place gets into the map before the round ends, so that the
// other peers hear of it, and a person sees what is done.
const (
	commitIdle  = 200 * time.Millisecond // when nothing else comes
	commitAfter = time.Second            // at the latest, with the next batch
)

// due reports whether something has waited long for the map.
func (p *placer) due() bool {
	if len(p.pending) == 0 {
		p.committed = time.Now()
	}
	return time.Since(p.committed) > commitAfter
}

func (p *placer) note(err error) {
	p.broken = p.broken || errors.Is(err, errFlush)
	p.err = errors.Join(p.err, err)
}

// flush makes what is staged durable. A few files are swapped in at once, many
// later.
func (p *placer) flush(b *placeBatch) error {
	p.pending = append(p.pending, b.changes...)
	for i := range b.changes {
		p.dirs[b.changes[i].Path.Dir()] = true
	}
	p.all = p.all || b.meta
	switch {
	case len(b.staged) == 0:
		return nil
	case len(b.staged) <= fewFiles:
		return p.flushEach(b.staged)
	}
	// What is pending now was swapped in before the flush begins: it covers it.
	// What is swapped in while it runs, it may not.
	before, durable := p.takePending(), make(chan error, 1)
	go func() { durable <- p.f.root.SyncAll() }()
	swapped := p.swapDurable()
	switch err := <-durable; {
	case errors.Is(err, errors.ErrUnsupported):
		p.restore(before)
		return errors.Join(swapped, p.flushEach(b.staged))
	case err != nil:
		p.discard(b.staged) // they are fetched again
		return errors.Join(swapped, p.doubt(before, fmt.Errorf("%w: %w", errFlush, err)))
	}
	p.durable = b.staged
	return errors.Join(swapped, p.commit(before.pending))
}

// flushEach makes files durable one by one and swaps them in.
func (p *placer) flushEach(staged []stagedFile) error {
	return p.each(staged, func(s stagedFile) error {
		// A failed flush may have thrown the data away and will not fail
		// again: the staged file is worthless now (FSYNC, ATC 2020).
		for _, one := range s.all() {
			if err := one.staged.Sync(); err != nil {
				p.discard([]stagedFile{s})
				return p.f.pathFailed(one.want.rec.Path, err)
			}
		}
		return p.swap(s)
	})
}

// swapDurable puts the files in place that a flush has made durable.
func (p *placer) swapDurable() error {
	staged := p.durable
	p.durable = nil
	return p.each(staged, p.swap)
}

// each does something to every file, and discards those that an error leaves.
func (p *placer) each(staged []stagedFile, do func(stagedFile) error) error {
	p.f.swaps.note(staged)
	p.pending = slices.Grow(p.pending, len(staged))
	for i, s := range staged {
		if err := do(s); err != nil {
			p.discard(staged[i+1:])
			return err
		}
	}
	return nil
}

// swap puts one durable file in place.
func (p *placer) swap(s stagedFile) error {
	placed := false
	defer func() {
		if placed {
			p.release(&s) // until the map has it, it counts as on its way
		} else {
			p.discard([]stagedFile{s})
		}
	}()
	strangers, err := p.strangers(&s)
	if errors.Is(err, errInUse) {
		return p.f.inUse(s.want.rec.Path)
	}
	if err != nil {
		return p.f.pathFailed(s.want.rec.Path, err)
	}
	if len(s.with)+len(s.away) > 0 {
		return p.swapWhole(s, strangers)
	}
	x, ok, err := p.prepare(s)
	if err != nil || !ok {
		return err
	}
	if err := p.clear(&x, strangers); err != nil {
		p.pending = append(p.pending, copies(x.kept)...)
		return p.f.pathFailed(s.want.rec.Path, err)
	}
	placed, err = p.swapIn(&x)
	return err
}

// swap is a staged file about to be put in place.
type swap struct {
	stagedFile
	kept   []store.Change // the conflict copies of what it replaces
	before folder.Local   // what its place holds
	// version is where what it replaces is kept, if that was taken away before.
	version folder.Path
}

// prepare looks once more whether s is wanted, and keeps what loses to it. It
// reports false if s is to be left for another round.
func (p *placer) prepare(s stagedFile) (x swap, ok bool, err error) {
	fresh, err := p.f.refresh(&s.want)
	if err != nil || !fresh {
		return x, false, err
	}
	kept, err := p.f.keepLosers(&s.want.rec, s.want.res)
	if err != nil {
		return x, false, p.f.pathFailed(s.want.rec.Path, err)
	}
	return swap{stagedFile: s, kept: kept, before: s.want.rec.Local}, true, nil
}

// swapIn puts a file in place; it reports false if that could not be done.
func (p *placer) swapIn(s *swap) (bool, error) {
	f, rec, kept := p.f, &s.want.rec, s.kept
	if s.from != nil {
		if away, err := p.isAway(s.from); err != nil || !away {
			return false, err
		}
		f.touched.add(s.from.Path.Dir())
		f.placing.add(s.from.Path)
	}
	f.touched.add(rec.Path.Dir())
	f.placing.add(rec.Path)
	fault.Point("swap")
	placed, err := f.root.Put(rec.Path, s.staged, s.before)
	if err != nil {
		f.placed(rec.Path)
		p.pending = append(p.pending, copies(kept)...)
		if s.from != nil {
			return false, p.notMoved(s, err)
		}
		return false, f.pathFailed(rec.Path, err)
	}
	fault.Point("swapped")
	if placed.Displaced != "" {
		f.look.add(placed.Displaced, false)
	}
	after := placed.Local
	after.Value, after.Dot = asPlaced(s.want.res.Value, placed), written(s.want.res)
	f.tally(rec.Local, after)
	p.placed.Add(1)
	_, took := absorbed(rec, s.want.res)
	p.pending = append(append(p.pending, kept...), store.Change{
		Path: rec.Path, Before: rec.Local, After: after, Applied: true, Merged: took && after.Dot.IsZero(), Kept: cmp.Or(placed.Kept, s.version),
	})
	p.dirs[rec.Path.Dir()] = true
	if old := s.from; old != nil { // the log is read backwards: what it was comes after what it is
		p.pending = append(p.pending, store.Change{Path: old.Path, Before: old.Local, Applied: true, To: rec.Path})
		p.dirs[old.Path.Dir()] = true
		f.provesStill(old, rec.Path)
	}
	return true, nil
}

// secureAndCommit makes durable what is pending and tells the map.
func (p *placer) secureAndCommit() error {
	if len(p.pending) == 0 {
		return nil // what was set without a change waits for one
	}
	on := p.takePending()
	p.committed = time.Now()
	if err := p.secure(on.dirs, on.all); err != nil {
		return p.doubt(on, err)
	}
	fault.Point("secured")
	return p.commit(on.pending)
}

// commit tells the map what is durable on disk.
func (p *placer) commit(changes []store.Change) error {
	if len(changes) == 0 {
		return nil
	}
	defer p.leave(changes)
	for i := range changes {
		c := &changes[i]
		if c.After.Value.Kind == folder.Absent {
			continue
		}
		p.f.placing.looks(c.Path)
		if st, ok := p.restat(c); ok {
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
	p.f.noteConflicts(changes)
	if p.f.cfg.MaxDelete.Percent < 100 {
		p.f.newHere(changes)
	}
	for i := range changes {
		p.f.parked.free(changes[i].Path)
		p.f.undone.drop(changes[i].Path)
		p.f.echoes.add(changes[i].Path, changes[i].After)
	}
	if len(p.pending)+len(p.durable) == 0 {
		p.f.swaps.settled()
	}
	p.f.unblock(changes)
	p.f.changed()
	return nil
}

// It is worth waiting for the next tick of the clock that gives the stamps, if that
// saves reading so much once more.
const (
	restatLarge = 1 << 20
	restatPause = 4 * time.Millisecond
	restatTries = 4
)

// restat returns the stat to record of what was put in place, false if somebody has
// changed it since.
func (p *placer) restat(c *store.Change) (folder.Stat, bool) {
	st, ok := p.f.root.Restat(c.Path, c.After)
	for try := 0; ok && st.Racy && !c.After.Stat.Racy && c.After.Value.Size >= restatLarge && try < restatTries; try++ {
		time.Sleep(restatPause)
		st, ok = p.f.root.Restat(c.Path, c.After)
	}
	return st, ok
}

// secure makes directory entries durable.
func (p *placer) secure(dirs map[folder.Path]bool, all bool) error {
	if all || len(dirs) > fewFiles {
		switch err := p.f.root.SyncAll(); {
		case err == nil:
			return nil
		case !errors.Is(err, errors.ErrUnsupported):
			return fmt.Errorf("%w: %w", errFlush, err)
		}
	}
	for d := range dirs {
		err := p.f.root.SyncDir(d)
		for d != "" && errors.Is(err, disk.ErrNoParent) {
			d = d.Dir() // it is gone itself: that is what must last
			err = p.f.root.SyncDir(d)
		}
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, fs.ErrPermission) { // nor can it be flushed by itself
			if err = p.f.root.SyncAll(); errors.Is(err, errors.ErrUnsupported) {
				err = nil // there is no better way here
			}
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errFlush, err)
		}
	}
	return nil
}
