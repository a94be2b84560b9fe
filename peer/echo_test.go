package peer

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// TestNoEcho: what sync is in the middle of putting on the disk is no user's
// change for a look that comes by at that moment (F45).
func TestNoEcho(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		old := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
		for i := range 200 {
			d := fmt.Sprintf("d%03d/sub", i)
			a.write(d+"/f", fmt.Sprint("content ", i))
			a.symlink(d+"/l", "f")
			a.touch(d, old)
			a.touch(fmt.Sprintf("d%03d", i), old)
		}
		c.start()
		ctx, cancel := context.WithCancel(context.Background())
		looked := make(chan int)
		go func() {
			n := 0
			for ctx.Err() == nil && b.f.Rescan(ctx) == nil {
				n++
				time.Sleep(100 * time.Microsecond)
			}
			looked <- n
		}()
		for len(b.tree()) < len(a.tree()) {
			time.Sleep(time.Millisecond)
		}
		cancel()
		if n := <-looked; n < 2 {
			c.Errorf("only %d looks came by: too few to meet sync at its work", n)
		}
		c.converged(20 * time.Second)
		if n := b.f.Status().Totals.Announced; n != 0 {
			c.Errorf("%d changes announced that nobody made", n)
		}
		for _, m := range c.nodes {
			if fi, err := os.Stat(m.path("d007/sub")); err != nil || !fi.ModTime().Equal(old) {
				c.Errorf("the time of a directory of %s is %v, %v", m.name, fi.ModTime(), err)
			}
		}
	})
}

// TestReservedName: what other file systems take for our own directory is named
// and stops nothing.
func TestReservedName(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.write(".QSYNC/marker", "x")
		a.write("f", "1")
		c.start()
		a.hint(".QSYNC", true)
		c.settle(20 * time.Second)
		p := a.f.Problems()
		if a.f.Err() != nil || len(p) != 1 || p[0].Path != ".QSYNC" || b.exists(".QSYNC") || !b.exists("f") {
			c.Error(a.f.Err(), p, b.tree())
		}
	})
}
