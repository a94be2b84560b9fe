//go:build unix

package integration

import (
	"sync"
	"time"
)

// nap is how long the measure of the machine's strain sleeps at a time.
const nap = 10 * time.Millisecond

// naps is when each nap of this run was over.
var naps struct {
	mu   sync.Mutex
	ends []time.Time
}

// measureStrain notes for the rest of the run how late the machine wakes those
// who sleep.
func measureStrain() {
	for {
		time.Sleep(nap)
		naps.mu.Lock()
		naps.ends = append(naps.ends, time.Now())
		naps.mu.Unlock()
	}
}

// overdue reports whether what began then took longer than a promise of the
// program allows. The promise is for a machine that has time for it: where others
// make everybody wait, it is stretched by as much as they do.
func overdue(began time.Time, took, most time.Duration) bool {
	if took <= most {
		return false
	}
	naps.mu.Lock()
	defer naps.mu.Unlock()
	slept := 1
	for i := len(naps.ends) - 1; i >= 0 && naps.ends[i].After(began); i-- {
		slept++
	}
	strain := float64(time.Since(began)) / float64(time.Duration(slept)*nap)
	return float64(took) > float64(most)*max(strain, 1)
}
