package main

import (
	"testing"

	"qsync/peer"
)

// TestBurst: the whole of the work is what has come since it began and what is left
// of it, and is forgotten when nothing is left.
func TestBurst(t *testing.T) {
	var b burst
	for i, x := range []struct {
		entries, bytes, came     int64
		wholeEntries, wholeBytes int64
	}{
		{0, 0, 500, 0, 0},
		{10, 1000, 500, 10, 1000},
		{6, 600, 900, 10, 1000},
		{8, 900, 1000, 10, 1400}, // more is wanted meanwhile
		{1, 0, 1900, 10, 1400},
		{0, 0, 1900, 0, 0},
		{3, 300, 1900, 3, 300}, // the next
		{3, 100, 1900, 3, 300}, // on its way
		{0, 0, 2200, 0, 0},
		{10, 1000, 2200, 10, 1000},
		{12, 1200, 2150, 12, 1200}, // begun before that look, and told after it
	} {
		want := peer.Amount{Entries: x.wholeEntries, Bytes: x.wholeBytes}
		if got := b.read(peer.Amount{Entries: x.entries, Bytes: x.bytes}, x.came); got != want {
			t.Errorf("look %d: %+v, want %+v", i, got, want)
		}
	}
}
