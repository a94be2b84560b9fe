package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"qsync/folder"
	"qsync/folder/fault"
)

// dir is an open directory. Whatever is done in it is done by its descriptor
// and a single name, so nobody can redirect us by swapping a parent.
type dir struct {
	caseSense
	file     int
	pathOnly bool // opened without permission to read: names can be reached, not listed
}

const dirFlags = unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// eintr repeats f until no signal interrupts it. Op names it in tests that have
// it fail.
func eintr(op string, f func() error) error {
	for {
		err := fault.Call(op)
		if err == nil {
			err = f()
		}
		if err != unix.EINTR {
			return err
		}
	}
}

func fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func openDir(path string) (*dir, error) {
	fd := -1
	err := eintr("open", func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, fail("open", path, err)
	}
	return &dir{file: fd}, nil
}

// Close releases the descriptor; a second call does nothing.
func (d *dir) Close() error {
	if d.file < 0 {
		return nil
	}
	fd := d.file
	d.file = -1
	return unix.Close(fd)
}

func (d *dir) fd() int { return d.file }

func (d *dir) sub(name string) (*dir, error) {
	return d.child(name, unix.Openat)
}

// child opens directory name by open, to read it if we may.
func (d *dir) child(name string, open func(int, string, int, uint32) (int, error)) (*dir, error) {
	c := &dir{file: -1}
	try := func(flags int) error {
		return eintr("open", func() (err error) {
			c.file, err = open(d.file, name, flags|dirFlags, 0)
			return err
		})
	}
	err := try(unix.O_RDONLY)
	if err == unix.EACCES {
		c.pathOnly = true
		err = try(unix.O_PATH)
	}
	if err != nil {
		return nil, fail("open", name, err)
	}
	return c, nil
}

func (d *dir) walk(p folder.Path) (*dir, error) {
	if p == "" {
		// Not dup(2): the copies would share one reading position.
		return d.sub(".")
	}
	c, err := d.child(string(p), beneath)
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EPERM),
		errors.Is(err, unix.E2BIG), errors.Is(err, unix.ENAMETOOLONG):
		return d.walkSteps(p)
	case errors.Is(err, unix.EXDEV):
		return nil, ErrMount
	}
	return c, err
}

// beneath opens a relative path in one call that the kernel keeps free of
// symlinks, and out of what is mounted below, which is no part of the folder: nobody
// could take off what we keep open. Android kills a process for system calls it does not list.
func beneath(at int, path string, flags int, _ uint32) (int, error) {
	if runtime.GOOS == "android" {
		return -1, unix.ENOSYS
	}
	return unix.Openat2(at, path, &unix.OpenHow{
		Flags:   uint64(flags),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	})
}

// walkSteps is walk for kernels without openat2 (before 5.6).
func (d *dir) walkSteps(p folder.Path) (*dir, error) {
	at := d
	for name := range strings.SplitSeq(string(p), "/") {
		next, err := at.sub(name)
		if at != d {
			at.Close()
		}
		if err == nil && next.mount() {
			next.Close()
			err = ErrMount
		}
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

func (d *dir) stat(name string) (info, error) {
	var st unix.Stat_t
	err := eintr("stat", func() error {
		if name == "" {
			return unix.Fstat(d.file, &st)
		}
		return unix.Fstatat(d.file, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	if err != nil {
		return info{}, fail("lstat", name, err)
	}
	return infoOf(&st), nil
}

// mount reports whether something is mounted at the directory, be it from the same
// file system, and it is not the one that this name has there. Kernels before 5.8
// do not tell, and Android kills who asks in a way that it does not list.
func (d *dir) mount() bool {
	var st unix.Statx_t
	return runtime.GOOS != "android" && unix.Statx(d.file, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, 0, &st) == nil &&
		st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

func infoOf(st *unix.Stat_t) info {
	i := info{
		Mode:  uint16(st.Mode) & folder.ModeMask,
		Size:  st.Size,
		MTime: nanos(int64(st.Mtim.Sec), int64(st.Mtim.Nsec)),
		CTime: st.Ctim.Nano(),
		Inode: st.Ino,
		Dev:   uint64(st.Dev),
		Links: uint64(st.Nlink),
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		i.Kind, i.Links = folder.Dir, 0
	case unix.S_IFREG:
		i.Kind = folder.File
	case unix.S_IFLNK:
		i.Kind, i.Mode = folder.Symlink, 0
	default:
		i.Special = true
	}
	return i
}

func (d *dir) list(buf []dirent) ([]dirent, error) {
	if d.pathOnly {
		return buf, fail("readdir", "", unix.EACCES)
	}
	if _, err := unix.Seek(d.file, 0, 0); err != nil {
		return buf, fail("readdir", "", err)
	}
	var b [32 << 10]byte
	for {
		n := 0
		err := eintr("list", func() (err error) {
			n, err = unix.Getdents(d.file, b[:])
			return err
		})
		if err != nil {
			return buf, fail("readdir", "", err)
		}
		if n == 0 {
			return buf, nil
		}
		buf = appendDirents(buf, b[:n])
	}
}

// appendDirents takes struct linux_dirent64 apart (getdents64(2)): inode and
// offset, 8 bytes each, the record's length in 2, its type in 1, then the name
// up to a NUL. The layout is the same on every architecture.
func appendDirents(buf []dirent, b []byte) []dirent {
	const header = 19
	for len(b) > header {
		n := int(binary.NativeEndian.Uint16(b[16:]))
		if n <= header || n > len(b) {
			return buf
		}
		name, _, _ := strings.Cut(string(b[header:n]), "\x00")
		if name != "." && name != ".." {
			buf = append(buf, dirent{Name: name, Kind: kindOf(b[18])})
		}
		b = b[n:]
	}
	return buf
}

func kindOf(t byte) folder.Kind {
	switch t {
	case unix.DT_DIR:
		return folder.Dir
	case unix.DT_REG:
		return folder.File
	case unix.DT_LNK:
		return folder.Symlink
	}
	return folder.Absent
}

func (d *dir) open(name string) (*os.File, info, error) {
	return d.openFile(name, unix.O_RDONLY)
}

// openFile opens name, a regular file, with flags.
func (d *dir) openFile(name string, flags int) (*os.File, info, error) {
	fd, i, err := d.openRegular(name, flags)
	if err != nil {
		return nil, info{}, err
	}
	// O_NONBLOCK kept us from waiting for a fifo's writer. A regular file never
	// waits; os would offer it to the poller, which costs more than reading a
	// small one. Where this fails, that is all that happens.
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags&unix.O_ACCMODE)
	return os.NewFile(uintptr(fd), name), i, nil
}

// openContent opens name, a regular file, to be read and no more.
func (d *dir) openContent(name string) (Content, info, error) {
	fd, i, err := d.openRegular(name, unix.O_RDONLY)
	if err != nil {
		return nil, info{}, err
	}
	return rawFile(fd), i, nil
}

func (d *dir) openRegular(name string, flags int) (int, info, error) {
	fd, err := d.openAt("open", name, flags|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, info{}, err
	}
	var st unix.Stat_t
	if err := eintr("stat", func() error { return unix.Fstat(fd, &st) }); err != nil {
		unix.Close(fd)
		return -1, info{}, fail("fstat", name, err)
	}
	i := infoOf(&st)
	if i.Kind != folder.File {
		unix.Close(fd)
		return -1, info{}, fail("open", name, errNotFile)
	}
	return fd, i, nil
}

func (d *dir) openAt(op, name string, flags int, perm uint32) (int, error) {
	fd := -1
	err := eintr(op, func() (err error) {
		fd, err = unix.Openat(d.file, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, perm)
		return err
	})
	return fd, fail("open", name, err)
}

// rawFile is a regular file by its descriptor alone: what os.File does beyond that
// costs as much as reading a small one. It is for one goroutine at a time.
type rawFile int

func (f rawFile) Read(b []byte) (int, error) {
	return f.read(b, func() (int, error) { return unix.Read(int(f), b) })
}

func (f rawFile) read(b []byte, call func() (int, error)) (n int, err error) {
	for {
		switch n, err = call(); {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, fail("read", "", err)
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// ReadAt implements [io.ReaderAt].
func (f rawFile) ReadAt(b []byte, off int64) (n int, err error) {
	for n < len(b) && err == nil {
		var got int
		rest := b[n:]
		got, err = f.read(rest, func() (int, error) { return unix.Pread(int(f), rest, off+int64(n)) })
		n += got
	}
	return n, err
}

// Close releases the descriptor; it must be called once.
func (f rawFile) Close() error { return unix.Close(int(f)) }

func (d *dir) readlink(name string) (string, error) {
	b := make([]byte, folder.MaxTarget+1)
	n := 0
	err := eintr("readlink", func() (err error) {
		n, err = unix.Readlinkat(d.file, name, b)
		return err
	})
	if err == nil && n > folder.MaxTarget {
		err = unix.ENAMETOOLONG
	}
	if err != nil {
		return "", fail("readlink", name, err)
	}
	return string(b[:n]), nil
}

// statFile is stat of an open file.
func statFile(f *os.File) (info, error) {
	var st unix.Stat_t
	err := eintr("stat", func() error { return unix.Fstat(int(f.Fd()), &st) })
	if err != nil {
		return info{}, fail("fstat", f.Name(), err)
	}
	return infoOf(&st), nil
}

// sync makes the entries of the directory durable.
func (d *dir) sync() error {
	if d.pathOnly {
		return fail("fsync", "", unix.EACCES)
	}
	return fail("fsync", "", eintr("syncdir", func() error { return unix.Fsync(d.file) }))
}

// syncFS makes everything on the directory's file system durable.
func (d *dir) syncFS() error {
	return fail("syncfs", "", eintr("syncfs", func() error { return unix.Syncfs(d.file) }))
}

// fsid returns what identifies the file system, and the bytes that an
// unprivileged user can still write to it and that it has.
func (d *dir) fsid() (id uint64, free, total int64, err error) {
	var st unix.Statfs_t
	if err := eintr("statfs", func() error { return unix.Fstatfs(d.file, &st) }); err != nil {
		return 0, 0, 0, fmt.Errorf("statfs: %w", err)
	}
	id = uint64(uint32(st.Fsid.Val[0]))<<32 | uint64(uint32(st.Fsid.Val[1]))
	unit := int64(st.Frsize)
	if unit == 0 {
		unit = int64(st.Bsize)
	}
	return id, int64(st.Bavail) * unit, int64(st.Blocks) * unit, nil
}
