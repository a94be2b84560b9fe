package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qsync/peer"
)

// stillFolder is a folder whose state a test decides.
type stillFolder struct {
	path    string
	err     error         // what waiting ends with
	never   bool          // waiting ends with its context alone
	rescans *atomic.Int64 // counts them
}

func (f stillFolder) Status() peer.FolderStatus { return peer.FolderStatus{Path: f.path} }
func (f stillFolder) Missing(int) string        { return "3 entries still to come" }

func (f stillFolder) Rescan(context.Context) error {
	f.rescans.Add(1)
	return f.err
}

func (f stillFolder) Wait(ctx context.Context, _ int) error {
	if f.never {
		<-ctx.Done()
		return ctx.Err()
	}
	return f.err
}

// serveFolders runs a control socket in the home until the test ends.
func serveFolders(t *testing.T, h home, folders ...stillFolder) (socket string) {
	t.Helper()
	l, path, err := h.listenControl()
	if err != nil {
		t.Fatal(err)
	}
	c := &control{log: slog.New(slog.DiscardHandler)}
	c.status = func() peer.Status {
		st := peer.Status{PID: 7, Name: "anna", Folders: []peer.FolderStatus{}}
		for _, f := range folders {
			st.Folders = append(st.Folders, f.Status())
		}
		return st
	}
	c.folders = func() (all []controlled) {
		for _, f := range folders {
			all = append(all, f)
		}
		return all
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.serve(ctx, l) }()
	t.Cleanup(func() { cancel(); <-done })
	return filepath.Base(path)
}

// A node that ends over a change, for its last folder is forgotten, may be gone
// before it has answered; one that is there and does not answer is an error.
func TestGoneBeforeItAnswers(t *testing.T) {
	for _, stays := range []bool{false, true} {
		h := testHome(t)
		l, _, err := h.listenControl()
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				answer(w, peer.Status{PID: 7})
				return
			}
			if !stays {
				_ = l.Close()
			}
			panic(http.ErrAbortHandler)
		})}
		defer srv.Close()
		go func() { _ = srv.Serve(l) }()
		if err := (admin{home: h}).applyAll(applyRequest{}); (err != nil) != stays {
			t.Errorf("it stays %v: %v", stays, err)
		}
	}
}

func TestControlSocket(t *testing.T) {
	h := testHome(t)
	count := &atomic.Int64{}
	socket := serveFolders(t, h,
		stillFolder{path: "/done", rescans: count},
		stillFolder{path: "/never", never: true, rescans: count},
		stillFolder{path: "/brake", err: peer.ErrBrake, rescans: count})
	nodes := h.ask(askTime)
	if len(nodes) != 1 || nodes[0].Name != "anna" || len(nodes[0].Folders) != 3 || nodes[0].socket != socket {
		t.Fatalf("nodes %+v", nodes)
	}
	if runs(nodes, "/never") != 7 || runs(nodes, "/other") != 0 {
		t.Error("who runs what")
	}
	for folder, want := range map[string]int{"/done": 0, "/never": 5, "/brake": 6, "/other": 1, "": 5} {
		err := h.waitFor(nodes[0], waitRequest{Folder: folder, Timeout: 50 * time.Millisecond})
		if exitCode(err) != want {
			t.Errorf("waiting for %q: %v, code %d, want %d", folder, err, exitCode(err), want)
		}
		if want == 5 && !strings.Contains(err.Error(), "3 entries still to come") {
			t.Errorf("%v does not say what is missing", err)
		}
	}
	var a waitAnswer
	if err := h.call(t.Context(), socket, "/v1/rescan", rescanRequest{Folder: "/done"}, &a); err != nil || count.Load() != 1 {
		t.Errorf("rescan: %v, %d", err, count.Load())
	}
	if err := h.call(t.Context(), socket, "/v1/rescan", rescanRequest{Folder: "/brake"}, &a); err == nil || !strings.Contains(err.Error(), "brake") {
		t.Errorf("rescan that fails: %v", err)
	}
	if err := h.call(t.Context(), socket, "/v1/rescan", rescanRequest{Folder: "/other"}, &a); !errors.Is(err, errNoFolder) {
		t.Errorf("rescan of nothing: %v", err)
	}
	if err := h.call(t.Context(), socket, "/v1/wait", "not an object", &a); err == nil {
		t.Error("a malformed request was taken")
	}
}

func TestSocketsOfOneHome(t *testing.T) {
	h := testHome(t)
	first := serveFolders(t, h, stillFolder{path: "/a"})
	second := serveFolders(t, h, stillFolder{path: "/b"})
	if first != socketName || second == socketName {
		t.Errorf("sockets %s and %s", first, second)
	}
	nodes := h.ask(askTime)
	if len(nodes) != 2 || runs(nodes, "/a") == 0 || runs(nodes, "/b") == 0 {
		t.Errorf("nodes %+v", nodes)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	h := testHome(t)
	for _, name := range []string{socketName, "control-99999.sock"} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(h.dir, name), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		l.Close() // as a killed process leaves it
	}
	if got := h.ask(askTime); len(got) != 0 {
		t.Errorf("%+v answered", got)
	}
	if got := serveFolders(t, h, stillFolder{path: "/a"}); got != socketName {
		t.Errorf("socket %s", got)
	}
	if got := h.sockets(); len(got) != 1 {
		t.Errorf("sockets %v", got)
	}
}

// The path of a socket has some hundred bytes at most, that of a home not.
func TestSocketInAHomeWithALongPath(t *testing.T) {
	dir := t.TempDir()
	for range 4 {
		dir = filepath.Join(dir, strings.Repeat("long", 12))
	}
	p := &program{vars: map[string]string{}, flags: &globals{Home: dir}}
	h, err := p.openHome()
	if err != nil {
		t.Fatal(err)
	}
	serveFolders(t, h, stillFolder{path: "/a"})
	if got := h.ask(askTime); len(got) != 1 {
		t.Errorf("nodes %+v", got)
	}
	if fi, err := os.Stat(filepath.Join(dir, socketName)); err != nil || fi.Mode()&os.ModeSocket == 0 {
		t.Errorf("socket: %v, %v", fi, err)
	}
}

// A node that hangs does not keep status waiting.
func TestSilentNodeIsPassedOver(t *testing.T) {
	h := testHome(t)
	l, _, err := h.listenControl()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now()
	if got := h.ask(100 * time.Millisecond); len(got) != 0 || time.Since(began) > 2*time.Second {
		t.Errorf("%+v after %v", got, time.Since(began))
	}
}

// TestLastAnswers: what is being answered when a node ends is answered; what takes
// longer than a second is not waited for.
func TestLastAnswers(t *testing.T) {
	h := testHome(t)
	l, path, err := h.listenControl()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := &control{log: slog.New(slog.DiscardHandler), manage: slowManager{cancel}}
	done := make(chan struct{})
	go func() { defer close(done); c.serve(ctx, l) }()
	var a waitAnswer
	if err := h.call(t.Context(), filepath.Base(path), "/v1/apply", applyRequest{}, &a); err != nil || a.Missing != "slow" {
		t.Errorf("the last answer: %+v, %v", a, err)
	}
	<-done
}

// slowManager ends its node, and answers a little later.
type slowManager struct{ end func() }

func (m slowManager) reload() error {
	m.end()
	time.Sleep(100 * time.Millisecond)
	return errors.New("slow")
}
func (slowManager) resume(applyRequest)    {}
func (slowManager) offer(string, []string) {}
func (slowManager) trouble(string) error   { return nil }
