//go:build unix

package peer

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// TestProblemSolved: what is put right is no problem any more, without a full pass.
func TestProblemSolved(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.write("d/f", "1")
		a.must(syscall.Mkfifo(a.path("x"), 0o600))
		a.must(syscall.Mkfifo(a.path("d/x"), 0o600))
		c.start()
		c.settle(20 * time.Second)
		if p := a.f.Problems(); len(p) != 2 {
			c.Error(p)
		}
		a.must(os.Remove(a.path("x")))
		a.write("x", "a file")
		a.hint("d", false) // which does not say that d/x is well
		a.hint("d/x", true)
		c.settle(20 * time.Second)
		if p := a.f.Problems(); len(p) != 1 || p[0].Path != "d/x" || b.read("x") != "a file" {
			c.Error(p)
		}
		a.must(os.Remove(a.path("d/x")))
		a.hint("d", true)
		c.settle(20 * time.Second)
		if p := a.f.Problems(); len(p) != 0 {
			c.Error(p)
		}
	})
}
