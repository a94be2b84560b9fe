package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/folder/fault"
)

// Placed is what a mutator left at a path. Local.Value is what was asked for,
// with the mode and modification time that the disk really keeps of it; its
// Dot is zero. Local.Stat is fresh: see [Root.Restat] for Racy.
//
// Displaced is where a user's change went that came between the last look and
// the swap: a conflict copy in the same directory, to be scanned. Empty if
// there was none.
//
// Kept is where in .qsync/versions what was replaced is kept, empty if nothing
// was, or is not kept.
type Placed struct {
	Local     folder.Local
	Displaced folder.Path
	Kept      folder.Path
}

// slot is a path and its open parent directory.
type slot struct {
	dir  *dir
	path folder.Path
}

func (s slot) base() string { return s.path.Base() }

// at calls f with the slot of p, for a change there. A parent that its owner
// may not write to is opened up for f and closed again.
func (r *Root) at(op string, p folder.Path, f func(slot) error) error {
	return r.atAll(op, func(s []slot) error { return f(s[0]) }, p)
}

// atAll is at for several paths.
func (r *Root) atAll(op string, f func([]slot) error, paths ...folder.Path) error {
	if r.readOnly {
		return fmt.Errorf("%s %q: %w", op, paths, ErrReadOnly)
	}
	var slots []slot
	for _, p := range paths {
		d, err := r.parent(p)
		if err != nil {
			return fmt.Errorf("%s %q: %w", op, p, err)
		}
		defer d.Close()
		slots = append(slots, slot{d.dir, p})
	}
	err := f(slots)
	if errors.Is(err, fs.ErrPermission) {
		err = r.forced(slots, err, func() error { return f(slots) })
	}
	if err != nil {
		return fmt.Errorf("%s %q: %w", op, paths, err)
	}
	return nil
}

// forced calls f with the slots' directories writable, or returns refused if
// they are already.
func (r *Root) forced(slots []slot, refused error, f func() error) (err error) {
	const own = 0o700
	r.force.Lock() // else one caller would close what another has opened
	defer r.force.Unlock()
	opened := false
	for _, s := range slots {
		i, e := s.dir.stat("")
		if e != nil || i.Mode&own == own || s.dir.chmodNoFollow("", i.Mode|own) != nil {
			continue
		}
		opened = true
		defer func() { err = errors.Join(err, s.dir.chmodNoFollow("", i.Mode)) }()
	}
	if !opened {
		return refused
	}
	return f()
}

// look returns what is in the slot if that is what before says.
func (s slot) look(before folder.Local) (info, error) {
	i, err := s.dir.stat(s.base())
	if errors.Is(err, fs.ErrNotExist) {
		return i, fmt.Errorf("%w: %w", ErrChanged, err)
	}
	if err != nil {
		return i, err
	}
	if !s.holds(i, before) {
		return i, ErrChanged
	}
	return i, nil
}

// holds reports whether i, seen in the slot, is what before says.
func (s slot) holds(i info, before folder.Local) bool {
	if i.Kind != before.Value.Kind || i.Special {
		return false
	}
	switch i.Kind {
	case folder.File:
		return i.Inode == before.Stat.Inode && i.CTime == before.Stat.CTime &&
			i.Size == before.Value.Size && i.MTime == before.Value.MTime
	case folder.Symlink:
		target, err := s.dir.readlink(s.base())
		return err == nil && target == before.Value.Target && i.Inode == before.Stat.Inode && i.CTime == before.Stat.CTime
	}
	return true
}

// same reports whether an entry is still what it was before we renamed it,
// which may have moved its change time, or linked it, which counts its names.
func same(a, b info) bool {
	a.CTime, b.CTime = 0, 0
	a.Links, b.Links = 0, 0
	return a == b
}

// Put moves the finished s to p, where before says what the index has there: a
// write by anybody else since is either found ([ErrChanged], nothing is
// touched) or kept. A new name that the file system takes for that of another
// entry is a [*CollisionError], one that it cannot hold at all [ErrName], and
// what is there under another spelling than p's is never taken for p. What is replaced goes to the versions. A reader sees the
// old content or the new, whole, and never nothing, except where a directory is
// replaced. Other errors to branch on: [ErrNoParent], [ErrNotEmpty] when before
// is a directory with entries, [ErrReadOnly]. After an error s can be put again.
//
// Where the file system cannot exchange two names, a write that replaces the
// file by renaming in the instant between the last look and ours is lost. In a
// directory that is another file system than the root's nothing can be put: the
// system's error says so (EXDEV).
func (r *Root) Put(p folder.Path, s *Staged, before folder.Local) (Placed, error) {
	if s.from != "" {
		return r.putMoved(p, s, before)
	}
	var out Placed
	err := r.at("put", p, func(at slot) (err error) {
		if s.f == nil || !s.ready || s.failed {
			return fs.ErrClosed
		}
		if out, err = r.place(s.entry(), at, before); err == nil {
			r.nameless.linked(s)
			s.close() // its name may be that of the old file now: no Discard
		}
		return err
	})
	return out, err
}

// Symlink makes p a symbolic link to v.Target; for the rest it is like [Root.Put].
func (r *Root) Symlink(p folder.Path, v folder.Value, before folder.Local) (Placed, error) {
	var out Placed
	err := r.at("symlink", p, func(at slot) error {
		return r.inWork(func(w *work) (err error) {
			x := &staged{dir: w.tmp, name: newPrefix + rand.Text(), value: v}
			if err := w.tmp.symlink(v.Target, x.name); err != nil {
				return noLinks(err)
			}
			fault.Point("symlink-made")
			// Of a symlink the target alone counts; its time is a courtesy.
			_ = w.tmp.utimesNoFollow(x.name, v.MTime)
			if x.info, err = w.tmp.stat(x.name); err == nil {
				out, err = r.place(x, at, before)
			}
			if err != nil {
				_ = w.tmp.unlink(x.name)
			}
			return err
		})
	})
	return out, err
}

// Mkdir makes p a directory with v's mode and modification time; for the rest
// it is like [Root.Put]. If before is a directory, it is [Root.SetMeta]. What
// is put into the directory later moves its time: set it again after that.
func (r *Root) Mkdir(p folder.Path, v folder.Value, before folder.Local) (Placed, error) {
	defer r.forget()
	if before.Value.Kind == folder.Dir {
		return r.SetMeta(p, v, before)
	}
	var out Placed
	err := r.at("mkdir", p, func(at slot) error {
		return r.inWork(func(w *work) (err error) {
			x := &staged{dir: w.tmp, name: newPrefix + rand.Text(), value: v}
			if err := w.tmp.mkdir(x.name, 0o700); err != nil {
				return err
			}
			fault.Point("dir-made")
			if x.info, err = w.tmp.stat(x.name); err == nil {
				out, err = r.place(x, at, before)
			}
			if err != nil {
				_ = w.tmp.rmdir(x.name)
				return err
			}
			// Only now: a directory without write permission cannot be moved.
			out.Local, err = at.setMeta(v, func(i info) bool { return i.Kind == folder.Dir })
			return err
		})
	})
	return out, err
}

// noLinks names what it means that no symbolic link could be made where there is
// room for anything else.
func noLinks(err error) error {
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("%w: %w", ErrNoLinks, err)
	}
	return err
}

// Racy stamps: two changes within one tick of the file system's clock leave the
// same stamps. Ticks are at most that long where stamps show finer units than
// 10 ms, and 2 s elsewhere (FAT).
const (
	fineTick   = 10 * time.Millisecond
	coarseTick = 2 * time.Second
)

// Restat looks at p again after [Root.Put] and the like, best when the flush of
// it is over, and returns the stat to record, and false if p is not what l says
// any more. Racy is set if a change could still hide behind equal stamps.
func (r *Root) Restat(p folder.Path, l folder.Local) (folder.Stat, bool) {
	d, err := r.parent(p)
	if err != nil {
		return folder.Stat{}, false
	}
	defer d.Close()
	now := r.now()
	i, err := slot{d.dir, p}.look(l)
	if err != nil {
		return folder.Stat{}, false
	}
	recent := i.Kind == folder.File && racy(i, now)
	return folder.Stat{Inode: i.Inode, CTime: i.CTime, Racy: l.Stat.Racy || recent}, true
}

// Unchanged reports whether p is exactly what l says, as far as a stat can tell:
// then a scan of it would find nothing.
func (r *Root) Unchanged(p folder.Path, l folder.Local) bool {
	return r.UnchangedUntil(p, l, time.Now(), false)
}

// UnchangedUntil is [Root.Unchanged] for changes up to the time since: several
// hints of one moment share what is found out about spellings. Of a touched directory
// (see [ScanOptions]) the modification time says nothing.
func (r *Root) UnchangedUntil(p folder.Path, l folder.Local, since time.Time, touched bool) bool {
	d, err := r.parent(p)
	if err != nil {
		return false
	}
	defer d.Close()
	in, err := d.stat(p.Base())
	if err == nil && !r.isCalled(d.dir, p.Base(), since) {
		err = fs.ErrNotExist
	}
	switch {
	case l.Value.Kind == folder.Absent:
		return errors.Is(err, fs.ErrNotExist)
	case err != nil:
		return false
	case l.Value.Kind == folder.Dir:
		return in.Kind == folder.Dir && in.Mode == l.Value.Mode && (touched || in.MTime == l.Value.MTime)
	}
	return unchanged(in, &l)
}

// contentOf returns the value of entry name, for a conflict name.
func contentOf(d *dir, name string, i info) folder.Value {
	v := folder.Value{Kind: i.Kind, MTime: i.MTime, Size: i.Size}
	switch i.Kind {
	case folder.File:
		f, _, err := d.open(name)
		if err != nil {
			break // unreadable: the name will do without
		}
		defer f.Close()
		if digest, _, err := chunk.Sum(f, make([]byte, copyBuffer)); err == nil {
			v.Digest = digest
		}
	case folder.Symlink:
		if target, err := d.readlink(name); err == nil {
			v.Target = target
		}
	}
	return v
}
