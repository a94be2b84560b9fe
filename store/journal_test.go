package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qsync/folder"
)

func newStore(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(filepath.Join(fastDir(t), "map.db"), o)
	try(t, err)
	t.Cleanup(func() {
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func file(n int) folder.Value {
	v := folder.Value{Kind: folder.File, Mode: 0o644, MTime: int64(n), Size: 8192}
	v.Digest = folder.Digest{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), 1, 2, 3, 4, 5, 6, 7, 8}
	return v
}

// write commits the value at each path as a user's write.
func write(t testing.TB, s *Store, v folder.Value, paths ...folder.Path) Outcome {
	t.Helper()
	var changes []Change
	for _, p := range paths {
		r, err := s.Record(p)
		try(t, err)
		changes = append(changes, Change{Path: p, Before: r.Local, After: folder.Local{Value: v}})
	}
	out, err := s.Commit(changes, true)
	try(t, err)
	if len(out.Stale) != 0 {
		t.Fatal("stale", out.Stale)
	}
	return out
}

func numbered(n int) (out []folder.Path) {
	for i := range n {
		out = append(out, folder.Path(fmt.Sprintf("p%05d", i)))
	}
	return out
}

var wide = Limits{Entries: 1 << 20, Bytes: 1 << 30, Size: func(Entry) int { return 100 }}

func TestSinceLimits(t *testing.T) {
	s := newStore(t, Options{})
	write(t, s, file(1), numbered(10)...)
	for _, c := range []struct {
		after uint64
		l     Limits
		n     int
		upto  uint64
		done  bool
	}{
		{0, Limits{Entries: 3, Bytes: 1 << 20, Size: wide.Size}, 3, 3, false},
		{0, Limits{Entries: 10, Bytes: 1 << 20, Size: wide.Size}, 10, 10, true},
		{0, Limits{Entries: 100, Bytes: 250, Size: wide.Size}, 2, 2, false},
		{0, Limits{Entries: 100, Bytes: 1, Size: wide.Size}, 1, 1, false}, // one always goes
		{8, Limits{Entries: 100, Bytes: 1 << 20, Size: wide.Size}, 2, 10, true},
		{10, wide, 0, 10, true},
	} {
		b, snapshot, err := s.Since(NodeID{1}, c.after, c.l)
		if err != nil || snapshot || len(b.Entries) != c.n || b.Upto != c.upto || b.Complete != c.done || b.After != c.after {
			t.Errorf("%+v: %d entries upto %d complete %v, %v %v", c, len(b.Entries), b.Upto, b.Complete, snapshot, err)
		}
	}
	b, err := s.Snapshot("p00003", 10, Limits{Entries: 3, Bytes: 1 << 20, Size: wide.Size})
	if err != nil || len(b.Entries) != 3 || b.From != "p00003" || b.To != "p00006" || b.Entries[0].Path != "p00004" || b.Complete {
		t.Errorf("%+v, %v", b, err)
	}
	if b, err = s.Snapshot("p00008", 10, wide); err != nil || len(b.Entries) != 1 || b.To != "" || b.Upto != 10 {
		t.Errorf("%+v, %v", b, err)
	}
}

// TestNoEcho: what a peer told is not told back, but to others it is.
func TestNoEcho(t *testing.T) {
	_, a, b := pair(t, 5)
	before := b.s.Identity().Seq
	at := a.s.Identity().Seq
	write(t, a.s, file(77), "fresh")
	batch, _, err := a.s.Since(b.id, at, wide)
	try(t, err)
	if n, err := b.s.Accept(a.id, batch); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	for id, want := range map[NodeID]int{a.id: 0, {9}: 1} {
		got, _, err := b.s.Since(id, before, wide)
		if err != nil || len(got.Entries) != want || !got.Complete || got.Upto != before+1 {
			t.Errorf("to %x: %d entries, %+v, %v", id[:1], len(got.Entries), got, err)
		}
	}
	if q, err := b.s.Queued(10); err != nil || q[a.id].Entries != 0 {
		t.Errorf("queued %+v, %v", q, err)
	}
}

// TestWaitForContext: a register whose context is too long for the wire is told
// as soon as the folder context covers it.
func TestWaitForContext(t *testing.T) {
	s := newStore(t, Options{})
	peer := NodeID{1}
	_, err := s.Greet(Peer{ID: peer, Replica: 5, Epoch: 5})
	try(t, err)
	var long folder.Context
	for i := range folder.MaxContext + 1 {
		long = append(long, folder.Dot{Replica: folder.ReplicaID(1000 + i), Counter: 1})
	}
	write(t, s, file(1), "early")
	e := []Entry{{Path: "x", Register: folder.Register{Sibs: []folder.Sibling{{Dot: folder.Dot{Replica: 5, Counter: 1}, Value: file(2)}}}}}
	if _, err := s.Accept(peer, Batch{Upto: 1, Context: long, Entries: e}); err != nil {
		t.Fatal(err)
	}
	b, _, err := s.Since(NodeID{2}, 0, wide)
	if err != nil || len(b.Entries) != 1 || b.Complete || b.Upto != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	if _, _, err := s.Since(NodeID{2}, 1, wide); !errors.Is(err, ErrWait) {
		t.Fatal(err)
	}
	if b, err := s.Snapshot("", 2, wide); err != nil || b.To != "early" {
		t.Fatalf("%+v, %v", b, err)
	}
	if _, err := s.Snapshot("early", 2, wide); !errors.Is(err, ErrWait) {
		t.Fatal(err)
	}
	if _, err := s.Accept(peer, Batch{After: 1, Upto: 1, Context: long, Complete: true}); err != nil {
		t.Fatal(err)
	}
	b, _, err = s.Since(NodeID{2}, 1, wide)
	if err != nil || len(b.Entries) != 1 || !b.Complete || len(b.Entries[0].Register.Ctx) != 0 {
		t.Fatalf("%+v, %v", b, err)
	}
}

func TestWait(t *testing.T) {
	s := newStore(t, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Wait(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Wait(t.Context(), 0) }()
	try(t, s.SetRoot("no news"))
	select {
	case err := <-done:
		t.Fatal("woken by nothing", err)
	case <-time.After(20 * time.Millisecond):
	}
	write(t, s, file(1), "a")
	select {
	case err := <-done:
		try(t, err)
	case <-time.After(5 * time.Second):
		t.Fatal("still asleep")
	}
	try(t, s.Wait(t.Context(), 0))
}

func TestQueued(t *testing.T) {
	s := newStore(t, Options{})
	peer := NodeID{1}
	_, err := s.Greet(Peer{ID: peer, Replica: 5, Epoch: 5})
	try(t, err)
	write(t, s, file(1), numbered(10)...)
	expect := func(what string, entries int64) {
		t.Helper()
		if q, err := s.Queued(100); err != nil || q[peer] != (Want{entries, entries * 8192}) {
			t.Errorf("%s: %+v, %v; want %d", what, q, err, entries)
		}
	}
	expect("at first", 10)
	s.Confirm(peer, s.Identity().Epoch, 4, Want{})
	expect("confirmed", 6)
	if q, err := s.Queued(2); err != nil || q[peer].Entries != 2 {
		t.Errorf("limit: %+v, %v", q, err)
	}
	try(t, s.SetRoot("another transaction"))
	_, err = s.Greet(Peer{ID: peer, Replica: 5, Epoch: 5})
	try(t, err)
	expect("greeted again", 6)
	_, err = s.Greet(Peer{ID: peer, Replica: 6, Epoch: 6})
	try(t, err)
	expect("it lost its map", 10)
	s.Confirm(peer, s.Identity().Epoch, 4, Want{})
	try(t, s.Rotate())
	if q, err := s.Queued(100); err != nil || q[peer].Entries != 10 {
		t.Errorf("rotated: %+v, %v", q, err)
	}
}

// One count serves all peers, each with its own cursor and its own rows.
func TestQueuedOfMany(t *testing.T) {
	n := 0
	dir := fastDir(t)
	rapid.Check(t, func(t *rapid.T) {
		n++
		s, err := Open(filepath.Join(dir, strconv.Itoa(n)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close() // and no Check: the journal is made by hand, without records
		peers := rapid.IntRange(0, 5).Draw(t, "peers")
		for i := range peers {
			id := NodeID{byte(i + 1)}
			if _, err := s.Greet(Peer{ID: id, Replica: folder.ReplicaID(i + 10), Epoch: 1}); err != nil {
				t.Fatal(err)
			}
		}
		rows := rapid.IntRange(0, 30).Draw(t, "rows")
		from := make([]uint64, rows)
		for i := range rows {
			if peers > 0 {
				from[i] = uint64(rapid.IntRange(0, 2*peers).Draw(t, "from"))
			}
		}
		if err := s.update(func(x *txn) error {
			for i := range rows {
				if err := x.journal.Put(seqKey(uint64(i+1)), binary.AppendUvarint(binary.AppendUvarint(nil, from[i]), uint64(i))); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		want := map[NodeID]Want{}
		for i := range peers {
			id := NodeID{byte(i + 1)}
			done := rapid.IntRange(0, rows).Draw(t, "confirmed")
			s.Confirm(id, s.Identity().Epoch, uint64(done), Want{})
			w := Want{}
			for k := done; k < rows; k++ {
				if p := s.Peer(id); from[k] != p.Number && from[k] != p.Turn {
					w = w.plus(int64(k))
				}
			}
			want[id] = w
		}
		if got, err := s.Queued(1000); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v, %v; want %v", got, err, want)
		}
	})
}

// TestFailedTransaction: nothing in memory runs ahead of the file.
func TestFailedTransaction(t *testing.T) {
	s := newStore(t, Options{})
	peer := NodeID{1}
	_, err := s.Greet(Peer{ID: peer, Replica: 5, Epoch: 5})
	try(t, err)
	s.Confirm(peer, s.Identity().Epoch, 0, Want{Entries: 3})
	was, id := s.Peer(peer), s.Identity()
	fail := errors.New("no space")
	err = s.update(func(t *txn) error {
		p := was
		p.Cursor, t.meta.Seq, t.forgot = 99, 99, peer
		old := Record{Path: "x"}
		r := old
		r.Local.Value = file(1)
		return errors.Join(t.putPeer(p), s.peers.save(t), t.put(old, r, false, 0), fail)
	})
	if !errors.Is(err, fail) {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s.Peer(peer), was) || s.Identity().Seq != id.Seq || len(s.peers.dirty) != 1 {
		t.Errorf("%+v was %+v", s.Peer(peer), was)
	}
	if held, err := s.Holding(file(1).Digest, 9); err != nil || len(held) != 0 {
		t.Error(held, err)
	}
	try(t, s.Forget(peer))
	if len(s.Peers()) != 0 {
		t.Error(s.Peers())
	}
}

// TestBrokenOff: a batch of another peer that changes something in the middle
// of a snapshot ends it, because its gaps are kept nowhere.
func TestBrokenOff(t *testing.T) {
	s := newStore(t, Options{})
	one, two := NodeID{1}, NodeID{2}
	for _, id := range []NodeID{one, two} {
		_, err := s.Greet(Peer{ID: id, Replica: folder.ReplicaID(id[0]), Epoch: 5})
		try(t, err)
	}
	dead := folder.Dot{Replica: 7, Counter: 1}
	entry := func(p folder.Path, d folder.Dot) []Entry {
		return []Entry{{Path: p, Register: folder.Register{Sibs: []folder.Sibling{{Dot: d, Value: file(1)}}}}}
	}
	knows := folder.Context{{Replica: 1, Counter: 9}, dead}
	_, err := s.Accept(one, Batch{Snapshot: true, To: "m", Upto: 50, Context: knows, Entries: entry("m", folder.Dot{Replica: 1, Counter: 1})})
	try(t, err)
	if _, err := s.Accept(one, Batch{After: 50, Upto: 50, Complete: true, Context: knows}); !errors.Is(err, ErrGap) {
		t.Fatal("half a snapshot was enough:", err)
	}
	if n, err := s.Accept(two, Batch{Upto: 1, Entries: entry("a", dead)}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	for _, b := range []Batch{
		{Snapshot: true, From: "m", Upto: 50, Context: knows},
		{After: 50, Upto: 50, Complete: true, Context: knows},
	} {
		if _, err := s.Accept(one, b); !errors.Is(err, ErrGap) {
			t.Fatalf("%+v: %v", b, err)
		}
	}
	// From the start it says that "a" is dead.
	for _, b := range []Batch{
		{Snapshot: true, Upto: 50, Context: knows, Entries: entry("m", folder.Dot{Replica: 1, Counter: 1})},
		{After: 50, Upto: 50, Complete: true, Context: knows},
	} {
		_, err := s.Accept(one, b)
		try(t, err)
	}
	if r, err := s.Record("a"); err != nil || r.Register.Live() {
		t.Fatal(r, err)
	}
	// Its teller need not take a snapshot of us, everybody else must.
	if _, snapshot, err := s.Since(one, 0, wide); err != nil || snapshot {
		t.Error(snapshot, err)
	}
	if _, snapshot, err := s.Since(two, 0, wide); err != nil || !snapshot {
		t.Error(snapshot, err)
	}
	if p := s.Peer(one); p.Cursor != 50 || p.Snapshot {
		t.Errorf("%+v", p)
	}
	if ids := slices.Collect(func(yield func(NodeID) bool) {
		for _, p := range s.Peers() {
			if !yield(p.ID) {
				return
			}
		}
	}); !slices.Equal(ids, []NodeID{one, two}) {
		t.Error(ids)
	}
}
