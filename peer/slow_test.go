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
