package peer

import (
	"os"
	"testing"
	"time"

	"qsync/folder"
	"qsync/store"
)

// TestRemovedAroundTheUntold: a directory that goes elsewhere stays for what nobody has
// told of yet, and that is looked for at once: else it would be here alone until the
// next look at everything, and what says "in sync" would be wrong (I17).
func TestRemovedAroundTheUntold(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.mkdir("d")
		a.write("f", "f")
		c.start()
		c.converged(20 * time.Second)
		b.must(os.Mkdir(b.path("d/untold"), 0o755)) // the watcher misses it
		a.remove("d")
		time.Sleep(20 * time.Second)
		if !a.exists("d/untold") {
			t.Error("it was not looked for:", a.tree())
		}
		c.converged(20 * time.Second)
	})
}

// TestRemovedWhileBeingMade: a directory whose removal was heard while it was being made
// for a peer, so that the map has it only when nothing keeps it any more, goes again. It
// would be on this machine alone until the next look at everything. (I1, I17)
func TestRemovedWhileBeingMade(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.write("p/q/f", "f")
		c.start()
		c.converged(20 * time.Second)
		a.remove("p/q")
		c.converged(20 * time.Second)
		rec := b.record("p/q")
		if rec.Register.Live() || rec.Local != (folder.Local{}) {
			c.Fatalf("%+v", rec)
		}
		b.f.touched.add("p/q")
		b.f.placing.add("p/q")
		b.must(os.Mkdir(b.path("p/q"), 0o755))
		made, err := b.f.root.Look("p/q")
		b.must(err)
		made.Implicit = true
		_, err = b.f.store.Commit([]store.Change{{Path: "p/q", After: made, Applied: true}}, true)
		b.must(err)
		b.f.placed("p/q")
		b.f.wakeSyncer()
		time.Sleep(5 * time.Second)
		if b.exists("p/q") {
			c.Error("it stays:", b.tree())
		}
		c.converged(20 * time.Second)
	})
}

// TestRemovedAtTheSourceOwnHere: a receiver's user has made a directory that the source
// has, too, and removes again. It stays for what is the user's in it, and the folder is
// in sync all the same: it waits for nothing. (I17)
func TestRemovedAtTheSourceOwnHere(t *testing.T) {
	t.Parallel()
	for range 30 { // it depends on which of two comes first
		removedAtTheSource(t)
	}
}

func removedAtTheSource(t *testing.T) {
	bubble(t, 3, func(c *cluster) {
		a, b, d := c.nodes[0], c.nodes[1], c.nodes[2]
		a.cfg.Mode, b.cfg.Mode, d.cfg.Mode = Send, Receive, Receive
		c.line()
		a.write("steady", "1")
		c.start()
		time.Sleep(20 * time.Second)
		b.write("d2/d3/a", "of b")
		time.Sleep(4 * time.Second)
		d.write("d2/d3/a", "of d, longer")
		time.Sleep(2 * time.Second)
		c.net.part(b, d)
		a.write("d2/d3/a", "of a")
		time.Sleep(2 * time.Second)
		a.remove("d2/d3")
		time.Sleep(200 * time.Millisecond)
		c.net.join(b, d)
		time.Sleep(2 * time.Minute)
		for _, m := range []*machine{b, d} {
			if s := m.f.Status(); s.Want != (Amount{}) || s.State != "idle" {
				t.Errorf("%s is %s and wants %+v: %s\n%s", m.name, s.State, s.Want, s.Reason, m.tree())
			}
			if n := len(m.tree()); n != 4 && n != 5 { // under its own name, or a conflict's
				t.Errorf("%s has not what its user wrote:\n%s", m.name, m.tree())
			}
		}
	})
}
