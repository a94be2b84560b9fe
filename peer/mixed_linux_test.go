package peer

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// A store into a page that is dirty already stands for the rest of a write that was
// under way when the file was read: neither leaves a stamp.

// halfWritten is a pair with a file that is known, has been written to at one place
// and will be in another, and nothing is to be read once more as a matter of course.
func halfWritten(c *cluster) (pages []byte) {
	c.Helper()
	a := c.nodes[0]
	c.line()
	a.write("image", string(bytes.Repeat([]byte{'0'}, 8192)))
	c.start()
	c.settle(20 * time.Second)
	a.f.motion.prove("another", proofBytes, 1) // there is room for no more
	pages = a.mapped("image")
	pages[5000] = '1'
	a.must(os.Chtimes(a.path("image"), time.Time{}, time.Now()))
	time.Sleep(5 * time.Second) // no tick of any clock is as long
	return pages
}

func (m *machine) rescan() {
	m.c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m.must(m.f.Rescan(ctx))
}

// F35, F46: where nothing tells of the end of a write, what was read during it, too
// large for the second reading, is read again by the next look at everything, once.
func TestReadDuringOneWriteUnwatched(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.cfg.Watch = func() Watcher { return mute{a.hints} }
		pages := halfWritten(c)
		for range 3 { // as soon after each other no look tells anything new
			a.rescan()
			time.Sleep(500 * time.Millisecond)
		}
		pages[5000] = '2'
		if b.read("image")[5000] != '1' {
			t.Fatal("it was not read during the write: this test shows nothing")
		}
		if c.converged(20 * time.Second); b.read("image") != string(pages) {
			t.Error("the end of the write did not reach the peer")
		}
		for range 2 {
			time.Sleep(unwatchedLook)
			a.rescan()
		}
		if rec, err := a.f.store.Record("image"); err != nil || rec.Local.Stat.Racy {
			t.Errorf("it is read again for ever: %+v, %v", rec.Local, err)
		}
	})
}

// F35: a pass with --once that met a write has the next one read the file again.
func TestReadDuringOneWriteOnce(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		pages := halfWritten(c)
		a.stop()
		a.cfg.Once = true
		c.start(a)
		time.Sleep(time.Second)
		a.stop()
		pages[5000] = '2'
		if b.read("image")[5000] != '1' {
			t.Fatal("it was not read during the write: this test shows nothing")
		}
		c.start(a)
		if c.converged(20 * time.Second); b.read("image") != string(pages) {
			t.Error("the end of the write did not reach the peer")
		}
	})
}

// F35, F41: the hint at the end of the write was lost among others.
func TestReadDuringOneWriteLost(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		pages := halfWritten(c)
		a.hint("image", false)
		c.settle(20 * time.Second)
		pages[5000] = '2'
		a.rescan()
		c.settle(20 * time.Second)
		if b.read("image")[5000] != '1' {
			t.Fatal("it is found anyway: this test shows nothing")
		}
		a.hints.c <- disk.Hint{Lost: true}
		if c.converged(20 * time.Second); b.read("image") != string(pages) {
			t.Error("the end of the write did not reach the peer")
		}
		if n := a.f.written.count(); n != 0 {
			t.Errorf("%d files are to be read again for ever", n)
		}
	})
}

// What was unpacked is read once, however its hints come: it was never read in the
// middle of a write. So is what was written to when a look at everything is due.
func TestReadOnce(t *testing.T) {
	t.Parallel()
	const files = 600
	for _, watched := range []bool{true, false} {
		bubble(t, 2, func(c *cluster) {
			a := c.nodes[0]
			for _, m := range c.nodes { // the brake is not what this is about
				m.cfg.MaxDelete.Percent = 100
			}
			if !watched {
				a.cfg.Watch = func() Watcher { return mute{a.hints} }
			}
			c.line()
			c.start()
			c.settle(20 * time.Second)
			for round := range 2 {
				read := a.f.counts.read.Load()
				a.must(os.MkdirAll(a.path("t/d"), 0o755))
				for i := range files {
					p := a.path(fmt.Sprintf("t/d/f%04d", i))
					a.must(os.WriteFile(p+"~", fmt.Appendf(nil, "content %d of %d", round, i), 0o644))
					a.must(os.Rename(p+"~", p))
				}
				time.Sleep(10 * time.Second) // no tick of any clock is as long
				if watched {
					for i := range files {
						a.hintWritten(fmt.Sprintf("t/d/f%04d", i))
					}
					if round == 0 {
						a.hints.c <- disk.Hint{Path: "t", Deep: true}
					} else {
						a.hints.c <- disk.Hint{Lost: true}
					}
				} else {
					a.rescan()
				}
				c.converged(20 * time.Second)
				a.rescan()
				if n := a.f.counts.read.Load() - read; n != files {
					t.Errorf("watched %v, round %d: %d files were read", watched, round, n)
				}
				if n := a.f.written.count(); n != 0 {
					t.Errorf("%d files are to be read again for ever", n)
				}
			}
		})
	}
}

// mayBeMixed is asked about what was written to a moment ago.
func TestMayBeMixed(t *testing.T) {
	local := func(inode uint64, digest byte, size int64) folder.Local {
		return folder.Local{Value: folder.Value{Kind: folder.File, Digest: folder.Digest{digest}, Size: size}, Stat: folder.Stat{Inode: inode}}
	}
	renamed := local(1, 1, longWrite)
	renamed.Value.Origin = "old"
	got := []bool{}
	for _, c := range []store.Change{
		{Before: local(1, 1, 10), After: local(1, 2, 10)},
		{Before: local(1, 1, 10), After: local(1, 1, 10)}, // touched
		{Before: local(1, 1, 10), After: local(2, 2, 10)}, // replaced by another file
		{After: local(1, 1, longWrite-1)},
		{After: local(1, 1, longWrite)},
		{After: renamed},
	} {
		got = append(got, mayBeMixed(&c))
	}
	if want := []bool{true, false, false, false, true, false}; !slices.Equal(got, want) {
		t.Error(got)
	}
}
