package peer

import (
	"errors"
	"slices"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// remove takes away what the map says is gone: files first, then directories
// from the deepest up, and last the implicit ones that have become empty.
func (r *round) remove() error {
	var dirs []folder.Path
	above := make(map[folder.Path]bool)
	for _, p := range r.f.hollow.all() {
		above[p] = true
		r.f.hollow.drop(p)
	}
	for _, p := range r.removals {
		if r.ctx.Err() != nil {
			return nil
		}
		rec, err := r.removable(p)
		if err != nil || rec == nil {
			if err != nil {
				return err
			}
			continue
		}
		if rec.Local.Value.Kind == folder.Dir {
			dirs = append(dirs, p)
			continue
		}
		if err := r.removeOne(rec); err != nil {
			return err
		}
		above[p.Dir()] = true
	}
	for _, p := range slices.Backward(dirs) {
		rec, err := r.removable(p)
		if err != nil {
			return err
		}
		if rec != nil {
			if err := r.removeOne(rec); err != nil {
				return err
			}
			above[p.Dir()] = true
		}
	}
	if err := r.place.finish(); err != nil {
		return err
	}
	return r.removeHollow(above)
}

// removable reads p again and returns its record if it is still to be removed.
func (r *round) removable(p folder.Path) (*store.Record, error) {
	rec, err := r.f.store.Record(p)
	if err != nil {
		return nil, err
	}
	here := rec.Local.Value.Kind
	if here == folder.Absent {
		return nil, nil
	}
	if rec.Register.Live() {
		// Only a directory that makes way for something else.
		if here != folder.Dir || rec.Register.Resolve().Value.Kind == folder.Dir {
			return nil, nil
		}
	} else if rec.Seq == 0 && !r.extras {
		return nil, nil // never heard of: wait until the source has told everything
	}
	return &rec, nil
}

func (r *round) removeOne(rec *store.Record) error {
	f := r.f
	f.touched.add(rec.Path.Dir())
	err := f.root.Remove(rec.Path, rec.Local)
	after := folder.Local{}
	switch {
	case errors.Is(err, disk.ErrNotEmpty):
		// Something lives in it, or is ignored there: it stays for that alone.
		after = rec.Local
		after.Dot, after.Implicit = folder.Dot{}, true
		if rec.Register.Live() {
			return r.failed(rec.Path, errDirHolds)
		}
	case err != nil:
		return r.failed(rec.Path, err)
	default:
		r.did++
		f.counts.deleted.Add(1)
	}
	return r.place.add([]store.Change{{Path: rec.Path, Before: rec.Local, After: after, Applied: true}}, "")
}

var errDirHolds = errors.New("the directory holds entries that are not synced; move them away")

// lostEntry notes that nothing may keep directory p any more, if it is an
// implicit one.
func (f *Folder) lostEntry(p folder.Path) {
	if p != "" && f.Mode().applies() {
		f.hollow.add(p)
	}
}

// removeHollow removes implicit directories that nothing keeps any more, going
// up as long as one follows from another.
func (r *round) removeHollow(above map[folder.Path]bool) error {
	for len(above) > 0 {
		next := make(map[folder.Path]bool)
		for p := range above {
			if p == "" {
				continue
			}
			rec, err := r.f.store.Record(p)
			if err != nil {
				return err
			}
			if !rec.Local.Implicit || rec.Register.Live() {
				continue
			}
			live, err := r.f.store.LiveBelow(p)
			if err != nil {
				return err
			}
			if live {
				continue
			}
			r.f.touched.add(p.Dir())
			if r.f.root.Remove(p, rec.Local) != nil {
				continue
			}
			r.did++
			next[p.Dir()] = true
			if err := r.place.add([]store.Change{{Path: p, Before: rec.Local, Applied: true}}, ""); err != nil {
				return err
			}
		}
		if err := r.place.finish(); err != nil {
			return err
		}
		above = next
	}
	return nil
}

// settleDirs gives directories their time and mode back after what was done in
// them, the deepest first.
func (r *round) settleDirs() error {
	f := r.f
	dirs := f.touched.all()
	for _, p := range dirs {
		if p == "" {
			continue
		}
		rec, err := f.store.Record(p)
		if err != nil {
			return err
		}
		res := rec.Register.Resolve()
		if rec.Local.Value.Kind != folder.Dir || res.Value.Kind != folder.Dir {
			continue
		}
		placed, err := f.root.SetMeta(p, res.Value, rec.Local)
		if err != nil {
			if err := r.failed(p, err); err != nil {
				return err
			}
			continue
		}
		after := placed.Local
		after.Dot, after.Value, after.Implicit = res.Winner.Dot, asPlaced(res.Value, placed), false
		if after == rec.Local {
			continue
		}
		r.place.meta()
		if err := r.place.add([]store.Change{{Path: p, Before: rec.Local, After: after, Applied: true}}, ""); err != nil {
			return err
		}
	}
	if err := r.place.finish(); err != nil {
		return err
	}
	for _, p := range dirs {
		f.touched.drop(p)
	}
	return nil
}
