package store

import (
	"slices"
	"testing"

	"qsync/folder"
)

var (
	lawTwoWay = Law{Mode: 1, Announces: true}
	lawSend   = Law{Mode: 2, Announces: true, Lets: true}
	lawBackup = Law{Mode: 4, Announces: true, Drops: true, Lets: true}
)

// has compares what is known of a path with the live writes that it should have.
func has(t *testing.T, s *Store, p folder.Path, want ...folder.Value) Record {
	t.Helper()
	r, err := s.Record(p)
	try(t, err)
	if len(r.Register.Sibs) != len(want) {
		t.Fatalf("%s: %+v", p, r.Register)
	}
	for _, v := range want {
		if !slices.ContainsFunc(r.Register.Sibs, func(s folder.Sibling) bool { return folder.SameContent(s.Value, v) }) {
			t.Errorf("%s: %+v lacks %+v", p, r.Register.Sibs, v)
		}
	}
	return r
}

// TestDropped: what vanishes under a law that drops stays live, is not wanted,
// and is superseded by what comes there again.
func TestDropped(t *testing.T) {
	s := newStore(t, Options{})
	try(t, s.SetLaw(lawBackup))
	write(t, s, file(1), "a", "b", "d/c")
	seq := s.Identity().Seq
	if out := write(t, s, folder.Value{}, "a", "b", "d/c"); out.Issued != 0 || out.Deleted != 0 {
		t.Errorf("%+v", out)
	}
	if s.Want() != (Want{}) || s.Totals() != (Totals{}) || s.Identity().Seq != seq+3 {
		t.Error(s.Want(), s.Totals(), s.Identity().Seq)
	}
	if r := has(t, s, "a", file(1)); r.Dropped == nil || r.Dropped.Dot != r.Register.Sibs[0].Dot || r.Have() {
		t.Errorf("%+v", r)
	}
	if out := write(t, s, file(2), "a"); out.Added != 1 || out.Modified != 0 {
		t.Errorf("%+v", out)
	}
	if r := has(t, s, "a", file(2)); r.Dropped != nil || r.Register.Sibs[0].Value.Base.Content != file(1).ContentID() {
		t.Errorf("%+v", r)
	}
	before := has(t, s, "b", file(1))
	if out := write(t, s, file(1), "b"); out.Issued != 0 {
		t.Errorf("%+v", out)
	}
	after := has(t, s, "b", file(1))
	if after.Register.Sibs[0].Dot != before.Register.Sibs[0].Dot || after.Dropped != nil || !after.Have() || after.Seq <= before.Seq {
		t.Errorf("what came back unchanged: %+v, was %+v", after, before)
	}
	try(t, s.Check())
}

// TestDroppedByOthers: what others write need not come to where nothing is
// applied, and an edit that was not seen here is not superseded here.
func TestDroppedByOthers(t *testing.T) {
	a, b := newStore(t, Options{}), newStore(t, Options{})
	try(t, a.SetLaw(lawBackup))
	try(t, b.SetLaw(lawTwoWay))
	write(t, a, file(1), "f")
	exchange(t, a, b)
	apply(t, b, "f")
	write(t, a, folder.Value{}, "f")
	write(t, b, file(2), "f", "g")
	exchange(t, b, a)
	if a.Want() != (Want{}) {
		t.Error(a.Want())
	}
	has(t, a, "f", file(2))
	write(t, a, file(3), "f")
	has(t, a, "f", file(3), file(2))
	write(t, b, folder.Value{}, "g")
	exchange(t, b, a)
	if r := has(t, a, "g"); r.Dropped != nil {
		t.Errorf("%+v", r)
	}
	try(t, a.Check())
}

// TestLawChanges: what was dropped stays so beside a law that lets it, and is
// wanted under one that does not; what vanished before the change counts as
// dropped until the disk has been looked at.
func TestLawChanges(t *testing.T) {
	s := newStore(t, Options{})
	try(t, s.SetLaw(lawTwoWay))
	write(t, s, file(1), "a", "b", "c", "d", "e")
	try(t, s.SetLaw(lawBackup))
	write(t, s, folder.Value{}, "a")
	try(t, s.SetLaw(lawSend))
	write(t, s, folder.Value{}, "b") // it was away before
	try(t, s.Looked())
	write(t, s, folder.Value{}, "c")
	has(t, s, "a", file(1))
	has(t, s, "b", file(1))
	has(t, s, "c")
	if s.Want().Entries != 0 {
		t.Error(s.Want())
	}
	try(t, s.SetLaw(lawBackup))
	try(t, s.SetLaw(lawTwoWay))
	if s.Want().Entries != 2 || !s.Drops() {
		t.Error(s.Want(), s.Drops())
	}
	write(t, s, folder.Value{}, "d")
	if has(t, s, "d", file(1)); s.Want().Entries != 3 {
		t.Error(s.Want())
	}
	try(t, s.Check())
	try(t, s.Looked())
	write(t, s, folder.Value{}, "e")
	if has(t, s, "e"); s.Drops() {
		t.Error("still dropping")
	}
	try(t, s.SetLaw(lawBackup)) // what is wanted now need not come
	if s.Want().Entries != 0 {
		t.Error(s.Want())
	}
	try(t, s.Check())
}

// exchange tells one store what is new in the other.
func exchange(t *testing.T, from, to *Store) {
	t.Helper()
	id := NodeID{1}
	if _, err := to.Greet(Peer{ID: id, Replica: from.Identity().Replica, Epoch: from.Identity().Epoch}); err != nil {
		t.Fatal(err)
	}
	b, snapshot, err := from.Since(NodeID{99}, to.Peer(id).Cursor, wide)
	if err != nil || snapshot {
		t.Fatal(err, snapshot)
	}
	_, err = to.Accept(id, b)
	try(t, err)
}

// apply makes the disk of s show what the register of p does.
func apply(t *testing.T, s *Store, p folder.Path) {
	t.Helper()
	r, err := s.Record(p)
	try(t, err)
	res := r.Register.Resolve()
	_, err = s.Commit([]Change{{Path: p, Before: r.Local, After: folder.Local{Value: res.Value, Dot: res.Winner.Dot}, Applied: true}}, true)
	try(t, err)
}
