package peer

import (
	"testing"
	"time"
)

// TestUnignore: what is removed while it is ignored is removed here alone. When
// it is ignored no more it comes back from those who have it, whether the node
// was up all the time or not, and what was edited meanwhile is an edit (F69).
func TestUnignore(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"live", "restarted", "by the command line"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				for _, p := range []string{"x/1", "x/sub/2", "gone", "edited", "theirs", "stays"} {
					a.write(p, "old "+p)
				}
				c.start()
				want := c.converged(20 * time.Second)
				rules := func(text string, exclude ...string) {
					if how == "by the command line" {
						a.stop()
						a.cfg.Exclude = exclude
						c.start(a)
					} else {
						a.write(".syncignore", text)
					}
					c.settle(20 * time.Second)
				}
				rules("x\ngone\nedited\ntheirs\n.syncignore\n", "x", "gone", "edited", "theirs")
				if how == "restarted" {
					a.stop()
				}
				a.remove("x")
				a.remove("gone")
				a.remove("theirs")
				a.write("edited", "new")
				if how == "restarted" {
					c.start(a)
				}
				b.write("theirs", "newer")
				c.settle(20 * time.Second)
				if d := want.diff(b.tree()); b.read("edited") != "old edited" || b.read("x/sub/2") != "old x/sub/2" || b.read("gone") != "old gone" {
					c.Error("ignored, and yet changed there:", d)
				}
				if a.exists("x") || a.exists("gone") || a.exists("theirs") {
					c.Error("ignored, and yet back:", a.tree())
				}
				if s := a.f.Status(); s.Want != (Amount{}) || len(s.Problems) != 0 {
					c.Errorf("%+v", s)
				}
				if how == "restarted" {
					a.stop()
					a.remove(".syncignore")
					c.start(a)
				} else {
					rules("nothing\n")
				}
				c.converged(20 * time.Second)
				for p, want := range map[string]string{"x/1": "old x/1", "x/sub/2": "old x/sub/2", "gone": "old gone", "theirs": "newer", "edited": "new", "stays": "old stays"} {
					if a.read(p) != want || b.read(p) != want {
						c.Errorf("%s: %q here, %q there, want %q", p, a.read(p), b.read(p), want)
					}
				}
				if len(a.f.Status().Conflicts) != 0 {
					c.Error(a.f.Status().Conflicts)
				}
				a.remove("gone") // now it is everybody's business
				c.settle(20 * time.Second)
				if b.exists("gone") {
					c.Error("not removed")
				}
			})
		})
	}
}

// TestJunk: what systems and editors leave behind stays where it is, unless the
// user says otherwise.
func TestJunk(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.write(".syncignore", "!keep~\n")
		for _, p := range []string{".DS_Store", "d/.notes.swp", "d/keep~", "d/other~", "dir~/f", ".hidden"} {
			a.write(p, p)
		}
		c.start()
		c.settle(20 * time.Second)
		if b.exists(".DS_Store") || b.exists("d/.notes.swp") || b.exists("d/other~") {
			c.Error("junk:", b.tree())
		}
		if b.read("d/keep~") != "d/keep~" || b.read("dir~/f") != "dir~/f" || b.read(".hidden") != ".hidden" {
			c.Error("taken for junk:", b.tree())
		}
		for _, m := range c.nodes {
			m.stop()
			m.cfg.KeepJunk = true
		}
		c.start()
		c.converged(20 * time.Second)
		if b.read(".DS_Store") != ".DS_Store" || b.read("d/other~") != "d/other~" {
			c.Error("left out without the list:", b.tree())
		}
	})
}
