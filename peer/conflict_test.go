package peer

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// apart lets two groups of machines work without each other, a in the first and
// b in the second, and returns the tree on which all agree afterwards.
func (c *cluster) apart(left, right []*machine, work func()) tree {
	c.Helper()
	for _, a := range left {
		for _, b := range right {
			c.net.part(a, b)
		}
	}
	time.Sleep(30 * time.Second) // all have noticed
	work()
	time.Sleep(time.Second)
	for _, a := range left {
		for _, b := range right {
			c.net.join(a, b)
		}
	}
	time.Sleep(15 * time.Second) // and are connected again
	c.settle(time.Minute)
	return c.equal()
}

// TestConflicts: what two machines make of one path without each other (the
// table of semantics.md 3.5, F87).
func TestConflicts(t *testing.T) {
	for _, k := range disputes {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, 3, func(c *cluster) {
				a, b, z := c.nodes[0], c.nodes[1], c.nodes[2]
				c.full()
				if k.first != nil {
					k.first(a)
				}
				c.start()
				c.converged(20 * time.Second)
				got := c.apart([]*machine{a}, []*machine{b, z}, func() {
					k.a(a)
					time.Sleep(2 * time.Second)
					k.b(b)
				})
				k.judge(c, got)
				c.quiet()
				if c.Failed() {
					c.dump()
				}
			})
		})
	}
}

// quiet checks that nothing happens when nothing changes, restarts included (I6).
func (c *cluster) quiet() {
	c.Helper()
	at := c.position()
	for _, m := range c.nodes {
		if m.up() {
			m.stop()
			c.start(m)
		}
	}
	sent := c.contentSent()
	c.settle(time.Minute)
	time.Sleep(2 * time.Minute)
	if now := c.position(); now != at {
		c.dump()
		c.Errorf("journals moved at rest: %s, now %s", at, now)
	}
	if c.contentSent() != sent {
		c.Error("content was sent at rest")
	}
}

// TestFiveResolve: five machines resolve one conflict of five at once: each
// content once, under the same names, and peace (F88, I11, I12).
func TestFiveResolve(t *testing.T) {
	t.Parallel()
	bubble(t, 5, func(c *cluster) {
		c.full()
		for i, m := range c.nodes {
			m.write("d/f.txt", "by "+m.name)
			m.touch("d/f.txt", time.Unix(int64(1e9+i), 0))
		}
		c.start()
		got := c.converged(time.Minute)
		if got["d/f.txt"].data != "by e" {
			c.Error(got)
		}
		var kept []string
		for _, p := range got.conflicts() {
			kept = append(kept, got[p].data)
			if !strings.HasPrefix(p, "d/f.conflict-20010909-0146") || !strings.HasSuffix(p, ".txt") {
				c.Error(p)
			}
		}
		slices.Sort(kept)
		if !slices.Equal(kept, []string{"by a", "by b", "by c", "by d"}) {
			c.Errorf("kept: %q", kept)
		}
		if n := c.nodes[4].told("conflict"); n != 0 {
			c.Errorf("the winner's machine tells of %d conflicts", n)
		}
		c.quiet()
	})
}

// TestNestedConflict: a conflict about a conflict copy keeps everything (F89).
func TestNestedConflict(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.start()
		both := func(p, x, y string) tree {
			return c.apart(c.nodes[:1], c.nodes[1:], func() {
				a.write(p, x)
				time.Sleep(2 * time.Second)
				b.write(p, y)
			})
		}
		first := both("f", "one", "two").conflicts()
		if len(first) != 1 {
			c.Fatal(first)
		}
		got := both(first[0], "three", "four")
		if n := got.conflicts(); len(n) != 2 {
			c.Error(n)
		}
		for _, s := range []string{"two", "three", "four"} {
			if !got.has(s) {
				c.Errorf("%q is lost", s)
			}
		}
		c.quiet()
	})
}

// TestMergedMode: a mode that was merged into a content stays with it, whatever
// becomes of the write that asked for it.
func TestMergedMode(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, b, z := c.nodes[0], c.nodes[1], c.nodes[2]
		c.full()
		a.write("f", "old")
		c.start()
		c.converged(20 * time.Second)
		c.net.part(a, b)
		c.net.part(a, z)
		time.Sleep(30 * time.Second)
		a.write("f", "new")
		b.chmod("f", 0o750)
		c.settle(10 * time.Second)
		c.net.part(b, z)
		time.Sleep(30 * time.Second)
		z.remove("f")
		c.net.join(a, b)
		time.Sleep(15 * time.Second)
		c.settle(20 * time.Second)
		if got := c.equal(a, b); got["f"].mode != 0o750 || got["f"].data != "new" {
			c.dump()
			c.Error(got)
		}
		c.net.join(a, z)
		c.net.join(b, z)
		time.Sleep(15 * time.Second)
		if got := c.converged(20 * time.Second); got["f"].mode != 0o750 || got["f"].data != "new" {
			c.Error(got)
		}
	})
}

// TestHollow: a directory that is there only for what lives in it goes with the
// last of that, also where a user took it away.
func TestHollow(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.write("x/y/new", "new")
		c.start()
		c.converged(10 * time.Second)
		c.apart(c.nodes[:1], c.nodes[1:], func() {
			a.remove("x")
			b.touch("x/y/new", time.Unix(1e9, 0))
		})
		if !b.implicit("x/y") || !b.implicit("x") {
			c.Fatal("the directories have somebody of their own")
		}
		b.rename("x/y/new", "new")
		got := c.converged(10 * time.Second)
		if _, there := got["x"]; there || got["new"].data != "new" {
			c.Error(got)
		}
		c.quiet()
	})
}

// TestDirBecomesFile: the machine that follows empties and replaces the
// directory, and does not take its own work for a user's.
func TestDirBecomesFile(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		for _, p := range []string{"d/a", "d/b/c", "d/b/d/e"} {
			a.write(p, p)
		}
		a.cfg.Rescan, b.cfg.Rescan = 50*time.Millisecond, 50*time.Millisecond // scans get between everything
		c.start()
		c.converged(10 * time.Second)
		a.remove("d")
		a.write("d", "a file now")
		got := c.converged(10 * time.Second)
		if len(got) != 1 || got["d"].data != "a file now" {
			c.Error(got)
		}
	})
}

// TestModeOfLoser: who gives a file the mode that lost against another before
// has made a change.
func TestModeOfLoser(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.write("f", "f")
		c.start()
		c.converged(10 * time.Second)
		got := c.apart(c.nodes[:1], c.nodes[1:], func() {
			a.chmod("f", 0o700)
			b.chmod("f", 0o750)
		})
		other := 0o700 + 0o750 - got["f"].mode
		b.chmod("f", other)
		if got := c.converged(10 * time.Second); got["f"].mode != other {
			c.Error(got)
		}
	})
}
