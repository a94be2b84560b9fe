package peer

import (
	"bytes"
	"os"
	"testing"
	"time"

	"qsync/store"
)

// F34: what is stored through a mapping after the file was read leaves no trace:
// no event and no other time. It is found all the same.
func TestMappedWriter(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.start()
		c.settle(20 * time.Second)
		a.write("db", string(bytes.Repeat([]byte{'0'}, 8192)))
		pages := a.mapped("db")
		time.Sleep(time.Second)
		for round := byte('1'); round < '4'; round++ {
			pages[5000] = round
			saved := time.Now()
			for b.read("db") != string(pages) && time.Since(saved) < 2*proofAfter {
				time.Sleep(time.Second)
			}
			took := time.Since(saved)
			t.Logf("round %c: %v", round, took)
			if took > proofAfter+5*time.Second {
				t.Errorf("round %c took %v", round, took)
			}
		}
		time.Sleep(5 * time.Minute)
		if _, ok := a.f.motion.next(); ok {
			t.Error("read again and again")
		}
	})
}

// F34, F12: what is stored through a mapping is no rot, and repairing leaves it
// alone; it is told of a little later.
func TestVerifyMapped(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{false, true} { // edited before the node has looked at all
		bubble(t, 2, func(c *cluster) {
			a, b := c.nodes[0], c.nodes[1]
			c.line()
			if !first {
				c.start()
				c.settle(20 * time.Second)
			}
			a.write("db", string(bytes.Repeat([]byte{'0'}, 8192)))
			if first {
				c.start()
			}
			c.converged(20 * time.Second)
			pages := a.mapped("db")
			old, err := a.f.store.Record("db")
			a.must(err)
			pages[5000] = '1'
			// As if its page had been dirty all the time: no stamp tells of it.
			a.must(os.Chtimes(a.path("db"), time.Time{}, time.Unix(0, old.Local.Value.MTime)))
			now, err := a.f.root.Look("db")
			a.must(err)
			ch := store.Change{Path: "db", Before: old.Local, After: old.Local, Applied: true}
			ch.After.Stat = now.Stat
			_, err = a.f.store.Commit([]store.Change{ch}, true)
			a.must(err)
			if found, _ := a.verify(true); found["db"].State != "changed" || found["db"].Repaired != "" {
				t.Errorf("%+v", found)
			}
			if s := a.f.Status(); len(s.Problems) != 0 || a.read("db") != string(pages) {
				t.Errorf("%+v", s.Problems)
			}
			time.Sleep(2 * proofAfter)
			if c.converged(20 * time.Second); b.read("db") != string(pages) {
				t.Error("the edit did not reach the peer")
			}
		})
	}
}

// F35: a long write is stamped as it begins, so who reads in the middle of it has a
// mixture under the very stat that the file keeps. When the write is over the
// watcher tells of it, and the file is read again whatever its stat says. It is no
// matter of its age or size.
func TestReadDuringOneWrite(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.write("image", string(bytes.Repeat([]byte{'0'}, 8192)))
		c.start()
		c.converged(20 * time.Second)
		file, err := os.OpenFile(a.path("image"), os.O_RDWR, 0)
		a.must(err)
		defer file.Close()
		_, err = file.WriteAt([]byte{'1'}, 5000)
		a.must(err)
		old, err := a.f.store.Record("image")
		a.must(err)
		a.must(os.Chtimes(a.path("image"), time.Time{}, time.Unix(0, old.Local.Value.MTime)))
		now, err := a.f.root.Look("image")
		a.must(err)
		ch := store.Change{Path: "image", Before: old.Local, After: old.Local, Applied: true}
		ch.After.Stat = now.Stat // as if this byte had come after the look that this write was found by
		_, err = a.f.store.Commit([]store.Change{ch}, true)
		a.must(err)
		a.hint("image", false)
		time.Sleep(time.Second)
		if b.read("image")[5000] != '0' {
			t.Fatal("the stat tells of the write: this test shows nothing")
		}
		a.hintWritten("image")
		time.Sleep(time.Second)
		if b.read("image")[5000] != '1' {
			t.Error("the edit did not reach the peer")
		}
		c.converged(20 * time.Second)
		if n := a.f.written.count(); n != 0 {
			t.Errorf("%d files are to be read again for ever", n)
		}
	})
}
