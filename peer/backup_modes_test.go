package peer

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestBackupBesideTwoWay: who syncs both ways beside a backup edits and removes
// as ever; a real conflict is one.
func TestBackupBesideTwoWay(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.backup()
		b.cfg.Mode = TwoWay
		a.write("dropped", "1")
		a.write("kept", "1")
		a.write("gone", "1")
		c.start()
		c.converged(20 * time.Second)
		a.remove("dropped")
		a.remove("gone")
		c.settle(20 * time.Second)
		b.write("dropped", "edited by b")
		b.remove("gone")
		b.remove("kept")
		c.settle(20 * time.Second)
		c.insync()
		if a.exists("dropped") || a.read("kept") != "1" || b.read("dropped") != "edited by b" || len(b.tree()) != 1 {
			c.Error(a.tree(), b.tree())
		}
		a.write("gone", "2")
		a.write("dropped", "2, younger and without having seen b's")
		c.settle(20 * time.Second)
		got := b.tree()
		if names := got.conflicts(); len(names) != 1 || got[names[0]].data != "edited by b" || got["gone"].data != "2" {
			c.Error(got)
		}
	})
}

// TestBackupSwitches: no change of the mode removes anything anywhere. What was
// dropped stays so in a send folder and comes back into one that is two-way.
func TestBackupSwitches(t *testing.T) {
	t.Parallel()
	for _, to := range []Mode{TwoWay, Send} {
		t.Run(to.String(), func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				c.backup()
				b.cfg.Mode = TwoWay
				for i := range 5 {
					a.write(fmt.Sprint("f", i), fmt.Sprint(i))
				}
				c.start()
				c.converged(20 * time.Second)
				a.remove("f0")
				c.settle(20 * time.Second)
				a.stop()
				a.remove("f1") // while it was a backup that did not run
				a.cfg.Mode = to
				c.start(a)
				time.Sleep(20 * time.Second)
				c.settle(time.Minute)
				c.insync()
				if len(b.tree()) != 5 || a.exists("f0") != (to == TwoWay) || a.exists("f1") != (to == TwoWay) {
					c.Error(a.tree(), b.tree())
				}
				a.remove("f2") // meant for all again
				a.write("f0", "edited")
				c.settle(20 * time.Second)
				if got := b.tree(); got["f0"].data != "edited" || b.exists("f2") || got.conflicts() != nil {
					c.Error(got)
				}
				a.stop()
				a.cfg.Mode = Backup
				c.start(a)
				time.Sleep(20 * time.Second)
				a.remove("f3")
				c.settle(20 * time.Second)
				c.insync()
				if len(b.tree()) != 4 {
					c.Error(b.tree())
				}
			})
		})
	}
}

// TestBackupMeetsSource: two that only give have nothing to do with each other,
// and say so.
func TestBackupMeetsSource(t *testing.T) {
	t.Parallel()
	for _, other := range []Mode{Send, Backup} {
		t.Run(other.String(), func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.full()
				a.cfg.Mode, b.cfg.Mode = Backup, other
				a.write("f", "a")
				b.write("f", "b")
				c.start()
				time.Sleep(time.Minute)
				for _, m := range c.nodes {
					if s := m.f.Status(); !strings.Contains(s.Reason, ErrSources.Error()) || m.read("f") != m.name {
						c.Error(s.Reason, m.tree())
					}
				}
			})
		})
	}
}
