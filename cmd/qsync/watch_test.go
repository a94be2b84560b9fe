package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qsync/peer"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// busyNode has one folder of every kind.
func busyNode() peer.Status {
	eta := int64(90)
	return peer.Status{PID: 12, Name: "laptop", Uptime: 3700, Listen: []string{"192.168.0.10:2121", "[fe80::1%eth0]:2121"}, Folders: []peer.FolderStatus{
		{
			Path: "/home/u/docs", Mode: "two-way", State: "syncing", ETA: &eta, Current: "photos/" + strings.Repeat("deep/", 30) + "sea.jpg",
			Entries: peer.EntryCounts{Files: 9, Bytes: 3 << 20}, Want: peer.Amount{Entries: 2, Bytes: 1 << 20}, Rate: peer.Rate{In: 12000},
			Problems:  []peer.Problem{{Path: "x\x1b[2J", Problem: "permission denied"}},
			Conflicts: []string{"a.conflict-20261120-101500-k3f9q2ab.txt"},
			Peers: []peer.PeerStatus{
				{Name: "phone", Address: "192.168.0.3:2121", Connected: true, InSync: true},
				{Name: "nas", LastSeen: noon.Add(-90 * time.Minute), Queued: peer.Amount{Entries: 3, Bytes: 5}},
				{Name: "liar", LastSeen: noon.Add(-time.Minute), Reason: "it is left out until 13:00"},
			},
		},
		{Path: "/srv/写真", Mode: "send", State: "idle", Peers: []peer.PeerStatus{{Name: "nas", Connected: true, InSync: true}, {Name: "tv", Connected: true, InSync: true}}},
		{Path: "/mnt/usb", Mode: "receive", State: "stopped", Reason: "the folder is not the one that was synced: its marker is not there"},
	}}
}

func texts(lines []line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(l.mark+l.text, " ") + "\n")
	}
	return b.String()
}

func TestWatchFrame(t *testing.T) {
	v := view{width: 80, height: 24, now: noon}
	want := `qsync laptop  up 1h 1m, process 12                                      12:00:00
listening on 192.168.0.10:2121  [fe80::1%eth0]:2121

syncing   /home/u/docs  two-way, 9 files, 3.0 MiB
          75%, 2 entries (1.0 MiB) to come  in 11.7 KiB/s  1:30 left
now       photos/deep/deep/deep/deep/deep/de…ep/deep/deep/deep/deep/deep/sea.jpg
peer      phone     in sync  192.168.0.3:2121
peer      nas       away for 1h 30m, 3 entries (5 B) queued
          is qsync running there, and its UDP port open?
peer      liar      left out
          it is left out until 13:00
stuck     $'x\033[2J'
          permission denied; give qsync's user the right to it, or exclude it
conflict  a.conflict-20261120-101500-k3f9q2ab.txt
          keep what you want of each and of the file of the plain name, delete
          the rest

in sync   /srv/写真  send, 0 files, 0 B
peer      nas       in sync
peer      tv        in sync

stopped   /mnt/usb  receive, 0 files, 0 B
why       the folder is not the one that was synced: its marker is not there
peers     none yet: 'qsync join - DIR' on the other device
`
	if got := texts(v.frame([]peer.Status{busyNode()})); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	v.height = 21
	if got := texts(v.frame([]peer.Status{busyNode()})); !strings.Contains(got, "\npeers     2 in sync: nas, tv\n") {
		t.Errorf("shorter:\n%s", got)
	}
	v.height = 4
	if got := texts(v.frame([]peer.Status{busyNode()})); !strings.HasSuffix(got, "\nstopped   /mnt/usb  receive, 0 files, 0 B\n") {
		t.Errorf("headlines:\n%s", got)
	}
	v.height = 3
	if got := texts(v.frame([]peer.Status{busyNode()})); !strings.HasSuffix(got, "\n… and 2 lines: a larger window shows more, 'qsync status' all\n") {
		t.Errorf("cut:\n%s", got)
	}
	v.width, v.height = 140, 30
	if got := texts(v.frame([]peer.Status{busyNode()})); !strings.Contains(got, "exclude it\n") || !strings.Contains(got, `stuck     $'x\033[2J': permission`) {
		t.Errorf("wide:\n%s", got)
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9]*m")

// Whatever there is to tell, a frame fits its window, colours change no text,
// and no name reaches the terminal as it is.
func TestWatchFits(t *testing.T) {
	name := rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "name")) })
	number := rapid.Int64Range(0, 1<<62)
	rapid.Check(t, func(t *rapid.T) {
		var n peer.Status
		n.Name, n.Listen, n.Config = name.Draw(t, "node"), []string{name.Draw(t, "listen")}, name.Draw(t, "config")
		for range rapid.IntRange(0, 6).Draw(t, "folders") {
			f := peer.FolderStatus{
				Path: name.Draw(t, "path"), Mode: "two-way", State: rapid.SampledFrom([]string{"idle", "stopped", "syncing", "paused"}).Draw(t, "state"),
				Reason: name.Draw(t, "reason"), Note: name.Draw(t, "note"), Current: name.Draw(t, "current"),
				Entries: peer.EntryCounts{Files: number.Draw(t, "files"), Bytes: number.Draw(t, "bytes")},
				Want:    peer.Amount{Entries: number.Draw(t, "want"), Bytes: number.Draw(t, "want bytes")},
			}
			for range rapid.IntRange(0, 12).Draw(t, "others") {
				f.Problems = append(f.Problems, peer.Problem{Path: name.Draw(t, "problem path"), Problem: name.Draw(t, "problem")})
				f.Conflicts = append(f.Conflicts, name.Draw(t, "conflict"))
				f.Peers = append(f.Peers, peer.PeerStatus{Name: name.Draw(t, "peer"), Address: name.Draw(t, "address"),
					Connected: rapid.Bool().Draw(t, "connected"), InSync: rapid.Bool().Draw(t, "in sync"), Queued: peer.Amount{Entries: number.Draw(t, "queue")}})
			}
			n.Folders = append(n.Folders, f)
		}
		v := view{width: rapid.IntRange(1, 200).Draw(t, "width"), height: rapid.IntRange(1, 60).Draw(t, "height"), now: noon}
		lines := v.frame([]peer.Status{n})
		if len(lines) > v.height {
			t.Fatalf("%d lines of %d", len(lines), v.height)
		}
		for _, l := range lines {
			v.colour = false
			plain := v.paint(l)
			v.colour = true
			painted := v.paint(l)
			bare := sgr.ReplaceAllString(painted, "")
			if columns(plain) > v.width || columns(bare) > v.width || plain != clean(plain) || bare != clean(bare) || v.width > 40 && columns(l.mark+l.text) <= v.width && bare != plain {
				t.Fatalf("%q and %q in %d columns", plain, painted, v.width)
			}
		}
	})
}

// A frame is written over the former one: nothing is cleared that is not written
// at once, and it is one piece.
func TestFramesDoNotFlicker(t *testing.T) {
	var out countedWrites
	p := &program{out: &out, now: func() time.Time { return noon }, flags: &globals{}, vars: map[string]string{}}
	if err := p.drawFrame(-1, []peer.Status{busyNode()}, ""); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if out.writes != 1 || !strings.HasPrefix(text, frameStart) || !strings.HasSuffix(text, frameEnd) || strings.Contains(text, "\x1b[2J\x1b") ||
		strings.Count(text, lineEnd) != strings.Count(text, "\r\n")+1 || strings.Count(text, "\r\n") > 23 || !strings.Contains(text, "\x1b[36m") {
		t.Errorf("%d writes: %q", out.writes, text)
	}
	out.Reset()
	p.vars["NO_COLOR"] = "1"
	if err := p.drawFrame(-1, nil, "x"); err != nil || sgr.MatchString(out.String()) || !strings.Contains(out.String(), "x"+lineEnd) {
		t.Errorf("%q", out.String())
	}
}

type countedWrites struct {
	bytes.Buffer
	writes int
}

func (c *countedWrites) Write(b []byte) (int, error) {
	c.writes++
	return c.Buffer.Write(b)
}

func TestHeadlines(t *testing.T) {
	at := func(connected, synced bool) []peer.PeerStatus {
		return []peer.PeerStatus{{Connected: connected, InSync: synced}}
	}
	for want, f := range map[string]peer.FolderStatus{
		"in sync": {State: "idle", Peers: at(true, true)},
		"no peer": {State: "idle", Peers: at(false, false)},
		"sending": {State: "idle", Peers: at(true, false)},
		"waiting": {State: "idle", Peers: at(true, true), Want: peer.Amount{Entries: 1}},
		"stopped": {State: "stopped", Peers: at(true, true)},
		"paused":  {State: "paused", Peers: at(true, true)},
		"syncing": {State: "syncing"},
	} {
		if got, _ := headline(f); got != want {
			t.Errorf("%s: %s", want, got)
		}
	}
}

func TestColumns(t *testing.T) {
	for text, want := range map[string]int{"abc": 3, "日本": 4, "\u00e9": 1, "e\u0301": 1, "\uff46": 2, "👍": 2, "✅": 2, "한": 2, "": 0, "—…│█": 4} {
		if got := columns(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	for n := range 12 {
		if got := columns(shorten("日本語ab日本語", n)); got > n {
			t.Errorf("%d columns of %d", got, n)
		}
	}
}
