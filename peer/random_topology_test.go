package peer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestEveryTopologyTheSame: what becomes of the same changes, made apart, does
// not depend on who is connected to whom, nor on who comes first (I19).
func TestEveryTopologyTheSame(t *testing.T) {
	t.Parallel()
	seeds{count: sampled(4, 2), steps: 40, run: runTopologies}.test(t)
}

func runTopologies(t *testing.T, seed uint64, cut cut) {
	rng := rand.New(rand.NewPCG(seed, 3))
	size, began := 3+rng.IntN(3), time.Now()
	var first tree
	for shape, name := range []string{"full", "line", "star", "ring"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, cut.among(size), func(c *cluster) {
				time.Sleep(time.Until(began.Add(time.Hour))) // the same for all: times of files decide
				h := newHistory(c, rand.New(rand.NewPCG(seed, 4)))
				h.cut, h.size = cut, size
				[]func(){c.full, c.line, c.star, c.ring}[shape]()
				for _, m := range c.nodes {
					m.cfg.MaxDelete = Brake{Percent: 100} // users empty folders as well
				}
				c.start()
				for range 8 {
					h.userStep(h.nodes[0])
				}
				c.converged(time.Minute)
				for _, m := range c.nodes {
					m.stop()
				}
				time.Sleep(time.Until(began.Add(2 * time.Hour)))
				for i := range 12 + int(seed%20) {
					h.rng = rand.New(rand.NewPCG(seed, uint64(i)+5))
					if m := h.some(); m != nil && !cut.without[i] {
						h.userStep(m)
					}
					time.Sleep(time.Second)
				}
				order := rand.New(rand.NewPCG(seed, uint64(shape)))
				for _, i := range order.Perm(len(c.nodes)) {
					c.start(c.nodes[i])
					time.Sleep(time.Duration(order.IntN(8)) * time.Second)
				}
				time.Sleep(30 * time.Second)
				got := c.converged(5 * time.Minute)
				for p, e := range got {
					if e.kind == 'l' && strings.Contains(p, ".conflict-") {
						delete(got, p) // its name has a time that the kernel set
						continue
					}
					if e.kind == 'd' {
						e.mode = 0 // decided by times that the kernel sets, by its own clock
						got[p] = e
					}
				}
				if first == nil {
					first = got
				}
				if d := first.diff(got); d != "" {
					c.dump()
					c.Errorf("it is another tree than where all are connected:\n%s", d)
				}
			})
		})
		if t.Failed() {
			return
		}
	}
}
