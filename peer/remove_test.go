package peer

import (
	"os"
	"testing"
	"time"
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
