package disk

import (
	"os"

	"golang.org/x/sys/windows"
)

// lockToRead: who has locked a file writes it by the same handle alone.
const lockToRead = false

// lockFile locks a byte of f far behind its text, which others may then read.
func lockFile(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1})
	if err == windows.ERROR_LOCK_VIOLATION {
		return errLocked
	}
	return err
}
