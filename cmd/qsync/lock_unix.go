//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// tryLock locks an open file for this process alone until it is closed, however
// the process ends. It reports whether nobody else had it.
func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
