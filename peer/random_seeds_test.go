package peer

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// seeds runs random histories, each told by its seed.
type seeds struct {
	count int // unless QSYNC_PEER_HISTORIES says otherwise
	steps int // at most, of one history
	run   func(t *testing.T, seed uint64, c cut)
}

// cut leaves things out of a history, to find what a failure needs. What is left
// out changes nothing else.
type cut struct {
	without  map[int]bool // steps
	machines int          // so many at most, 0 all
}

// The variables by which a test runs itself again with less.
const (
	withoutEnv  = "QSYNC_PEER_WITHOUT"
	machinesEnv = "QSYNC_PEER_MACHINES"
	shrinkTime  = time.Minute
)

func (s seeds) test(t *testing.T) {
	// A change is not to be held up by what an earlier one broke: a default run
	// has always the same histories, a longer one new ones each time.
	n, first := s.count, int64(1)
	if v, err := strconv.Atoi(os.Getenv("QSYNC_PEER_HISTORIES")); err == nil {
		n, first = v, time.Now().UnixNano()
	}
	only, err := strconv.ParseInt(os.Getenv("QSYNC_PEER_SEED"), 10, 64)
	if err == nil {
		n, first = 1, only
	}
	t.Log("seeds from", first)
	var mu sync.Mutex
	failed := int64(0)
	t.Run("seeds", func(t *testing.T) {
		for seed := first; seed < first+int64(n); seed++ {
			t.Run(strconv.FormatInt(seed, 10), func(t *testing.T) {
				if n > s.count {
					t.Parallel()
				}
				if mu.Lock(); failed != 0 {
					mu.Unlock()
					return
				}
				mu.Unlock()
				defer func() {
					if t.Failed() {
						mu.Lock()
						failed = seed
						mu.Unlock()
					}
				}()
				s.run(t, uint64(seed), cutOf(os.Getenv(withoutEnv), os.Getenv(machinesEnv)))
			})
			if failed != 0 && n <= s.count {
				return
			}
		}
	})
	if failed == 0 {
		return
	}
	t.Errorf("QSYNC_PEER_SEED=%d runs the history again", failed)
	if _, again := os.LookupEnv(withoutEnv); !again {
		s.shrink(t, failed)
	}
}

func cutOf(without, machines string) (c cut) {
	c.machines, _ = strconv.Atoi(machines)
	c.without = make(map[int]bool)
	for _, n := range strings.Split(without, ",") {
		if i, err := strconv.Atoi(n); err == nil {
			c.without[i] = true
		}
	}
	return c
}

func (c cut) String() string {
	var steps []string
	for i := range 1000 {
		if c.without[i] {
			steps = append(steps, strconv.Itoa(i))
		}
	}
	return strings.Join(steps, ",")
}

// shrink leaves out steps, and machines, as long as the history still fails, in
// processes of its own, and logs what the shortest said.
func (s seeds) shrink(t *testing.T, seed int64) {
	name, _, _ := strings.Cut(t.Name(), "/")
	said, best := "", cut{without: map[int]bool{}}
	fails := func(c cut) bool {
		cmd := exec.Command(os.Args[0], "-test.run", "^"+name+"$", "-test.timeout", "1m")
		cmd.Env = append(os.Environ(), "QSYNC_PEER_SEED="+strconv.FormatInt(seed, 10), withoutEnv+"="+c.String(), machinesEnv+"="+strconv.Itoa(c.machines))
		out, err := cmd.CombinedOutput()
		if err != nil {
			said, best = string(out), c
		}
		return err != nil
	}
	if !fails(best) {
		t.Log("by itself the history does not fail again")
		return
	}
	end := time.Now().Add(shrinkTime)
	for size := (s.steps + 1) / 2; size > 0; size /= 2 {
		for from := 0; from < s.steps && time.Now().Before(end); from += size {
			less := cut{without: make(map[int]bool)}
			for i := range s.steps {
				less.without[i] = best.without[i] || from <= i && i < from+size
			}
			if len(less.String()) > len(best.String()) {
				fails(less)
			}
		}
	}
	for n := 3; n > 1 && time.Now().Before(end); n-- {
		if !fails(cut{best.without, n}) {
			break
		}
	}
	t.Logf("QSYNC_PEER_SEED=%d %s=%s %s=%d is the shortest that fails:\n%s", seed, withoutEnv, best, machinesEnv, best.machines, said)
}

// among is the size of a cluster, of which a cut leaves less.
func (c cut) among(n int) int {
	if c.machines > 0 {
		return min(c.machines, n)
	}
	return n
}
