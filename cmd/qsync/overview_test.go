package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qsync/cmd/qsync/config"
	"qsync/peer"
)

// runningFolder is a session that runs the folder of verbHome, without a network.
func runningFolder(t *testing.T, adjust func(*peer.FolderConfig)) (*session, *managed) {
	t.Helper()
	p, at := verbHome(t)
	s, err := p.startSession(&nodeFlags{}, false, false)
	if err != nil {
		t.Fatal(err)
	}
	s.log = slog.New(slog.DiscardHandler)
	s.folders.serve = true
	m := &managed{entry: at.entry, conf: config.DefaultFolder(at.entry.Dir)}
	fc, err := s.config(m)
	if err != nil {
		t.Fatal(err)
	}
	if adjust != nil {
		adjust(&fc)
	}
	if m.Folder, err = s.node.Add(fc); err != nil {
		t.Fatal(err)
	}
	s.folders.adopt(m)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = s.node.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; s.end() })
	return s, m
}

// api answers as the window of the session does.
func (s *session) api() http.Handler {
	return s.windowAPI()
}

func get(t *testing.T, h http.Handler, path string, into any) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatalf("%s: %v in %s", path, err, w.Body)
	}
}

type overviewSeen struct {
	Node    nodeView     `json:"node"`
	Folders []folderView `json:"folders"`
}

// untilSeen asks for the overview until ok says so.
func untilSeen(t *testing.T, s *session, ok func(folderView) bool) folderView {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var o overviewSeen
		get(t, s.api(), "/v1/overview", &o)
		if len(o.Folders) != 1 {
			t.Fatalf("%d folders", len(o.Folders))
		}
		if ok(o.Folders[0]) {
			return o.Folders[0]
		}
		if time.Now().After(end) {
			t.Fatalf("it never came: %+v", o.Folders[0])
		}
	}
}

func TestOverviewShowsWhatTheBrakeStopped(t *testing.T) {
	s, m := runningFolder(t, func(fc *peer.FolderConfig) { fc.MaxDelete = peer.Brake{Entries: 20} })
	dir := m.Dir()
	below := filepath.Join(dir, "d") // it goes at once, whatever is looked at when
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 150 {
		if err := os.WriteFile(filepath.Join(below, fmt.Sprintf("f%03d", i)), []byte("12345"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	odd := filepath.Join(below, "<b>\x1b[31m\xff")
	if err := os.WriteFile(odd, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := m.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := untilSeen(t, s, func(f folderView) bool { return f.Entries.Files == 151 })
	if f.Word != "no peer" || f.Level != "waiting" || !strings.Contains(f.Sentence, "qsync join") || f.Held != nil || f.Began.IsZero() {
		t.Errorf("%+v", f)
	}
	u := s.folders.all()[0]
	u.work.Lock() // who tidies up after the stop comes late: the map is closed by then
	if err := os.WriteFile(filepath.Join(dir, "stays"), []byte("stays"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(below, filepath.Join(t.TempDir(), "d")); err != nil {
		t.Fatal(err)
	}
	_ = m.Rescan(t.Context()) // the folder stops in it
	var asked atomic.Int64
	answers := make(chan error)
	go func() {
		answers <- s.folders.borrow(dir, func(f *peer.Folder) error {
			asked.Store(f.Held().Entries)
			return nil
		})
	}()
	<-m.Stopped()
	time.Sleep(200 * time.Millisecond)
	u.work.Unlock()
	if err := <-answers; err != nil {
		t.Error(err)
	}
	f = untilSeen(t, s, func(f folderView) bool { return f.Held != nil && len(f.Held.Paths) > 0 })
	if f.Level != "bad" || !strings.Contains(f.Sentence, "qsync confirm") {
		t.Errorf("level %s, %s", f.Level, f.Sentence)
	}
	h := f.Held
	// Of what went at once a look of its own, after a hint, may have some.
	if h.Entries != asked.Load() || h.Entries <= 20 || h.Entries > 152 || h.Bytes <= 0 || len(h.Paths) != int(h.Entries) || h.Why != "vanished" {
		t.Errorf("held %+v", h)
	}
	named := slices.IndexFunc(h.Paths, func(p peer.HeldPath) bool { return string(p.RawPath) == "d/<b>\x1b[31m\xff" })
	if named < 0 && h.Entries >= 151 || named >= 0 && h.Paths[named].Kind != "file" {
		t.Errorf("what is there with bytes is at %d of %+v", named, h.Paths)
	}
	// An answer is about the stop that was seen, and no other one.
	for _, c := range []struct {
		since   time.Time
		entries int64
		text    string
	}{{h.Since, h.Entries - 1, "not what was shown"}, {h.Since.Add(-time.Second), h.Entries, "not what was shown"}, {h.Since, h.Entries, `"answer":"confirmed"`}} {
		q := fmt.Sprintf(`{"folder":%q,"query":{"seen":{"since":%q,"entries":%d}}}`, dir, c.since.Format(time.RFC3339Nano), c.entries)
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/v1/folder/confirm", strings.NewReader(q))
		r.Header.Set("Content-Type", "application/json")
		s.api().ServeHTTP(w, r)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%s: %d %s", q, w.Code, w.Body)
		}
	}
	var o overviewSeen
	get(t, s.api(), "/v1/overview", &o)
	if now := o.Folders[0].Held; now == nil || now.Answer != "confirmed" || len(now.Paths) != len(h.Paths) {
		t.Errorf("after the answer it shows %+v", now)
	}
}

// TestOverviewOfAFolderThatHasStopped: it is still of its profile, and no peer of it is
// connected.
func TestOverviewOfAFolderThatHasStopped(t *testing.T) {
	was, now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	eta := int64(9)
	before := peer.FolderStatus{Path: "/photos", State: "syncing", Want: peer.Amount{Entries: 3, Bytes: 90}, Rate: peer.Rate{In: 5}, ETA: &eta, Current: "a", Dialers: []peer.Dialer{{Address: "nas"}}, Peers: []peer.PeerStatus{
		{Name: "here", Connected: true, InSync: true, LastSeen: was, Transport: &peer.Transport{Link: "quic"}}, {Name: "away", LastSeen: was},
	}}
	u := &unit{conf: config.Folder{Path: "/photos", Label: "Pictures", Profile: "work"}, err: peer.ErrBrake, was: []peer.FolderStatus{left(before, now)}}
	st := (&manager{}).stopped(u)[0].Status()
	if st.Label != "Pictures" || st.Profile != "work" || st.State != "stopped" || st.Rate != (peer.Rate{}) || st.ETA != nil || st.Current != "" || len(st.Dialers) > 0 {
		t.Errorf("%+v", st)
	}
	for i, seen := range []time.Time{now, was} {
		if p := st.Peers[i]; p.Connected || p.InSync || p.Transport != nil || !p.LastSeen.Equal(seen) {
			t.Errorf("peer %d is %+v", i, p)
		}
	}
	if v := viewOf(st); v.Want != before.Want || v.Whole != v.Want {
		t.Errorf("of %+v it still wants %+v", v.Whole, v.Want)
	}
	if !before.Peers[0].Connected {
		t.Error("what it was before has changed with it")
	}
}

// TestOverviewOfAFolderThatIsOpened: with other settings it is opened anew. Meanwhile
// it is there, and not well.
func TestOverviewOfAFolderThatIsOpened(t *testing.T) {
	s, m := runningFolder(t, nil)
	untilSeen(t, s, func(f folderView) bool { return f.State == "idle" })
	u, opened := s.folders.all()[0], 0
	for range 5 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			u.work.Lock()
			defer u.work.Unlock()
			s.folders.changed(u, config.FolderChange{Old: u.conf, New: u.conf, Keys: []string{"exclude"}})
		}()
		for changing := true; changing; {
			select {
			case <-done:
				changing = false
			default:
			}
			untilSeen(t, s, func(f folderView) bool { // which fails where it is not there
				if f.Path != m.Dir() || f.State == "stopped" && (f.Level == "good" || !strings.Contains(f.Sentence, "being opened")) {
					t.Errorf("it is %+v", f)
				}
				if f.State == "stopped" {
					opened++
				}
				return true
			})
		}
	}
	if err := s.folders.errOf(u); err != nil || opened == 0 {
		t.Errorf("it was seen being opened %d times, and in the end: %v", opened, err)
	}
}

// TestOverviewIsQuiet: while nothing happens it is the same bytes each time, and
// costs next to nothing.
func TestOverviewIsQuiet(t *testing.T) {
	s, m := runningFolder(t, nil)
	if err := m.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	untilSeen(t, s, func(f folderView) bool { return f.State == "idle" })
	node, order, folders := s.overview()
	for range 50 {
		time.Sleep(50 * time.Millisecond)
		n, _, f := s.overview()
		if len(order) != 1 || !bytes.Equal(n, node) || !bytes.Equal(f[order[0]], folders[order[0]]) {
			t.Fatalf("it changed:\n%s\n%s\n%s\n%s", node, n, folders[order[0]], f[order[0]])
		}
	}
	if err := os.WriteFile(filepath.Join(m.Dir(), "new"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := m.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, f := s.overview(); bytes.Equal(f[order[0]], folders[order[0]]) {
		t.Error("a change is not told of at once")
	}
}

func TestOverviewCutsItsLists(t *testing.T) {
	st := peer.FolderStatus{State: "idle", Peers: []peer.PeerStatus{}}
	for i := range 5000 {
		st.Problems = append(st.Problems, peer.Problem{Path: fmt.Sprint(i), Problem: "permission denied"})
		st.Conflicts = append(st.Conflicts, fmt.Sprint(i))
		st.Peers = append(st.Peers, peer.PeerStatus{Name: fmt.Sprint(i)})
	}
	v := viewOf(st)
	if len(v.Problems) != overviewProblems || v.ProblemCount != 5000 || len(v.Conflicts) != overviewProblems || v.ConflictCount != 5000 ||
		len(v.Peers) != overviewPeers || v.PeerCount != 5000 {
		t.Errorf("%d of %d problems, %d of %d conflicts, %d of %d peers", len(v.Problems), v.ProblemCount, len(v.Conflicts), v.ConflictCount, len(v.Peers), v.PeerCount)
	}
	if v.Level != "bad" || !strings.Contains(v.Sentence, "5000 paths cannot be synced; give qsync's user the right to it") {
		t.Errorf("%s: %s", v.Level, v.Sentence)
	}
}

func TestSentences(t *testing.T) {
	peers := func(p ...peer.PeerStatus) peer.FolderStatus { return peer.FolderStatus{State: "idle", Peers: p} }
	with := func(f peer.FolderStatus, do func(*peer.FolderStatus)) peer.FolderStatus { do(&f); return f }
	for _, c := range []struct {
		f     peer.FolderStatus
		level string
		text  string
	}{
		{peers(), "waiting", "no peer yet: 'qsync join - DIR'"},
		{peers(peer.PeerStatus{Name: "b"}), "waiting", "no peer is connected; start qsync on the other device"},
		{peers(peer.PeerStatus{Name: "b", Connected: true, InSync: true}), "good", "in sync with 1 peer"},
		{peers(peer.PeerStatus{Name: "b", Connected: true, Queued: peer.Amount{Entries: 2, Bytes: 1024}}), "busy", "2 entries (1.0 KiB) on the way to b"},
		{peers(peer.PeerStatus{Name: "b", Connected: true}), "busy", "comparing with b"},
		{with(peers(), func(f *peer.FolderStatus) { f.State, f.Reason = "stopped", "gone\x1b[2J" }), "bad", `gone\x1b[2J`},
		{with(peers(), func(f *peer.FolderStatus) { f.State, f.Reason = "paused", "paused: 'qsync resume DIR'" }), "paused", "'qsync resume DIR'"},
		{with(peers(), func(f *peer.FolderStatus) { f.State = "scanning" }), "busy", "looking at the files"},
		{with(peers(), func(f *peer.FolderStatus) { f.State, f.Want.Entries = "syncing", 1 }), "busy", "1 entry to come"},
		{with(peers(), func(f *peer.FolderStatus) { f.Want.Entries, f.Reason = 3, "make room" }), "waiting", "3 entries still to come: make room"},
	} {
		if v := viewOf(c.f); v.Level != c.level || !strings.Contains(v.Sentence, c.text) {
			t.Errorf("%s: %q, want %s: %q", v.Level, v.Sentence, c.level, c.text)
		}
	}
}
