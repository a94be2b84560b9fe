//go:build unix

package doctor

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// FreeSpace returns how many bytes of a file system this user can still write,
// and how many there are.
func FreeSpace(path string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, fmt.Errorf("doctor: %w", err)
	}
	block := int64(st.Bsize)
	return int64(st.Bavail) * block, int64(st.Blocks) * block, nil
}
