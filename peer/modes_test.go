package peer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"qsync/certs"
)

// oneWay makes a the source of the others, which become like it.
func (c *cluster) oneWay() {
	for i, m := range c.nodes {
		if m.cfg.Mode = Mirror; i == 0 {
			m.cfg.Mode = Send
		}
	}
}

// TestOneWay: the source is never touched, the destination becomes like it, and
// what goes there is kept among the versions (F93, F95, I7).
func TestOneWay(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.oneWay()
		for i := range 10 {
			a.write(fmt.Sprintf("d/%d", i), fmt.Sprint("source ", i))
		}
		b.write("d/1", "edited at the destination")
		b.write("extra/x", "extra at the destination")
		before := a.stamps()
		c.start()
		c.converged(20 * time.Second)
		b.write("d/2", "edited later")
		b.write("extra/later", "extra later")
		b.remove("d/3")
		b.chmod("d/4", 0o600)
		b.rename("d/5", "d/five")
		c.converged(20 * time.Second)
		c.sameStamps(a, before)
		if a.exists(".qsync") {
			c.Error("something was written into the source")
		}
		kept := b.versions()
		for _, s := range []string{"edited at the destination", "extra at the destination", "edited later", "extra later"} {
			if !slices.Contains(kept, s) {
				c.Errorf("%q is not among the versions: %q", s, kept)
			}
		}
		a.remove("d/7")
		a.write("d/8", "again")
		got := c.converged(20 * time.Second)
		if got["d/8"].data != "again" || b.exists("d/7") || got.conflicts() != nil {
			c.Error(got)
		}
		c.quiet()
	})
}

// TestPassOn: a receiving node passes on what the source wrote, and nothing
// else, to those who do not know the source.
func TestPassOn(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, mid, z := c.nodes[0], c.nodes[1], c.nodes[2]
		c.line()
		c.oneWay()
		a.write("f", "1")
		a.write("gone", "1")
		mid.write("own", "by the middle")
		c.start()
		c.converged(20 * time.Second)
		a.write("f", "2")
		a.remove("gone")
		c.converged(20 * time.Second)
		a.stop()
		mid.write("f", "by the middle")
		z.write("z", "by the last")
		time.Sleep(20 * time.Second)
		if z.read("f") != "2" {
			c.Error(z.tree())
		}
		c.start(a)
		if got := c.converged(time.Minute); len(got) != 1 || got["f"].data != "2" {
			c.Error(got)
		}
	})
}

// TestTwoSources: one-way sources that meet change nothing and say so.
func TestTwoSources(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		c.full()
		for _, m := range c.nodes {
			m.cfg.Mode = Send
			m.write("f", m.name)
		}
		c.start()
		time.Sleep(time.Minute)
		for _, m := range c.nodes {
			if m.read("f") != m.name || m.exists(".qsync") {
				c.Error(m.tree())
			}
			if m.f.Err() != nil && !errors.Is(m.f.Err(), ErrSources) {
				c.Error(m.f.Err())
			}
			if s := m.f.Status(); !strings.Contains(s.Reason, ErrSources.Error()) {
				c.Errorf("%s says %q", m.name, s.Reason)
			}
		}
		// They go on trying, but not all the time.
		before := c.net.bytes(c.nodes[0])
		time.Sleep(10 * time.Minute)
		if n := c.net.bytes(c.nodes[0]) - before; n > 10<<20 {
			c.Errorf("%d bytes sent to a source in vain", n)
		}
	})
}

// TestAuto: a mode that was left open is what completes the first peer, and
// stays so.
func TestAuto(t *testing.T) {
	t.Parallel()
	cases := []struct {
		first  Mode
		mirror bool
		want   Mode
	}{{Send, false, Receive}, {Send, true, Mirror}, {Backup, false, Receive}, {TwoWay, false, TwoWay}, {Receive, false, TwoWay}, {Mirror, false, TwoWay}}
	for _, k := range cases {
		t.Run(fmt.Sprint(k.first, k.mirror), func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				b.dials(a)
				a.cfg.Mode, a.cfg.Mirror, b.cfg.Mode = k.first, k.mirror, ModeAuto
				a.write("by a", "a")
				b.write("by b", "b")
				c.start(b)
				time.Sleep(time.Minute)
				if b.f.Mode() != ModeAuto || b.f.Status().Reason == "" {
					c.Error("settled alone:", b.f.Mode())
				}
				c.start(a)
				time.Sleep(20 * time.Second)
				c.settle(20 * time.Second)
				if b.f.Mode() != k.want {
					c.Error(b.f.Mode())
				}
				if b.exists("by b") != (k.want != Mirror) || a.exists("by b") != (k.want == TwoWay) || b.read("by a") != "a" && k.first.announces() {
					c.Error(b.tree())
				}
				a.stop()
				b.stop()
				c.start(b)
				if b.f.Mode() != k.want {
					c.Error("not remembered:", b.f.Mode())
				}
			})
		})
	}
}

// TestExpect: a peer that shares another path is left alone, before anything is
// written.
func TestExpect(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, b, z := c.nodes[0], c.nodes[1], c.nodes[2]
		b.dials(a)
		z.dials(a)
		b.cfg.Expect = "/somewhere/else"
		z.cfg.Expect = a.dir
		for _, m := range c.nodes {
			m.write(m.name, m.name)
		}
		c.start()
		time.Sleep(20 * time.Second)
		if err := b.f.Err(); !errors.Is(err, ErrPath) || !strings.Contains(err.Error(), a.dir) || !strings.Contains(err.Error(), "/somewhere/else") {
			c.Error(err)
		}
		if len(b.tree()) != 1 {
			c.Error(b.tree())
		}
		c.settle(20 * time.Second)
		c.equal(a, z)
		if a.exists("b") {
			c.Error("something came from b")
		}
	})
}

// TestWrongID: who does not hold the sync ID is told nothing, and says so.
func TestWrongID(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		id, err := certs.NewSyncID()
		b.must(err)
		b.cfg.ID = id
		a.write("secret", "secret")
		b.write("other", "other")
		c.start()
		time.Sleep(time.Minute)
		if !errors.Is(b.f.Err(), ErrWrongID) {
			c.Error(b.f.Err())
		}
		if a.f.Err() != nil || len(a.f.Status().Peers) != 0 || a.told("peer_connected") != 0 {
			c.Error("the stranger was met:", a.f.Err(), a.f.Status().Peers)
		}
		if len(a.tree()) != 1 || len(b.tree()) != 1 {
			c.Error(a.tree(), b.tree())
		}
	})
}

// TestRefusedOnce: a node that refuses for a moment, for it is about to end or has
// not opened the folder yet, is no reason to give up; it is met when it takes us.
func TestRefusedOnce(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		a.cfg.Paused = true // which says the same
		b.write("other", "other")
		c.start()
		time.Sleep(refusedFor / 2)
		b.f.mu.Lock()
		refused := b.f.refusedAt
		b.f.mu.Unlock()
		if b.f.Err() != nil || refused.IsZero() {
			c.Fatal("it was not refused, or gave up:", b.f.Err())
		}
		a.must(a.f.SetPaused(t.Context(), false))
		c.converged(20 * time.Second)
	})
}

// TestIgnore: what is ignored is neither sent nor applied nor deleted, wherever
// the rule stands, and nobody waits for it (F68, F69).
func TestIgnore(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, b, z := c.nodes[0], c.nodes[1], c.nodes[2]
		c.full()
		b.cfg.Exclude = []string{"*.tmp", "cache/"}
		a.write("d/.syncignore", "*.log\n!keep.log\n")
		a.write("d/a.log", "a's log")
		a.write("d/keep.log", "kept")
		a.write("x.tmp", "temporary")
		a.write("cache/big", "cached")
		b.write("mine.tmp", "b's own")
		b.write("d/b.log", "b's log")
		z.write("d/early.log", "before z knew the rules")
		c.start()
		c.settle(20 * time.Second)
		if b.exists("x.tmp") || b.exists("cache") || a.exists("mine.tmp") || a.exists("d/b.log") || b.exists("d/a.log") || b.read("d/keep.log") != "kept" {
			c.Error(a.tree(), b.tree())
		}
		if z.read("x.tmp") != "temporary" || z.read("cache/big") != "cached" {
			c.Error(z.tree())
		}
		if s := b.f.Status(); s.Want != (Amount{}) || len(s.Problems) != 0 {
			c.Errorf("%+v", s)
		}
		for _, m := range c.nodes {
			if p := m.f.Status().Peers; !p[0].InSync || !p[1].InSync {
				c.Errorf("%s: %+v", m.name, p)
			}
		}
		// Ignoring it from now on deletes it nowhere, and neither does the end of that.
		z.write("x.old", "old")
		c.settle(20 * time.Second)
		a.write(".syncignore", "x.*\n")
		c.settle(20 * time.Second)
		z.remove("x.old")
		a.remove("d")
		c.settle(20 * time.Second)
		if a.read("x.old") != "old" || b.read("x.old") != "old" {
			c.Error("deleted though ignored", a.tree(), b.tree())
		}
		if b.read("d/b.log") != "b's log" || b.exists("d/keep.log") {
			c.Error("in a directory that was deleted:", b.tree())
		}
	})
}
