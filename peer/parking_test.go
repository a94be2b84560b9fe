package peer

import (
	"testing"
	"testing/synctest"
	"time"

	"qsync/folder"
)

// TestParkedOnce: a path that is put off is not put off for longer by what else
// fails there meanwhile. A directory in which a user was busy for a second, and
// whose time could not be set in any of the rounds of that second, was left alone
// for a minute.
func TestParkedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k parking
		wait := func() (d time.Duration) {
			began := time.Now()
			for {
				if parked, _ := k.parked("d", folder.Digest{}); !parked {
					return time.Since(began)
				}
				time.Sleep(time.Millisecond)
			}
		}
		for range 12 {
			k.park("d", "")
			time.Sleep(time.Millisecond)
		}
		if d := wait(); d > parkMin || k.tries("d") != 1 {
			t.Errorf("after a moment of failures it waits for %v, after %d tries", d, k.tries("d"))
		}
		want := parkMin
		for range 12 { // what fails each time it is tried waits longer each time
			want = min(2*want, parkMax)
			k.park("d", "")
			if d := wait(); d != want {
				t.Errorf("after %d tries it waits for %v, want %v", k.tries("d"), d, want)
			}
		}
	})
}
