//go:build !linux

package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"qsync/folder"
)

// dir is an open directory, by os.Root. That follows symlinks that stay inside
// it, so each component is looked at before it is opened and compared after,
// and the leaf names that os.Root is given are never paths.
//
// Renames between directories go through the outermost one, since os.Root
// renames only within itself: there a parent swapped for a symlink could
// redirect us, but never to outside the folder.
type dir struct {
	caseSense
	top  *os.Root // shared by all directories below it, closed with it
	here *os.Root
	rel  string // of here in top
}

func fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", op, name, err)
}

func openDir(path string) (*dir, error) {
	r, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &dir{top: r, here: r, rel: "."}, nil
}

// openContent opens name, a regular file, to be read and no more.
func (d *dir) openContent(name string) (Content, info, error) {
	f, i, err := d.open(name)
	if err != nil {
		return nil, info{}, err
	}
	return f, i, nil
}

// Close releases the directory.
func (d *dir) Close() error { return d.here.Close() }

func (d *dir) fd() int { return -1 }

func (d *dir) sub(name string) (*dir, error) {
	if err := checkLeaf(name); err != nil {
		return nil, fail("open", name, err)
	}
	before, err := d.here.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.IsDir() {
		return nil, fail("open", name, syscall.ENOTDIR)
	}
	r, err := d.here.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	after, err := r.Stat(".")
	if err == nil && !os.SameFile(before, after) {
		err = fail("open", name, syscall.ENOTDIR)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return &dir{top: d.top, here: r, rel: path.Join(d.rel, name)}, nil
}

func (d *dir) walk(p folder.Path) (*dir, error) {
	if p == "" {
		r, err := d.here.OpenRoot(".")
		if err != nil {
			return nil, err
		}
		return &dir{top: d.top, here: r, rel: d.rel}, nil
	}
	at := d
	for name := range strings.SplitSeq(string(p), "/") {
		next, err := at.sub(name)
		if at != d {
			at.Close()
		}
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

func (d *dir) stat(name string) (info, error) {
	if name == "" {
		name = "."
	} else if err := checkLeaf(name); err != nil {
		return info{}, fail("lstat", name, err)
	}
	fi, err := d.here.Lstat(name)
	if err != nil {
		return info{}, err
	}
	return infoOf(fi), nil
}

// mount is told from the device alone here.
func (d *dir) mount() bool { return false }

func infoOf(fi fs.FileInfo) info {
	i := info{Size: fi.Size(), MTime: nanos(fi.ModTime().Unix(), int64(fi.ModTime().Nanosecond())), Mode: uint16(fi.Mode().Perm())}
	i.Kind = kindOf(fi.Mode())
	i.Special = i.Kind == folder.Absent
	if i.Kind == folder.Symlink {
		i.Mode = 0
	}
	identify(&i, fi)
	return i
}

func kindOf(m fs.FileMode) folder.Kind {
	switch m.Type() {
	case 0:
		return folder.File
	case fs.ModeDir:
		return folder.Dir
	case fs.ModeSymlink:
		return folder.Symlink
	}
	return folder.Absent
}

func (d *dir) list(buf []dirent) ([]dirent, error) {
	f, err := d.here.Open(".")
	if err != nil {
		return buf, err
	}
	defer f.Close()
	for {
		entries, err := f.ReadDir(1024)
		for _, e := range entries {
			buf = append(buf, dirent{Name: e.Name(), Kind: kindOf(e.Type())})
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

func (d *dir) open(name string) (*os.File, info, error) {
	return d.openFile(name, os.O_RDONLY|syscall.O_NONBLOCK)
}

// openFile opens name if lstat and the opened file agree that it is regular.
func (d *dir) openFile(name string, flags int) (*os.File, info, error) {
	before, err := d.lstatFile(name)
	if err != nil {
		return nil, info{}, err
	}
	f, err := d.here.OpenFile(name, flags, 0)
	if err != nil {
		return nil, info{}, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = fail("open", name, errNotFile)
	}
	if err != nil {
		f.Close()
		return nil, info{}, err
	}
	return f, infoOf(after), nil
}

func (d *dir) lstatFile(name string) (fs.FileInfo, error) {
	if err := checkLeaf(name); err != nil {
		return nil, fail("open", name, err)
	}
	fi, err := d.here.Lstat(name)
	if err == nil && !fi.Mode().IsRegular() {
		err = fail("open", name, errNotFile)
	}
	return fi, err
}

func (d *dir) readlink(name string) (string, error) {
	if err := checkLeaf(name); err != nil {
		return "", fail("readlink", name, err)
	}
	s, err := d.here.Readlink(name)
	if err == nil && len(s) > folder.MaxTarget {
		err = fail("readlink", name, syscall.ENAMETOOLONG)
	}
	return s, err
}

// statFile is stat of an open file.
func statFile(f *os.File) (info, error) {
	fi, err := f.Stat()
	if err != nil {
		return info{}, err
	}
	return infoOf(fi), nil
}

// sync makes the entries of the directory durable.
func (d *dir) sync() error {
	f, err := d.here.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	return syncDir(f)
}

// syncFS reports that this system cannot flush one file system.
func (d *dir) syncFS() error { return fail("syncfs", d.rel, errNoSupport) }

// fsid returns what identifies the file system, and the bytes that an
// unprivileged user can still write to it and that it has.
func (d *dir) fsid() (id uint64, free, total int64, err error) {
	i, err := d.stat("")
	if err != nil {
		return 0, 0, 0, err
	}
	free, total, err = freeSpace(d.top.Name())
	return i.Dev, free, total, err
}
