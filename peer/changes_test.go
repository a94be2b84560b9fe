package peer

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// F44, F50: a directory of many files is renamed, and then all of them are touched:
// that is news, and no content.
func TestManyRenamedAndTouched(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		files := 2000
		if n, err := strconv.Atoi(os.Getenv("QSYNC_PEER_FILES")); err == nil {
			files = n
		}
		a.must(os.Mkdir(a.path("old"), 0o755))
		for i := range files {
			p := fmt.Sprintf("old/f%05d", i)
			text := fmt.Appendf(nil, "content of %d, ", i)
			a.must(os.WriteFile(a.path(p), bytes.Repeat(text, 6), 0o644)) // shorter than what is copied from here
		}
		for _, m := range c.nodes { // the brake is not what this is about
			m.cfg.MaxDelete.Percent = 100
		}
		c.start()
		c.settle(time.Minute)
		sent, wire := a.f.counts.sent.Load(), c.net.bytes(a)+c.net.bytes(b)
		a.rename("old", "new")
		c.settle(time.Minute)
		if n := a.f.counts.sent.Load() - sent; n != 0 {
			t.Errorf("renamed: %d bytes of content were sent", n)
		}
		if n := c.net.bytes(a) + c.net.bytes(b) - wire; n > int64(files)*100 {
			t.Errorf("renamed: %d bytes on the wire", n)
		}
		if b.exists("old") || !b.exists("new/f00000") {
			t.Error("the directory has its old name")
		}
		at := time.Now()
		for i := range files {
			a.must(os.Chtimes(a.path(fmt.Sprintf("new/f%05d", i)), at, at))
		}
		c.settle(time.Minute)
		if n := a.f.counts.sent.Load() - sent; n != 0 {
			t.Errorf("touched: %d bytes of content were sent", n)
		}
		if n := b.f.Status().Totals.Announced; n != 0 {
			t.Errorf("%d changes came back", n)
		}
		if fi, err := os.Stat(b.path("new/f00999")); err != nil || !fi.ModTime().Equal(at) {
			t.Errorf("touched: %v, %v", fi.ModTime(), err)
		}
		c.equal()
	})
}

// F36: a large file is replaced, cut and overwritten while it is served over a slow
// line. The other side shows whole contents alone, the last one in the end, and
// keeps nothing of the rest.
func TestChangesWhileServed(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.start()
		c.settle(20 * time.Second)
		c.net.slow(a, 100_000)
		legal := []string{"error"}
		fill := func(g int, size int) string {
			s := string(bytes.Repeat(fmt.Appendf(nil, "%08d", g), size/8))
			legal = append(legal, s)
			return s
		}
		const size = 600_000
		a.write("big", fill(0, size))
		look := func(d time.Duration) {
			for range int(d / (50 * time.Millisecond)) {
				time.Sleep(50 * time.Millisecond)
				if got := b.read("big"); b.exists("big") && !slices.Contains(legal, got) {
					t.Fatalf("%d bytes are shown that nobody wrote: %.20q", len(got), got)
				}
			}
		}
		look(3 * time.Second)
		a.write("big", fill(1, size)) // another inode
		look(3 * time.Second)
		f, err := os.OpenFile(a.path("big"), os.O_WRONLY, 0) // the same one
		a.must(err)
		_, err = f.WriteAt([]byte(fill(2, size)), 0)
		a.must(err)
		a.must(f.Close())
		a.hint("big", false)
		look(3 * time.Second)
		a.must(os.WriteFile(a.path("big"), []byte(fill(3, size/2)), 0o644)) // cut short
		a.hint("big", false)
		look(30 * time.Second)
		c.converged(time.Minute)
		if got := b.read("big"); got != legal[len(legal)-1] {
			t.Errorf("%d bytes in the end", len(got))
		}
		if parts, err := os.ReadDir(b.path(".qsync/tmp")); err != nil || len(parts) > 3 {
			t.Errorf("%d staged files are left: %v", len(parts), err)
		}
	})
}

// F46: what no event tells of is found by the next look at everything, which comes
// every minute where the system tells nothing, whatever was asked for.
func TestNoEvents(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.cfg.Rescan = 10 * time.Minute
		b.cfg.Watch = func() Watcher { return mute{b.hints} }
		c.start()
		c.settle(20 * time.Second)
		for m, period := range map[*machine]time.Duration{a: a.cfg.Rescan, b: unwatchedLook} {
			other := c.nodes[1-slices.Index(c.nodes, m)]
			for i := range 3 {
				text := fmt.Sprint(m.name, i)
				m.must(os.WriteFile(m.path("quiet"), []byte(text), 0o644))
				saved := time.Now()
				for other.read("quiet") != text && time.Since(saved) < time.Hour {
					time.Sleep(time.Second)
				}
				if took := time.Since(saved); took > period+2*time.Second {
					t.Errorf("%s: found after %v, not %v", m.name, took, period)
				}
			}
		}
		if b.f.Status().Note == "" {
			t.Error("nothing is said")
		}
	})
}

// mute is a watcher of a file system that tells nothing.
type mute struct{ hints }

func (mute) Limited() string { return "this file system does not tell of changes" }

// F48: machines whose clocks are years apart, one of them set again and again, edit
// the same files in turn. The latest edit always wins, and nothing conflicts.
func TestSkewedClocks(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		c.full()
		c.start()
		c.settle(20 * time.Second)
		day, year := 24*time.Hour, 365*24*time.Hour
		skew := [3][]time.Duration{{0}, {-10 * year}, {day, -day, 10 * year, -10 * year, 0}}
		for i := range 15 {
			m := c.nodes[i%3]
			s := skew[i%3]
			for _, p := range []string{"doc", fmt.Sprint("own", i)} {
				m.write(p, fmt.Sprint("edit ", i, " of ", p))
				m.touch(p, time.Now().Add(s[i/3%len(s)]))
			}
			if i%5 == 4 {
				m.remove(fmt.Sprint("own", i-2))
			}
			c.settle(20 * time.Second)
			tree := c.equal()
			if got := tree["doc"].data; got != fmt.Sprint("edit ", i, " of doc") {
				t.Fatalf("after edit %d everybody has %q", i, got)
			}
			if copies := tree.conflicts(); len(copies) > 0 {
				t.Fatal(copies)
			}
		}
		// At the same time it is one conflict, whoever's clock is right.
		for i, m := range c.nodes[:2] {
			m.write("doc", fmt.Sprint("both ", i))
			m.touch("doc", time.Now().Add(skew[i][0]))
		}
		tree := c.converged(20 * time.Second)
		if copies := tree.conflicts(); len(copies) != 1 || !tree.has("both 0") || !tree.has("both 1") {
			t.Error(tree)
		}
	})
}

// TestDirectoryBecomesFile: a directory that has become a file or a link, a moment
// ago, arrives as what it is now, and is nobody's rival of what was in it.
func TestDirectoryBecomesFile(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		for _, d := range []string{"x", "y", "z"} {
			a.write(d+"/in/it", "below "+d)
		}
		c.start()
		c.converged(20 * time.Second)
		for _, d := range []string{"x", "y"} {
			a.must(os.RemoveAll(a.path(d)))
		}
		a.must(os.WriteFile(a.path("x"), []byte("a file"), 0o644))
		a.must(os.Chtimes(a.path("x"), time.Now(), time.Now())) // what is written now has the time of now
		a.must(os.Symlink("nowhere", a.path("y")))
		a.hint("x", true)
		a.hint("y", true)
		time.Sleep(time.Second)
		if b.read("x") != "a file" {
			c.Error("it has not come within a second")
		}
		if got := c.converged(20 * time.Second); len(got) != 5 { // z, z/in, z/in/it, x, y
			c.Error(got)
		}
	})
}
