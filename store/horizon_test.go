package store

import (
	"testing"

	"qsync/folder"
)

// snapshotOf has the store take an empty snapshot of a peer that knows d to be dead.
func snapshotOf(t *testing.T, s *Store, id NodeID, upto uint64, d folder.Dot) {
	t.Helper()
	for _, b := range []Batch{
		{Snapshot: true, Upto: upto, Context: folder.Context{d}},
		{After: upto, Upto: upto, Complete: true, Context: folder.Context{d}},
	} {
		_, err := s.Accept(id, b)
		try(t, err)
	}
}

func needsSnapshot(t *testing.T, s *Store, id NodeID, after uint64, want bool) {
	t.Helper()
	if _, snapshot, err := s.Since(id, after, wide); err != nil || snapshot != want {
		t.Errorf("peer %d after %d: snapshot %v, %v", id[0], after, snapshot, err)
	}
}

func greeted(t *testing.T, s *Store, ids ...NodeID) {
	t.Helper()
	for _, id := range ids {
		_, err := s.Greet(Peer{ID: id, Replica: folder.ReplicaID(id[0]), Epoch: 5})
		try(t, err)
	}
}

// TestHorizonOfNews: who must take a snapshot after contexts came by snapshot.
func TestHorizonOfNews(t *testing.T) {
	s := newStore(t, Options{})
	one, two, three := NodeID{1}, NodeID{2}, NodeID{3}
	greeted(t, s, one, two, three)
	snapshotOf(t, s, one, 10, folder.Dot{Replica: 1, Counter: 1})
	first := s.Identity().Seq
	needsSnapshot(t, s, one, 0, false)
	needsSnapshot(t, s, two, 0, true)
	needsSnapshot(t, s, two, first, false)

	snapshotOf(t, s, one, 10, folder.Dot{Replica: 1, Counter: 1})
	if now := s.Identity().Seq; now != first {
		t.Errorf("a second snapshot without news moved the horizon from %d to %d", first, now)
	}

	snapshotOf(t, s, two, 10, folder.Dot{Replica: 2, Counter: 1})
	needsSnapshot(t, s, one, first, true)
	needsSnapshot(t, s, two, 0, true) // what one had told is hidden from it
	needsSnapshot(t, s, two, first, false)
	needsSnapshot(t, s, three, first, true)

	// Who lost its map has lost what it told as well.
	_, err := s.Greet(Peer{ID: two, Replica: 9, Epoch: 9})
	try(t, err)
	needsSnapshot(t, s, two, first, true)
	needsSnapshot(t, s, two, s.Identity().Seq, false)
}

// TestHorizonOfTombstones: a tombstone goes when all have it and the folder
// context speaks for it, and who does not have it gets a snapshot.
func TestHorizonOfTombstones(t *testing.T) {
	s := newStore(t, Options{})
	one := NodeID{1}
	greeted(t, s, one)
	write(t, s, file(1), "a")
	write(t, s, folder.Value{}, "a")
	told := []Entry{{Path: "b", Register: folder.Register{Ctx: folder.Context{{Replica: 1, Counter: 3}}}}}
	_, err := s.Accept(one, Batch{Upto: 3, Entries: told})
	try(t, err)
	gone := s.Identity().Seq - 1
	s.Confirm(one, s.Identity().Epoch, s.Identity().Seq, Want{})
	if n, err := s.Collect(); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if r, err := s.Record("b"); err != nil || len(r.Register.Ctx) != 1 {
		t.Errorf("forgotten before the context covers it: %+v, %v", r, err)
	}
	needsSnapshot(t, s, NodeID{2}, gone-1, true)
	needsSnapshot(t, s, NodeID{2}, gone, false)
	_, err = s.Accept(one, Batch{After: 3, Upto: 3, Complete: true, Context: folder.Context{{Replica: 1, Counter: 3}}})
	try(t, err)
	if n, err := s.Collect(); n != 1 || err != nil {
		t.Error(n, err)
	}
}
