package store

import (
	"testing"

	"qsync/folder"
)

// TestCrossedWrites: what a peer wrote at the same time is no reason to tell it
// once more what is on its way to it; but if the session ends before it arrives,
// the next one tells it, however far the peer's cursor has come by then.
func TestCrossedWrites(t *testing.T) {
	s := newStore(t, Options{})
	one, two := NodeID{1}, NodeID{2}
	greeted(t, s, one, two)
	write(t, s, file(1), "a")
	write(t, s, file(2), "b")
	write(t, s, file(3), "c")
	turn := s.Peer(one).Turn
	theirs := func(paths ...folder.Path) (out []Entry) {
		for i, p := range paths {
			out = append(out, Entry{Path: p, Register: folder.Register{
				Sibs: []folder.Sibling{{Dot: folder.Dot{Replica: 1, Counter: uint64(i + 1)}, Value: file(9)}},
			}})
		}
		return out
	}
	told := func(id NodeID, turn, after uint64) (n int) {
		l := wide
		l.Turn = turn
		b, _, err := s.Since(id, after, l)
		try(t, err)
		return len(b.Entries)
	}
	// One has been sent a and b; c is still to be sent when its own three arrive.
	_, err := s.Accept(one, Batch{Upto: 3, Entries: theirs("a", "b", "c"), Turn: turn, Sent: upTo(2)})
	try(t, err)
	if n := told(one, turn, 2); n != 1 {
		t.Errorf("%d entries told in the session that has told all but one", n)
	}
	if n := told(two, s.Peer(two).Turn, 2); n != 3 {
		t.Errorf("%d entries told to another peer, want 3", n)
	}
	if q, err := s.Queued(100); err != nil || q[one].Entries != 1 || q[two].Entries != 3 {
		t.Errorf("queued: %v, %v", q, err)
	}
	greeted(t, s, one)
	for after := range uint64(4) {
		if n := told(one, s.Peer(one).Turn, after); n != 3 {
			t.Errorf("%d entries told in the next session after %d, want 3", n, after)
		}
	}
	// A batch of the session before, still being merged, earns no trust in this one.
	write(t, s, file(4), "d")
	head := s.Identity().Seq
	_, err = s.Accept(one, Batch{After: 3, Upto: 4, Entries: theirs("d"), Turn: turn, Sent: upTo(head)})
	try(t, err)
	if n := told(one, s.Peer(one).Turn, head); n != 1 {
		t.Errorf("%d entries told of what crossed in the session before, want 1", n)
	}
	// What is dead here has to be told.
	write(t, s, file(5), "e")
	write(t, s, folder.Value{}, "e")
	head = s.Identity().Seq
	stale := Entry{Path: "e", Register: folder.Register{Sibs: []folder.Sibling{{Dot: folder.Dot{Replica: s.Identity().Replica, Counter: 5}, Value: file(5)}}}}
	_, err = s.Accept(one, Batch{After: 4, Upto: 5, Entries: []Entry{stale}, Turn: s.Peer(one).Turn, Sent: upTo(head)})
	try(t, err)
	if n := told(one, s.Peer(one).Turn, head-1); n != 1 {
		t.Errorf("%d entries told of a deletion that the peer has not heard of, want 1", n)
	}
}

func upTo(seq uint64) func() uint64 { return func() uint64 { return seq } }
