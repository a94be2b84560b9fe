package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"qsync/folder"
	"qsync/folder/fault"
)

// SetMeta gives the file or directory at p the mode and modification time of v,
// which has the content that before says is there; of a symlink nothing needs
// to be set. [ErrChanged], [ErrNoParent] and [ErrReadOnly] are as for
// [Root.Put]. A write to the file in the very moment in which its time is set
// would not show in its stat, so that Racy is set then: it is to be read again.
func (r *Root) SetMeta(p folder.Path, v folder.Value, before folder.Local) (Placed, error) {
	var out Placed
	err := r.at("set metadata", p, func(at slot) (err error) {
		if v.Kind != before.Value.Kind {
			return fs.ErrInvalid
		}
		if err := r.called(at); err != nil {
			return err
		}
		if v.Kind == folder.Symlink {
			i, err := at.look(before)
			out.Local = folder.Local{Value: v, Stat: folder.Stat{Inode: i.Inode, CTime: i.CTime}}
			return err
		}
		out.Local, err = at.setMeta(v, func(i info) bool { return at.holds(i, before) })
		out.Local.Stat.Racy = v.Kind == folder.File && v.MTime != before.Value.MTime
		return err
	})
	return out, err
}

// setMeta gives what is in the slot v's mode and time if want accepts it.
func (s slot) setMeta(v folder.Value, want func(info) bool) (folder.Local, error) {
	l := folder.Local{Value: v}
	err := s.dir.held(s.base(), func(h *held) error {
		i, err := h.stat()
		if err == nil && !want(i) {
			err = ErrChanged
		}
		if err == nil && i.Mode != v.Mode {
			err = h.chmod(v.Mode)
			fault.Point("mode-set")
		}
		if err == nil && i.MTime != v.MTime {
			err = h.utimes(v.MTime)
			fault.Point("time-set")
		}
		if err == nil {
			i, err = h.stat()
		}
		l.Value.Mode, l.Value.MTime = i.Mode, i.MTime
		l.Stat = folder.Stat{Inode: i.Inode, CTime: i.CTime}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotFile) {
		err = fmt.Errorf("%w: %w", ErrChanged, err)
	}
	return l, err
}

// Remove removes what before says is at p. A file or symlink goes to the
// versions; a directory goes only when empty, else the error is [ErrNotEmpty].
// [ErrChanged], with everything left or put back as it was, [ErrNoParent] and
// [ErrReadOnly] are as for [Root.Put]. It returns where in .qsync/versions the
// entry is kept, "" if it is not.
func (r *Root) Remove(p folder.Path, before folder.Local) (kept folder.Path, err error) {
	if before.Value.Kind == folder.Dir {
		defer r.forget()
	}
	err = r.at("remove", p, func(at slot) error {
		switch before.Value.Kind {
		case folder.Absent:
			_, err := at.dir.stat(at.base())
			if err == nil {
				return ErrChanged
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		case folder.Dir:
			err := r.removeDir(at)
			if err == nil {
				r.retainDir(p, before.Value)
			}
			return err
		}
		err := r.inWork(func(w *work) (err error) {
			kept, err = r.removeFile(w, at, before)
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %w", ErrChanged, err)
		}
		return err
	})
	return kept, err
}

func (r *Root) removeFile(w *work, at slot, before folder.Local) (kept folder.Path, err error) {
	was, err := at.look(before)
	if err == nil {
		err = r.called(at)
	}
	if err != nil {
		return "", err
	}
	old := slot{w.tmp, folder.Path(swapPrefix + rand.Text())}
	if err := r.noReplace(at.dir, at.base(), old.dir, old.base()); err != nil {
		return "", err
	}
	fault.Point("moved-away")
	i, err := old.dir.stat(old.base())
	if err != nil || same(i, was) {
		return r.retain(w, old, at.path, was), nil
	}
	err = r.noReplace(old.dir, old.base(), at.dir, at.base())
	if err != nil && r.keepBeside(old, at, i) == "" {
		i.Special = true // whatever it is, it is not dropped
		r.retain(w, old, at.path, i)
	}
	return "", ErrChanged
}

// Rename moves what before says is at from, with all that is below it, to the
// free path to. The error is [ErrChanged] when from is something else or to is
// taken, [ErrNoParent] when the parent of either is missing, [ErrReadOnly].
func (r *Root) Rename(from, to folder.Path, before folder.Local) (Placed, error) {
	var out Placed
	defer r.forget()
	err := r.atAll("rename", func(s []slot) (err error) {
		out.Local, err = r.move(s[0], s[1], before)
		return err
	}, from, to)
	if err != nil {
		return Placed{}, err
	}
	return out, nil
}

func (r *Root) move(src, dst slot, before folder.Local) (folder.Local, error) {
	was, err := src.look(before)
	if err == nil {
		err = r.called(src)
	}
	if err != nil {
		return folder.Local{}, err
	}
	err = r.noReplace(src.dir, src.base(), dst.dir, dst.base())
	switch _, e := src.dir.stat(src.base()); {
	case err == nil:
	case e == nil:
		err = r.taken(dst, err)
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%w: %w", ErrChanged, err)
	}
	if err != nil {
		return folder.Local{}, err
	}
	i, err := dst.dir.stat(dst.base())
	if was.Kind == folder.Dir {
		was.MTime, was.Size = i.MTime, i.Size // its entries may come and go
	}
	if err != nil || !same(i, was) {
		// Changed in between: back to where its owner knows it. If that fails
		// it is at dst, whole, and a scan finds it there.
		_ = r.noReplace(dst.dir, dst.base(), src.dir, src.base())
		return folder.Local{}, ErrChanged
	}
	return folder.Local{Value: before.Value, Stat: folder.Stat{Inode: i.Inode, CTime: i.CTime}}, nil
}

// Look returns what is at p, as a mutator expects it in its before: without
// digest and dot, of kind Absent if nothing is there, or no directory that could
// hold it. The error is [ErrSpecial] for what is none of our kinds.
func (r *Root) Look(p folder.Path) (folder.Local, error) {
	d, err := r.parent(p)
	if errors.Is(err, ErrNoParent) {
		return folder.Local{}, nil
	}
	if err != nil {
		return folder.Local{}, fmt.Errorf("look at %q: %w", p, err)
	}
	defer d.Close()
	i, err := d.stat(p.Base())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return folder.Local{}, nil
	case err == nil && i.Special:
		err = ErrSpecial
	}
	l := folder.Local{Value: folder.Value{Kind: i.Kind, Mode: i.Mode, MTime: i.MTime}, Stat: folder.Stat{Inode: i.Inode, CTime: i.CTime}}
	switch {
	case err != nil:
	case i.Kind == folder.File:
		l.Value.Size = i.Size
	case i.Kind == folder.Symlink:
		l.Value.Target, err = d.readlink(p.Base())
	}
	if err != nil {
		return folder.Local{}, fmt.Errorf("look at %q: %w", p, err)
	}
	return l, nil
}

// OpenFile opens the file at p for reading if it is what want says, else the
// error is [ErrChanged] or [ErrNoParent]. Who reads must expect the content to
// change meanwhile, and check its digest.
func (r *Root) OpenFile(p folder.Path, want folder.Local) (*os.File, error) {
	return openBy(r, p, want, (*dir).open)
}

// OpenContent does the same for who does no more than read.
func (r *Root) OpenContent(p folder.Path, want folder.Local) (Content, error) {
	return openBy(r, p, want, (*dir).openContent)
}

func openBy[F io.Closer](r *Root, p folder.Path, want folder.Local, open func(*dir, string) (F, info, error)) (none F, err error) {
	d, err := r.parent(p)
	if err != nil {
		return none, fmt.Errorf("open %q: %w", p, err)
	}
	defer d.Close()
	at := slot{d.dir, p}
	f, i, err := open(d.dir, at.base())
	if err == nil && !at.holds(i, want) {
		f.Close()
		err = ErrChanged
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotFile) || errors.Is(err, syscall.ELOOP) {
		err = fmt.Errorf("%w: %w", ErrChanged, err)
	}
	if err != nil {
		return none, fmt.Errorf("open %q: %w", p, err)
	}
	return f, nil
}

// SyncAll makes everything on the root's file system durable. Where that is not
// possible the error wraps errors.ErrUnsupported: sync each file and directory.
func (r *Root) SyncAll() error {
	if r.readOnly {
		return fmt.Errorf("sync: %w", ErrReadOnly)
	}
	r.prune(1)
	if err := r.nameless.syncFS(r.dir); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	fault.Point("all-synced")
	return nil
}

// SyncDir makes the entries of directory p durable; "" is the root. The error
// is [ErrNoParent] when it is missing, or something is mounted at it.
func (r *Root) SyncDir(p folder.Path) error {
	d, err := r.parent(p.Join("x"))
	if err == nil {
		err = r.nameless.syncDir(d.dir)
		d.Close()
		fault.Point("dir-synced")
	}
	if errors.Is(err, ErrMount) {
		err = fmt.Errorf("%w: %w", ErrNoParent, err) // as good as gone
	}
	if err != nil {
		return fmt.Errorf("sync %q: %w", p, err)
	}
	return nil
}
