package store

import (
	"testing"

	"qsync/folder"
)

var lawReceive = Law{Mode: 3, Keeps: true}

// hear lets s learn what a user of from made of the paths, without applying it.
func hear(t *testing.T, from, s *Store, v folder.Value, paths ...folder.Path) {
	t.Helper()
	write(t, from, v, paths...)
	exchange(t, from, s)
}

// looks commits what a look at the disk of a store that announces nothing finds.
func looks(t *testing.T, s *Store, v folder.Value, paths ...folder.Path) {
	t.Helper()
	for _, p := range paths {
		r, err := s.Record(p)
		try(t, err)
		_, err = s.Commit([]Change{{Path: p, Before: r.Local, After: folder.Local{Value: v}}}, false)
		try(t, err)
	}
}

// TestAside: what a user changes where nothing is announced stands until the
// source makes something new of it, counts as own and is not wanted.
func TestAside(t *testing.T) {
	src, s := newStore(t, Options{}), newStore(t, Options{})
	try(t, src.SetLaw(lawTwoWay))
	try(t, s.SetLaw(lawReceive))
	hear(t, src, s, file(1), "edited", "removed", "same", "back")
	apply(t, s, "edited")
	apply(t, s, "removed")
	apply(t, s, "same")
	apply(t, s, "back")
	seq := s.Identity().Seq
	looks(t, s, file(2), "edited", "extra", "back")
	looks(t, s, folder.Value{}, "removed")
	if s.Own() != (Own{Added: 1, Modified: 2, Deleted: 1}) || s.Want() != (Want{}) || s.Identity().Seq != seq {
		t.Errorf("%+v %+v", s.Own(), s.Want())
	}
	looks(t, s, file(1), "back") // as it was
	if s.Own().Modified != 1 {
		t.Errorf("%+v", s.Own())
	}
	looks(t, s, file(3), "edited") // and again: what sync put there last counts
	if r := has(t, s, "edited", file(1)); r.Aside == nil || !folder.SameContent(r.Aside.Value, file(1)) || !r.Owned() {
		t.Errorf("%+v", r)
	}
	try(t, s.Check())
	hear(t, src, s, file(4), "edited", "removed", "extra")
	if s.Own() != (Own{}) || s.Want().Entries != 3 {
		t.Errorf("%+v %+v", s.Own(), s.Want())
	}
	if r := has(t, s, "edited", file(4)); !r.Owned() {
		t.Errorf("nothing to keep aside: %+v", r)
	}
	apply(t, s, "edited")
	if r := has(t, s, "edited", file(4)); r.Aside != nil {
		t.Errorf("%+v", r)
	}
	looks(t, s, file(5), "edited", "same")
	hear(t, src, s, folder.Value{}, "edited")
	if r := has(t, s, "edited"); !r.Stands() || s.Own() != (Own{Added: 1, Modified: 1}) {
		t.Errorf("what the source removed: %+v %+v", r, s.Own())
	}
	try(t, s.Check())
	try(t, s.Revert([]folder.Path{"edited", "same", "removed", "nothing"}))
	if s.Own() != (Own{}) || s.Want().Entries != 4 {
		t.Errorf("%+v %+v", s.Own(), s.Want())
	}
	try(t, s.Check())
}

// TestAsideUnderOtherLaws: a law by which nothing stays wants it away, and the one
// that keeps takes what it finds that is nobody's for a user's.
func TestAsideUnderOtherLaws(t *testing.T) {
	s := newStore(t, Options{})
	try(t, s.SetLaw(lawReceive))
	looks(t, s, file(1), "extra")
	mirror := Law{Mode: 5}
	try(t, s.SetLaw(mirror))
	if s.Own() != (Own{}) || s.Want().Entries != 1 {
		t.Errorf("%+v %+v", s.Own(), s.Want())
	}
	try(t, s.Check())
	try(t, s.SetLaw(lawReceive))
	if s.Own() != (Own{Added: 1}) || s.Want().Entries != 0 {
		t.Errorf("%+v %+v", s.Own(), s.Want())
	}
	try(t, s.SetLaw(lawTwoWay))
	if r, err := s.Record("extra"); err != nil || r.Local != (folder.Local{}) || s.Own() != (Own{}) {
		t.Errorf("it is to be announced: %+v %v", r, err)
	}
	try(t, s.Check())
}

// TestWaives: under a law that asks for no conflict copies every write says so.
func TestWaives(t *testing.T) {
	s := newStore(t, Options{})
	law := lawTwoWay
	try(t, s.SetLaw(law))
	write(t, s, file(1), "before")
	law.Waives = true
	try(t, s.SetLaw(law))
	write(t, s, file(2), "before", "after")
	for _, p := range []folder.Path{"before", "after"} {
		if r := has(t, s, p, file(2)); !r.Register.Sibs[0].Value.Waives() {
			t.Errorf("%+v", r.Register)
		}
	}
	write(t, s, file(3).WithLost(folder.Lost{Base: 1}), "copy")
	if r := has(t, s, "copy", file(3)); r.Register.Sibs[0].Value.Waives() {
		t.Error("a conflict copy is no write that loses")
	}
}
