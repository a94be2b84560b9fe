package peer

import (
	"math/rand/v2"
	"testing"
	"time"

	"qsync/store"
)

// TestRivals: what a one-way source puts over another's write is gone for good.
// Where the other had lost, unseen, it must not show again when the winner goes:
// nobody has its content any more.
func TestRivals(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"", "written", "met"} { // what z has done before
		t.Run(before, func(t *testing.T) {
			bubble(t, 4, func(c *cluster) {
				h := &history{cluster: c, rng: rand.New(rand.NewPCG(1, 1))}
				a, b, z, other := c.nodes[0], c.nodes[1], c.nodes[2], c.nodes[3]
				a.write("f", "a's, which is older")
				a.write("d", "a's, where another has a directory")
				h.pair(a, b, Send, nil)
				time.Sleep(3 * time.Second)
				z.write("f", "z's, which is newer")
				z.write("d/x", "z's")
				switch before {
				case "written":
					h.pair(z, other, Send, nil)
				case "met":
					h.meek = true
					h.pair(z, b, Send, nil)
					h.meek = false
				}
				h.pair(z, b, Send, nil)
				z.withStore(func(s *store.Store) {
					for r, err := range s.Records("") {
						if err != nil || r.Rivals() {
							c.Error(r.Path, registerText(r.Register), err)
						}
					}
				})
				time.Sleep(3 * time.Second)
				b.remove("f")
				b.remove("d")
				h.pair(z, b, TwoWay, nil)
				if len(z.tree())+len(b.tree()) > 0 {
					c.Error(z.tree(), b.tree())
				}
			})
		})
	}
}

// TestMirrorSpares: what a two-way peer wrote is not undone by a one-way source
// as soon as that peer is away for a while.
func TestMirrorSpares(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, b, z := c.nodes[0], c.nodes[1], c.nodes[2]
		c.full()
		a.cfg.Mode, a.cfg.Mirror, b.cfg.Mode = Send, true, Mirror
		a.write("own", "a's")
		c.start()
		c.settle(20 * time.Second)
		z.write("f", "z's")
		z.write("own", "z's")
		time.Sleep(20 * time.Second)
		c.equal(b, z)
		z.stop()
		time.Sleep(20 * time.Second)
		b.write("extra", "b's, which is none")
		time.Sleep(20 * time.Second)
		if b.read("f") != "z's" || b.read("own") != "z's" || b.exists("extra") {
			c.Errorf("when z is away, b has %v", b.tree())
		}
		c.start(z)
		time.Sleep(20 * time.Second)
		if z.read("f") != "z's" || z.read("own") != "z's" {
			c.Errorf("when it is back, z has %v", z.tree())
		}
		z.stop()
		z.cfg.Mode = Mirror
		c.start(z)
		c.converged(time.Minute)
		if z.exists("f") || z.read("own") != "a's" {
			c.Errorf("when all receive, they have %v", z.tree())
		}
	})
}
