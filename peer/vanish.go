package peer

import (
	"errors"
	"maps"
	"slices"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// vanished holds back an entry that is gone.
func (s *scan) vanished(c store.Change) error {
	// It may have been removed when that was nobody else's business: who has it
	// keeps it, and it comes back from there. A mirror's receivers become like it.
	c.Applied = c.Before.Ignored && !s.f.mirror()
	if i := s.seen[c.Path]; i > 0 {
		s.gone[i-1] = c // it may have come and gone again meanwhile
		return nil
	}
	s.gone = append(s.gone, c)
	s.seen[c.Path] = len(s.gone)
	if c.Applied {
		return nil
	}
	// What sync itself has just removed, but not yet told the map, counts
	// for nothing.
	if r, err := s.f.store.Record(c.Path); err != nil || r.Register.Live() {
		s.toll.remove(c.Path, c.Before.Value.Kind)
		s.counted[c.Path] = true
		if c.Path.Dir() == "" {
			s.top++
		}
	}
	return nil
}

// Removals that come in a storm are counted as one: above so many within a
// second the scanner waits until no more have come for a while, or for long
// enough.
const (
	stormGone = 20
	stormWait = 300 * time.Millisecond
	stormMost = 30 * time.Second
)

// patience is how long to wait for more removals, and how long in all.
func (s *scan) patience() (wait, most time.Duration, err error) {
	n := len(s.gone)
	storm := n > 0 && n+s.f.away.lately(time.Second) > stormGone
	if !storm && n > 0 {
		storm, err = s.emptying()
	}
	if storm {
		return stormWait, stormMost, err
	}
	return 0, 0, err
}

// gather waits for the end of a storm of removals. Where so much is hinted at
// that everything must be looked at, it does that instead and reports true.
func (s *scan) gather(hints <-chan disk.Hint) (whole bool, err error) {
	f := s.f
	began := time.Now()
	wait, most, err := s.patience()
	if err != nil {
		return false, err
	}
	quiet := time.NewTimer(wait)
	defer quiet.Stop()
	for wait > 0 && time.Since(began) < most {
		select {
		case <-s.ctx.Done():
			return false, s.ctx.Err()
		case h := <-hints:
			f.hint(h)
			continue
		case <-quiet.C:
		}
		looks, all := f.look.take()
		if all {
			return true, s.recount()
		}
		before := len(s.gone)
		if err := s.flush(&s.batch); err != nil { // what is found next is compared with it
			return false, err
		}
		if err := s.glances(looks); err != nil {
			return false, err
		}
		if len(s.gone) == before {
			break
		}
		if wait, most, err = s.patience(); err != nil {
			return false, err
		}
		quiet.Reset(wait)
	}
	return false, nil
}

// errRecount ends a look at some paths that the brake would stop: the whole is
// to be counted before anybody is asked about it.
var errRecount = errors.New("too much of what was looked at is gone")

// recount looks at everything, and knows what this look has found new.
func (s *scan) recount() error {
	if err := s.tellRenamed(); err != nil {
		return err
	}
	all := s.f.newScan(s.ctx, true)
	all.named, all.added, all.born = s.named, s.added, s.born
	return all.all()
}

// brake is why the folder must stop, because a pass has found too much of it
// gone: more likely a disk that is not there than a person who meant it.
func (s *scan) brake(r risk) (store.Hold, error) {
	if !s.f.Mode().announces() || s.f.store.Drops() {
		return store.Hold{}, nil
	}
	total := s.f.total(r) - s.added + int64(len(s.renamed)) // which the map does not know yet
	if s.f.cfg.MaxDelete.Stops(r.lost, total) {
		// What has another name now is not lost.
		named := renames{maps.Clone(s.named.m)}
		for i := range s.gone {
			if named.take(s.gone[i].Before.Value) {
				r.lost--
			}
		}
	}
	before, born := s.f.away.sum()
	if s.f.cfg.MaxDelete.Stops(r.lost, total) {
		return store.Hold{Why: store.HoldVanished, Count: r.lost, Total: total + before, Passed: before}, nil
	}
	lost := s.losses(true)
	if before, stop, err := s.f.overdone(&s.f.away, lost, total-born); stop || err != nil {
		_, born = s.f.away.sum()
		return store.Hold{Why: store.HoldVanished, Count: int64(len(lost)), Total: total - born + before, Passed: before}, err
	}
	emptied, err := s.emptied()
	if !emptied || err != nil {
		return store.Hold{}, err
	}
	return store.Hold{Why: store.HoldEmptied, Count: r.all(), Total: s.f.total(risk{})}, nil
}

// losses are the entries that are gone and count: git has not moved them, nor, if
// that matters, have they another name that was found with them.
func (s *scan) losses(names bool) (all []loss) {
	if len(s.counted) == 0 || s.f.cfg.MaxDelete.Percent >= 100 {
		return nil
	}
	var named renames
	if names {
		named.m = maps.Clone(s.named.m)
	}
	for i := range s.gone {
		p, v := s.gone[i].Path, s.gone[i].Before.Value
		if dir, ok := folder.PackDir(p, v.Kind); s.counted[p] && !(ok && s.packed[dir]) && !named.take(v) {
			all = append(all, lossOf(p, v))
		}
	}
	return all
}

// windowed tells the window what this look has passed on.
func (s *scan) windowed(lost []loss) {
	f := s.f
	if f.cfg.MaxDelete.Percent >= 100 || !f.Mode().announces() || f.store.Drops() {
		return
	}
	if s.let {
		f.away.clear()
		return
	}
	if f.scanned.isOpen() { // what was not there when the program began may be old
		for _, l := range s.born {
			f.away.came(l, true)
		}
		f.away.cameMore(s.added - int64(len(s.born)))
	}
	for _, l := range lost {
		f.away.gone(l)
	}
}

// weigh decides about the vanished entries when the pass has seen everything
// else. Hints of new packs, and of packs that are gone, may stand behind those
// of the objects, so that the packs are looked at first.
func (s *scan) weigh() error {
	if !s.whole && s.f.Mode().announces() {
		for _, dir := range slices.Collect(maps.Keys(s.toll.moved)) {
			if err := s.one(dir, false); err != nil {
				return err
			}
		}
		if err := s.flush(&s.batch); err != nil {
			return err
		}
	}
	if s.whole {
		if err := s.bringBack(); err != nil {
			return err
		}
	}
	r, err := s.toll.sum(func(dir folder.Path) (bool, error) {
		held, err := s.f.packIn(dir, func(rec *store.Record) (bool, error) {
			return rec.Local.Value.Kind == folder.File && rec.Register.Live() && s.seen[rec.Path] == 0, nil
		})
		s.packed[dir] = held
		return held, err
	})
	if err != nil {
		return err
	}
	if err := s.check(r); err != nil {
		return err
	}
	// Whoever hears half of it must not take the objects for packed: that a pack
	// is gone is told before anything that it might have held.
	slices.SortStableFunc(s.gone, func(a, b store.Change) int { return packsFirst(a.Path) - packsFirst(b.Path) })
	return nil
}

// check stops the folder by its brake, unless a person has let this through.
func (s *scan) check(r risk) error {
	h, err := s.brake(r)
	switch {
	case err != nil:
		return err
	case h.Why == store.NoHold:
		return nil
	case !s.whole:
		return errRecount
	}
	paths := make([]folder.Path, 0, len(s.gone))
	for i := range s.gone {
		paths = append(paths, s.gone[i].Path)
	}
	ok, err := s.f.confirmed(true, paths)
	if err != nil {
		return err
	}
	if ok {
		s.let = true
		return s.f.grant()
	}
	return s.f.hold(h, paths)
}

// bringBack makes wanted again what vanished, if a person has asked for that: as
// far as others know it is here. What vanished since then is another matter.
func (s *scan) bringBack() error {
	h := s.f.store.Hold()
	if !heldHere(h) || h.Answer != store.Undone || s.f.Mode() != TwoWay {
		return nil
	}
	held, err := s.f.store.Held()
	if err != nil {
		return err
	}
	var back, gone []store.Change
	for _, c := range s.gone {
		if held.Has(c.Path) {
			c.Applied, c.Why = true, store.WhyLocal
			back = append(back, c)
		} else {
			gone = append(gone, c)
		}
	}
	n := len(back)
	for len(back) > 0 {
		part := back[:min(len(back), scanBatch)]
		back = back[len(part):]
		if err := s.flush(&part); err != nil {
			return err
		}
	}
	if err := s.onlyGone(gone); err != nil {
		return err
	}
	s.f.node.cfg.Log.Info("what vanished is wanted again", "folder", s.f.Dir(), "entries", n)
	return nil
}

// onlyGone counts what is gone anew, which is less than it was.
func (s *scan) onlyGone(gone []store.Change) error {
	s.gone, s.toll, s.top = nil, tally{}, 0
	clear(s.seen)
	clear(s.counted)
	for _, c := range gone {
		if err := s.vanished(c); err != nil {
			return err
		}
	}
	return nil
}

// stillGone leaves out what is there again, as a document is that was being saved:
// a look takes as long as all that it reads. It is looked at once more, and what
// that finds is told.
func (s *scan) stillGone() error {
	back := make(map[folder.Path]bool)
	gone := slices.DeleteFunc(slices.Clone(s.gone), func(c store.Change) bool {
		r := s.f.root
		if s.f.back[c.Path] || r.KindOf(c.Path) == folder.Absent || r.UnchangedUntil(c.Path, folder.Local{}, time.Now(), false) {
			return false
		}
		s.f.look.add(c.Path, false)
		back[c.Path] = true
		return true
	})
	if s.f.back = back; len(back) == 0 {
		return nil
	}
	return s.onlyGone(gone)
}

// tellTurned tells of directories that are something else now. Told before what
// was below them, or when they are directories again, they would be rivals of it
// for others.
func (s *scan) tellTurned() error {
	s.turned = slices.DeleteFunc(s.turned, func(c store.Change) bool {
		again := s.f.root.KindOf(c.Path) == folder.Dir
		if again {
			s.f.look.add(c.Path, true)
		}
		return again
	})
	return s.flush(&s.turned)
}

func packsFirst(p folder.Path) int {
	if folder.IsPack(p) {
		return 0
	}
	return 1
}

// finish commits what is left, the vanished entries last: by then a rename has
// been seen as the new entry that it is too.
func (s *scan) finish() error {
	if !s.whole {
		s.f.unsynced.Add(s.ignored)
	}
	if err := s.flush(&s.batch); err != nil {
		return err
	}
	if err := s.stillGone(); err != nil {
		return err
	}
	if len(s.gone) > 0 { // with all else the marker may be gone
		if err := s.f.checkRoot(false); err != nil {
			return err
		}
	}
	if err := s.weigh(); err != nil {
		return errors.Join(s.tellRenamed(), err)
	}
	lost := s.losses(!s.f.scanned.isOpen()) // else the window knows the names
	for all := s.paired(); len(all) > 0; {
		n := min(len(all), scanBatch)
		part := all[:n]
		all = all[n:]
		told := part
		if err := s.flush(&part); err != nil {
			return err
		}
		// Only now: the syncer looks whether anything still keeps them.
		for i := range told {
			if told[i].After.Value.Kind != folder.Absent {
				continue
			}
			s.f.lostEntry(told[i].Path.Dir())
			if told[i].Before.Ignored {
				s.f.unsynced.Add(-1)
			}
		}
		s.f.wakeSyncer()
	}
	if err := s.tellTurned(); err != nil {
		return err
	}
	s.windowed(lost)
	s.f.topped.passed(s.top)
	if s.whole && heldHere(s.f.store.Hold()) {
		return s.f.release() // it has passed, or is no more
	}
	return nil
}
