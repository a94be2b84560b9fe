package peer

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestTrial: compression goes on where more content gets through with it, ends
// where none does, and begins again when that has changed.
func TestTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var x trial
		share := func(with int) float64 { // of the blocks in ten seconds that are compressed
			x.enter()
			defer x.leave()
			packed, all := 0, 0
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end); all++ {
				n := 1 << 20
				if x.pays() {
					packed++
					n = with
				}
				time.Sleep(10 * time.Millisecond)
				x.sent(n)
			}
			return float64(packed) / float64(all)
		}
		for i, k := range []struct {
			with        int
			least, most float64
		}{{2 << 20, 0.9, 0.98}, {1 << 20, 0.02, 0.6}, {1 << 19, 0.02, 0.12}, {3 << 20, 0.4, 0.98}, {3 << 20, 0.9, 0.98}} {
			if got := share(k.with); got < k.least || got > k.most {
				t.Errorf("%d: %.2f of the blocks", i, got)
			}
			time.Sleep(time.Hour) // nobody asks: no time in which nothing gets through
		}
	})
}
