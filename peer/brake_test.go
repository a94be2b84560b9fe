package peer

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestBrakeIgnores: what is ignored here is not at risk; and a reason to stop is
// one sentence.
func TestBrakeIgnores(t *testing.T) {
	t.Parallel()
	for _, ignored := range []bool{true, false} {
		t.Run(fmt.Sprint(ignored), func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				a.cfg.MaxDelete.Percent = 100
				a.mkdir("cache")
				for i := range 150 {
					a.must(os.WriteFile(a.path(fmt.Sprint("cache/", i)), nil, 0o644))
				}
				a.write("f", "1")
				c.start()
				c.converged(20 * time.Second)
				b.stop()
				if ignored {
					b.cfg.Exclude = []string{"cache/"}
				}
				a.remove("cache")
				a.write("f", "2")
				time.Sleep(time.Second) // a tells of both before it meets b
				c.start(b)
				time.Sleep(20 * time.Second)
				if !b.exists("cache/149") || (b.read("f") == "2") != ignored {
					c.Error(len(b.tree()), b.read("f"))
				}
				want := "stopped by the safety brake: this would remove or replace 152 of 152 entries in " + b.dir + "; nothing was touched. "
				if err := b.f.Err(); ignored && err != nil || !ignored && !strings.HasPrefix(fmt.Sprint(err), want) {
					c.Error(err)
				}
			})
		})
	}
}

// TestOverlappingHints: an entry that several hints lead to has vanished once.
func TestOverlappingHints(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a := c.nodes[0]
		a.mkdir("d")
		for i := range 120 {
			a.must(os.WriteFile(a.path(fmt.Sprint("d/", i)), nil, 0o644))
		}
		c.start(a)
		c.settle(20 * time.Second)
		for i := range 60 {
			a.must(os.Remove(a.path(fmt.Sprint("d/", i))))
		}
		a.hint("d", true)
		for i := range 60 {
			a.hint(fmt.Sprint("d/", i), false)
		}
		time.Sleep(20 * time.Second)
		if err := a.f.Err(); err != nil {
			c.Error(err)
		}
	})
}

// TestBrakeSentences: what stops a folder names neither rooms nor loops.
func TestBrakeSentences(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.mkdir("d")
		for i := range 150 {
			a.must(os.WriteFile(a.path(fmt.Sprint("d/", i)), nil, 0o644))
		}
		b.write("f", "f")
		c.start()
		c.settle(20 * time.Second)
		a.remove("d")
		b.must(os.Rename(b.dir, b.dir+".away"))
		b.f.Rescan(c.Context())
		time.Sleep(20 * time.Second)
		for m, want := range map[*machine]string{
			a: "stopped by the safety brake: 151 of 151 entries have vanished from " + a.dir + "; nothing was passed on. 'qsync confirm " + a.dir + "' lets exactly that through, 'qsync undo " + a.dir + "' brings them back",
			b: "the folder is not the one that was synced: " + b.dir + ": the root is gone or is not the directory it was",
		} {
			if got := m.f.Status().Reason; !strings.HasPrefix(got, want) {
				c.Errorf("%q, want %q", got, want)
			}
		}
	})
}
