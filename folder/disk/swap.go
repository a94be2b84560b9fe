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

// staged is an entry in the staging directory that is complete but for its place.
type staged struct {
	dir    *dir
	name   string
	file   *os.File     // itself, while it has no name
	rename func(string) // told the new name, if set
	info   info
	value  folder.Value
}

// entry is the finished file s as an entry that can be moved.
func (s *Staged) entry() *staged {
	x := &staged{dir: s.dir, name: s.name, rename: func(n string) { s.name = n }, info: s.info, value: s.value}
	if s.name == "" {
		x.file = s.f
	}
	return x
}

// move gives x another name in the staging directory.
func (x *staged) move(name string) error {
	var err error
	if x.file != nil {
		err = x.dir.linkFile(x.file, name)
	} else {
		err = x.dir.rename(x.name, x.dir, name)
	}
	if err != nil {
		return err
	}
	x.name, x.file = name, nil
	if x.rename != nil {
		x.rename(name)
	}
	return nil
}

// place moves x into the slot if that still holds what before says.
func (r *Root) place(x *staged, at slot, before folder.Local) (Placed, error) {
	var out Placed
	var err error
	switch before.Value.Kind {
	case folder.Absent:
		err = r.placeNew(x, at)
	case folder.Dir:
		if err = r.removeDir(at); err == nil {
			r.retainDir(at.path, before.Value)
			err = r.placeNew(x, at)
		}
	default:
		out.Displaced, out.Kept, err = r.replace(x, at, before)
	}
	if err != nil {
		return Placed{}, err
	}
	fault.Point("placed")
	out.Local = folder.Local{Value: x.value, Stat: folder.Stat{Inode: x.info.Inode, CTime: x.info.CTime}}
	out.Local.Value.Mode, out.Local.Value.MTime = x.info.Mode, x.info.MTime
	// The move changed the change time. If the entry is no longer ours, the old
	// stat makes the next scan see it.
	if i, err := x.now(at); err == nil && same(i, x.info) {
		out.Local.Stat.CTime = i.CTime
	}
	return out, nil
}

// now is what the entry is that was put into the slot. What has come in its place
// since has another inode than is recorded.
func (x *staged) now(at slot) (info, error) {
	if x.file != nil {
		return statFile(x.file)
	}
	return at.dir.stat(at.base())
}

func (r *Root) placeNew(x *staged, at slot) error {
	var err error
	if x.file != nil {
		err = at.dir.linkFile(x.file, at.base())
	} else {
		err = r.noReplace(x.dir, x.name, at.dir, at.base())
	}
	switch {
	case err != nil:
		return r.taken(at, err)
	case !r.mangled(at):
		return nil
	case x.file != nil:
		return errors.Join(ErrName, at.dir.unlink(at.base()))
	}
	return errors.Join(ErrName, r.noReplace(at.dir, at.base(), x.dir, x.name))
}

// noReplace moves an entry to a name that must be free; the error is
// fs.ErrExist when it is not.
func (r *Root) noReplace(d *dir, name string, to *dir, newName string) error {
	err := error(errNoSupport)
	if !r.crude {
		err = d.renameNoReplace(name, to, newName)
	}
	if !errors.Is(err, errNoSupport) {
		return err
	}
	i, err := d.stat(name)
	if err != nil {
		return err
	}
	if i.Kind == folder.File { // a link never replaces anything
		err := d.link(name, to, newName)
		if err == nil {
			return d.unlink(name)
		}
		if errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if _, err := to.stat(newName); err == nil {
		return fail("rename", newName, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.rename(name, to, newName)
}

// replace exchanges x with the file or symlink in the slot, looks at that once
// more where nobody else can reach it, and puts it away: see [Root.retire].
func (r *Root) replace(x *staged, at slot, before folder.Local) (beside, kept folder.Path, err error) {
	w, err := r.reserved()
	if err != nil {
		return "", "", err
	}
	was, err := at.look(before)
	if err == nil {
		err = r.called(at)
	}
	if err != nil {
		return "", "", err
	}
	// From here on the name may be that of a user's file.
	if err := x.move(swapPrefix + rand.Text()); err != nil {
		return "", "", err
	}
	fault.Point("swap-named")
	old, was, err := r.exchange(x, at, was)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %w", ErrChanged, err)
		}
		return "", "", errors.Join(err, x.move(newPrefix+rand.Text()))
	}
	fault.Point("exchanged")
	beside, kept = r.retire(w, slot{x.dir, folder.Path(old)}, at, was)
	return beside, kept, nil
}

// exchange puts x into the slot and returns the name that what was there has
// in the staging directory, and what it was expected to be.
func (r *Root) exchange(x *staged, at slot, was info) (string, info, error) {
	err := error(errNoSupport)
	if !r.crude {
		err = x.dir.renameExchange(x.name, at.dir, at.base())
	}
	if errors.Is(err, errNoSupport) {
		return overwrite(x, at, was)
	}
	return x.name, was, err
}

// overwrite is exchange for file systems that cannot: what is there gets a
// second name, or is copied, and is then renamed over.
func overwrite(x *staged, at slot, was info) (string, info, error) {
	old := swapPrefix + rand.Text()
	kept := was
	if err := at.dir.link(at.base(), x.dir, old); errors.Is(err, fs.ErrNotExist) {
		return "", was, err
	} else if err != nil {
		if err := copyEntry(at, x.dir, old); err != nil {
			return "", was, err
		}
		if kept, err = x.dir.stat(old); err != nil {
			return "", was, err
		}
	}
	now, err := at.dir.stat(at.base())
	if err == nil && !same(now, was) {
		err = ErrChanged
	}
	if err == nil && x.value.Kind == folder.Dir {
		err = at.dir.unlink(at.base()) // no directory can be renamed over it
	}
	if err == nil {
		err = x.dir.rename(x.name, at.dir, at.base())
	}
	if err != nil {
		return "", was, errors.Join(err, x.dir.unlink(old))
	}
	return old, kept, nil
}

// copyEntry copies the file or symlink in the slot to name in d.
func copyEntry(at slot, d *dir, name string) error {
	if target, err := at.dir.readlink(at.base()); err == nil {
		return d.symlink(target, name)
	}
	from, i, err := at.dir.open(at.base())
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := d.create(name, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err == nil {
		_, err = d.setFileMeta(to, name, i.Mode, i.MTime)
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return errors.Join(err, d.unlink(name))
	}
	return nil
}

// retire puts old, which was taken out of the slot at, among the versions, or
// beside the slot if it is not what it was at the last look. It returns the path
// of the conflict copy, or that among the versions.
func (r *Root) retire(w *work, old, at slot, was info) (beside, kept folder.Path) {
	i, err := old.dir.stat(old.base())
	if err != nil {
		return "", "" // it is gone already
	}
	if !same(i, was) {
		if p := r.keepBeside(old, at, i); p != "" {
			return p, ""
		}
		i.Special = true // whatever it is, it is not dropped
	}
	return "", r.retain(w, old, at.path, i)
}

// keepBeside moves old to the conflict name of its content beside the slot, and
// returns "" if that could not be done.
func (r *Root) keepBeside(old, at slot, i info) folder.Path {
	const longest = 52 // base32 characters of a digest
	v := contentOf(old.dir, old.base(), i)
	for width := folder.HashWidth; width <= longest; width++ {
		p := folder.ConflictName(at.path, v, width)
		err := r.noReplace(old.dir, old.base(), at.dir, p.Base())
		if err == nil {
			return p
		}
		if !errors.Is(err, fs.ErrExist) {
			return ""
		}
	}
	return ""
}

// removeDir removes the directory in the slot if it is empty.
func (r *Root) removeDir(at slot) error {
	i, err := at.dir.stat(at.base())
	if errors.Is(err, fs.ErrNotExist) || (err == nil && i.Kind != folder.Dir) {
		return ErrChanged
	}
	if err == nil {
		err = r.called(at)
	}
	if err != nil {
		return err
	}
	err = at.dir.rmdir(at.base())
	switch {
	case errors.Is(err, syscall.ENOTEMPTY), errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%w: %w", ErrNotEmpty, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: %w", ErrChanged, err)
	}
	return err
}
