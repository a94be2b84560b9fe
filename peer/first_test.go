package peer

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
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
// and at most 60 bytes an entry each way, though both scan and tell at the same
// time and each has written all of it.
func TestFirstContact(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		n := entries(t)
		c.alike(n)
		c.start()
		c.settle(time.Minute)
		for _, m := range c.nodes {
			each := float64(c.net.bytes(m)) / float64(n)
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
