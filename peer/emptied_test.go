package peer

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"qsync/store"
)

// TestEmptiedOneByOne: whoever empties a root of a few entries removes one after the
// other, and a look may come between any two of them. None is told of (F25).
func TestEmptiedOneByOne(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3, 5} {
		for _, first := range []int{1, n - 1} { // so many are gone at the first look
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				for i := range n {
					a.write(fmt.Sprint(i), "x")
				}
				c.start()
				want := c.converged(20 * time.Second)
				for i := range n {
					a.must(os.Remove(a.path(fmt.Sprint(i))))
					a.hint(fmt.Sprint(i), false)
					if i+1 >= first {
						time.Sleep(40 * time.Millisecond)
					}
				}
				if h := a.held(); h.Why != store.HoldEmptied {
					c.Errorf("%d, %d first: %+v", n, first, h)
				}
				// What is gone before as many are as are left is told.
				if d := want.diff(b.tree()); d != "" && (n == 2 || first > 1) {
					c.Errorf("%d, %d first: it was told of:\n%s", n, first, d)
				}
				if left := len(b.tree()); left < (n+1)/2 {
					c.Errorf("%d, %d first: %d are left", n, first, left)
				}
			})
		}
	}
}

// TestMarkerWentToo: with the entries went the marker, before the next look at
// everything: nothing is told (F21).
func TestMarkerWentToo(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		for i := range 9 {
			a.write(fmt.Sprint(i), "x")
		}
		c.start()
		want := c.converged(20 * time.Second)
		a.must(os.RemoveAll(a.path(".qsync")))
		a.must(os.Remove(a.path("3")))
		a.hint("3", false)
		time.Sleep(20 * time.Second)
		if !errors.Is(a.f.Err(), ErrRoot) {
			c.Error(a.f.Err())
		}
		if d := want.diff(b.tree()); d != "" {
			c.Errorf("it was told of:\n%s", d)
		}
	})
}
