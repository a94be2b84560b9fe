package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"qsync/peer"
)

func testReporter(flags globals) (r *reporter, out, messages *strings.Builder) {
	out, messages = &strings.Builder{}, &strings.Builder{}
	p := &program{out: out, ui: newScreen(messages), now: time.Now, flags: &flags, vars: map[string]string{}}
	p.ui.configure(&flags, p.vars)
	return newReporter(p), out, messages
}

func TestEventsForPeople(t *testing.T) {
	r, out, messages := testReporter(globals{})
	at := time.Now()
	for _, e := range []peer.Event{
		{Event: "peer_connected", Time: at, Peer: "phone\x1b[2J", Text: "192.168.0.3:2121"},
		{Event: "problem", Time: at, Path: "a\nb", Text: "permission denied"},
		{Event: "conflict", Time: at, Path: "c.txt"},
		{Event: "synced", Time: at, Folder: "/docs"},
		{Event: "peer_lost", Time: at.Add(time.Hour), Peer: "phone\x1b[2J"},
	} {
		r.event(e)
	}
	r.drain()
	want := `connected  $'phone\033[2J' (192.168.0.3:2121)
problem    $'a\nb': permission denied
conflict   c.txt: both versions are kept
in sync    /docs
lost       $'phone\033[2J'; trying again
`
	if messages.String() != want || out.Len() > 0 {
		t.Errorf("messages:\n%s\nwant:\n%s\noutput: %q", messages, want, out)
	}
}

// A peer that is turned away at once comes back every few seconds.
func TestVisitsWithoutSuccessAreToldOnce(t *testing.T) {
	r, _, messages := testReporter(globals{})
	at := time.Now()
	for i := range 100 {
		start := at.Add(time.Duration(i) * 5 * time.Second)
		r.tell(peer.Event{Event: "peer_connected", Time: start, Peer: "nas", Folder: "/docs"})
		r.tell(peer.Event{Event: "peer_lost", Time: start.Add(time.Millisecond), Peer: "nas", Folder: "/docs"})
	}
	if n := strings.Count(messages.String(), "\n"); n != 2 {
		t.Errorf("%d lines:\n%s", n, messages)
	}
	r.tell(peer.Event{Event: "synced", Time: at, Folder: "/docs"})
	r.tell(peer.Event{Event: "peer_connected", Time: at.Add(time.Hour), Peer: "nas", Folder: "/docs"})
	if n := strings.Count(messages.String(), "connected  nas"); n != 2 {
		t.Errorf("not told after it went well:\n%s", messages)
	}
}

// A full disk has another amount of room each time that it is tried.
func TestNumbersMakeNoOtherProblem(t *testing.T) {
	r, _, messages := testReporter(globals{})
	at := time.Now()
	for i := range 100 {
		text := fmt.Sprintf("not enough space on the disk: %d.0 MiB free", i)
		r.tell(peer.Event{Event: "problem", Time: at.Add(time.Duration(i) * time.Second), Folder: "/docs", Path: "a", Text: text})
	}
	r.tell(peer.Event{Event: "problem", Time: at, Folder: "/docs", Path: "a", Text: "permission denied"})
	r.tell(peer.Event{Event: "problem", Time: at.Add(time.Hour), Folder: "/docs", Path: "a", Text: "permission denied"})
	if n := strings.Count(messages.String(), "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, messages)
	}
}

func TestEventsForScripts(t *testing.T) {
	r, out, messages := testReporter(globals{JSON: true})
	r.event(peer.Event{Event: "conflict", Time: time.Now(), Folder: "/docs", Path: "bad\xff\u202e"})
	r.drain()
	r.end(peer.Status{Folders: []peer.FolderStatus{{Problems: []peer.Problem{{Path: "x", Problem: "y"}}}}},
		plus(peer.Totals{Added: 2, Bytes: 7}, peer.Totals{Added: 1}))
	var events []map[string]any
	for line := range strings.Lines(out.String()) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		events = append(events, e)
	}
	if len(events) != 2 || events[0]["event"] != "conflict" || events[1]["event"] != "totals" ||
		events[1]["added"] != 3.0 || events[1]["bytes"] != 7.0 || events[1]["problems"] != 1.0 || messages.Len() > 0 {
		t.Errorf("events %v, messages %q", events, messages)
	}
	if code := exitCode(r.outcome()); code != 3 {
		t.Errorf("with a problem: %d", code)
	}
	r.totals = &peer.Totals{Conflicts: 1}
	if code := exitCode(r.outcome()); code != 4 {
		t.Errorf("with a conflict: %d", code)
	}
}

// Quiet is quiet about everything but problems.
func TestQuiet(t *testing.T) {
	r, _, messages := testReporter(globals{Quiet: true})
	for _, name := range []string{"peer_connected", "peer_lost", "conflict", "synced", "paused"} {
		r.tell(peer.Event{Event: name, Peer: "nas", Path: "p", Text: "t"})
	}
	r.end(peer.Status{}, peer.Totals{})
	if messages.Len() > 0 {
		t.Errorf("said %q", messages)
	}
	r.end(peer.Status{Folders: []peer.FolderStatus{{Problems: []peer.Problem{{Path: "x", Problem: "y"}}}}}, peer.Totals{})
	if messages.String() != "problem    x: y\n" {
		t.Errorf("said %q", messages)
	}
}

// A reader that is too slow costs events, and not the node's time.
func TestEventsWithoutAReaderAreBounded(t *testing.T) {
	r, _, messages := testReporter(globals{Quiet: true})
	for range maxEvents + 5 {
		r.event(peer.Event{Event: "synced"})
	}
	r.drain()
	if !strings.HasPrefix(messages.String(), "5 events were left out") {
		t.Errorf("said %q", messages)
	}
}

// A problem is met at every try: people read of it once in a while, scripts
// each time.
func TestProblemsAreToldOnce(t *testing.T) {
	r, _, messages := testReporter(globals{})
	at := time.Now()
	for i := range 20 {
		r.tell(peer.Event{Event: "problem", Time: at.Add(time.Duration(i) * time.Second), Path: "a", Text: "not enough space"})
	}
	r.tell(peer.Event{Event: "problem", Time: at, Path: "a", Text: "permission denied"})
	r.tell(peer.Event{Event: "problem", Time: at.Add(time.Hour), Path: "a", Text: "permission denied"})
	if n := strings.Count(messages.String(), "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, messages)
	}
	js, out, _ := testReporter(globals{JSON: true})
	for range 2 {
		js.tell(peer.Event{Event: "problem", Time: at, Path: "a", Text: "not enough space"})
	}
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("%d lines for scripts", n)
	}
}

// Where no line can be drawn anew, as in a file, progress is a line every ten
// seconds, and none for what is done before that.
func TestPlainProgress(t *testing.T) {
	r, _, messages := testReporter(globals{})
	at := time.Now()
	r.p.now = func() time.Time { return at }
	var m meter
	for second := range 35 {
		left := int64(max(30-second, 0))
		now := m.read([]peer.FolderStatus{{State: "syncing", Want: peer.Amount{Entries: left, Bytes: left << 20}, Totals: peer.Totals{Bytes: int64(second) << 20}}}, true)
		r.plainly(now)
		at = at.Add(time.Second)
	}
	if got := messages.String(); strings.Count(got, "\n") != 2 || !strings.HasPrefix(got, "33%  10.0 MiB of 30.0 MiB") || !strings.Contains(got, "\n66%  ") {
		t.Errorf("%q", got)
	}
	r.plainly(reading{Busy: true, Began: true})
	at = at.Add(9 * time.Second)
	r.plainly(reading{Busy: true})
	r.plainly(reading{Ended: true})
	if strings.Count(messages.String(), "\n") != 2 {
		t.Errorf("%q", messages)
	}
}
