//go:build !linux

package disk

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"

	"qsync/folder"
)

// allocated is how many bytes of the disk an entry takes up, of which i is known.
func (d *dir) allocated(_ string, i info) int64 { return i.Size }

// Uncached has the next reading of f come from the disk, as far as the system
// can, which here it cannot.
func Uncached(*os.File) {}

// create makes a new, empty file that only its owner may use unless perm, less
// the umask, says more.
func (d *dir) create(name string, perm fs.FileMode) (*os.File, error) {
	if err := checkLeaf(name); err != nil {
		return nil, fail("create", name, err)
	}
	return d.here.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm.Perm())
}

func (d *dir) createNameless() (*os.File, error) { return nil, fail("open", ".", errNoSupport) }

func (d *dir) securesNameless() bool { return false }

func (d *dir) journals() bool { return true }

func (d *dir) linkFile(_ *os.File, name string) error { return fail("link", name, errNoSupport) }

// reopen opens an existing file of ours to go on writing it.
func (d *dir) reopen(name string) (*os.File, info, error) {
	return d.openFile(name, os.O_RDWR|syscall.O_NONBLOCK)
}

func (d *dir) mkdir(name string, perm fs.FileMode) error {
	if err := checkLeaf(name); err != nil {
		return fail("mkdir", name, err)
	}
	return d.here.Mkdir(name, perm.Perm())
}

func (d *dir) symlink(target, name string) error {
	if err := checkLeaf(name); err != nil {
		return fail("symlink", name, err)
	}
	return d.here.Symlink(target, name)
}

// link gives the entry name, not what it points to, a second name.
func (d *dir) link(name string, to *dir, newName string) error {
	if err := errors.Join(checkLeaf(name), checkLeaf(newName)); err != nil {
		return fail("link", name, err)
	}
	return d.top.Link(path.Join(d.rel, name), path.Join(to.rel, newName))
}

func (d *dir) unlink(name string) error { return d.remove(name, false) }

func (d *dir) rmdir(name string) error { return d.remove(name, true) }

func (d *dir) remove(name string, dir bool) error {
	i, err := d.stat(name)
	if err != nil {
		return err
	}
	if dir && i.Kind != folder.Dir {
		return fail("rmdir", name, syscall.ENOTDIR)
	}
	if !dir && i.Kind == folder.Dir {
		return fail("unlink", name, syscall.EISDIR)
	}
	return d.here.Remove(name)
}

func (d *dir) rename(name string, to *dir, newName string) error {
	if err := errors.Join(checkLeaf(name), checkLeaf(newName)); err != nil {
		return fail("rename", name, err)
	}
	return d.top.Rename(path.Join(d.rel, name), path.Join(to.rel, newName))
}

// renameNoReplace says that there is no such thing here.
func (d *dir) renameNoReplace(name string, _ *dir, _ string) error {
	return fail("rename", name, errNoSupport)
}

// renameExchange says that there is no such thing here.
func (d *dir) renameExchange(name string, _ *dir, _ string) error {
	return fail("rename", name, errNoSupport)
}

func (d *dir) chmodNoFollow(name string, mode uint16) error {
	return d.held(name, func(h *held) error { return h.chmod(mode) })
}

// utimesNoFollow sets the modification time, in nanoseconds; of a symlink it
// cannot be set here.
func (d *dir) utimesNoFollow(name string, mtime int64) error {
	i, err := d.stat(name)
	if err != nil || i.Kind == folder.Symlink {
		return err
	}
	return d.held(name, func(h *held) error { return h.utimes(mtime) })
}

// held is an entry that was looked at. What is done to it is done by its name,
// below the directory: os.Root documents that chmod and utimes race.
type held struct {
	dir  *dir
	name string
}

// held calls f with entry name, a file or directory; "" is d itself.
func (d *dir) held(name string, f func(*held) error) error {
	h := &held{d, name}
	i, err := h.stat()
	if err == nil && i.Kind != folder.File && i.Kind != folder.Dir {
		err = fail("set metadata", name, errNotFile)
	}
	if err != nil {
		return err
	}
	return f(h)
}

func (h *held) stat() (info, error) { return h.dir.stat(h.name) }

// leaf is the name as os.Root takes it.
func (h *held) leaf() string {
	if h.name == "" {
		return "."
	}
	return h.name
}

func (h *held) chmod(mode uint16) error { return h.dir.here.Chmod(h.leaf(), fs.FileMode(mode)) }

func (h *held) utimes(mtime int64) error {
	return h.dir.here.Chtimes(h.leaf(), time.Time{}, time.Unix(0, mtime))
}

// setFileMeta gives the open file f, of ours and named name in d, its final
// mode and modification time, and returns what it is then.
func (d *dir) setFileMeta(f *os.File, name string, mode uint16, mtime int64) (info, error) {
	// The time first: Windows refuses it on what the mode made read-only.
	if err := d.here.Chtimes(name, time.Time{}, time.Unix(0, mtime)); err != nil {
		return info{}, err
	}
	if err := f.Chmod(fs.FileMode(mode)); err != nil {
		return info{}, err
	}
	return statFile(f)
}

// startWriting leaves it to the system when it writes.
func startWriting(*os.File, int64, int64) {}

// setDirect says that there is no such thing here.
func setDirect(f *os.File, _ bool) error {
	return fail("write past the memory", f.Name(), errNoSupport)
}

// memory is not known.
func memory() int64 { return 0 }

// doneReading leaves it to the system what it keeps in memory.
func doneReading(*os.File, int64, int64) {}

// cloneFile says that there is no such thing here.
func cloneFile(_, src *os.File) error { return fail("clone", src.Name(), errNoSupport) }

// cloneRange says that there is no such thing here.
func cloneRange(_ *os.File, _ int64, src stretch) error {
	return fail("clone", src.f.Name(), errNoSupport)
}
