package store

import (
	"fmt"
	"path/filepath"
	"testing"

	"qsync/folder"
)

// TestHold: a stop, its paths and what was answered outlive the process.
func TestHold(t *testing.T) {
	file := filepath.Join(fastDir(t), "map.db")
	s := openIn(t, file)
	try(t, s.AnswerHold(Confirmed))
	try(t, s.Release())
	if h := s.Hold(); h != (Hold{}) {
		t.Fatal(h)
	}
	var paths []folder.Path
	for i := range 500 {
		paths = append(paths, folder.Path(fmt.Sprint("d/", i)))
	}
	try(t, s.SetHold(Hold{Why: HoldVanished, Count: 500, Total: 501}, paths))
	try(t, s.AnswerHold(Undone))
	try(t, s.Close())
	s = openIn(t, file)
	h := s.Hold()
	if h.Why != HoldVanished || h.Count != 500 || h.Total != 501 || h.Answer != Undone || h.At.IsZero() {
		t.Errorf("%+v", h)
	}
	held, err := s.Held()
	try(t, err)
	for _, p := range paths {
		if !held.Has(p) {
			t.Errorf("%q", p)
		}
	}
	if held.Has("d/500") || (HeldPaths{}).Has("d/0") {
		t.Error("one too many")
	}
	try(t, s.SetHold(Hold{Why: HoldIncoming, Count: 1}, paths[:1]))
	if h := s.Hold(); h.Answer != NoAnswer || h.Count != 1 {
		t.Errorf("%+v", h)
	}
	try(t, s.Release())
	if held, err := s.Held(); err != nil || held.Has("d/0") || s.Hold().Why != NoHold {
		t.Error(held, err)
	}
	try(t, s.Check())
}

// TestTop: what lies directly in the root, whatever lies below that.
func TestTop(t *testing.T) {
	s := openIn(t, filepath.Join(fastDir(t), "map.db"))
	want := []folder.Path{"a", "b", "b b", "b.c", "c"}
	for _, p := range append([]folder.Path{"b/x", "b/x/y", "c/d"}, want...) {
		_, err := s.Commit([]Change{{Path: p, After: fileOf(1, 0)}}, true)
		try(t, err)
	}
	var got []folder.Path
	try(t, s.Top(func(r Record) bool { got = append(got, r.Path); return r.Path != "c" }))
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q", got)
	}
	got = nil
	try(t, s.Top(func(r Record) bool { got = append(got, r.Path); return false }))
	if len(got) != 1 {
		t.Error(got)
	}
}
