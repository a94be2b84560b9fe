package peer

import (
	"testing"
	"testing/synctest"
	"time"
)

// Content that comes in blocks over a slow line has a rate that stays, from the first
// second on; when it is over the rate is soon none, and when it stops for longer too.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m rateMeter
		const block, every = 256 << 10, 340 * time.Millisecond
		const want = int64(block * time.Second / every)
		var in int64
		// ask asks four times a second, n times, while blocks come or not.
		ask := func(n int, comes, busy bool, check func(i int, r Rate)) {
			t.Helper()
			began, was := time.Now(), in
			for i := range n {
				time.Sleep(250 * time.Millisecond)
				if comes {
					in = was + int64(time.Since(began)/every)*block
				}
				check(i, m.measure(in, 2*in, busy))
			}
		}
		ask(20, false, false, func(_ int, r Rate) {
			if r != (Rate{}) {
				t.Errorf("at rest it is %v", r)
			}
		})
		ask(60, true, true, func(i int, r Rate) {
			if apart := r.Out - 2*r.In; apart < 0 || apart > 1 {
				t.Errorf("after %d: %v", i, r)
			}
			if i > 4 && (r.In < want*3/4 || r.In > want*5/4) {
				t.Errorf("after %d it is %d, want %d", i, r.In, want)
			}
		})
		ask(24, false, true, func(i int, r Rate) {
			if i > 22 && r != (Rate{}) {
				t.Errorf("when nothing comes for %d it is %v", i, r)
			}
		})
		ask(8, true, true, func(i int, r Rate) {
			if i > 4 && r.In < want/2 {
				t.Errorf("it goes on, and after %d it is %v", i, r)
			}
		})
		ask(4, false, false, func(i int, r Rate) {
			if i > 2 && r != (Rate{}) {
				t.Errorf("when it is over it is %v", r)
			}
		})
	})
}
