package peer

import (
	"strings"
	"testing"
	"time"
)

// TestPair: two machines follow each other, both ways.
func TestPair(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		a.write("docs/a.txt", "from a")
		a.writeMode("docs/run.sh", "#!", 0o755)
		a.symlink("link", "docs/a.txt")
		a.mkdir("empty/deep")
		b.write("big", strings.Repeat("0123456789", 100_000))
		c.start()
		c.converged(10 * time.Second)
		a.write("docs/a.txt", "from a again")
		b.write("new/x", "from b")
		b.remove("empty")
		a.chmod("big", 0o600)
		b.touch("docs/run.sh", time.Unix(1e9, 5))
		got := c.converged(10 * time.Second)
		if got["docs/a.txt"].data != "from a again" || got["new/x"].data != "from b" || got["big"].mode != 0o600 ||
			got["docs/run.sh"].mtime != 1e18+5 || a.exists("empty") {
			t.Error(got)
		}
		if n := got.conflicts(); n != nil {
			t.Error(n)
		}
		a.rename("docs", "papers")
		if c.converged(10 * time.Second); b.read("papers/a.txt") != "from a again" || b.exists("docs") {
			t.Error(b.tree())
		}
	})
}
