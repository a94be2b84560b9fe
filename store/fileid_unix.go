//go:build unix

package store

import (
	"fmt"
	"os"
	"syscall"
)

// fileID identifies the file at path so that a copy of it differs: inode and
// file system. The device number is left out, it changes between boots.
func fileID(path string) string {
	fi, err := os.Stat(path)
	if err != nil {
		return ""
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	var fsid any
	var fst syscall.Statfs_t
	if syscall.Statfs(path, &fst) == nil {
		fsid = fst.Fsid
	}
	return fmt.Sprintf("%d/%v", st.Ino, fsid)
}
