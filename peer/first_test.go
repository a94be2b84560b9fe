package peer

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"qsync/store"
)

// alike fills machines with the same n files, apart from each other.
func (c *cluster) alike(n int) {
	c.Helper()
	at := time.Unix(1e9, 0)
	for _, m := range c.nodes {
		for i := range n {
			p := m.path(fmt.Sprintf("directory %d/file number %d.txt", i/100, i))
			if i%100 == 0 {
				m.must(os.Mkdir(filepath.Dir(p), 0o755))
			}
			m.must(os.WriteFile(p, fmt.Append(nil, "content ", i), 0o644))
			m.must(os.Chtimes(p, at, at.Add(time.Duration(i)*997)))
		}
		for i := 0; i < n; i += 100 {
			m.must(os.Chtimes(m.path(fmt.Sprintf("directory %d", i/100)), at, at))
		}
	}
}

// entries is how many files the tests of first contact have: QSYNC_FIRST, or few.
func entries(t *testing.T) int {
	if s := os.Getenv("QSYNC_FIRST"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 3000
}

// TestFirstContact: two machines that hold the same files already send no content
// and at most 60 bytes an entry each way, though each has written all of it.
func TestFirstContact(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		n := entries(t)
		c.alike(n)
		for _, m := range c.nodes { // what is scanned during a comparison is told after it once more
			m.cfg.compare = &compareLimits{from: 1 << 62}
		}
		c.net.part(a, b) // until each has written all of it
		c.start()
		time.Sleep(time.Minute)
		before := map[*machine]int64{a: c.net.bytes(a), b: c.net.bytes(b)} // calls that nobody heard
		c.net.join(a, b)
		c.converged(5 * time.Minute)
		for _, m := range c.nodes {
			each := float64(c.net.bytes(m)-before[m]) / float64(n)
			t.Logf("%s: %.1f bytes an entry", m.name, each)
			if each > 60 || c.contentSent() != 0 {
				c.Errorf("%s sent %.1f bytes an entry, and %d of content", m.name, each, c.contentSent())
			}
			r, err := m.f.store.Record("directory 7/file number 777.txt")
			if m.must(err); len(r.Register.Sibs) != 2 {
				c.Errorf("%s knows %+v", m.name, r.Register)
			}
		}
	})
}

// TestCompared: what maps that are nearly equal cost to find out, of a peer of
// whom it is not known what it knows.
func TestCompared(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		n := entries(t)
		c.alike(n)
		c.start()
		c.settle(time.Minute)
		again := func(what string, most float64, change func()) {
			a.stop()
			b.stop()
			change()
			x, y := c.net.bytes(a), c.net.bytes(b)
			c.start()
			c.converged(time.Minute)
			x, y = c.net.bytes(a)-x, c.net.bytes(b)-y
			t.Logf("%s: %d and %d bytes", what, x, y)
			if float64(max(x, y)) > most {
				c.Errorf("%s: %d and %d bytes, expected %.0f at most", what, x, y, most)
			}
		}
		forget := func(m *machine) {
			m.withStore(func(s *store.Store) { m.must(s.Forget(s.Peers()[0].ID)) })
		}
		again("nothing", 16<<10, func() {})
		again("b forgot a", 24<<10, func() { forget(b) })
		again("both forgot", 24<<10, func() { forget(a); forget(b) })
		again("100 differ", 300<<10, func() {
			for i := range 100 {
				m := c.nodes[i%2]
				m.must(os.WriteFile(m.path(fmt.Sprintf("directory %d/file number %d.txt", i%(n/100), i%(n/100)*100+i/(n/100)+1)), fmt.Append(nil, "edit ", i), 0o644))
			}
			for _, m := range c.nodes { // each on its own, so that it is in the map before they meet
				c.net.part(a, b)
				c.start(m)
				c.settle(time.Minute)
				m.stop()
				c.net.join(a, b)
			}
			forget(a)
			forget(b)
		})
	})
}

// TestMet: two machines that have long had the same files, each on its own, and
// then meet.
func TestMet(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		n := entries(t)
		c.alike(n)
		c.net.part(a, b)
		for _, m := range c.nodes {
			c.start(m)
			c.settle(time.Minute)
			m.stop()
		}
		c.net.join(a, b)
		x, y := c.net.bytes(a), c.net.bytes(b)
		c.start()
		c.converged(time.Minute)
		x, y = c.net.bytes(a)-x, c.net.bytes(b)-y
		t.Logf("%.1f and %.1f bytes an entry", float64(x)/float64(n), float64(y)/float64(n))
		if float64(max(x, y)) > 60*float64(n) || c.contentSent() != 0 {
			c.Errorf("%d and %d bytes for %d entries, %d of content", x, y, n, c.contentSent())
		}
	})
}
