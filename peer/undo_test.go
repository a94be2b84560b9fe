package peer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"qsync/store"
)

// TestUndoBatch: what sync removed and replaced here is taken back from the
// older versions, as edits that reach the peer (F31).
func TestUndoBatch(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.write("d/e/gone", "gone")
		a.write("edited", "1")
		a.write("again", "1")
		a.symlink("link", "edited")
		a.write("before", "before")
		a.write("stays", "stays")
		c.start()
		c.converged(20 * time.Second)
		time.Sleep(5 * time.Minute)
		a.remove("before")
		c.converged(20 * time.Second)
		time.Sleep(5 * time.Minute)
		a.remove("d")
		a.write("edited", "2")
		a.write("again", "2")
		a.remove("link")
		a.write("new", "new")
		c.converged(20 * time.Second)
		time.Sleep(5 * time.Minute)
		b.write("again", "3, b's own")
		c.converged(20 * time.Second)

		undo := func(q UndoQuery, want ...string) {
			t.Helper()
			items, err := b.f.UndoBatch(c.Context(), q)
			if err != nil {
				c.Fatal(err)
			}
			var got []string
			for _, it := range items {
				got = append(got, fmt.Sprintf("%s %s %d %s %s", it.Change, it.Path, it.Size, it.By, it.Stays))
			}
			if !slices.Equal(got, want) {
				c.Errorf("got\n%q, want\n%q", got, want)
			}
		}
		was := b.tree()
		undo(UndoQuery{Batch: 1, Dry: true}, "modified again 1 a changed since", "deleted d 0 a ", "deleted d/e 0 a ", "deleted d/e/gone 4 a ", "modified edited 1 a ", "deleted link 0 a ")
		if d := was.diff(b.tree()); d != "" {
			c.Error(d)
		}
		undo(UndoQuery{Batch: 2, Dry: true}, "deleted before 6 a ")
		undo(UndoQuery{Batch: 3, Dry: true})
		undo(UndoQuery{Since: time.Now().Add(-12 * time.Minute), Dry: true}, "modified again 1 a changed since", "deleted before 6 a ", "deleted d 0 a ", "deleted d/e 0 a ", "deleted d/e/gone 4 a ", "modified edited 1 a ", "deleted link 0 a ")
		undo(UndoQuery{Batch: 1}, "modified again 1 a changed since", "deleted d 0 a ", "deleted d/e 0 a ", "deleted d/e/gone 4 a ", "modified edited 1 a ", "deleted link 0 a ")
		c.converged(20 * time.Second)
		for _, m := range c.nodes {
			if m.read("d/e/gone") != "gone" || m.read("edited") != "1" || m.read("again") != "3, b's own" || m.read("new") != "new" || !m.exists("link") || m.exists("before") {
				c.Error(m.name, m.tree())
			}
		}
		undo(UndoQuery{Batch: 1}, "modified again 1 a changed since", "deleted d 0 a changed since", "deleted d/e 0 a changed since",
			"deleted d/e/gone 4 a changed since", "modified edited 1 a changed since", "deleted link 0 a changed since")
		n := 0
		for e, err := range b.f.store.Log(store.LogSpan{}) {
			if err == nil && e.Why == store.WhyUndo {
				n++
			}
		}
		if n != 5 {
			c.Errorf("%d logged", n)
		}
	})
}

// TestUndoSharedVersion: a version that has come to share its inode with an older
// one, and with that another name, is still the one that the log means.
func TestUndoSharedVersion(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		for i, content := range []string{"the same", "another", "the same", "last"} {
			a.write("f", content)
			if i == 0 {
				c.start()
			}
			c.converged(20 * time.Second)
			time.Sleep(5 * time.Minute)
		}
		time.Sleep(4 * time.Hour) // until they are looked through
		shared := 0
		for _, v := range b.older("f") {
			if strings.Contains(string(v.File()), "+m") {
				shared++
			}
		}
		if shared != 1 {
			c.Fatalf("%d share: %+v", shared, b.older("f"))
		}
		for batch, want := range []string{1: "the same", 2: "another"} {
			if batch == 0 {
				continue
			}
			items, err := b.f.UndoBatch(c.Context(), UndoQuery{Batch: batch, Dry: batch > 1})
			if err != nil || len(items) != 1 || items[0].Size != int64(len(want)) || batch == 1 && items[0].Stays != "" {
				c.Errorf("%d: %+v, %v", batch, items, err)
			}
		}
		if c.converged(20 * time.Second); a.read("f") != "the same" {
			c.Error(a.tree())
		}
	})
}

// TestUndoWithoutVersions: who keeps no versions any more loses nothing by undo:
// what would replace something stays, and what is missing comes back.
func TestUndoWithoutVersions(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.write("edited", "1")
		a.write("gone", "gone")
		c.start()
		c.converged(20 * time.Second)
		time.Sleep(5 * time.Minute)
		a.write("edited", "2")
		a.remove("gone")
		c.converged(20 * time.Second)
		b.stop()
		b.cfg.Versions = 0
		b.start()
		for _, dry := range []bool{true, false} {
			items, err := b.f.UndoBatch(c.Context(), UndoQuery{Batch: 1, Dry: dry})
			b.must(err)
			if len(items) != 2 || items[0].Stays != staysUnkept || items[1].Stays != "" {
				c.Errorf("%+v", items)
			}
		}
		c.settle(time.Minute)
		if got := c.equal(); got["edited"].data != "2" || got["gone"].data != "gone" {
			c.Error(got)
		}
	})
}
