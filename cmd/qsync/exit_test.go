package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"qsync/certs"
	"qsync/peer"
)

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("anything"), 1},
		{peer.ErrBusy, 1},
		{fs.ErrPermission, 1},
		{usagef("no"), 2},
		{certs.ErrSyncID, 2},
		{peer.ErrPath, 2},
		{peer.ErrSources, 2},
		{errPartial, 3},
		{errConflicts, 4},
		{errTimeout, 5},
		{peer.ErrUnreachable, 5},
		{peer.ErrBrake, 6},
		{peer.ErrRoot, 6},
		{peer.ErrWrongID, 7},
		{errInterrupted, 130},
		{errTerminated, 143},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("exitCode(%v) = %d, want %d", c.err, got, c.want)
		}
		if c.err == nil {
			continue
		}
		if got := exitCode(fmt.Errorf("peer: %w: and more", c.err)); got != c.want {
			t.Errorf("wrapped %v: %d, want %d", c.err, got, c.want)
		}
		if got := exitCode(outcome(c.err)); got != c.want {
			t.Errorf("outcome %v: %d, want %d", c.err, got, c.want)
		}
	}
}

// Every reason to stop comes with what to do about it.
func TestExplainNamesACure(t *testing.T) {
	for err, want := range map[error]string{
		peer.ErrBrake:       "--max-delete",
		peer.ErrRoot:        "qsync forget",
		peer.ErrSources:     "qsync join",
		peer.ErrWrongID:     "qsync id words",
		peer.ErrBusy:        "qsync status",
		peer.ErrUnreachable: "UDP",
		peer.ErrPath:        "DST",
		fs.ErrPermission:    "right",
	} {
		text := explain(fmt.Errorf("peer: %w", err))
		if !strings.Contains(text, want) {
			t.Errorf("%q does not name %q", text, want)
		}
		if strings.HasPrefix(text, "peer:") {
			t.Errorf("%q names a room", text)
		}
	}
	said := fmt.Errorf("%w: do this: qsync forget DIR", peer.ErrRoot)
	if got := explain(said); got != said.Error() {
		t.Errorf("a cure was added to %q: %q", said, got)
	}
}

// The rooms of the program are of no use to people, nor their names.
func TestExplainNamesNoRooms(t *testing.T) {
	for text, want := range map[string]string{
		"peer: store: no space":                        "no space",
		"cannot open the map: store: damaged":          "cannot open the map: damaged",
		"not that ID (certs: closed by the peer: now)": "not that ID (closed by the peer: now)",
		"/srv/peer: permission denied":                 "/srv/peer: permission denied",
		"peer: disk: peer: twice":                      "twice",
	} {
		if got := explain(errors.New(text)); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
