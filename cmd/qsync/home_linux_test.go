package main

import (
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// A home that cannot be read is not one on which nothing runs.
func TestHomeOfAnotherUser(t *testing.T) {
	h := testHome(t)
	if err := h.closed(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(h.dir, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(h.dir, 0o700)
	told := make(chan error)
	go func() {
		runtime.LockOSThread() // and end the thread, which is nobody's from now on
		if os.Geteuid() == 0 {
			if err := syscall.Setfsuid(65534); err != nil {
				told <- err
				return
			}
		}
		told <- h.closed()
	}()
	if err := <-told; err == nil || !strings.Contains(err.Error(), "run qsync as the user") {
		t.Error(err)
	}
}
