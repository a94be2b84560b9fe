package peer

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"qsync/store"
)

// sameFile returns a function that reports whether p is the file that was at the
// path given before.
func (m *machine) file(p string) func(string) bool {
	m.c.Helper()
	was, err := os.Stat(m.path(p))
	m.must(err)
	return func(p string) bool {
		now, err := os.Stat(m.path(p))
		return err == nil && os.SameFile(was, now)
	}
}

// renamedFolder is a pair with a directory of a large and a small file, in sync.
func renamedFolder(t *testing.T, work func(c *cluster, a, b *machine)) {
	t.Helper()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		for _, m := range c.nodes { // the brake is not what this is about
			m.cfg.MaxDelete.Percent = 100
		}
		c.line()
		a.write("d/big", strings.Repeat("big", 10_000))
		a.write("d/e/small", "small")
		c.start()
		c.converged(20 * time.Second)
		time.Sleep(5 * time.Minute)
		work(c, a, b)
	})
}

// F44: what is renamed on one side is renamed on the other: it is the same file
// still, no content is sent, and nothing of it is kept as a version. The log tells
// where it went, and undo brings the old name back.
func TestRenameMoves(t *testing.T) {
	t.Parallel()
	renamedFolder(t, func(c *cluster, a, b *machine) {
		big, small, sent := b.file("d/big"), b.file("d/e/small"), a.f.counts.sent.Load()
		a.rename("d", "n")
		c.converged(20 * time.Second)
		if !big("n/big") || !small("n/e/small") {
			c.Error("copied")
		}
		if n := a.f.counts.sent.Load() - sent; n != 0 {
			c.Errorf("%d bytes of content were sent", n)
		}
		if vs := slices.DeleteFunc(b.versions(), func(s string) bool { return s == "" }); len(vs) > 0 {
			c.Errorf("versions: %.100q", vs)
		}
		for e, err := range b.f.store.Log(store.LogSpan{}) {
			b.must(err)
			if want := strings.Replace(string(e.Path), "d/", "n/", 1); e.Action == store.Deleted && e.Size > 0 && (string(e.To) != want || e.Kept != "") {
				c.Errorf("logged: %+v", e)
			}
		}
		items, err := b.f.UndoBatch(c.Context(), UndoQuery{Batch: 1})
		b.must(err)
		var got []string
		for _, it := range items {
			got = append(got, fmt.Sprint(it.Change, " ", it.Path, " ", it.Size, it.Stays))
		}
		c.want(got, "deleted d 0", "deleted d/big 30000", "deleted d/e 0", "deleted d/e/small 5")
		c.converged(20 * time.Second)
		for _, m := range c.nodes {
			if m.read("d/big") != m.read("n/big") || m.read("d/e/small") != "small" || m.read("n/e/small") != "small" {
				c.Errorf("%s: %v", m.name, m.tree())
			}
		}
	})
}

// What was renamed and then replaced, or removed, is taken from where it is now.
func TestUndoRenamedOn(t *testing.T) {
	t.Parallel()
	renamedFolder(t, func(c *cluster, a, b *machine) {
		a.rename("d", "n")
		c.converged(20 * time.Second)
		a.rename("n/big", "big")
		a.write("n/e/small", "other")
		c.converged(20 * time.Second)
		a.remove("big")
		c.converged(20 * time.Second)
		items, err := b.f.UndoBatch(c.Context(), UndoQuery{Batch: 1})
		b.must(err)
		for _, it := range items {
			if it.Stays != "" && it.Path != "n/big" {
				c.Errorf("%+v", it)
			}
		}
		c.converged(20 * time.Second)
		if len(b.read("d/big")) != 30_000 || b.read("d/e/small") != "small" || len(b.read("big")) != 30_000 {
			c.Errorf("%+v, %v", items, b.tree())
		}
	})
}

// A file is copied to its new name, and the old one kept as a version, where it is
// wanted twice, has another name here, or has changed in more than its name.
func TestRenameCopies(t *testing.T) {
	t.Parallel()
	stories := map[string]func(c *cluster, a, b *machine){
		"twice": func(c *cluster, a, b *machine) {
			a.write("copy", a.read("d/big"))
			a.rename("d/big", "n")
		},
		"linked": func(c *cluster, a, b *machine) {
			b.must(os.Link(b.path("d/big"), c.dir+"/elsewhere"))
			a.rename("d/big", "n")
		},
		"chmod": func(c *cluster, a, b *machine) {
			a.chmod("d/big", 0o600)
			a.rename("d/big", "n")
		},
		"replacing": func(c *cluster, a, b *machine) { a.rename("d/big", "d/e/small") },
		"a database": func(c *cluster, a, b *machine) {
			a.rename("d/big", "n.db")
		},
	}
	for name, story := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			renamedFolder(t, func(c *cluster, a, b *machine) {
				sent := a.f.counts.sent.Load()
				b.pause(true)
				story(c, a, b)
				time.Sleep(time.Minute)
				b.pause(false)
				c.converged(20 * time.Second)
				if n := a.f.counts.sent.Load() - sent; n != 0 {
					c.Errorf("%d bytes of content were sent", n)
				}
			})
		})
	}
}

// An edit of the old name that nobody has heard of survives there; one that comes
// while the file is moved survives at the new name.
func TestRenamedAndEdited(t *testing.T) {
	t.Parallel()
	renamedFolder(t, func(c *cluster, a, b *machine) {
		b.must(os.WriteFile(b.path("d/e/small"), []byte("edited, and no hint"), 0o644))
		f, err := os.OpenFile(b.path("d/big"), os.O_APPEND|os.O_WRONLY, 0)
		b.must(err)
		a.rename("d", "n")
		c.settle(20 * time.Second)
		_, err = f.WriteString("more")
		b.must(err)
		b.must(f.Close())
		b.hint("n/big", false)
		c.converged(20 * time.Second)
		for _, m := range c.nodes {
			if m.read("d/e/small") != "edited, and no hint" || m.read("n/e/small") != "small" || !strings.HasSuffix(m.read("n/big"), "more") {
				c.Errorf("%s: %v", m.name, m.tree())
			}
		}
	})
}

// The old name of what a peer has renamed is restored from where its
// content is now, as a new edit; the new name stays.
func TestRestoreRenamed(t *testing.T) {
	t.Parallel()
	renamedFolder(t, func(c *cluster, a, b *machine) {
		a.write("then", "of that time")
		c.converged(20 * time.Second)
		time.Sleep(5 * time.Minute)
		then := time.Now()
		time.Sleep(5 * time.Minute)
		a.rename("d/big", "d/n")
		a.rename("d/e/small", "s")
		a.rename("then", "now")
		c.converged(20 * time.Second)
		time.Sleep(5 * time.Minute)
		a.write("d/n", "edited since")
		c.converged(20 * time.Second)

		restore := func(m *machine, q Restoring) {
			t.Helper()
			for range 2 { // dry first
				q.Dry = !q.Dry
				if got := m.restore(q); len(got) != 1 || got[0].Action != "add" || got[0].Path != q.Path {
					c.Errorf("%s: %+v", m.name, got)
				}
			}
			c.converged(20 * time.Second)
		}
		restore(b, Restoring{Path: "d/e/small"})
		restore(b, Restoring{Path: "d/big"})
		restore(b, Restoring{Path: "then", At: then})
		a.rename("d/big", "own") // by the own user of the machine that restores it
		c.converged(20 * time.Second)
		restore(a, Restoring{Path: "d/big"})
		a.must(os.Remove(a.path("own")))
		c.converged(20 * time.Second)
		for _, m := range c.nodes {
			if m.read("d/e/small") != "small" || m.read("s") != "small" ||
				len(m.read("d/big")) != 30_000 || m.read("d/n") != "edited since" || m.read("then") != "of that time" {
				c.Error(m.name, m.tree())
			}
		}
		if got := b.restore(Restoring{Path: "s", At: then}); len(got) != 0 {
			c.Errorf("it was not there yet: %+v", got)
		}
		if _, err := b.f.Restorable(c.Context(), "never"); !errors.Is(err, ErrNoVersion) {
			c.Error(err)
		}
		n := 0
		for e, err := range b.f.store.Log(store.LogSpan{}) {
			b.must(err)
			if e.Why == store.WhyRestore {
				n++
			}
		}
		if n != 3 { // at b
			c.Errorf("%d are logged as restored", n)
		}
	})
}
