package peer

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"qsync/store"
)

// TestSpareOf: what is left free is a part of the disk, whatever its size (F7).
func TestSpareOf(t *testing.T) {
	t.Parallel()
	for total, want := range map[int64]int64{0: 0, 8 << 20: 8 << 20 / 20, 64 << 20: 64 << 20 / 20, 6 << 30: 64 << 20, 1 << 40: 1 << 40 / 100} {
		if got := spareOf(total); got != want {
			t.Errorf("of %d bytes %d", total, got)
		}
	}
}

// TestFullDisk: a folder whose disk is full says so, whoever is connected (F7).
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, why := range []error{fmt.Errorf(noRoom + ": 1 MiB free"), &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, syscall.EDQUOT} {
		f := &Folder{sessions: map[store.NodeID]*session{{1}: {caught: true, peerScanned: true}}}
		f.parked.park("a", "")
		f.parked.park("b", "permission denied")
		if got := f.whyWaiting(); !strings.Contains(got, "to have the content") {
			t.Error(got)
		}
		f.parked.park("c", plain(why))
		if got := f.whyWaiting(); !strings.HasPrefix(got, plain(why)) || !strings.Contains(got, "make room") {
			t.Error(got)
		}
		f.parked.free("c")
		if got := f.whyWaiting(); !strings.Contains(got, "to have the content") {
			t.Error(got)
		}
	}
}

// TestRoomRefused: what there is no room for takes no room.
func TestRoomRefused(t *testing.T) {
	t.Parallel()
	f := &Folder{}
	f.space = spaceMeter{at: time.Now().Add(time.Hour), free: 10 << 20, total: 20 << 20}
	for range 3 {
		if err := f.room(11 << 20); err == nil || !strings.Contains(err.Error(), " 10.0 MiB free") {
			t.Fatal(err)
		}
	}
	if err := f.room(8 << 20); err != nil {
		t.Error(err)
	}
	if err := f.room(2 << 20); err == nil {
		t.Error("taken twice")
	}
}
