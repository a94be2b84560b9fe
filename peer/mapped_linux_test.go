package peer

import (
	"bytes"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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
		file, err := os.OpenFile(a.path("db"), os.O_RDWR, 0)
		a.must(err)
		pages, err := unix.Mmap(int(file.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		a.must(err)
		a.must(file.Close())
		defer func() { a.must(unix.Munmap(pages)) }()
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
