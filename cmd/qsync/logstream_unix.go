//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"syscall"
)

// streamOf names an open file as $JOURNAL_STREAM does: device and inode.
func streamOf(fi fs.FileInfo) string {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	}
	return ""
}
