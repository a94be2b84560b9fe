//go:build !windows

package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockToRead says that a file that is open to read alone can be locked, at least on
// most file systems.
const lockToRead = true

// lockFile locks f, by flock(2), so that a killed process gives its lock up.
func lockFile(f *os.File) error {
	for {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err {
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			return errLocked
		default:
			return err
		}
	}
}
