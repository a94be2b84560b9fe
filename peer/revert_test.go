package peer

import (
	"slices"
	"testing"
	"time"

	"qsync/store"
)

// TestRevertIsLogged: what reverting takes away is in the log with its version,
// so that it can be undone.
func TestRevertIsLogged(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := keeper(c)
		a.write("shared", "source")
		c.start()
		c.converged(20 * time.Second)
		b.write("own/f", "b's")
		c.settle(20 * time.Second)
		time.Sleep(5 * time.Minute)
		b.revert(false)
		c.converged(20 * time.Second)
		for e, err := range b.f.store.Log(store.LogSpan{}) {
			if b.must(err); e.Path == "own/f" && e.Action == store.Deleted && e.Kept == "" {
				c.Errorf("no version is named: %+v", e)
			}
		}
		items, err := b.f.UndoBatch(c.Context(), UndoQuery{Batch: 1})
		if err != nil || len(items) != 2 || items[0].Stays+items[1].Stays != "" || b.read("own/f") != "b's" {
			c.Errorf("%+v, %v, %v", items, err, b.tree())
		}
		c.settle(20 * time.Second)
		if a.exists("own") || b.f.Status().Own.Added != 2 {
			c.Errorf("%v, %+v", a.tree(), b.f.Status().Own)
		}
	})
}

// TestRevertLeavesIgnored: what was changed here and is ignored now is nobody's
// business, until it is ignored no more.
func TestRevertLeavesIgnored(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := keeper(c)
		for _, p := range []string{"edited.log", "removed.log", "edited"} {
			a.write(p, "source")
		}
		c.start()
		c.converged(20 * time.Second)
		b.write("edited.log", "b's")
		b.remove("removed.log")
		b.write("own.log", "b's own")
		b.write("edited", "b's")
		c.settle(20 * time.Second)
		ignore := func(rules ...string) {
			b.stop()
			b.cfg.Exclude = rules
			c.start(b)
			c.settle(20 * time.Second)
		}
		ignore("*.log")
		if o := b.f.Status().Own; o.Added != 0 || o.Modified != 1 {
			c.Errorf("%+v", o)
		}
		if got := b.revert(false); !slices.Equal(got, []string{"modified edited"}) {
			c.Errorf("%q", got)
		}
		c.settle(20 * time.Second)
		if b.read("edited.log") != "b's" || b.exists("removed.log") || b.read("own.log") != "b's own" || b.read("edited") != "source" {
			c.Error(b.tree())
		}
		ignore()
		if got := b.revert(false); !slices.Equal(got, []string{"modified edited.log", "added own.log", "deleted removed.log"}) {
			c.Errorf("%q", got)
		}
		c.converged(20 * time.Second)
	})
}

// TestOwnMakesWay: where the source makes a directory a file, what a receiver's
// user has put into it goes aside whole, and the file comes.
func TestOwnMakesWay(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := keeper(c)
		b.cfg.Exclude = []string{"*.log"}
		a.write("d/e/f", "source")
		c.start()
		c.settle(20 * time.Second)
		b.write("d/e/own/deep", "b's own")
		b.write("d/e/x.log", "b's log")
		c.settle(20 * time.Second)
		a.remove("d/e")
		a.write("d/e", "a file now")
		c.settle(20 * time.Second)
		if b.read("d/e") != "a file now" || !b.tree().has("b's own") || !b.tree().has("b's log") || a.tree().has("b's own") {
			c.Error(b.tree(), a.tree())
		}
		if len(b.f.Problems()) != 0 {
			c.Error(b.f.Problems())
		}
		b.revert(false)
		c.settle(20 * time.Second)
		if b.tree().has("b's own") || !b.tree().has("b's log") || !slices.Contains(b.versions(), "b's own") {
			c.Error("after the revert: ", b.tree(), b.versions())
		}
	})
}
