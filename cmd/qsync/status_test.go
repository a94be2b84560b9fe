package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qsync/peer"
)

func TestStatusText(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	eta := int64(90)
	n := peer.Status{PID: 12, Name: "laptop", Uptime: 3700, Listen: []string{"192.168.0.10:2121", "[fe80::1%eth0]:2121"}, Web: "http://127.0.0.1:7555/", Folders: []peer.FolderStatus{{
		Path: "/home/u/docs", Mode: "two-way", State: "syncing", ETA: &eta,
		Entries:   peer.EntryCounts{Files: 9, Dirs: 1, Bytes: 2048},
		Want:      peer.Amount{Entries: 2, Bytes: 1 << 20},
		Problems:  []peer.Problem{{Path: "x\x1b[2J", Problem: "permission denied"}},
		Conflicts: []string{"a.conflict-20261120-101500-k3f9q2ab.txt"},
		Peers: []peer.PeerStatus{
			{Name: "phone", Address: "192.168.0.3:2121", Connected: true, InSync: true},
			{Name: "nas", LastSeen: now.Add(-90 * time.Minute), Queued: peer.Amount{Entries: 3, Bytes: 5}},
			{Name: "liar", LastSeen: now.Add(-time.Minute), Reason: "it is left out until 13:00"},
		},
	}}}
	want := `node      laptop  (process 12, up 1h 1m)
listening 192.168.0.10:2121 [fe80::1%eth0]:2121
page      http://127.0.0.1:7555/
folder    /home/u/docs
  syncing   two-way, 1 of 3 peers connected, 1 in sync
  holds     9 files, 1 directory, 0 symlinks, 2.0 KiB
  wants     2 entries (1.0 MiB) still to come, about 1m 30s
  peer      phone
              connected at 192.168.0.3:2121, in sync
  peer      nas
              away for 1h 30m, 3 entries (5 B) queued; they go when it is back
              (is qsync running there, and its UDP port open?)
  peer      liar
              away for 1m 0s; it is left out until 13:00
  problem   $'x\033[2J'
              permission denied; give qsync's user the right to it, or exclude
              it
  conflict  a.conflict-20261120-101500-k3f9q2ab.txt
              'qsync conflicts /home/u/docs' shows both sides and how to end it
`
	if got := nodeText(n, now); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// Machines are often called the same, and one that was set up anew is called
// what the old one was: the latest comes first, and the node tells them apart.
func TestPeersOfOneName(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	f := peer.FolderStatus{Peers: []peer.PeerStatus{
		{Name: "pi", Node: "aa11bb22cc33", LastSeen: now.Add(-time.Hour)},
		{Name: "pi", Node: "dd44ee55ff66", LastSeen: now.Add(-time.Minute)},
		{Name: "nas", Node: "0123456789ab", Connected: true, InSync: true},
	}}
	sortPeers(f.Peers)
	text := nodeText(peer.Status{Folders: []peer.FolderStatus{f}}, now)
	var told []string
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "  peer      "); ok {
			told = append(told, strings.TrimSuffix(name, "\n"))
		}
	}
	if want := []string{"nas", "pi (dd44ee)", "pi (aa11bb)"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// Whatever names and numbers a node has, its status is at most 80 columns wide
// and holds no byte that a terminal obeys.
func TestStatusTextFits(t *testing.T) {
	name := rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "name")) })
	number := rapid.Int64Range(0, 1<<62)
	rapid.Check(t, func(t *rapid.T) {
		f := peer.FolderStatus{
			Path: name.Draw(t, "path"), Mode: "two-way", State: "stopped", Reason: name.Draw(t, "reason"), Note: name.Draw(t, "note"),
			Entries:   peer.EntryCounts{Files: number.Draw(t, "files"), Bytes: number.Draw(t, "bytes")},
			Want:      peer.Amount{Entries: number.Draw(t, "want"), Bytes: number.Draw(t, "want bytes")},
			Problems:  []peer.Problem{{Path: name.Draw(t, "problem path"), Problem: name.Draw(t, "problem")}},
			Conflicts: []string{name.Draw(t, "conflict")},
			Peers:     []peer.PeerStatus{{Name: name.Draw(t, "peer"), Address: name.Draw(t, "address"), Queued: peer.Amount{Entries: number.Draw(t, "queue")}}},
		}
		text := nodeText(peer.Status{Name: name.Draw(t, "node"), Listen: []string{name.Draw(t, "listen")}, Folders: []peer.FolderStatus{f}}, time.Now())
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if columns(line) > statusWidth || line != clean(line) {
				t.Fatalf("%d columns: %q", columns(line), line)
			}
		}
	})
}

func TestLongListsAreCut(t *testing.T) {
	f := peer.FolderStatus{}
	for range 1000 {
		f.Problems = append(f.Problems, peer.Problem{Path: "p", Problem: "q"})
		f.Conflicts = append(f.Conflicts, "c")
	}
	text := nodeText(peer.Status{Folders: []peer.FolderStatus{f}}, time.Now())
	if n := strings.Count(text, "\n"); n > 60 || strings.Count(text, "990 more") != 2 {
		t.Errorf("%d lines:\n%s", n, text)
	}
}

// TestHealth: what syncs nothing is not well. One path of very many is, and a folder
// that is paused is whatever it has.
func TestHealth(t *testing.T) {
	problems := func(n int) []peer.Problem { return make([]peer.Problem, n) }
	for _, c := range []struct {
		name          string
		st            peer.Status
		ill, problems int
	}{
		{"nothing", peer.Status{}, 0, 0},
		{"well", peer.Status{Folders: []peer.FolderStatus{{State: "idle"}, {State: "syncing"}}}, 0, 0},
		{"stopped", peer.Status{Folders: []peer.FolderStatus{{State: "idle"}, {State: "stopped", Reason: "the brake"}}}, 1, 0},
		{"cannot go on", peer.Status{Folders: []peer.FolderStatus{{State: "idle", Reason: "the disk is full"}}}, 1, 0},
		{"some paths", peer.Status{Folders: []peer.FolderStatus{{State: "idle", Problems: problems(99)}, {State: "idle", Problems: problems(1)}}}, 0, 100},
		{"many paths", peer.Status{Folders: []peer.FolderStatus{{State: "idle", Problems: problems(100)}}}, 1, 100},
		{"paused", peer.Status{Folders: []peer.FolderStatus{{State: "paused", Reason: "and its disk is away", Problems: problems(200)}}}, 0, 0},
		{"a broken file", peer.Status{Config: "line 3", Folders: []peer.FolderStatus{{State: "idle"}}}, 1, 0},
	} {
		if h := healthOf(c.st); h.Ill != c.ill || h.Problems != c.problems || h.Folders != len(c.st.Folders) {
			t.Errorf("%s: %+v", c.name, h)
		}
	}
}
