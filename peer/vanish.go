package peer

import (
	"fmt"
	"maps"
	"slices"

	"qsync/folder"
	"qsync/store"
)

// vanished holds back an entry that is gone.
func (s *scan) vanished(c store.Change) error {
	if s.seen[c.Path] {
		return nil
	}
	s.seen[c.Path] = true
	s.gone = append(s.gone, c)
	// What sync itself has just removed, but not yet told the map, counts
	// for nothing.
	if r, err := s.f.store.Record(c.Path); err != nil || r.Register.Live() {
		s.toll.remove(c.Path, c.Before.Value.Kind)
	}
	return s.brake(s.toll.atLeast())
}

// brake stops the folder when a pass finds too much of it gone: more likely a
// disk that is not there than a person who meant it.
func (s *scan) brake(r risk) error {
	total, stop := s.f.stops(r)
	if !stop || !s.f.Mode().announces() || s.f.store.Drops() {
		return nil
	}
	return fmt.Errorf("%w: at least %d of %d entries have vanished from %s; nothing was passed on. If that is meant, run again with --max-delete 100%%",
		ErrBrake, r.lost, total, s.f.cfg.Dir)
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
	r, err := s.toll.sum(func(dir folder.Path) (bool, error) {
		return s.f.packIn(dir, func(rec *store.Record) (bool, error) {
			return rec.Local.Value.Kind == folder.File && rec.Register.Live() && !s.seen[rec.Path], nil
		})
	})
	if err != nil {
		return err
	}
	if err := s.brake(r); err != nil {
		return err
	}
	// Whoever hears half of it must not take the objects for packed: that a pack
	// is gone is told before anything that it might have held.
	slices.SortStableFunc(s.gone, func(a, b store.Change) int { return packsFirst(a.Path) - packsFirst(b.Path) })
	return nil
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
	if err := s.flush(&s.batch); err != nil {
		return err
	}
	if err := s.weigh(); err != nil {
		return err
	}
	for len(s.gone) > 0 {
		n := min(len(s.gone), scanBatch)
		part := s.gone[:n]
		s.gone = s.gone[n:]
		told := part
		if err := s.flush(&part); err != nil {
			return err
		}
		// Only now: the syncer looks whether anything still keeps them.
		for i := range told {
			s.f.lostEntry(told[i].Path.Dir())
		}
		s.f.wakeSyncer()
	}
	return nil
}
