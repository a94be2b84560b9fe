//go:build darwin || freebsd

package disk

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"qsync/folder"
)

// identify fills in what fs.FileInfo does not carry itself.
func identify(i *info, fi fs.FileInfo) {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		i.Inode, i.Dev, i.CTime = st.Ino, uint64(st.Dev), ctime(st)
		if i.Kind == folder.File {
			i.Links = uint64(st.Nlink)
		}
	}
}

// checkLeaf reports why this system cannot hold a name.
func checkLeaf(name string) error { return folder.CheckName(name) }

func syncDir(f *os.File) error { return f.Sync() }

func freeSpace(path string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, fail("statfs", path, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil
}
