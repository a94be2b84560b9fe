package store

import (
	"qsync/folder"
)

// Law is what a folder's mode means for its map.
type Law struct {
	Mode      uint8 // as the caller calls it
	Announces bool  // what users do here is told to others
	Drops     bool  // but not what they remove: that stays with the others
	Lets      bool  // nothing is applied here, so what was dropped need not come back
	Waives    bool  // no conflict copies are asked for of what is announced: folder.Value.Waives
	Keeps     bool  // what users change here and others are not told of stays, see [Record.Aside]
}

// SetLaw records the law that the folder is under from now on.
//
// A replica that begins to announce forgets what it kept as local deviations, so
// that the next scan announces them. One that drops is content without all that
// is not here; one that does not let be wants it. What vanished while a law that
// drops was in force is dropped even if it is found only later: until
// [Store.Looked].
func (s *Store) SetLaw(law Law) error {
	if m := s.now(); m.Mode == law.Mode && m.Lets == law.Lets && m.Keeps == law.Keeps && m.Waives == law.Waives {
		return nil
	}
	var paths []folder.Path
	for r, err := range s.Records("") {
		if err != nil {
			return err
		}
		if _, changes := law.over(r); changes {
			paths = append(paths, r.Path)
		}
	}
	return s.update(func(t *txn) error {
		t.meta.Mode, t.meta.Lets, t.meta.Drops, t.meta.Keeps, t.meta.Waives = law.Mode, law.Lets, law.Drops, law.Keeps, law.Waives
		t.meta.Dropping = t.meta.Dropping || law.Drops
		for _, p := range paths {
			old, err := t.record(p)
			if err != nil {
				return err
			}
			r, changes := law.over(old)
			if !changes {
				continue
			}
			if err := t.put(old, r, false, 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// over is what a record becomes when the law comes into force.
func (l Law) over(r Record) (_ Record, changes bool) {
	own := r.Local.Value.Kind != folder.Absent && r.Local.Dot.IsZero() && !r.Local.Implicit
	switch {
	case l.Announces && own:
		r.Local, changes = folder.Local{}, true
	case l.Keeps && own && r.Aside == nil && !r.Register.Live():
		r.Aside, changes = &folder.Local{}, true
	}
	if !l.Keeps && r.Aside != nil {
		r.Aside, changes = nil, true
	}
	away := r.Register.Live() && r.Local.Value.Kind == folder.Absent
	switch {
	case l.Drops && away && r.Dropped == nil:
		r.Dropped, changes = &folder.Local{}, true
	case !l.Lets && r.Dropped != nil:
		r.Dropped, changes = nil, true
	}
	return r, changes
}

// Looked tells that all of the disk has been looked at, and what was found is
// committed: what vanishes from now on does so under the present law.
func (s *Store) Looked() error {
	if m := s.now(); m.Dropping == m.Drops {
		return nil
	}
	return s.update(func(t *txn) error { t.meta.Dropping = t.meta.Drops; return nil })
}

// Drops reports whether what is found to have vanished is dropped: it stays with
// the others.
func (s *Store) Drops() bool { return s.now().Dropping }

// Mode returns the mode last set, 0 if none was.
func (s *Store) Mode() uint8 { return s.now().Mode }

// drop notes in r that old.Local is gone, and that this is nobody else's concern.
func (t *txn) drop(r *Record, old Record) (moved bool) {
	if !t.meta.Lets || !r.Register.Live() {
		return false
	}
	r.Dropped = &folder.Local{Value: old.Local.Value, Dot: old.Local.Dot}
	return true // the others hear that its content cannot be had here any more
}

// away notes of a write that came from others that it need not come here.
func (t *txn) away(r *Record) {
	if t.meta.Dropping && t.meta.Lets && r.Dropped == nil && r.Local.Value.Kind == folder.Absent {
		r.Dropped = &folder.Local{}
	}
}
