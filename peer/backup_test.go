package peer

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// backup makes a a backup of which the others receive.
func (c *cluster) backup() {
	c.oneWay()
	c.nodes[0].cfg.Mode = Backup
}

// insync fails the test unless both sides say that they are in sync.
func (c *cluster) insync() {
	c.Helper()
	for _, m := range c.nodes {
		if !m.up() {
			continue
		}
		s := m.f.Status()
		if s.Want != (Amount{}) {
			c.Errorf("%s wants %+v: %s", m.name, s.Want, s.Reason)
		}
		for _, p := range s.Peers {
			if p.Connected && (!p.InSync || p.Queued != (Amount{})) {
				c.Errorf("%s says of %s: %+v", m.name, p.Name, p)
			}
		}
	}
}

// TestBackup: what a backup removes stays with the others; what it makes, edits
// and renames goes out; nothing is written into it.
func TestBackup(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.backup()
		b.cfg.Mode = ModeAuto
		for i := range 10 {
			a.write(fmt.Sprintf("dcim/%d", i), fmt.Sprint("photo ", i))
		}
		b.write("mine", "of the archive")
		c.start()
		c.settle(20 * time.Second)
		if b.f.Mode() != Receive {
			c.Error(b.f.Mode())
		}
		c.insync()
		a.remove("dcim/1")
		a.write("dcim/2", "edited")
		a.rename("dcim/3", "dcim/three")
		a.remove("dcim/4")
		a.rest()
		a.write("dcim/4", "another photo")
		before := a.stamps()
		c.settle(20 * time.Second)
		c.insync()
		c.sameStamps(a, before)
		got := b.tree()
		for p, data := range map[string]string{
			"dcim/1": "photo 1", "dcim/2": "edited", "dcim/3": "photo 3", "dcim/three": "photo 3", "dcim/4": "another photo", "mine": "of the archive",
		} {
			if got[p].data != data {
				c.Errorf("%s: %s", p, got[p])
			}
		}
		if a.exists("dcim/1") || a.exists("mine") || a.exists(".qsync") || got.conflicts() != nil {
			c.Error(a.tree(), got)
		}
		if s := a.f.Status(); s.Mode != "backup" || s.Entries.Files != 9 {
			c.Error(s.Mode, s.Entries)
		}
		a.remove("dcim")
		c.settle(20 * time.Second)
		c.insync()
		if n := len(b.tree()); n != len(got) || len(a.tree()) != 0 {
			c.Errorf("%d entries left of %d", n, len(got))
		}
		c.quiet()
		// After a restart nobody has forgotten anything.
		for _, m := range c.nodes {
			m.stop()
			c.start(m)
			time.Sleep(20 * time.Second)
			c.settle(time.Minute)
		}
		c.insync()
		a.write("dcim/5", "a third photo")
		c.settle(20 * time.Second)
		if got := b.tree(); got["dcim/5"].data != "a third photo" || got.conflicts() != nil || len(got) != 13 {
			c.Error(got)
		}
	})
}

// TestBackupOfMuch: the brake does not count what stays.
func TestBackupOfMuch(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.backup()
		for i := range 300 {
			a.write(fmt.Sprint("d/", i), fmt.Sprint(i))
		}
		c.start()
		c.converged(time.Minute)
		a.remove("d")
		c.settle(time.Minute)
		c.insync()
		if a.f.Err() != nil || len(a.tree()) != 0 || len(b.tree()) != 301 {
			c.Error(a.f.Err(), len(a.tree()), len(b.tree()))
		}
	})
}

// TestBackupForgets: maps are lost on either side, or on both, and nothing else is.
func TestBackupForgets(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"a", "b", "ab"} {
		t.Run(who, func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				c.backup()
				for i := range 6 {
					a.write(fmt.Sprint("f", i), fmt.Sprint(i))
				}
				c.start()
				c.converged(20 * time.Second)
				a.remove("f0")
				a.remove("f1")
				c.settle(20 * time.Second)
				for _, m := range c.nodes {
					if strings.Contains(who, m.name) {
						m.stop()
						m.wipe()
					}
				}
				if a.node == nil {
					// Done while the map is lost: older than what the others know.
					a.write("f1", "came back")
					a.touch("f1", time.Now().Add(-time.Hour))
					a.write("f2", "edited")
					a.touch("f2", time.Now().Add(-time.Hour))
					a.remove("f3")
				}
				for _, m := range c.nodes {
					if m.node == nil {
						c.start(m)
					}
				}
				time.Sleep(30 * time.Second)
				c.settle(time.Minute)
				c.insync()
				got := b.tree()
				if len(got) != 6 || got["f0"].data != "0" || got["f3"].data != "3" {
					c.Error(got)
				}
				for p, e := range a.tree() {
					if got[p].data != e.data {
						c.Errorf("%s is %s there, not %s", p, got[p], e)
					}
				}
				a.write("f0", "again")
				c.settle(time.Minute)
				if e := b.tree()["f0"]; e.data != "again" {
					c.Error(e)
				}
			})
		})
	}
}

// TestBackupDropsUnsent: what is removed before it has come anywhere is waited
// for by nobody; who has an older version keeps it, and if it comes again it is
// taken.
func TestBackupDropsUnsent(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, b, z := c.nodes[0], c.nodes[1], c.nodes[2]
		c.line()
		c.backup()
		big := strings.Repeat("0123456789", 2<<20)
		a.write("old", "1")
		c.start(a, b)
		c.settle(time.Minute)
		a.write("big", big)
		a.write("old", strings.Repeat("2", 3<<20))
		for b.f.store.Want().Entries < 2 {
			time.Sleep(time.Millisecond)
		}
		c.net.part(a, b)
		keep := a.tree()
		a.remove("big")
		a.remove("old")
		a.write("new", "1")
		time.Sleep(time.Minute)
		c.net.join(a, b)
		time.Sleep(time.Minute)
		c.settle(time.Minute)
		c.insync()
		if got := b.tree(); len(got) != 2 || got["old"].data != "1" || got["new"].data != "1" {
			c.Error(got)
		}
		c.start(z) // from b alone it can have no more, and waits for no more
		time.Sleep(time.Minute)
		c.settle(time.Minute)
		c.insync()
		a.write("big", big)
		a.touch("big", time.Unix(0, keep["big"].mtime))
		time.Sleep(20 * time.Second)
		c.settle(time.Minute)
		c.insync()
		if b.read("big") != big || z.read("big") != big {
			c.Error("what came back did not come")
		}
	})
}

// TestBackupChain: who receives at second hand keeps what the backup dropped, and
// what it had itself, and learns that behind a receiver it met too early.
func TestBackupChain(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, mid, z := c.nodes[0], c.nodes[1], c.nodes[2]
		c.line()
		c.backup()
		a.write("f", "1")
		a.write("g", "1")
		mid.write("of mid", "1")
		z.write("of z", "1")
		c.start(mid, z)
		time.Sleep(20 * time.Second)
		c.start(a)
		time.Sleep(20 * time.Second)
		c.settle(time.Minute)
		a.remove("f")
		c.settle(time.Minute)
		c.insync()
		if !mid.exists("of mid") || !z.exists("of z") || !mid.exists("f") || !z.exists("f") {
			c.Error(mid.tree(), z.tree())
		}
		late := c.add()
		late.cfg.Mode = Receive
		late.dials(z)
		late.write("of late", "1")
		c.start(late)
		time.Sleep(20 * time.Second)
		c.settle(time.Minute)
		c.insync()
		if got := late.tree(); len(got) != 3 || got["f"].data != "1" {
			c.Error(got)
		}
	})
}

// TestBackupHides: a file in the place of a directory that was dropped would take
// that away: it is a problem of the backup, and of nothing else.
func TestBackupHides(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.backup()
		a.write("d/f", "1")
		a.write("x", "1")
		c.start()
		c.converged(20 * time.Second)
		a.remove("d")
		a.remove("x")
		a.rest()
		a.write("d", "a file")
		a.write("x/f", "1")
		c.settle(20 * time.Second)
		c.insync()
		if got := b.tree(); got["d/f"].data != "1" || got["x/f"].data != "1" || len(got) != 4 {
			c.Error(got)
		}
		if p := a.f.Problems(); len(p) != 1 || p[0].Path != "d" || !strings.Contains(p[0].Problem, "another name") {
			c.Error(p)
		}
		a.rename("d", "e")
		c.settle(20 * time.Second)
		if p := a.f.Problems(); len(p) != 0 || b.read("e") != "a file" {
			c.Error(p, b.tree())
		}
	})
}
