package peer

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// mapped maps a file of m, of two pages at least, to be stored into.
func (m *machine) mapped(p string) []byte {
	m.c.Helper()
	file, err := os.OpenFile(m.path(p), os.O_RDWR, 0)
	m.must(err)
	pages, err := unix.Mmap(int(file.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	m.must(err)
	m.must(file.Close())
	m.c.Cleanup(func() { m.must(unix.Munmap(pages)) })
	return pages
}

// unseen makes a file of m that the others have, and stores into it through a mapping
// what no stamp tells of: its page is dirty. It returns what the file holds then.
func (m *machine) unseen(p string) []byte {
	m.c.Helper()
	m.write(p, string(bytes.Repeat([]byte{'0'}, 8192)))
	pages := m.mapped(p)
	pages[5000] = '1'
	m.hint(p, false)
	m.c.converged(20 * time.Second)
	pages[5000] = '2'
	return pages
}

// F34, F33: whoever stores through a mapping and sets the time back has left no more
// than a change time. Later stores into the same page are found all the same.
func TestMappedAndTimeSetBack(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		then := time.Now().Add(-100 * 24 * time.Hour)
		a.write("db", string(bytes.Repeat([]byte{'0'}, 8192)))
		a.touch("db", then)
		c.start()
		c.settle(20 * time.Second)
		pages := a.mapped("db")
		pages[5000] = '1'
		a.touch("db", then)
		c.converged(20 * time.Second)
		if got := b.read("db"); got != string(pages) {
			t.Fatal("the change time tells of the first store: this test shows nothing else")
		}
		pages[5000] = '2'
		saved := time.Now()
		for b.read("db") != string(pages) && time.Since(saved) < 2*time.Minute {
			time.Sleep(time.Second)
		}
		if took := time.Since(saved); took > proofAfter+5*time.Second {
			t.Errorf("the second store took %v", took)
		}
		time.Sleep(5 * time.Minute)
		if _, ok := a.f.motion.next(); ok {
			t.Error("read again and again")
		}
	})
}

// F34, F44: that what was unpacked a moment ago is still to be read once more does
// not keep it from being given another name, here or by a peer: nothing is sent
// again, and both disks hold the same files as before.
func TestUnpackedAndRenamed(t *testing.T) {
	t.Parallel()
	for _, age := range []time.Duration{0, 100 * 24 * time.Hour} {
		bubble(t, 2, func(c *cluster) {
			a, b := c.nodes[0], c.nodes[1]
			for _, m := range c.nodes { // the brake is not what this is about
				m.cfg.MaxDelete.Percent = 100
			}
			c.line()
			c.start()
			c.settle(20 * time.Second)
			const files = 900 // as many as go into one transaction
			at := time.Now().Add(-age)
			a.must(os.MkdirAll(a.path("t1/d"), 0o755))
			for i := range files {
				p := a.path(fmt.Sprintf("t1/d/f%04d", i))
				a.must(os.WriteFile(p, fmt.Appendf(nil, "content of %d", i), 0o644))
				a.must(os.Chtimes(p, at, at))
			}
			a.hint("t1", true)
			c.converged(20 * time.Second)
			if n := a.f.motion.files; n == 0 || age > 0 && n > proofFiles/2 {
				t.Errorf("%d files are to be read once more", n)
			}
			first, last := "/d/f0000", fmt.Sprintf("/d/f%04d", files-1)
			sent := a.f.counts.sent.Load() + b.f.counts.sent.Load()
			for i, m := range []*machine{a, b, a} {
				from, to := fmt.Sprint("t", i+1), fmt.Sprint("t", i+2)
				var same []func(string) bool
				for _, m := range c.nodes {
					same = append(same, m.file(from+first), m.file(from+last))
				}
				m.rename(from, to)
				c.converged(20 * time.Second)
				for j, is := range same {
					if p := to + []string{first, last}[j%2]; !is(p) {
						t.Errorf("%s renamed it, and %s has copied %s", m.name, c.nodes[j/2].name, p)
					}
				}
			}
			if n := a.f.counts.sent.Load() + b.f.counts.sent.Load() - sent; n != 0 {
				t.Errorf("%d bytes of content were sent", n)
			}
			time.Sleep(2 * proofAfter)
			for _, m := range c.nodes {
				if n := m.f.motion.files; n > 0 {
					t.Errorf("%s is still to read %d files once more", m.name, n)
				}
			}
		})
	}
}

// F34: what was stored without a trace in a file that a peer has renamed meanwhile
// is an edit of its new name.
func TestMappedAndRenamedThere(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.start()
		c.settle(20 * time.Second)
		pages := a.unseen("old")
		same := a.file("old")
		b.rename("old", "new")
		c.settle(20 * time.Second)
		if !same("new") || b.read("new")[5000] != '1' {
			t.Fatal("the file was not moved, or the stamps tell of the store")
		}
		time.Sleep(2 * proofAfter)
		c.converged(20 * time.Second)
		for _, m := range c.nodes {
			if m.read("new") != string(pages) || m.exists("old") {
				t.Errorf("%s: %v", m.name, m.tree())
			}
		}
	})
}

// F34, F12: what is too large to be read once more as a matter of course is read at
// once when verify finds a store in it that left no trace: it is an edit, not rot.
func TestVerifyMappedLarge(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.start()
		c.settle(20 * time.Second)
		a.f.motion.prove("another", proofBytes, 1) // there is room for no more
		pages := a.unseen("image")
		if a.f.motion.proves("image") || b.read("image")[5000] != '1' {
			t.Fatal("it would be found by itself: this test shows nothing")
		}
		if found, _ := a.verify(true); found["image"].State != "changed" || found["image"].Repaired != "" {
			t.Errorf("%+v", found)
		}
		if c.converged(20 * time.Second); b.read("image") != string(pages) {
			t.Error("the edit did not reach the peer")
		}
		time.Sleep(2 * time.Minute) // too old for an edit that left no trace
		if found, _ := a.verify(true); len(found) != 0 || len(a.f.Status().Problems) != 0 {
			t.Errorf("%+v", found)
		}
		if n := a.f.written.count(); n != 0 {
			t.Errorf("%d files are to be read again for ever", n)
		}
	})
}

// F34: what is to be read once more is not forgotten in a pause.
func TestMappedAndPaused(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.start()
		c.settle(20 * time.Second)
		pages := a.unseen("db")
		a.pause(true)
		time.Sleep(time.Second)
		a.pause(false)
		c.settle(20 * time.Second)
		if b.read("db")[5000] != '1' {
			t.Fatal("the look at everything finds it: this test shows nothing")
		}
		time.Sleep(proofAfter)
		if c.converged(20 * time.Second); b.read("db") != string(pages) {
			t.Error("the edit did not reach the peer")
		}
	})
}
