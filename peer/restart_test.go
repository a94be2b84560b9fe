package peer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// stamps are what changes when anything touches an entry: inode, change time
// and bytes.
func (m *machine) stamps() map[string]string {
	m.c.Helper()
	out := make(map[string]string)
	root, err := disk.Open(m.dir, true)
	m.must(err)
	defer root.Close()
	_, err = root.Scan(m.c.Context(), disk.ScanOptions{Found: func(x disk.Found) error {
		if x.After.Value.Kind != folder.Dir { // directories have their time set by what is done in them
			out[string(x.Path)] = fmt.Sprint(x.After.Stat.Inode, x.After.Stat.CTime, x.After.Value)
		}
		return nil
	}})
	m.must(err)
	return out
}

func (c *cluster) sameStamps(m *machine, before map[string]string) {
	c.Helper()
	now := m.stamps()
	for p, s := range before {
		if now[p] != s {
			c.Errorf("%s: %s was touched: %s, now %s", m.name, p, s, now[p])
		}
	}
	for p := range now {
		if before[p] == "" {
			c.Errorf("%s: %s is new", m.name, p)
		}
	}
}

func (m *machine) replica() folder.ReplicaID { return m.f.store.Identity().Replica }

// TestRestarts: whoever restarts, and whoever starts first, all goes on.
func TestRestarts(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		a.write("f", "1")
		c.start(b)
		time.Sleep(time.Minute) // it is alone and tries on
		c.start(a)
		c.converged(20 * time.Second)
		for i, m := range []*machine{a, b, b, a} {
			m.stop()
			m.write("f", fmt.Sprint("while it was down ", i))
			c.start(m)
			if c.converged(40 * time.Second)["f"].data != fmt.Sprint("while it was down ", i) {
				c.Error(i, a.tree())
			}
		}
		for _, m := range c.nodes {
			m.stop()
		}
		a.write("by a", "a")
		b.write("by b", "b")
		c.start(a, b)
		if got := c.converged(20 * time.Second); len(got) != 3 || got.conflicts() != nil {
			c.Error(got)
		}
	})
}

// TestLostMap: a lost map deletes nothing, changes nothing and sends nothing
// anew; the replica is another one from then on (F15).
func TestLostMap(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.full()
		for i := range 30 {
			a.write(fmt.Sprintf("d%d/f", i), fmt.Sprint(i))
		}
		c.start()
		c.converged(20 * time.Second)
		b.remove("d3")
		c.converged(20 * time.Second)
		was := b.replica()
		b.stop()
		b.write("d1/new", "while it was down")
		b.wipe()
		atA, atB := a.stamps(), b.stamps()
		sent := c.contentSent()
		c.start(b)
		got := c.converged(time.Minute)
		if b.replica() == was {
			c.Error("the replica is still the same")
		}
		delete(got, "d1/new")
		c.sameStamps(b, atB)
		atA["d1/new"] = a.stamps()["d1/new"]
		c.sameStamps(a, atA)
		if n := c.contentSent() - sent; n > 100 {
			c.Errorf("%d bytes of content sent", n)
		}
		if got.conflicts() != nil || len(got) != 58 {
			c.Error(len(got), got)
		}
		for _, m := range c.nodes {
			if v := m.versions(); len(v) > 2 { // what b removed before: a file and its directory
				c.Errorf("%s: %q replaced", m.name, v)
			}
		}
		c.quiet()
	})
}

// TestOldMap: a map from a backup is noticed, by its file or by what peers know,
// and nothing is lost (F16).
func TestOldMap(t *testing.T) {
	restore := map[string]func(m *machine, old image){
		"another file": func(m *machine, old image) {
			m.must(old.write(m.mapFile() + ".restored"))
			m.must(os.Rename(m.mapFile()+".restored", m.mapFile()))
		},
		"in place": func(m *machine, old image) { m.must(old.write(m.mapFile())) },
	}
	for name, restore := range restore {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				a.write("old", "old")
				a.write("edited", "1")
				c.start()
				c.converged(10 * time.Second)
				b.stop()
				backup, err := imageOf(b.mapFile())
				b.must(err)
				c.start(b)
				c.settle(20 * time.Second)
				for i := range 5 {
					b.write(fmt.Sprint("new", i), "by b")
				}
				b.write("edited", "2")
				a.write("by a", "a")
				c.converged(10 * time.Second)
				was := b.replica()
				b.stop()
				restore(b, backup)
				b.write("edited", "3")
				b.write("after", "after")
				c.start(b)
				got := c.converged(time.Minute)
				if b.replica() == was {
					c.Error("the replica is still the same")
				}
				if got["edited"].data != "3" || got["after"].data != "after" || got["new4"].data != "by b" || got["by a"].data != "a" {
					c.Error(got)
				}
				c.quiet()
			})
		})
	}
}

// TestReturnAfterCollect: who comes back after the tombstones have gone finds
// what was deleted still deleted, and keeps its own new work (F85).
func TestReturnAfterCollect(t *testing.T) {
	t.Parallel()
	bubble(t, 4, func(c *cluster) {
		a, b, old := c.nodes[0], c.nodes[1], c.nodes[3]
		c.full()
		for _, m := range c.nodes {
			m.cfg.TombstoneAge = -1
		}
		for i := range 10 {
			a.write(fmt.Sprintf("d/%d", i), fmt.Sprint(i))
		}
		c.start()
		c.converged(20 * time.Second)
		old.stop()
		for i := range 5 {
			a.remove(fmt.Sprintf("d/%d", i))
		}
		c.settle(20 * time.Second)
		old.write("d/0", "edited meanwhile")
		old.write("d/new", "new meanwhile")
		for _, m := range c.nodes[:3] { // as after half a year
			m.must(m.f.store.Forget(store.NodeID(old.device.ID())))
			n, err := m.f.store.Collect()
			if m.must(err); n < 5 {
				c.Errorf("%s has dropped %d tombstones", m.name, n)
			}
		}
		b.write("d/9", "by b")
		c.settle(20 * time.Second)
		c.start(old)
		got := c.converged(time.Minute)
		if got["d/0"].data != "edited meanwhile" || got["d/new"].data != "new meanwhile" || got["d/9"].data != "by b" || len(got) != 8 {
			c.Error(got)
		}
		c.quiet()
	})
}

// TestSnapshotWhileConnected: tombstones go while peers are connected and news
// arrive; a snapshot in a running session is completed, and holds up nobody.
func TestSnapshotWhileConnected(t *testing.T) {
	t.Parallel()
	bubble(t, 4, func(c *cluster) {
		c.full()
		for _, m := range c.nodes {
			m.cfg.TombstoneAge = -1
		}
		c.start()
		c.settle(20 * time.Second)
		for round := range 6 {
			m, o := c.nodes[round%4], c.nodes[(round+1)%4]
			c.net.part(m, o)
			time.Sleep(30 * time.Second)
			for i := range 3 {
				m.write(fmt.Sprintf("%d/%d", round, i), m.name)
				o.write(fmt.Sprintf("o%d", i), fmt.Sprint(m.name, round))
			}
			c.settle(20 * time.Second)
			m.remove(fmt.Sprint(round))
			c.settle(20 * time.Second)
			for _, x := range c.nodes {
				_, err := x.f.store.Collect()
				x.must(err)
			}
			m.wipeAndStart()
			c.net.join(m, o)
			time.Sleep(15 * time.Second)
			c.converged(time.Minute)
		}
	})
}

// wipeAndStart restarts a machine without its map.
func (m *machine) wipeAndStart() {
	m.stop()
	m.wipe()
	m.c.start(m)
}

// TestStopInMidst: a node that is stopped in the middle of applying leaves no
// half-done things behind, and nothing that a peer would take for a change.
func TestStopInMidst(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		for i := range 40 {
			a.write(fmt.Sprintf("d%d/e/f", i%7+i), random(50_000))
		}
		c.start()
		for i := range 25 {
			time.Sleep(time.Duration(i) * 7 * time.Millisecond)
			b.stop()
			if i == 12 {
				for j := range 20 {
					a.remove(fmt.Sprintf("d%d", 2*j))
				}
			}
			b.whole()
			c.start(b)
		}
		at := a.f.store.Identity().Context.Counter(b.replica())
		c.converged(20 * time.Second)
		if at != 0 || b.f.counts.announced.Load() != 0 {
			c.Errorf("%d changes made by a machine where nobody works", at)
		}
	})
}

// whole checks that what a stopped machine shows is whole.
func (m *machine) whole() {
	for p, e := range m.tree() {
		if e.kind == 'f' && len(e.data) != 50_000 {
			m.c.Errorf("%s is torn: %s", p, e)
		}
	}
	err := filepath.WalkDir(filepath.Join(m.dir, folder.Reserved, "tmp"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(p) != ".part" {
			m.c.Errorf("left behind: %s", p)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.c.Error(err)
	}
}

// kill ends a machine's node as SIGKILL does: what it commits while it ends is
// not in its map, though it may be on its disk, and nobody hears of it.
func (m *machine) kill() {
	m.c.Helper()
	synctest.Wait() // else the copy of the map may be torn
	for _, o := range m.c.nodes {
		if !m.c.net.isCut(m, o) {
			m.c.net.part(m, o)
			defer m.c.net.join(m, o)
		}
	}
	was := m.mapFile() + ".then"
	m.must(overwrite(was, m.mapFile()))
	m.stop()
	m.must(overwrite(m.mapFile(), was))
}

// overwrite makes a file hold what another one does.
func overwrite(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in) // the kernel copies, and holes stay cheap
	return errors.Join(err, out.Close())
}
