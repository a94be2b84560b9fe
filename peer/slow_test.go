package peer

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestSlowPhone: five machines take several large files at the same time from
// one that can send no more than 1 Mbit a second. It takes as long as it takes,
// and no longer: no deadline throws away what has come.
func TestSlowPhone(t *testing.T) {
	t.Parallel()
	bubble(t, 6, func(c *cluster) {
		phone := c.nodes[0]
		c.star()
		const rate, files, size = 125_000, 4, 1 << 20
		c.net.slow(phone, rate)
		random := rand.NewChaCha8([32]byte{1})
		content := make([]byte, size)
		for i := range files {
			random.Read(content)
			phone.write(fmt.Sprintf("photo%d.jpg", i), string(content))
		}
		c.start()
		const least = files * size * 5 / rate * time.Second
		took := c.settle(2 * least)
		c.equal()
		if sent := c.net.bytes(phone); sent > files*size*5*5/4 {
			t.Errorf("%d bytes sent for %d, in %v", sent, files*size*5, took)
		}
	})
}

// A large file is wanted less and less while it comes, and never more again: whoever
// watches it sees a bar that moves.
func TestLargeFileComesOn(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.full()
		const rate, size = 125_000, 4 << 20
		c.start()
		c.settle(time.Minute)
		c.net.slow(a, rate)
		content := make([]byte, size)
		rand.NewChaCha8([32]byte{2}).Read(content)
		watch := func(path string, most int) {
			a.write(path, string(content))
			var here, there []int64 // who sends sees it too
			for range 40 * most {
				time.Sleep(50 * time.Millisecond) // between its coming and its being in the map, too
				w := b.f.Status().Want
				if w.Entries > 0 {
					here, there = append(here, w.Bytes), append(there, a.f.Status().Peers[0].Queued.Bytes)
				} else if len(here) > 0 {
					break
				}
			}
			for _, seen := range [][]int64{here, there} {
				for i := 1; i < len(seen); i++ {
					if seen[i] > seen[i-1] {
						t.Errorf("%s: wanted were %v", path, seen)
						break
					}
				}
				if len(seen) < 10*most || seen[len(seen)-1] > size/4 {
					t.Errorf("%s: wanted were %v, which nobody sees move", path, seen)
				}
			}
			c.settle(time.Minute)
		}
		watch("film", size/rate)
		rand.NewChaCha8([32]byte{3}).Read(content[size/2:]) // the other half it has
		watch("film", size/2/rate)
		if n := b.f.underway.bytes(); n != 0 {
			t.Errorf("%d bytes are said to be under way", n)
		}
	})
}
