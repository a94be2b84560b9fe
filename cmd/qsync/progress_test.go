package main

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qsync/peer"
)

func folderWith(want, done int64, current string) peer.FolderStatus {
	f := peer.FolderStatus{State: "syncing", Current: current, Want: peer.Amount{Bytes: want}, Totals: peer.Totals{Bytes: done}}
	if want > 0 {
		f.Want.Entries = 1
	}
	return f
}

func TestMeterFollowsABurst(t *testing.T) {
	var m meter
	look := func(want, done int64) reading {
		return m.read([]peer.FolderStatus{folderWith(want, done, "docs/a.txt")}, true)
	}
	if r := look(0, 500); r.Busy || r.Began || r.percent() != 100 {
		t.Errorf("at rest: %+v", r)
	}
	if r := look(1000, 500); !r.Began || r.percent() != 0 {
		t.Errorf("at the start: %+v, %d%%", r, r.percent())
	}
	if r := look(750, 750); r.Began || r.percent() != 25 {
		t.Errorf("in between: %+v, %d%%", r, r.percent())
	}
	if r := look(1250, 750); r.percent() != 16 {
		t.Errorf("after more has turned up: %d%%", r.percent())
	}
	if r := look(0, 2000); !r.Ended || r.Busy {
		t.Errorf("at the end: %+v", r)
	}
	if r := look(100, 2000); !r.Began || r.Total.Bytes != 100 {
		t.Errorf("the next burst: %+v", r)
	}
}

func TestMeterCountsTheQueueOfPeers(t *testing.T) {
	f := peer.FolderStatus{Peers: []peer.PeerStatus{
		{Connected: true, Queued: peer.Amount{Entries: 2, Bytes: 10}},
		{Connected: true, Queued: peer.Amount{Entries: 1, Bytes: 90}},
		{Connected: false, Queued: peer.Amount{Entries: 9, Bytes: 900}},
	}}
	var m meter
	if r := m.read([]peer.FolderStatus{f}, false); r.Left.Bytes != 90 {
		t.Errorf("left %+v, want the longest queue of a peer that is there", r.Left)
	}
	if r := (&meter{}).read([]peer.FolderStatus{f}, true); r.Busy {
		t.Errorf("in a pair the other directory's want counts, not the queue: %+v", r)
	}
}

func TestProgressLine(t *testing.T) {
	eta := int64(75)
	r := reading{
		Left: peer.Amount{Entries: 3, Bytes: 3 << 20}, Total: peer.Amount{Entries: 4, Bytes: 4 << 20},
		Rate: 1 << 20, ETA: &eta, Current: "a/long/way/down/to/the/file/that/moves.txt", Busy: true,
	}
	want := " 25%  1.0 MiB of 4.0 MiB  1.0 MiB/s  1:15  a/long/way/down/to/the/file/that/moves.txt"
	if got := r.line(100); got != want {
		t.Errorf("line:\n%q, want\n%q", got, want)
	}
	if got := r.line(60); columns(got) != 60 || !strings.HasSuffix(got, "oves.txt") {
		t.Errorf("cut line: %q", got)
	}
	r.Total.Bytes, r.Left.Bytes = 0, 0
	if got := r.line(100); !strings.HasPrefix(got, " 25%  1 of 4 entries") {
		t.Errorf("without bytes: %q", got)
	}
	for want, r := range map[string]reading{
		"scanning":            {State: "scanning"},
		"waiting for a peer":  {State: "idle"},
		"in sync with 1 peer": {State: "idle", Peers: 1},
		"in sync":             {State: "idle", Peers: 2, Pair: true},
	} {
		if got := r.line(80); got != want {
			t.Errorf("at rest: %q, want %q", got, want)
		}
	}
}

// No state of a folder makes the line wider than the terminal, or lets a name
// move the cursor.
func TestProgressLineFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m meter
		for range 3 {
			f := folderWith(rapid.Int64Range(0, 1<<60).Draw(t, "want"), rapid.Int64Range(0, 1<<60).Draw(t, "done"),
				string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "current")))
			f.Rate.In = rapid.Int64Range(0, 1<<40).Draw(t, "rate")
			r := m.read([]peer.FolderStatus{f}, false)
			if p := r.percent(); p < 0 || p > 100 {
				t.Fatalf("%d%%", p)
			}
			width := rapid.IntRange(1, 200).Draw(t, "width")
			if line := r.line(width); columns(line) > width || line != clean(line) {
				t.Fatalf("%q is %d wide, want at most %d", line, columns(line), width)
			}
		}
	})
}

func TestSpans(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m 1s", 90 * time.Minute: "1h 30m", 50 * time.Hour: "2d 2h",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{65 * time.Second: "1:05", 3*time.Hour + 62*time.Second: "3:01:02", 200 * time.Hour: "--:--"} {
		if got := clock(d); got != want {
			t.Errorf("clock(%v) = %q, want %q", d, got, want)
		}
	}
}
