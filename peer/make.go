package peer

import (
	"context"
	"errors"
	"syscall"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/folder/fault"
	"qsync/store"
)

// dirInTheWay handles a directory on disk where something else should be. What
// still lives below it keeps it there: then whoever holds the other entry makes
// a conflict copy of that, and the register changes.
func (r *round) dirInTheWay(rec *store.Record) error {
	live, err := r.f.store.LiveBelow(rec.Path)
	if err != nil {
		return err
	}
	if live {
		r.f.parked.park(rec.Path, "")
		return r.unmake(rec)
	}
	r.removals = append(r.removals, rec.Path)
	return nil
}

// special makes a directory or a symlink.
func (r *round) special(rec *store.Record, res folder.Resolution) error {
	f := r.f
	kept, err := f.keepLosers(rec, res)
	if err != nil {
		return r.failed(rec.Path, err)
	}
	f.touched.add(rec.Path.Dir())
	f.placing.add(rec.Path)
	var p disk.Placed
	if res.Value.Kind == folder.Dir {
		f.touched.add(rec.Path)
		p, err = f.root.Mkdir(rec.Path, res.Value, rec.Local)
	} else {
		p, err = f.root.Symlink(rec.Path, res.Value, rec.Local)
	}
	if err != nil {
		f.placed(rec.Path)
		return errors.Join(r.place.add(copies(kept), ""), r.failed(rec.Path, err))
	}
	fault.Point("made")
	after := p.Local
	after.Dot = res.Winner.Dot
	if res.Value.Kind == folder.Dir {
		// What comes into it moves its time: until that is set right it counts
		// as made for its content only, so that a crash announces nothing.
		after.Dot, after.Implicit = folder.Dot{}, true
		r.made[rec.Path] = true
	} else {
		after.Value = asPlaced(res.Value, p)
	}
	r.did++
	f.tally(rec.Local, after)
	return r.place.add(append(kept, store.Change{Path: rec.Path, Before: rec.Local, After: after, Applied: true, Kept: p.Kept}), p.Displaced)
}

// metadata sets mode and time of something whose content is right.
func (r *round) metadata(rec *store.Record, res folder.Resolution) error {
	r.f.placing.add(rec.Path)
	p, err := r.f.root.SetMeta(rec.Path, res.Value, rec.Local)
	if err != nil {
		r.f.placed(rec.Path)
		return r.failed(rec.Path, err)
	}
	fault.Point("metadata-set")
	after := p.Local
	after.Dot, after.Value = written(res), asPlaced(res.Value, p)
	r.did++
	r.f.counts.modified.Add(1)
	if rec.Local.Value.Kind == folder.Dir {
		r.f.counts.dirsModified.Add(1)
	}
	r.place.meta()
	return r.place.add([]store.Change{{Path: rec.Path, Before: rec.Local, After: after, Applied: true}}, "")
}

// parents makes sure that the directories above p are there. It reports false
// if they cannot be, for now.
func (r *round) parents(p folder.Path) (bool, error) {
	dir := p.Dir()
	if made, known := r.made[dir]; dir == "" || made || known {
		return dir == "" || made, nil
	}
	rec, err := r.f.store.Record(dir)
	if err != nil {
		return false, err
	}
	if rec.Local.Value.Kind == folder.Dir {
		r.made[dir] = true
		return true, nil
	}
	// What was found to be other than the map says is left alone for a moment, whoever
	// asks: while it is being tried no look can see what is there. Any other reason may
	// have gone.
	if parked, _ := r.f.parked.parked(dir, folder.Digest{}); parked && r.f.parked.reason(dir) == "" {
		r.made[dir] = false
		return false, nil
	}
	if ok, err := r.parents(dir); err != nil || !ok {
		r.made[dir] = false
		return false, err
	}
	// A directory that lives only through what is below it, or whose own turn
	// has not come.
	res := rec.Register.Resolve()
	kept, err := r.f.keepForDir(&rec, res)
	if err != nil {
		r.made[dir] = false
		return false, r.failed(dir, err)
	}
	v := folder.Value{Kind: folder.Dir, Mode: 0o755, MTime: time.Now().UnixNano()}
	if res.Value.Kind == folder.Dir {
		v = res.Value
	}
	r.f.touched.add(dir.Dir())
	r.f.touched.add(dir)
	r.f.placing.add(dir)
	placed, err := r.f.root.Mkdir(dir, v, rec.Local)
	if err != nil {
		r.f.placed(dir)
		r.made[dir] = false
		return false, errors.Join(r.place.add(copies(kept), ""), r.failed(dir, err))
	}
	fault.Point("parent-made")
	after := placed.Local
	after.Dot, after.Implicit = folder.Dot{}, true
	r.made[dir] = true
	r.did++
	return true, r.place.add(append(kept, store.Change{Path: dir, Before: rec.Local, After: after, Applied: true, Kept: placed.Kept}), placed.Displaced)
}

// failed sorts what went wrong with one path: a disk that changed is looked at
// again, everything else is that path's problem and stops nothing else.
func (r *round) failed(p folder.Path, err error) error { return r.f.pathFailed(p, err) }

func (f *Folder) pathFailed(p folder.Path, err error) error {
	var taken *disk.CollisionError
	switch {
	case errors.As(err, &taken):
		return f.collides(p, taken)
	case errors.Is(err, disk.ErrChanged), errors.Is(err, disk.ErrNoParent):
		f.parked.park(p, "")
		f.look.add(p, true)
		if d := p.Dir(); d != "" {
			f.look.add(d, false)
		}
		return nil
	case errors.Is(err, disk.ErrRootGone):
		return f.rootGone()
	case errors.Is(err, context.Canceled):
		return nil
	case errors.Is(err, errFlush):
		return err
	case errors.Is(err, syscall.EROFS):
		if err := f.writable(); err != nil {
			return err
		}
	}
	f.blocks(p, err)
	return nil
}
