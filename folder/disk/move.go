package disk

import (
	"errors"
	"fmt"
	"io/fs"

	"qsync/folder"
	"qsync/folder/fault"
)

// ErrNoMove: the file cannot simply be given another name. Copy it.
var ErrNoMove = errors.New("the file cannot be moved as it is")

// StageMove is a [Staged] that is complete already: it stands for the file at
// from, which l says is there, and [Root.Put] takes it from there to a free path,
// where v is wanted: content, mode and time of l. Nothing is read or written
// before, so that what the stat of the file does not show is not found either.
//
// Putting it fails with [ErrNoMove] where the file has other names too, which
// would then show what is changed at the new one, and where the file system cannot
// rename without replacing; with [ErrChanged] also if the file is not what l says.
// Who writes to it meanwhile has written to it at its new path.
func (r *Root) StageMove(from folder.Path, l folder.Local, v folder.Value) *Staged {
	return &Staged{r: r, from: from, was: l, value: v, ready: true}
}

// syncMoved makes the content of a file durable that is to be moved. Where it may
// not be opened it lasts as it did.
func (s *Staged) syncMoved() error {
	f, err := s.r.OpenFile(s.from, s.was)
	if errors.Is(err, ErrChanged) || errors.Is(err, ErrNoParent) || errors.Is(err, fs.ErrPermission) {
		return nil // putting it finds out
	}
	if err == nil {
		s.f = f
		err = s.flush()
		s.close()
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// putMoved is [Root.Put] for what [Root.StageMove] returned.
func (r *Root) putMoved(p folder.Path, s *Staged, before folder.Local) (Placed, error) {
	var out Placed
	err := r.atAll("move", func(at []slot) (err error) {
		if s.failed || before.Value.Kind != folder.Absent {
			return fs.ErrInvalid
		}
		out.Local, err = r.carry(at[0], at[1], s)
		return err
	}, s.from, p)
	return out, err
}

// carry moves the file in src to the free slot dst.
func (r *Root) carry(src, dst slot, s *Staged) (folder.Local, error) {
	was, err := src.look(s.was)
	if err == nil {
		err = r.called(src)
	}
	if err == nil && (was.Links > 1 || was.Mode != s.value.Mode || r.crude) {
		err = ErrNoMove
	}
	if err != nil {
		return folder.Local{}, err
	}
	if err := src.dir.renameNoReplace(src.base(), dst.dir, dst.base()); err != nil {
		return folder.Local{}, r.noCarry(src, dst, err)
	}
	fault.Point("moved")
	back := func() { // if that fails it is at dst, whole, and a scan finds it there
		_ = dst.dir.renameNoReplace(dst.base(), src.dir, src.base())
	}
	i, err := dst.dir.stat(dst.base())
	switch {
	case err != nil || !same(i, was): // changed in between
		back()
		return folder.Local{}, ErrChanged
	case r.mangled(dst):
		back()
		return folder.Local{}, ErrName
	}
	l := folder.Local{Value: s.value, Stat: folder.Stat{Inode: i.Inode, CTime: i.CTime}}
	l.Value.Mode, l.Value.MTime = i.Mode, i.MTime
	return l, nil
}

// noCarry says what it means that src could not be renamed to dst.
func (r *Root) noCarry(src, dst slot, err error) error {
	if errors.Is(err, errNoSupport) {
		return fmt.Errorf("%w: %w", ErrNoMove, err)
	}
	_, e := src.dir.stat(src.base())
	switch {
	case errors.Is(e, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", ErrChanged, err)
	case errors.Is(err, fs.ErrExist):
		return r.taken(dst, err)
	}
	return fmt.Errorf("%w: %w", ErrNoMove, err)
}
