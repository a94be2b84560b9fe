package peer

import (
	"errors"
	"io/fs"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/folder/disk"
	"qsync/store"
)

// stage copies a version, unless it need not be put back at all.
func (b *restoration) stage(v Version) {
	f := b.f
	x := &restored{v: v, value: folder.Value{Kind: v.Kind, Mode: v.Mode, MTime: v.MTime, Target: v.Target}}
	var err error
	if x.before, err = f.root.Look(v.Path); err == nil && x.before.Value.Kind == folder.Dir {
		err = errInTheWay
	}
	same := false
	if err == nil {
		same, err = b.isThere(x)
	}
	if err == nil && !same && x.action() == "replace" && f.cfg.Versions == 0 {
		err = errNotKept
	}
	if err == nil && !same && !b.q.Dry && v.Kind == folder.File {
		err = x.read(f)
	}
	switch {
	case err != nil:
		b.failed(v, err)
	case same:
		b.say(v, "same", nil)
	case b.q.Dry:
		b.say(v, x.action(), nil)
	default:
		b.staged = append(b.staged, x)
	}
}

var errNotKept = errors.New("what is there now would be lost, for no versions are kept here; move it away, or use --to")

func (x *restored) action() string {
	if x.before.Value.Kind == folder.Absent {
		return "add"
	}
	return "replace"
}

func (x *restored) discard() {
	if x.file != nil {
		x.file.Discard()
	}
}

// read stages the content.
func (x *restored) read(f *Folder) error {
	from, err := f.root.OpenVersion(x.v.Version)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := f.room(x.v.Size); err != nil {
		return err
	}
	if x.file, err = f.root.Stage(); err != nil {
		return err
	}
	err = x.file.CopyFrom(from)
	if err == nil {
		x.value.Digest, x.value.Size, err = x.file.Digest()
	}
	if err == nil {
		err = x.file.Finish(x.value)
	}
	if err != nil {
		x.discard()
	}
	return err
}

// isThere reports whether the path holds that content already. What the map does
// not know, or has another size, need not be read to tell.
func (b *restoration) isThere(x *restored) (bool, error) {
	rec, err := b.f.store.Record(x.v.Path)
	if err != nil || rec.Local.Value.Kind != x.v.Kind || !b.f.root.Unchanged(x.v.Path, rec.Local) {
		return false, err
	}
	if x.v.Kind == folder.Symlink {
		return rec.Local.Value.Target == x.v.Target, nil
	}
	if rec.Local.Value.Size != x.v.Size {
		return false, nil
	}
	from, err := b.f.root.OpenVersion(x.v.Version)
	if err != nil {
		return false, err
	}
	defer from.Close()
	d, _, err := chunk.Sum(from, make([]byte, 256<<10))
	return d == rec.Local.Value.Digest, err
}

// place puts what was staged in its place: content durable, swap, directory
// durable, map.
func (b *restoration) place() {
	f, dirs := b.f, make(map[folder.Path]bool)
	whole := len(b.staged) > fewFiles && f.root.SyncAll() == nil
	var put []*restored
	for _, x := range b.staged {
		err := b.put(x, whole)
		if err != nil {
			x.discard()
			f.placed(x.v.Path)
			b.failed(x.v, err)
			continue
		}
		dirs[x.v.Path.Dir()] = true
		put = append(put, x)
	}
	if err := secureDirs(f.root, dirs); err != nil {
		f.node.cfg.Log.Warn("what was restored may not last", "folder", f.Dir(), "error", err)
	}
	if err := b.commit(put); err != nil {
		f.node.cfg.Log.Warn("what was restored is not in the map yet", "folder", f.Dir(), "error", err)
	}
	for _, x := range put {
		f.placed(x.v.Path)
		f.look.add(x.v.Path, false)
		b.say(x.v, x.action(), nil)
	}
}

// put swaps one file or symlink in. What somebody writes to the path in the same
// moment is looked at anew.
func (b *restoration) put(x *restored, durable bool) error {
	const tries = 3
	f := b.f
	if x.file != nil && !durable {
		if err := x.file.Sync(); err != nil {
			return err
		}
	}
	if err := b.parents(x.v.Path); err != nil {
		return err
	}
	f.placing.add(x.v.Path)
	for try := 1; ; try++ {
		var err error
		if x.file != nil {
			x.placed, err = f.root.Put(x.v.Path, x.file, x.before)
		} else {
			x.placed, err = f.root.Symlink(x.v.Path, x.value, x.before)
		}
		if !errors.Is(err, disk.ErrChanged) || try == tries {
			return err
		}
		if x.before, err = f.root.Look(x.v.Path); err != nil {
			return err
		}
		if x.before.Value.Kind == folder.Dir {
			return errInTheWay
		}
	}
}

// commit tells the map. Where that cannot be done now the next look does it.
func (b *restoration) commit(put []*restored) error {
	f := b.f
	if f.Mode() == ModeAuto {
		return nil // what is told to whom is not settled
	}
	var changes []store.Change
	for _, x := range put {
		if x.placed.Displaced != "" {
			f.look.add(x.placed.Displaced, false)
		}
		rec, err := f.store.Record(x.v.Path)
		if err != nil {
			return err
		}
		after := x.placed.Local
		st, ok := f.root.Restat(x.v.Path, after)
		if !ok {
			continue // somebody was faster
		}
		after.Stat = st
		c := []store.Change{{Path: x.v.Path, Before: rec.Local, After: after, Why: store.WhyRestore, Kept: x.placed.Kept}}
		db, beside := folder.Sidecar(x.v.Path)
		if !beside {
			db = x.v.Path
		}
		if f.isDatabase(db) {
			if c, err = f.together(db, c); err != nil {
				return err
			}
		}
		changes = append(changes, c...)
	}
	out, err := f.store.Commit(changes, f.Mode().announces())
	if err != nil {
		return err
	}
	f.counts.announced.Add(int64(out.Issued))
	f.changed()
	return nil
}

// secureDirs makes the entries of directories durable.
func secureDirs(r *disk.Root, dirs map[folder.Path]bool) error {
	if len(dirs) > fewFiles && r.SyncAll() == nil {
		return nil
	}
	var errs []error
	for d := range dirs {
		for up := d; ; up = up.Dir() { // those above may be new as well
			if err := r.SyncDir(up); err != nil && !errors.Is(err, fs.ErrPermission) {
				errs = append(errs, err)
			}
			if up == "" {
				break
			}
		}
	}
	return errors.Join(errs...)
}
