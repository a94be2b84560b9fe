package peer

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// TestSwappedAndNewer: what was put in place when a run was killed, and was older
// by then than what the map had heard of, is no edit of this machine's user. (F1, F2)
func TestSwappedAndNewer(t *testing.T) {
	t.Parallel()
	for name, notes := range map[string]int{"noted": 1, "and killed again before the next": 2, "not noted, as after a power cut": 0} {
		noted := notes > 0
		t.Run(name, func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				a.write("x", "first")
				c.start()
				c.converged(20 * time.Second)
				c.net.slow(a, 20_000)
				second, third := random(300_000), random(300_000)
				a.write("x", second)
				time.Sleep(3 * time.Second) // it is on its way
				rec := b.record("x")
				a.write("x", third)
				time.Sleep(3 * time.Second)
				now := b.record("x")
				if now.Register.Resolve().Value.Digest != digestOf(third) || rec.Register.Resolve().Value.Digest != digestOf(second) || b.read("x") != "first" {
					c.Fatal(rec, now)
				}
				b.stop()
				b.must(os.WriteFile(b.path("y"), []byte(second), 0o644))
				b.must(os.Rename(b.path("y"), b.path("x")))
				if noted {
					var n swapNotes
					b.must(n.remember(b.state))
					n.note([]stagedFile{{want: want{rec: rec, res: rec.Register.Resolve()}}})
					if notes == 2 {
						n.note([]stagedFile{{want: want{rec: now, res: now.Register.Resolve()}}})
					}
					b.must(n.close())
				}
				c.net.slow(a, 0)
				c.start(b)
				got := c.converged(60 * time.Second)
				if b.read("x") != third || (len(got.conflicts()) == 0) != noted {
					c.Error(got)
				}
			})
		})
	}
}

// TestSwappedAndNewerMeanwhile: the same, where the map hears of the newer one while
// the first look has found the older, and has not told the map yet. (F1, F2)
func TestSwappedAndNewerMeanwhile(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.write("x", "first")
		c.start()
		c.converged(20 * time.Second)
		c.net.slow(a, 20_000)
		second, third := random(300_000), random(300_000)
		a.write("x", second)
		time.Sleep(3 * time.Second) // it is on its way
		rec := b.record("x")
		b.must(os.WriteFile(b.path("y"), []byte(second), 0o644))
		when := time.Unix(0, rec.Register.Resolve().Value.MTime)
		b.must(os.Chtimes(b.path("y"), when, when))
		b.must(os.Rename(b.path("y"), b.path("x")))
		b.f.swaps.mu.Lock()
		b.f.swaps.last = map[folder.Path][]swapNote{"x": {{digest: digestOf(second), dot: rec.Register.Resolve().Winner.Dot}}}
		b.f.swaps.mu.Unlock()
		look := b.f.newScan(b.f.ctx, false)
		defer look.end()
		b.must(look.glance(lookAt("x")))
		if len(look.batch) != 1 {
			c.Fatal(look.batch)
		}
		a.write("x", third)
		time.Sleep(3 * time.Second)
		if now := b.record("x"); now.Register.Resolve().Value.Digest != digestOf(third) {
			c.Fatal(now)
		}
		b.must(look.finish())
		c.net.slow(a, 0)
		if got := c.converged(60 * time.Second); b.read("x") != third || len(got.conflicts()) > 0 {
			c.Error(got)
		}
	})
}

// TestCameAndWentMeanwhile: a look has read a file that sync was about to put into
// the map. Before the look tells the map of it, a peer has removed it again: it is
// nobody's new file, and what a person asks back comes back. (F45)
func TestCameAndWentMeanwhile(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.start()
		a.write("d/stays", "1")
		c.converged(20 * time.Second)
		look := b.f.newScan(b.f.ctx, false)
		defer look.end()
		a.write("d/x", "content")
		c.converged(20 * time.Second)
		found := disk.Found{Path: "d/x", After: b.record("d/x").Local}
		found.After.Dot = folder.Dot{}
		look.since = time.Now() // it tells the map of what it has found every moment
		b.must(look.found(found))
		if len(look.batch) != 1 {
			c.Fatal(look.batch)
		}
		a.remove("d/x")
		c.converged(20 * time.Second)
		b.must(look.finish())
		if r := b.record("d/x"); r.Register.Live() || r.Local != (folder.Local{}) {
			c.Errorf("it is somebody's again: %+v", r)
		}
		c.converged(20 * time.Second)
		items, err := b.f.UndoBatch(context.Background(), UndoQuery{Batch: 1})
		b.must(err)
		if len(items) != 1 || items[0].Stays != "" {
			c.Errorf("%+v", items)
		}
		c.converged(20 * time.Second)
		if a.read("d/x") != "content" {
			c.Error("it has not come back")
		}
	})
}

// TestCameAndWentUntold: the same, where the peer's removal had been heard before the
// look began, and sync tells the map only now that it had put the file there, and
// that it has removed it.
func TestCameAndWentUntold(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.start()
		a.write("d/x", "content")
		c.converged(20 * time.Second)
		there := b.record("d/x").Local
		a.remove("d/x")
		c.converged(20 * time.Second)
		look := b.f.newScan(b.f.ctx, false)
		found := disk.Found{Path: "d/x", After: there}
		found.After.Dot = folder.Dot{}
		look.since, look.began = time.Now(), time.Now()
		b.must(look.found(found))
		for _, told := range []store.Change{
			{Path: "d/x", After: there, Applied: true},
			{Path: "d/x", Before: there, Applied: true},
		} {
			out, err := b.f.store.Commit([]store.Change{told}, true)
			if b.must(err); len(out.Stale) > 0 {
				c.Fatal(out)
			}
		}
		b.must(look.finish())
		look.end()
		if r := b.record("d/x"); r.Register.Live() || r.Local != (folder.Local{}) {
			c.Errorf("it is somebody's again: %+v", r)
		}
		c.converged(20 * time.Second)
		b.write("d/x", "content") // a user's, later
		if c.converged(20 * time.Second); a.read("d/x") != "content" {
			c.Error("what a user wrote there is not told of")
		}
	})
}

func lookAt(p folder.Path) look { return look{path: p} }

// Notes outlive a kill, whole lines of them; they say nothing any more once
// everything has been looked at, and go when all is in the map.
func TestSwapNotes(t *testing.T) {
	state := t.TempDir()
	var n swapNotes
	try := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	file := func(p folder.Path, content string, counter uint64) stagedFile {
		v := folder.Value{Kind: folder.File, Size: int64(len(content)), Digest: digestOf(content)}
		r := store.Record{Path: p, Register: folder.Register{Sibs: []folder.Sibling{{Dot: folder.Dot{Replica: 7 << 40, Counter: counter}, Value: v}}}}
		return stagedFile{want: want{rec: r, res: r.Register.Resolve()}}
	}
	try(n.remember(state))
	n.looked()
	one, two := file("a b/\"c\"\n\xff", "one", 1), file("two", "two", 1<<60)
	one.with = []stagedFile{two}
	n.note([]stagedFile{one})
	try(n.close())
	name := filepath.Join(state, swapsName)
	text, err := os.ReadFile(name)
	try(err)
	try(os.WriteFile(name, append(text, "0011 22"...), 0o600))
	var again swapNotes
	try(again.remember(state))
	for _, f := range []stagedFile{one, two} {
		x := foundFile(f.want.rec.Path, f.want.digest())
		if dot, ok := again.of(&x); !ok || dot != f.want.rec.Register.Sibs[0].Dot {
			t.Errorf("%q: %v %v", x.Path, dot, ok)
		}
		x = foundFile(f.want.rec.Path, digestOf("another"))
		if _, ok := again.of(&x); ok {
			t.Errorf("%q of another content", x.Path)
		}
	}
	again.settled() // before everything was looked at they are still needed
	again.looked()
	x := foundFile("two", digestOf("two"))
	if _, ok := again.of(&x); ok {
		t.Error("notes of the last run live for ever")
	}
	if fi, err := os.Stat(name); err != nil || fi.Size() == 0 {
		t.Error("notes that were needed are gone", err)
	}
	again.settled()
	if fi, err := os.Stat(name); err != nil || fi.Size() != 0 {
		t.Error("notes that nobody needs stay", err)
	}
	try(again.close())
}

func foundFile(p folder.Path, d folder.Digest) disk.Found {
	return disk.Found{Path: p, After: folder.Local{Value: folder.Value{Kind: folder.File, Digest: d}}}
}
