package peer

import (
	"testing"
	"time"
)

// TestGoneForEver: what a peer wrote that never comes back stays valid and makes no
// conflict, and after half a year the tombstones that were kept for it go (F90).
func TestGoneForEver(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, b, lost := c.nodes[0], c.nodes[1], c.nodes[2]
		c.full()
		for _, m := range c.nodes {
			m.cfg.TombstoneAge = -1
		}
		lost.write("its", "written by the one that goes")
		lost.write("gone", "too")
		c.start()
		c.converged(20 * time.Second)
		lost.stop()
		a.write("its", "edited by a")
		b.remove("gone")
		c.settle(20 * time.Second)
		b.write("its", "edited by b")
		c.settle(20 * time.Second)
		keeps := func(m *machine) bool {
			c.Helper()
			_, err := m.f.store.Collect()
			m.must(err)
			rec, err := m.f.store.Record("gone")
			m.must(err)
			return rec.Seq != 0
		}
		if !keeps(a) || !keeps(b) {
			c.Error("what was removed is forgotten while it may come back")
		}
		a.stop()
		b.stop()
		time.Sleep(185 * 24 * time.Hour)
		c.start(a, b)
		c.settle(20 * time.Second)
		b.write("more", "goes on")
		c.settle(20 * time.Second)
		if keeps(a) || keeps(b) {
			c.Error("tombstones are kept for who never comes back")
		}
		if d := a.tree().diff(b.tree()); d != "" || a.read("its") != "edited by b" || a.tree().conflicts() != nil || b.tree().conflicts() != nil {
			c.Error(d, a.tree(), b.tree())
		}
	})
}
