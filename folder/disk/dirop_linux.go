package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"qsync/folder"
)

// allocated is how many bytes of the disk entry name takes up, of which i is known.
func (d *dir) allocated(name string, i info) int64 {
	var st unix.Stat_t
	if eintr("stat", func() error { return unix.Fstatat(d.file, name, &st, unix.AT_SYMLINK_NOFOLLOW) }) != nil {
		return i.Size
	}
	const unit = 512 // whatever the block size is (stat(2))
	return st.Blocks * unit
}

// Uncached has the next reading of f come from the disk, as far as the system
// can: a good copy in memory hides what has become of the one there.
func Uncached(f *os.File) {
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // a hint: pages that are in use stay
}

// create makes a new, empty file that only its owner may use unless perm, less
// the umask, says more.
func (d *dir) create(name string, perm fs.FileMode) (*os.File, error) {
	fd, err := d.openAt("create", name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, uint32(perm.Perm()))
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// createNameless makes a file in the file system of d that has no name, and
// does not outlive its descriptor unless linkFile gives it one (open(2),
// O_TMPFILE). In a directory that was removed there is no point in that: tmpfs makes
// such a file all the same, and refuses the name later.
func (d *dir) createNameless() (*os.File, error) {
	fd, err := d.openAt("create", ".", unix.O_RDWR|unix.O_TMPFILE, 0o600)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(d.file, &st); err == nil && st.Nlink == 0 {
		unix.Close(fd)
		return nil, fail("create", ".", unix.ENOENT)
	}
	return os.NewFile(uintptr(fd), ""), nil
}

// securesNameless reports whether fsync(2) secures what has no name yet. Btrfs
// skips the log for such files, so that one linked later may be empty after a
// power cut.
func (d *dir) securesNameless() bool {
	var st unix.Statfs_t
	if eintr("statfs", func() error { return unix.Fstatfs(d.file, &st) }) != nil {
		return false
	}
	switch int64(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return true
	}
	return false
}

// journals reports whether the file system writes a directory and the files that
// are linked into it together, or not at all. Ext4 and ext2, which has the same
// number, tell in sysfs (sysfs-fs-ext4, since Linux 5.1).
func (d *dir) journals() bool {
	var st unix.Statfs_t
	if eintr("statfs", func() error { return unix.Fstatfs(d.file, &st) }) != nil {
		return false
	}
	if int64(st.Type) != unix.EXT4_SUPER_MAGIC {
		return true
	}
	i, err := d.stat("")
	return err == nil && extJournals(os.DirFS("/sys"), i.Dev)
}

// extJournals asks sysfs about the ext4 file system on a device.
func extJournals(sys fs.FS, dev uint64) bool {
	disk, err := fs.ReadLink(sys, fmt.Sprintf("dev/block/%d:%d", unix.Major(dev), unix.Minor(dev)))
	if err != nil {
		return false
	}
	task, err := fs.ReadFile(sys, path.Join("fs/ext4", path.Base(disk), "journal_task"))
	_, none := strconv.Atoi(strings.TrimSpace(string(task))) // or "<none>"
	return err == nil && none == nil
}

// linkFile gives a file a name in d that must be free: the error is fs.ErrExist
// when it is not. By the descriptor itself it costs a third less than by its name in
// /proc, but is for the privileged alone before Linux 6.10 (ENOENT, linkat(2)).
func (d *dir) linkFile(f *os.File, name string) error {
	fd := int(f.Fd())
	if !linkByPath.Load() {
		err := eintr("link", func() error { return unix.Linkat(fd, "", d.file, name, unix.AT_EMPTY_PATH) })
		if !errors.Is(err, fs.ErrNotExist) && err != unix.EINVAL {
			return fail("link", name, err)
		}
	}
	err := eintr("link", func() error {
		return unix.Linkat(unix.AT_FDCWD, fdPath(fd), d.file, name, unix.AT_SYMLINK_FOLLOW)
	})
	if err == nil {
		linkByPath.Store(true) // it was the way, not the place
	}
	return fail("link", name, err)
}

// linkByPath says that this process may not link a file by its descriptor.
var linkByPath atomic.Bool

// reopen opens an existing file of ours to go on writing it.
func (d *dir) reopen(name string) (*os.File, info, error) {
	return d.openFile(name, unix.O_RDWR)
}

func (d *dir) mkdir(name string, perm fs.FileMode) error {
	return fail("mkdir", name, eintr("mkdir", func() error { return unix.Mkdirat(d.file, name, uint32(perm.Perm())) }))
}

func (d *dir) symlink(target, name string) error {
	return fail("symlink", name, eintr("symlink", func() error { return unix.Symlinkat(target, d.file, name) }))
}

// link gives the entry name, not what it points to, a second name.
func (d *dir) link(name string, to *dir, newName string) error {
	return fail("link", name, eintr("link", func() error { return unix.Linkat(d.file, name, to.file, newName, 0) }))
}

func (d *dir) unlink(name string) error {
	return fail("unlink", name, eintr("unlink", func() error { return unix.Unlinkat(d.file, name, 0) }))
}

func (d *dir) rmdir(name string) error {
	return fail("rmdir", name, eintr("unlink", func() error { return unix.Unlinkat(d.file, name, unix.AT_REMOVEDIR) }))
}

func (d *dir) rename(name string, to *dir, newName string) error {
	return fail("rename", name, eintr("rename", func() error { return unix.Renameat(d.file, name, to.file, newName) }))
}

// renameNoReplace is rename that fails with fs.ErrExist when newName is taken.
func (d *dir) renameNoReplace(name string, to *dir, newName string) error {
	return d.rename2(name, to, newName, unix.RENAME_NOREPLACE)
}

// renameExchange swaps two entries, which may be of different kinds.
func (d *dir) renameExchange(name string, to *dir, newName string) error {
	return d.rename2(name, to, newName, unix.RENAME_EXCHANGE)
}

// rename2 is renameat2(2). Android before version 11 kills a process for it.
func (d *dir) rename2(name string, to *dir, newName string, flags uint) error {
	if runtime.GOOS == "android" {
		return fail("rename", name, errNoSupport)
	}
	err := eintr("rename", func() error { return unix.Renameat2(d.file, name, to.file, newName, flags) })
	switch err {
	case unix.EINVAL, unix.ENOSYS, unix.ENOTSUP:
		err = errNoSupport
	}
	return fail("rename", name, err)
}

func (d *dir) chmodNoFollow(name string, mode uint16) error {
	return d.held(name, func(h *held) error { return h.chmod(mode) })
}

// utimesNoFollow sets the modification time, in nanoseconds, and leaves the
// access time as it is.
func (d *dir) utimesNoFollow(name string, mtime int64) error {
	ts, err := times(mtime)
	if err == nil {
		err = eintr("utimes", func() error { return unix.UtimesNanoAt(d.file, name, ts, unix.AT_SYMLINK_NOFOLLOW) })
	}
	return fail("utimes", name, err)
}

func times(mtime int64) ([]unix.Timespec, error) {
	ts := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(mtime)}
	if ts[1].Nano() != mtime {
		return nil, unix.EOVERFLOW // seconds have 32 bits here
	}
	return ts, nil
}

// held is an entry held by descriptor: whatever becomes of its name, what is
// done to held is done to the entry that was looked at.
type held struct {
	file int
	path string // names the descriptor; following it leads to the entry alone
}

// held calls f with entry name, a file or directory, held; "" is d itself.
func (d *dir) held(name string, f func(*held) error) error {
	if name == "" {
		return fail("set metadata", "", f(&held{d.file, fdPath(d.file)}))
	}
	fd := -1
	err := eintr("open", func() (err error) {
		// O_PATH needs no permission on the entry, so mode 0000 can be mended.
		fd, err = unix.Openat(d.file, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return fail("open", name, err)
	}
	defer unix.Close(fd)
	h := &held{fd, fdPath(fd)}
	i, err := h.stat()
	if err == nil && i.Kind != folder.File && i.Kind != folder.Dir {
		err = errNotFile
	}
	if err == nil {
		err = f(h)
	}
	return fail("set metadata", name, err)
}

func fdPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

func (h *held) stat() (info, error) {
	var st unix.Stat_t
	err := eintr("stat", func() error { return unix.Fstat(h.file, &st) })
	return infoOf(&st), err
}

func (h *held) chmod(mode uint16) error {
	err := eintr("chmod", func() error { return unix.Chmod(h.path, uint32(mode)) })
	if errors.Is(err, fs.ErrNotExist) && runtime.GOOS != "android" { // no /proc here
		err = unix.Fchmodat(h.file, "", uint32(mode), unix.AT_EMPTY_PATH)
	}
	return err
}

func (h *held) utimes(mtime int64) error {
	_, err := h.setMTime(mtime)
	return err
}

// setMTime sets the modification time and returns what the entry is then.
func (h *held) setMTime(mtime int64) (info, error) {
	ts, err := times(mtime)
	if err != nil {
		return info{}, err
	}
	if err := h.setTimes(ts); err != nil {
		return info{}, err
	}
	// File systems in user space that do not know of a time to be left alone set
	// neither, and say nothing (libfuse 2). The time of the last write, which such a
	// file has, may look like the one asked for in their ticks.
	var st unix.Stat_t
	err = eintr("stat", func() error { return unix.Fstat(h.file, &st) })
	if err != nil || st.Mtim.Nano() == mtime {
		return infoOf(&st), err
	}
	ts[0] = st.Atim
	if err := h.setTimes(ts); err != nil {
		return info{}, err
	}
	return h.stat()
}

func (h *held) setTimes(ts []unix.Timespec) error {
	err := eintr("utimes", func() error { return unix.UtimesNanoAt(h.file, "", ts, unix.AT_EMPTY_PATH) })
	if err == unix.EINVAL || err == unix.ENOENT { // before Linux 5.8
		err = eintr("utimes", func() error { return unix.UtimesNanoAt(unix.AT_FDCWD, h.path, ts, 0) })
	}
	return err
}

// setFileMeta gives the open file f, of ours and named name in d, its final
// mode and modification time, and returns what it is then.
func (d *dir) setFileMeta(f *os.File, name string, mode uint16, mtime int64) (info, error) {
	fd := int(f.Fd())
	if err := eintr("chmod", func() error { return unix.Fchmod(fd, uint32(mode)) }); err != nil {
		return info{}, fail("chmod", name, err)
	}
	h := held{file: fd, path: fdPath(fd)}
	i, err := h.setMTime(mtime)
	return i, fail("utimes", name, err)
}

// startWriting has the system begin to write a part of f to the disk, which then
// has less to do when it is flushed. It promises nothing.
func startWriting(f *os.File, off, n int64) {
	if runtime.GOOS == "android" { // which kills a process for calls that it does not know
		return
	}
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
}

// setDirect has f written past the page cache, or not any more.
func setDirect(f *os.File, on bool) error {
	fd := f.Fd()
	flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
	if err != nil {
		return fail("fcntl", f.Name(), err)
	}
	if flags &^= unix.O_DIRECT; on {
		flags |= unix.O_DIRECT
	}
	_, err = unix.FcntlInt(fd, unix.F_SETFL, flags)
	return fail("fcntl", f.Name(), err)
}

// memory is this machine's, in bytes.
func memory() int64 {
	var si unix.Sysinfo_t
	if unix.Sysinfo(&si) != nil {
		return 0
	}
	return int64(uint64(si.Totalram) * uint64(si.Unit))
}

// doneReading tells the system that a part of f is not read again soon: its memory
// can serve for what is written.
func doneReading(f *os.File, off, n int64) {
	if runtime.GOOS == "android" {
		return
	}
	_ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED)
}

// cloneFile makes dst share the blocks of src, where the file system can.
func cloneFile(dst, src *os.File) error {
	err := eintr("clone", func() error { return unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())) })
	return fail("clone", src.Name(), err)
}

// cloneRange makes dst share what src is, from that offset of it on.
func cloneRange(dst *os.File, at int64, src stretch) error {
	r := unix.FileCloneRange{Src_fd: int64(src.f.Fd()), Src_offset: uint64(src.offset), Src_length: uint64(src.n), Dest_offset: uint64(at)}
	err := eintr("clone", func() error { return unix.IoctlFileCloneRange(int(dst.Fd()), &r) })
	return fail("clone", src.f.Name(), err)
}
