//go:build unix

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// couple is two machines with a folder each, which are to be alike.
type couple struct {
	t    *testing.T
	m    [2]*machine
	dirs []string
	at   [2]string
	id   string
}

func newCouple(t *testing.T) *couple {
	t.Helper()
	c := &couple{t: t, m: [2]*machine{newMachine(t, "first"), newMachine(t, "second")}, dirs: dirs(t, "first", "second")}
	c.at = [2]string{address(t), address(t)}
	c.id = newID(c.m[0])
	return c
}

// start starts one of the two, with more in its environment.
func (c *couple) start(i int, env ...string) *process {
	c.t.Helper()
	m := c.m[i]
	was := m.env
	m.env = append(slices.Clone(was), env...)
	defer func() { m.env = was }()
	// Their users may replace all there is between two starts.
	return m.start(c.dirs[i], "-", "-bd", "--max-delete", "100%", "--remote", c.at[1-i], "--force-id", c.id, "--listen", c.at[i], "--no-discovery")
}

// settle waits until both say that they are in sync.
func (c *couple) settle() {
	c.t.Helper()
	for range 2 { // each looks afresh and then waits for the other
		c.m[0].settles(1)
		c.m[1].settles(1)
	}
}

// tells runs a story up to the moment in which the two are to meet again.
func (c *couple) tells(s *story) {
	c.t.Helper()
	s.begin(c.t, c.dirs[0])
	p, q := c.start(0), c.start(1)
	c.settle()
	p.end(syscall.SIGTERM, 143)
	q.end(syscall.SIGTERM, 143)
	s.part(c.t, c.dirs[0], c.dirs[1])
}

// crash is one way to die: at the n-th pass of a point, on one side.
type crash struct {
	point string
	n     int
	side  int
	clash bool
}

func (c crash) String() string {
	who := []string{"sender", "receiver"}[c.side]
	if c.clash {
		who += ", who differ"
	}
	return fmt.Sprintf("%s, pass %d, %s", c.point, c.n, who)
}

// run has a program die so, and start again, and checks that nothing came of it.
func (c crash) run(t *testing.T) {
	pair := newCouple(t)
	for _, m := range pair.m {
		m.exe = breakable(t)
	}
	s := &story{clash: c.clash}
	pair.tells(s)
	other := pair.start(1 - c.side)
	p := pair.start(c.side, fmt.Sprintf("QSYNC_CRASH_AT=%s:%d", c.point, c.n))
	select {
	case <-p.ended:
	case <-time.After(patience):
		if c.n == 1 {
			t.Fatalf("it did not come by %s", c.point)
		}
		// Into how many parts a look falls depends on how long it takes.
		p.kill()
		other.kill()
		c.n /= 2
		c.run(t)
		return
	}
	if st, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || st.Signal() != syscall.SIGKILL {
		t.Fatalf("it ended by itself: %v", p.cmd.ProcessState)
	}
	p = pair.start(c.side)
	pair.settle()
	must(t, synced.unequal(pair.dirs...))
	for i, dir := range pair.dirs {
		if err := s.check(dir); err != nil {
			t.Errorf("%s: %v", []string{"first", "second"}[i], err)
		}
	}
	must(t, s.keeps(t, pair.dirs[1]))
	f, _ := pair.m[1].folder()
	if n := f.Totals["announced"]; !c.clash && n != 0 {
		t.Errorf("who received announced %d changes", n)
	}
	for _, q := range []*process{p, other} {
		if !q.running() {
			t.Errorf("a node ended by itself: %s", tail(q.err.String()))
		}
	}
}

// notPassed are points that the stories do not come by, each with its reason.
var notPassed = map[string]string{
	"cleared":        "only what an earlier crash left is cleared",
	"parent-made":    "in a walk a directory comes before what is in it",
	"part-read":      "the disk that is in memory cannot share blocks",
	"rewriting":      "only what a failed flush left is written anew",
	"hollow-removed": "the directories of the stories are removed by name",
	"map-made":       "of the first start alone",
	"map-renamed":    "of the first start alone",
	"map-upgraded":   "of maps of earlier versions: TestUpgradeKilled",
}

// TestCrashAnywhere kills the sender and the receiver at every step of staging,
// placing and committing: after a start nothing is lost, torn or back from the
// dead, every path holds the old content or the new, what was replaced is among
// the versions, and what was swapped in but not in the map is taken for what it is.
// (F1, F2, F3, F19)
func TestCrashAnywhere(t *testing.T) {
	t.Parallel()
	var all []crash
	for _, clash := range []bool{false, true} {
		for side, count := range census(t, clash) {
			for _, point := range points(t) {
				for _, n := range slices.Compact([]int{1, 2, count[point] / 2}) {
					if n >= 1 && n <= count[point] {
						all = append(all, crash{point, n, side, clash})
					}
				}
			}
		}
	}
	passed := map[string]bool{}
	for _, c := range all {
		passed[c.point] = true
	}
	for _, p := range points(t) {
		if passed[p] == (notPassed[p] != "") {
			t.Errorf("point %s: passed %v, not to be passed because %q", p, passed[p], notPassed[p])
		}
	}
	if os.Getenv("QSYNC_CRASHES") != "all" {
		// One has found something: a directory that came in place of a file was
		// told of as if a user had made it.
		all = append(sample(all, 4), crash{point: "version-dir", n: 1, side: 1})
	}
	for _, c := range all {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

// census counts how often each side of a story comes by each point.
func census(t *testing.T, clash bool) (count [2]map[string]int) {
	t.Helper()
	pair := newCouple(t)
	for _, m := range pair.m {
		m.exe = breakable(t)
	}
	s := &story{clash: clash}
	pair.tells(s)
	logs := t.TempDir()
	var running []*process
	for i := range pair.m {
		running = append(running, pair.start(i, "QSYNC_FAULT_LOG="+filepath.Join(logs, fmt.Sprint(i))))
	}
	pair.settle()
	must(t, synced.unequal(pair.dirs...))
	for i, p := range running {
		must(t, s.check(pair.dirs[i]))
		p.kill() // what it does when it ends is another matter
		count[i] = passes(t, filepath.Join(logs, fmt.Sprint(i)), "point")
	}
	must(t, s.keeps(t, pair.dirs[1]))
	return count
}

// sample is some of all, other ones every day.
func sample[T any](all []T, n int) (some []T) {
	day := int(time.Now().Unix() / (24 * 3600))
	for i := range min(n, len(all)) {
		some = append(some, all[(i*len(all)/n+day)%len(all)])
	}
	return some
}
