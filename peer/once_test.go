package peer

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// TestOnceEnds: a single pass does not wait for what cannot be put on the disk.
func TestOnceEnds(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.write("y", "1")
		c.start()
		c.converged(20 * time.Second)
		b.stop()
		big := random(smallFile + 1)
		a.write("x", big)
		a.write("y", "goes on")
		// A directory has the name under which the large file would be staged.
		d := digestOf(big)
		b.must(os.Mkdir(b.path(fmt.Sprintf(".qsync/tmp/%x.part", d[:])), 0o700))
		b.cfg.Once = true
		c.start(b)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := b.f.Wait(ctx, 1); err != nil {
			c.Error(err)
		}
		if p := b.f.Problems(); len(p) != 1 || p[0].Path != "x" || b.read("y") != "goes on" {
			c.Error(p, b.tree())
		}
		if b.f.Missing(1) == "" {
			c.Error("said to be in sync")
		}
	})
}
