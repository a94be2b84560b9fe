package peer

import (
	"fmt"
	"testing"
	"time"

	"qsync/certs"
)

// TestReceiversAlone: receiving nodes that meet before the source has told any
// of them anything take nothing away from each other; after it has, what is not
// the source's goes, also where only the other one knows the source.
func TestReceiversAlone(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, b, z := c.nodes[0], c.nodes[1], c.nodes[2]
		c.line()
		c.oneWay()
		a.write("shared", "1")
		for i := range 10 {
			b.write(fmt.Sprint("old/", i), "b")
			z.write(fmt.Sprint("old/", i), "z")
		}
		c.start(b, z)
		time.Sleep(time.Minute)
		for _, m := range []*machine{b, z} {
			if len(m.tree()) != 11 {
				c.Errorf("%s has lost something before the source spoke: %v", m.name, m.tree())
			}
		}
		c.start(a)
		if got := c.converged(time.Minute); len(got) != 1 {
			c.Error(got)
		}
		// What the source told is known for good.
		a.stop()
		b.stop()
		z.write("extra", "z")
		c.start(b)
		time.Sleep(20 * time.Second)
		if z.exists("extra") {
			c.Error("an extra entry stays where the source is known through another")
		}
	})
}

// TestOwnBrake: a brake that was set counts before anything is touched in a
// small folder too.
func TestOwnBrake(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		b.cfg.MaxDelete = Brake{Entries: 5}
		for i := range 20 {
			a.write(fmt.Sprint("f", i), "1")
		}
		c.start()
		c.converged(20 * time.Second)
		b.stop()
		for i := range 10 {
			a.remove(fmt.Sprint("f", i))
			a.rest()
		}
		c.start(b)
		time.Sleep(20 * time.Second)
		if b.f.Err() == nil || len(b.tree()) != 20 {
			c.Error(b.f.Err(), b.tree())
		}
	})
}

// TestObserverDecidesNothing: a dry run leaves no trace in a folder that waits
// for its first peer.
func TestObserverDecidesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		b := c.nodes[0]
		b.cfg.Mode = ModeAuto
		c.start()
		x := c.intruder()
		x.cfg.Ident = func() certs.Ident { return certs.Ident{Name: "dry", Epoch: 1, Caps: capObserver} }
		if _, err := x.meet(b); err != nil {
			c.Error(err)
		}
		if m := b.f.Mode(); m != ModeAuto {
			c.Error("a dry run made the mode", m)
		}
		if len(b.f.store.Peers()) != 0 {
			c.Error("a dry run is remembered")
		}
	})
}
