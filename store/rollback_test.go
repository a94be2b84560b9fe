package store

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"testing"

	"qsync/folder"
)

// pair returns two nodes that have exchanged a few files.
func pair(t *testing.T, seed uint64) (*world, *node, *node) {
	t.Helper()
	w := newWorld(seed, fastDir(t))
	w.nodes = w.nodes[:2]
	for _, n := range w.nodes {
		if err := n.open(); err != nil {
			t.Fatal(err)
		}
	}
	a, b := w.nodes[0], w.nodes[1]
	for _, p := range []folder.Path{"a", "b", "z"} {
		a.overwrite(p, w.value())
	}
	try(t, w.settle())
	return w, a, b
}

func try(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestRollback sets a node's map back to an older state of the same file, lets
// its user go on, and expects the peer to notice and nothing to be lost.
func TestRollback(t *testing.T) {
	for lost := range 4 {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			w, a, b := pair(t, 7)
			try(t, a.close())
			old, err := os.ReadFile(a.file)
			try(t, err)
			try(t, a.open())
			for i := range 2 + lost {
				a.overwrite(folder.Path(fmt.Sprint("lost", i)), w.value())
			}
			try(t, a.scan(true))
			try(t, w.whole())
			try(t, b.apply(100))

			try(t, a.close())
			try(t, os.WriteFile(a.file, old, 0o600)) // the same inode
			try(t, a.open())
			was := a.s.Identity()
			for i := range 2 + lost {
				delete(a.disk, folder.Path(fmt.Sprint("lost", i)))
			}
			a.overwrite("new", w.value())
			try(t, a.scan(true))
			before := a.s.Identity()
			if before.Replica != was.Replica || before.Seq != was.Seq+1 {
				t.Fatalf("%+v then %+v", was, before)
			}

			err = w.whole()
			if !errors.Is(err, ErrRollback) {
				t.Fatalf("the exchange ends with %v", err)
			}
			if now := a.s.Identity(); now.Seq != before.Seq || !now.Context.CoversAll(before.Context) || !before.Context.CoversAll(now.Context) {
				t.Fatalf("changed by a refused batch: %+v, was %+v", now, before)
			}
			try(t, a.s.Check())
			try(t, a.s.Rotate())
			if now := a.s.Identity(); now.Replica == before.Replica || now.Epoch == before.Epoch {
				t.Fatalf("not rotated: %+v", now)
			}
			try(t, w.settle())
			try(t, w.judge())
			for _, p := range []folder.Path{"new", "lost0", "lost1", "a"} {
				if _, ok := b.disk[p]; !ok {
					t.Errorf("%q is lost", p)
				}
			}
			try(t, w.bury())
		})
	}
}

func TestForged(t *testing.T) {
	_, a, b := pair(t, 3)
	id, p := a.s.Identity(), a.s.Peer(b.id)
	val := folder.Value{Kind: folder.Dir, Mode: 0o755}
	entry := func(d folder.Dot, ctx folder.Context) []Entry {
		return []Entry{{Path: "f", Register: folder.Register{Ctx: ctx, Sibs: []folder.Sibling{{Dot: d, Value: val}}}}}
	}
	far := folder.Dot{Replica: 99, Counter: maxJump + 1}
	own := folder.Dot{Replica: id.Replica, Counter: id.Context.Counter(id.Replica) + 1}
	fine := folder.Dot{Replica: 99, Counter: 1}
	snap := func(from, to folder.Path, paths ...folder.Path) Batch {
		b := Batch{Snapshot: true, From: from, To: to}
		for _, p := range paths {
			b.Entries = append(b.Entries, Entry{Path: p, Register: folder.Register{Sibs: []folder.Sibling{{Dot: fine, Value: val}}}})
		}
		return b
	}
	complete := snap("", "")
	complete.Complete = true
	for name, c := range map[string]struct {
		b    Batch
		want error
	}{
		"far dot":           {Batch{Entries: entry(far, nil)}, ErrForged},
		"far context":       {Batch{Context: folder.Context{far}}, ErrForged},
		"far register":      {Batch{Entries: entry(fine, folder.Context{far})}, ErrForged},
		"own dot":           {Batch{Entries: entry(own, nil)}, ErrRollback},
		"own context":       {Batch{Context: folder.Context{own}, Complete: true}, ErrRollback},
		"own register":      {Batch{Entries: entry(fine, folder.Context{own})}, ErrRollback},
		"backwards":         {Batch{Upto: p.Cursor - 1}, ErrForged},
		"gap":               {Batch{After: p.Cursor + 1, Upto: p.Cursor + 1}, ErrGap},
		"unsorted snapshot": {snap("", "", "b", "a"), ErrForged},
		"outside":           {snap("", "b", "c"), ErrForged},
		"before":            {snap("c", "d", "c"), ErrForged},
		"empty range":       {snap("c", "c"), ErrForged},
		"middle first":      {snap("c", "d"), ErrGap},
		"complete snapshot": {complete, ErrForged},
	} {
		t.Run(name, func(t *testing.T) {
			if !c.b.Snapshot && c.b.After == 0 {
				c.b.After = p.Cursor
				c.b.Upto = max(c.b.Upto, 0)
				if name != "backwards" {
					c.b.Upto = p.Cursor
				}
			}
			if n, err := a.s.Accept(b.id, c.b); n != 0 || !errors.Is(err, c.want) {
				t.Fatalf("%d, %v; want %v", n, err, c.want)
			}
			if now := a.s.Identity(); now.Seq != id.Seq || len(now.Context) != len(id.Context) {
				t.Fatalf("now %+v, was %+v", now, id)
			}
			if now := a.s.Peer(b.id); !reflect.DeepEqual(now, p) {
				t.Fatalf("peer now %+v, was %+v", now, p)
			}
			try(t, a.s.Check())
		})
	}
}

// TestManySiblings: what could not be read again is not written.
func TestManySiblings(t *testing.T) {
	_, a, b := pair(t, 3)
	p := a.s.Peer(b.id)
	var reg folder.Register
	for i := range folder.MaxSiblings + 1 {
		v := folder.Value{Kind: folder.File, Size: 1, Digest: folder.Digest{byte(i), 1}}
		reg.Sibs = append(reg.Sibs, folder.Sibling{Dot: folder.Dot{Replica: folder.ReplicaID(100 + i), Counter: 1}, Value: v})
	}
	one, two := reg, reg
	one.Sibs, two.Sibs = reg.Sibs[:folder.MaxSiblings], reg.Sibs[folder.MaxSiblings:]
	batch := func(r folder.Register) Batch {
		return Batch{After: p.Cursor, Upto: p.Cursor, Entries: []Entry{{Path: "m", Register: r}}}
	}
	if n, err := a.s.Accept(b.id, batch(one)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := a.s.Accept(b.id, batch(two)); n != 0 || !errors.Is(err, ErrForged) {
		t.Fatal(n, err)
	}
	try(t, a.s.Check())
	if out, err := a.s.Commit([]Change{{Path: "bad", After: folder.Local{Value: folder.Value{Kind: folder.Symlink}}}}, true); !errors.Is(err, folder.ErrValue) {
		t.Fatal(out, err)
	}
	if out, err := a.s.Commit([]Change{{Path: "x//y", After: folder.Local{Value: folder.Value{Kind: folder.Dir}}}}, true); !errors.Is(err, folder.ErrPath) {
		t.Fatal(out, err)
	}
}
