package main

import (
	"context"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// noticesOf tells whenever a file of a directory was written, moved there or
// removed, until ctx ends; nil where the system does not tell.
func noticesOf(ctx context.Context, dir, name string) <-chan struct{} {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil
	}
	f := os.NewFile(uintptr(fd), "inotify")
	const events = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE
	if _, err := unix.InotifyAddWatch(fd, dir, events|unix.IN_ONLYDIR); err != nil {
		_ = f.Close()
		return nil
	}
	context.AfterFunc(ctx, func() { _ = f.Close() })
	notices := make(chan struct{}, 1)
	go func() {
		buf := make([]byte, 16<<10)
		for {
			n, err := f.Read(buf)
			if err != nil {
				return // closed; the file is looked at now and then all the same
			}
			if about(buf[:n], name) {
				select {
				case notices <- struct{}{}:
				default:
				}
			}
		}
	}()
	return notices
}

// about reports whether one of the events in b, as inotify(7) lays them out, is
// about a file of that name, or some got lost.
func about(b []byte, name string) bool {
	for len(b) >= unix.SizeofInotifyEvent {
		e := (*unix.InotifyEvent)(unsafe.Pointer(&b[0]))
		end := unix.SizeofInotifyEvent + int(e.Len)
		if end > len(b) {
			return true
		}
		if e.Mask&unix.IN_Q_OVERFLOW != 0 || strings.TrimRight(string(b[unix.SizeofInotifyEvent:end]), "\x00") == name {
			return true
		}
		b = b[end:]
	}
	return false
}
