package integration

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// shrinkHistory runs a history that has failed again with fewer steps and nodes
// as long as it fails, each time in a process of its own, and logs what the
// shortest said. Chance has its part in what real nodes do: what does not fail
// twice in a row is taken not to.
func shrinkHistory(t *testing.T, seed int64) {
	best, said := less{without: map[int]bool{}}, ""
	end := time.Now().Add(shrinkTime)
	fails := func(l less) bool {
		for range 2 {
			if time.Now().After(end) {
				break
			}
			cmd := exec.Command(os.Args[0], "-test.run", "^TestBlackBox$", "-test.timeout", "3m")
			cmd.Env = append(l.env(), fmt.Sprint("QSYNC_BLACKBOX_SEED=", seed))
			if out, err := cmd.CombinedOutput(); err != nil {
				best, said = l, string(out)
				return true
			}
		}
		return false
	}
	if !fails(best) {
		t.Log("by itself the history does not fail again")
		return
	}
	for n := 4; n > 1 && fails(less{best.without, n}); n-- {
	}
	for size := mostSteps / 2; size > 0; size /= 2 {
		for from := 0; from < mostSteps; from += size {
			l, more := less{map[int]bool{}, best.nodes}, false
			for i := range mostSteps {
				within := from <= i && i < from+size
				more = more || within && !best.without[i]
				l.without[i] = best.without[i] || within
			}
			if more {
				fails(l)
			}
		}
	}
	t.Logf("the shortest that fails: %v\n%s", best.env()[len(os.Environ()):], said)
}
