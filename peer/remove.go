package peer

import (
	"errors"
	"slices"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/folder/fault"
	"qsync/store"
)

// remove takes away what the map says is gone: files first, those that have
// another name by getting that, then directories from the deepest up, and last the
// implicit ones that have become empty.
func (r *round) remove() error {
	dirs, above, err := r.doomed()
	if err == nil {
		err = r.move(above)
	}
	if err != nil {
		return err
	}
	for _, p := range r.removals {
		if r.ctx.Err() != nil {
			return nil
		}
		if r.taken[p] {
			continue
		}
		rec, err := r.removable(p)
		if err != nil {
			return err
		}
		if rec == nil || rec.Local.Value.Kind == folder.Dir {
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

// doomed returns the directories to be removed, and those that may be hollow.
// The former count as implicit from here on: emptying them moves their time,
// which a crash in the middle must not turn into a user's change.
func (r *round) doomed() (dirs []folder.Path, above map[folder.Path]bool, err error) {
	above = make(map[folder.Path]bool)
	for _, p := range r.f.hollow.all() {
		above[p] = true
		r.f.hollow.drop(p)
	}
	for _, p := range r.removals {
		rec, err := r.removable(p)
		if err != nil {
			return nil, nil, err
		}
		if rec == nil || rec.Local.Value.Kind != folder.Dir {
			continue
		}
		dirs = append(dirs, p)
		if err := r.unmake(rec); err != nil {
			return nil, nil, err
		}
	}
	return dirs, above, r.place.finish()
}

// unmake makes a directory on disk an implicit one.
func (r *round) unmake(rec *store.Record) error {
	if rec.Local.Implicit {
		return nil
	}
	after := rec.Local
	after.Dot, after.Implicit = folder.Dot{}, true
	return r.place.add([]store.Change{{Path: rec.Path, Before: rec.Local, After: after, Applied: true}}, "")
}

// removable reads p again and returns its record if it is still to be removed.
func (r *round) removable(p folder.Path) (*store.Record, error) {
	rec, err := r.f.store.Record(p)
	if err != nil {
		return nil, err
	}
	here := rec.Local.Value.Kind
	if here == folder.Absent || r.f.renamed.covers(p) {
		return nil, nil // what is there has another name by now
	}
	if rec.Register.Live() {
		// Only a directory that makes way for something else.
		if here != folder.Dir || rec.Register.Resolve().Value.Kind == folder.Dir {
			return nil, nil
		}
	} else if rec.Seq == 0 && !r.extras {
		return nil, nil // never heard of: wait until the source has told everything
	} else if waits, err := r.awaitsPack(&rec); waits || err != nil {
		return nil, err
	}
	return &rec, nil
}

// awaitsPack reports whether rec counts as moved by git into a pack, see
// [Folder.atRisk], and one is yet to come: until then nothing vouches for it.
func (r *round) awaitsPack(rec *store.Record) (bool, error) {
	dir, ok := folder.PackDir(rec.Path, rec.Local.Value.Kind)
	if !ok {
		return false, nil
	}
	waits, known := r.unpacked[dir]
	if known {
		return waits, nil
	}
	waits, err := r.f.packIn(dir, func(pack *store.Record) (bool, error) {
		res := pack.Register.Resolve()
		return res.Value.Kind == folder.File && !pack.Have() && !r.spared(pack, res), nil
	})
	if err == nil {
		r.unpacked[dir] = waits
	}
	return waits, err
}

func (r *round) removeOne(rec *store.Record) error {
	f := r.f
	f.touched.add(rec.Path.Dir())
	// Seen missing before the map says so, it would pass for a user's removal,
	// and take with it what a peer has written there again meanwhile.
	f.placing.add(rec.Path)
	kept, err := f.root.Remove(rec.Path, rec.Local)
	if err != nil {
		f.placed(rec.Path)
	}
	switch {
	case errors.Is(err, disk.ErrNotEmpty):
		// Something lives in it, or is ignored there: it stays for that alone.
		if rec.Register.Live() {
			return r.makeWay(rec)
		}
		f.look.add(rec.Path, true) // it may be something that nobody has told of
		return r.unmake(rec)
	case err != nil:
		return r.failed(rec.Path, err)
	default:
		fault.Point("removed")
		r.did++
		f.counts.deleted.Add(1)
		if rec.Local.Value.Kind == folder.Dir {
			f.counts.dirsDeleted.Add(1)
		}
		r.windowed(rec)
	}
	return r.place.add([]store.Change{{Path: rec.Path, Before: rec.Local, Applied: true, Kept: kept}}, "")
}

// makeWay clears the path of a directory that is to be something else and is not
// empty. Where that is for what a receiver's user has made in it, it takes the name
// of a conflict copy with all that is there, as a file that was edited here would;
// else it stays, and a person is told.
func (r *round) makeWay(rec *store.Record) error {
	f := r.f
	own, err := f.ownBelow(rec.Path)
	if err != nil || !own {
		return errors.Join(err, r.failed(rec.Path, errDirHolds))
	}
	to := folder.ConflictName(rec.Path, rec.Local.Value, folder.HashWidth)
	if _, err := folder.ParsePath(string(to)); err != nil {
		return r.failed(rec.Path, errDirHolds)
	}
	f.placing.add(rec.Path)
	if _, err := f.root.Rename(rec.Path, to, rec.Local); err != nil {
		f.placed(rec.Path)
		return r.failed(rec.Path, err)
	}
	r.did++
	f.look.add(to, true)
	f.look.add(rec.Path, true) // what was below it is gone from there
	return r.place.add([]store.Change{{Path: rec.Path, Before: rec.Local, Applied: true}}, "")
}

// ownBelow reports whether all that the map has below p is what a receiver's user
// has made there, and that there is some of it.
func (f *Folder) ownBelow(p folder.Path) (own bool, err error) {
	if f.Mode() != Receive {
		return false, nil
	}
	for r, err := range f.store.Records(p) {
		if err != nil {
			return false, err
		}
		l := r.Local
		if r.Path == p || l.Value.Kind == folder.Absent || l.Value.Kind == folder.Dir && l.Implicit {
			continue
		}
		if l.Ignored || !l.Dot.IsZero() {
			return false, nil
		}
		own = true
	}
	return own, nil
}

// windowed tells the window what has been removed, unless a person wanted it so.
func (r *round) windowed(rec *store.Record) {
	f := r.f
	if f.let || f.cfg.MaxDelete.Percent >= 100 || f.undone.has(rec.Path) || r.packs.move(rec) {
		return
	}
	f.removed.gone(lossOf(rec.Path, rec.Local.Value))
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
			r.f.placing.add(p)
			if _, err := r.f.root.Remove(p, rec.Local); err != nil {
				r.f.placed(p)
				continue
			}
			fault.Point("hollow-removed")
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
		if settled, err := r.settleDir(p); err != nil {
			return err
		} else if !settled {
			dirs = slices.DeleteFunc(slices.Clone(dirs), func(d folder.Path) bool { return d == p })
		}
	}
	if err := r.place.finish(); err != nil {
		return err
	}
	for _, p := range dirs {
		f.settled.add(p)
		f.touched.drop(p)
	}
	return nil
}

// settleDir reports false if p is to be something else than a directory, but is
// still one: then what we did in it must go on being no change of a user's. One that
// a receiver's user made stays what it is.
func (r *round) settleDir(p folder.Path) (bool, error) {
	f := r.f
	rec, err := f.store.Record(p)
	if err != nil {
		return false, err
	}
	if rec.Local.Value.Kind != folder.Dir {
		return true, nil
	}
	res := rec.Register.Resolve()
	if res.Value.Kind != folder.Dir {
		if rec.Local.Implicit && !rec.Register.Live() {
			f.lostEntry(p) // what it was made for was removed while it was being made
			f.wakeSyncer()
		}
		return rec.Local.Implicit || rec.Stands(), nil
	}
	placed, err := f.root.SetMeta(p, res.Value, rec.Local)
	if err != nil {
		return true, r.failed(p, err)
	}
	fault.Point("directory-settled")
	after := placed.Local
	after.Dot, after.Value, after.Implicit = res.Winner.Dot, asPlaced(res.Value, placed), false
	if after.Value.MTime != placed.Local.Value.MTime {
		f.lookLater(p, false, placeIdle) // somebody has been at work in it since
	}
	if after == rec.Local {
		return true, nil
	}
	r.place.meta()
	return true, r.place.add([]store.Change{{Path: p, Before: rec.Local, After: after, Applied: true}}, "")
}
