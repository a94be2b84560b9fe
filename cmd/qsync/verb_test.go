package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qsync/certs"
	"qsync/folder"
	"qsync/peer"
)

// echoVerb says what it was asked, and about which folder.
var echoVerb = verb[string, string]{"echo", func(_ context.Context, f *peer.Folder, q string) (string, error) {
	if q == "" {
		return "half", peer.ErrBrake
	}
	return q + " " + filepath.Base(f.Dir()) + " " + f.Mode().String(), nil
}}

// verbHome is a home that knows one folder.
func verbHome(t *testing.T) (*program, place) {
	t.Helper()
	h := testHome(t)
	id, err := certs.NewSyncID()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "docs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	e := entry{ID: id.Hex(), Dir: dir, Kind: "share", Mode: "two-way"}
	if e.tag, err = tagOf(id, dir); err == nil {
		err = h.save(e)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &program{vars: map[string]string{}, ui: newScreen(&strings.Builder{}), out: &strings.Builder{}, flags: &globals{Home: h.dir}}
	at, err := p.place(dir)
	if err != nil {
		t.Fatal(err)
	}
	return p, at
}

func TestVerbOfAFolderThatNobodyRuns(t *testing.T) {
	p, at := verbHome(t)
	for range 2 { // it is closed again
		if a, err := echoVerb.ask(p, at, "hello"); err != nil || a != "hello docs two-way" {
			t.Fatalf("answer %q, %v", a, err)
		}
	}
	if a, err := echoVerb.ask(p, at, ""); a != "half" || exitCode(err) != 6 {
		t.Fatalf("answer %q, %v", a, err)
	}
}

func TestVerbOfARunningNode(t *testing.T) {
	p, at := verbHome(t)
	err := p.openHere(at, func(f *peer.Folder) error {
		l, _, err := at.home.listenControl()
		if err != nil {
			return err
		}
		c := &control{log: slog.New(slog.DiscardHandler)}
		c.status = func() peer.Status { return peer.Status{PID: 7, Folders: []peer.FolderStatus{f.Status()}} }
		c.folders = func() []controlled { return []controlled{&managed{Folder: f}} }
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go c.serveWith(ctx, l, echoVerb)
		if a, err := echoVerb.ask(p, at, "hello"); err != nil || a != "hello docs two-way" {
			t.Errorf("answer %q, %v", a, err)
		}
		if a, err := echoVerb.ask(p, at, ""); a != "half" || exitCode(err) != 6 {
			t.Errorf("answer %q, %v", a, err)
		}
		c.folders = func() []controlled { return nil } // it has stopped there
		if _, err := echoVerb.ask(p, at, "hello"); !errors.Is(err, peer.ErrBusy) && exitCode(err) != 1 {
			t.Errorf("a folder that is open elsewhere: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestVerbOfAFolderThatStops: a stop is told of before the map is closed. Who answers
// it at once waits for that.
func TestVerbOfAFolderThatStops(t *testing.T) {
	p, at := verbHome(t)
	l, _, err := at.home.listenControl()
	if err != nil {
		t.Fatal(err)
	}
	c := &control{log: slog.New(slog.DiscardHandler)}
	c.status = func() peer.Status {
		return peer.Status{PID: 7, Folders: []peer.FolderStatus{{Path: at.entry.Dir, State: "stopped"}}}
	}
	c.folders = func() []controlled { return nil }
	go c.serveWith(t.Context(), l, echoVerb)
	open, closed := make(chan struct{}), make(chan error)
	go func() {
		closed <- p.openHere(at, func(*peer.Folder) error {
			close(open)
			time.Sleep(300 * time.Millisecond)
			return nil
		})
	}()
	<-open
	if a, err := echoVerb.ask(p, at, "hello"); err != nil || a != "hello docs two-way" {
		t.Errorf("answer %q, %v", a, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestPlaces(t *testing.T) {
	p, at := verbHome(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(at.entry.Dir, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]folder.Path{
		at.entry.Dir:                            "",
		filepath.Join(at.entry.Dir, "a"):        "a",
		filepath.Join(link, "gone", "b"):        "gone/b",
		filepath.Join(link, "..", "x", "y", ""): "none",
		filepath.Join(at.entry.Dir, "..", "a"):  "none",
	} {
		got, in, err := p.placeOf(path)
		if want == "none" {
			if exitCode(err) != 2 {
				t.Errorf("%s lies in %q, %v", path, in, err)
			}
			continue
		}
		if err != nil || in != want || got.entry.Dir != at.entry.Dir {
			t.Errorf("%s lies at %q in %s, %v, want %q", path, in, got.entry.Dir, err, want)
		}
	}
	if all, err := p.places(""); err != nil || len(all) != 1 || all[0].entry.Dir != at.entry.Dir {
		t.Errorf("places %v, %v", all, err)
	}
}
