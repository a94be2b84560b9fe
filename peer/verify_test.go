package peer

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"qsync/folder"
	"qsync/store"
)

// rot changes a byte of a file as a failing disk does: neither size nor times nor
// inode tell of it. Only the change time cannot be forged, so the map is made to
// know the new one.
func (m *machine) rot(p string) {
	m.c.Helper()
	m.rest()
	fi, err := os.Stat(m.path(p))
	m.must(err)
	f, err := os.OpenFile(m.path(p), os.O_RDWR, 0)
	m.must(err)
	b := []byte{0}
	_, err = f.ReadAt(b, 0)
	m.must(err)
	b[0] ^= 1
	_, err = f.WriteAt(b, 0)
	m.must(err)
	m.must(f.Close())
	m.must(os.Chtimes(m.path(p), time.Time{}, fi.ModTime()))
	rec, err := m.f.store.Record(folder.Path(p))
	m.must(err)
	now, err := m.f.root.Look(rec.Path)
	m.must(err)
	c := store.Change{Path: rec.Path, Before: rec.Local, After: rec.Local, Applied: true}
	c.After.Stat = now.Stat
	out, err := m.f.store.Commit([]store.Change{c}, true)
	if m.must(err); len(out.Stale) > 0 || out.Issued > 0 {
		m.c.Fatalf("%+v", out)
	}
}

// verify reads everything, and returns the states of what is not right.
func (m *machine) verify(repair bool) (found map[string]Finding, files int64) {
	m.c.Helper()
	found = map[string]Finding{}
	q := Verifying{Repair: repair}
	for more := true; more; {
		part, err := m.f.Verify(context.Background(), q)
		m.must(err)
		for _, x := range part.Found {
			found[string(x.Path)] = x
		}
		files += part.Files
		q.After, more = part.Next, part.More
	}
	return found, files
}

// TestRot lets a file rot (F12). It is never taken for an edit, verify finds it,
// and repair brings the good copy of a peer, of a version or of another file.
func TestRot(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.full()
		large := strings.Repeat("large ", 1<<15)
		a.write("d/small", "small content")
		a.write("d/large", large)
		a.write("twin1", large+"twin")
		a.write("twin2", large+"twin")
		a.write("old", "an older version")
		a.write("fine", "fine")
		a.symlink("link", "fine")
		c.start()
		c.converged(20 * time.Second)
		a.write("old", "another content!")
		c.converged(20 * time.Second)
		a.write("old", "an older version")
		before := c.converged(20 * time.Second)
		time.Sleep(3 * time.Minute) // until what was edited is not read once more
		c.converged(20 * time.Second)
		seq := a.f.store.Identity().Seq
		for _, p := range []string{"d/small", "d/large", "twin1", "old"} {
			b.rot(p)
		}
		time.Sleep(2 * time.Hour) // whole looks
		c.settle(20 * time.Second)
		if a.read("d/small") != "small content" || a.f.store.Identity().Seq != seq {
			c.dump()
			c.Fatalf("rot was passed on as an edit: %q, %d, was %d", a.read("d/small"), a.f.store.Identity().Seq, seq)
		}
		found, files := b.verify(false)
		if len(found) != 4 || files != 6 {
			c.Fatalf("%d files, %+v", files, found)
		}
		for p, x := range found {
			if x.State != "rotten" || x.Repaired != "" {
				c.Errorf("%q: %+v", p, x)
			}
		}
		if s := b.f.Status(); len(s.Problems) != 4 {
			c.Errorf("problems: %+v", s.Problems)
		}
		a.write("fine", "edited")
		a.write("fine", "FINE")
		found, _ = b.verify(true)
		for p, want := range map[string]string{"d/small": "wanted", "d/large": "wanted", "twin1": "done", "old": "done"} {
			if found[p].State != "rotten" || found[p].Repaired != want {
				c.Errorf("%q: %+v, want %s", p, found[p], want)
			}
		}
		c.converged(20 * time.Second)
		if left, peers, err := b.f.Unrepaired([]folder.Path{"d/small", "d/large", "twin1"}); len(left) > 0 || peers != 1 || err != nil {
			c.Error(left, peers, err)
		}
		before["fine"] = a.tree()["fine"]
		if d := before.diff(b.tree()); d != "" {
			c.Errorf("repaired, it is not what it was:\n%s", d)
		}
		if found, _ = b.verify(false); len(found) != 0 {
			c.Errorf("still: %+v", found)
		}
		if v := b.older("d/small"); len(v) != 1 {
			c.Errorf("the rotten file is not kept: %+v", v)
		}
	})
}

// TestVerifyChanged meets files that somebody writes to: they are no rot.
func TestVerifyChanged(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		m := c.nodes[0]
		m.write("f", "1")
		m.write("g", "1")
		m.write("h", "1")
		c.start()
		c.settle(20 * time.Second)
		m.pause(true)
		m.must(os.WriteFile(m.path("f"), []byte("2"), 0o644))
		m.must(os.Remove(m.path("g")))
		found, _ := m.verify(true)
		if len(found) != 2 || found["f"].State != "changed" || found["g"].State != "changed" {
			c.Errorf("%+v", found)
		}
		m.pause(false)
		c.settle(20 * time.Second)
		if found, files := m.verify(true); len(found) != 0 || files != 2 || m.read("f") != "2" {
			c.Errorf("%d files, %+v", files, found)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := m.f.Verify(ctx, Verifying{}); !errors.Is(err, context.Canceled) {
			c.Error(err)
		}
	})
}

// TestVerifySource checks a one-way source, which is read and never repaired.
func TestVerifySource(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		m := c.nodes[0]
		m.cfg.Mode = Send
		m.write("f", "content")
		c.start()
		c.settle(20 * time.Second)
		time.Sleep(3 * time.Minute) // until it cannot be somebody's work any more
		c.settle(20 * time.Second)
		m.rot("f")
		if found, _ := m.verify(false); found["f"].State != "rotten" {
			c.Errorf("%+v", found)
		}
		if _, err := m.f.Verify(context.Background(), Verifying{Repair: true}); !errors.Is(err, ErrNoRepair) {
			c.Error(err)
		}
	})
}
