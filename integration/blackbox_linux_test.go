package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestBlackBox lets users do what they like at two to five real nodes, and
// things befall nodes and lines, and checks from outside what has to hold:
// nothing lost, nothing back, nothing invented, no half files, equal trees,
// no writes elsewhere, quiet in the end, and no false claim of being in sync.
// QSYNC_BLACKBOX sets how many histories, QSYNC_BLACKBOX_SEED runs one again. One
// that fails is run again with less, as long as it fails.
func TestBlackBox(t *testing.T) {
	t.Parallel()
	n, first := 2, int64(1) // a longer run has new histories each time
	if v, err := strconv.Atoi(os.Getenv("QSYNC_BLACKBOX")); err == nil {
		n, first = v, time.Now().UnixNano()
	}
	seed, err := strconv.ParseInt(os.Getenv("QSYNC_BLACKBOX_SEED"), 10, 64)
	if err == nil {
		n, first = 1, seed
	}
	t.Log("seeds from", first)
	var failed []int64
	t.Run("seeds", func(t *testing.T) {
		for s := first; s < first+int64(n); s++ {
			t.Run(strconv.FormatInt(s, 10), func(t *testing.T) {
				t.Parallel()
				t.Cleanup(func() {
					if t.Failed() {
						naps.mu.Lock()
						failed = append(failed, s)
						naps.mu.Unlock()
					}
				})
				newHistory(t, uint64(s)).run()
			})
		}
	})
	if len(failed) == 0 {
		return
	}
	t.Errorf("QSYNC_BLACKBOX_SEED=%d go test ./integration -run TestBlackBox -v", failed[0])
	if _, again := os.LookupEnv(withoutEnv); !again {
		shrinkHistory(t, failed[0])
	}
}

// history is a random run of real nodes, and the log by which it is judged.
type history struct {
	*testing.T
	rng    *rand.Rand
	seed   uint64
	less   less
	size   int // nodes that there would be with nothing left out
	shape  string
	oneWay bool
	keeps  bool // one-way receivers keep what their users change, until told otherwise
	id     string
	nodes  []*node
	lines  map[[2]int]*relay
	log    record
	lossy  bool
	notes  []string
	began  time.Time
}

// node is one machine of a history, with what its user touches.
type node struct {
	h      *history
	index  int
	m      *machine
	top    string // holds the folder, the user's wastebasket and a canary
	root   string
	at     string
	args   []string
	p      *process
	killed bool            // how the last process ended
	took   map[string]bool // contents that its user took away; under the lock of the log
	still  bool            // stopped by a signal
	clock  bool            // looks at its files by the clock alone
	poll   *poller
	quiet  tree // the canary
}

const steady = "steady" // a path that is only ever overwritten

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{T: t, seed: seed, less: lessOf(os.Getenv(withoutEnv), os.Getenv(nodesEnv)), lines: map[[2]int]*relay{}, began: time.Now()}
	h.rng = rand.New(rand.NewPCG(seed, 1))
	h.log = newRecord()
	h.size = 2 + h.rng.IntN(4)
	h.oneWay, h.keeps = h.rng.IntN(4) == 0, h.rng.IntN(2) == 0
	h.shape = []string{"line", "star", "ring", "full"}[h.rng.IntN(4)]
	clocks := h.rng.IntN(8)
	n := h.size
	if h.less.nodes > 0 {
		n = min(n, h.less.nodes)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%d nodes, %s, one way %v\n%s", n, h.shape, h.oneWay, strings.Join(h.notes, "\n"))
		}
	})
	base := t.TempDir()
	for i := range n {
		x := &node{h: h, index: i, m: newMachine(t, fmt.Sprint("n", i)), top: filepath.Join(base, fmt.Sprint("n", i)), at: address(t), clock: i > 0 && i == clocks && !h.oneWay, took: map[string]bool{}}
		x.root = filepath.Join(x.top, "folder")
		for _, d := range []string{"folder", "bin", "canary/deep"} {
			must(t, os.MkdirAll(filepath.Join(x.top, d), 0o755))
		}
		write(t, filepath.Join(x.top, "canary", "deep", "bird"), "sings")
		x.quiet = untouched.must(t, filepath.Join(x.top, "canary"))
		h.nodes = append(h.nodes, x)
	}
	h.id = newID(h.nodes[0].m)
	for _, x := range h.nodes {
		x.args = []string{"join", "-", x.root, "--mode", h.mode(x)}
		if x.clock {
			x.args = []string{x.root, "-", "-b", "--force-id", h.id, "--loop-time", "1"}
		}
		x.args = append(x.args, "--json", "--listen", x.at, "--no-discovery", "--max-delete", "100%", "--versions", "1000", "--name", x.m.name)
	}
	h.connect()
	return h
}

func (h *history) mode(x *node) string {
	switch {
	case !h.oneWay:
		return "two-way"
	case x.index == 0:
		return "send"
	case h.keeps:
		return "receive"
	}
	return "mirror"
}

// connect lays the lines of the topology; the later node dials.
func (h *history) connect() {
	for i := range h.nodes {
		for j := range i {
			next := j == i-1 || h.shape == "ring" && j == 0 && i == len(h.nodes)-1
			if h.shape == "full" || h.shape == "star" && j == 0 || (h.shape == "line" || h.shape == "ring") && next {
				r := newRelay(h, h.nodes[j].at, h.nodes[i].at)
				h.lines[[2]int{j, i}] = r
				h.nodes[i].args = append(h.nodes[i].args, "--remote", r.seen(1))
			}
		}
	}
}

func (h *history) note(format string, args ...any) {
	h.notes = append(h.notes, fmt.Sprintf("%8.3f ", time.Since(h.began).Seconds())+fmt.Sprintf(format, args...))
}

// start runs the node.
func (x *node) start() {
	x.p = x.m.startFed(x.h.id, x.args...)
	x.p.ready()
}

// signal stops or continues the node's process.
func (x *node) signal(s syscall.Signal) {
	x.h.note("n%d: %v", x.index, s)
	_ = x.p.cmd.Process.Signal(s)
	x.still = s == syscall.SIGSTOP
}

func (x *node) up() bool { return x.p != nil }

// down ends the node, in an orderly way or not.
func (x *node) down(kill bool) {
	if x.still {
		x.signal(syscall.SIGCONT)
	}
	x.h.note("n%d down, killed %v", x.index, kill)
	if kill {
		x.p.kill()
	} else {
		x.p.end(syscall.SIGTERM, 143)
	}
	x.p, x.killed = nil, kill
}

func (h *history) run() {
	for range 3 {
		h.user(h.nodes[h.rng.IntN(len(h.nodes))])
	}
	for _, x := range h.nodes {
		x.start()
		x.poll = newPoller(x)
		defer x.poll.end()
	}
	for i := range 12 + h.rng.IntN(20) {
		h.rng = rand.New(rand.NewPCG(h.seed, uint64(i)+2)) // what is left out changes nothing else
		if n := h.rng.IntN(h.size); n < len(h.nodes) && !h.less.without[i] {
			h.note("step %d:", i)
			h.happens(h.nodes[n])
		}
		time.Sleep([]time.Duration{
			0, time.Millisecond, 50 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond,
			200 * time.Millisecond, 900 * time.Millisecond, 1100 * time.Millisecond,
		}[h.rng.IntN(9)])
		if h.rng.IntN(8) == 0 {
			h.honest()
		}
		if h.Failed() {
			return
		}
	}
	h.rng = rand.New(rand.NewPCG(h.seed, 1<<32))
	source := untouched.must(h.T, h.nodes[0].root)
	h.heal()
	h.judge()
	h.rest()
	if h.oneWay { // I7
		must(h, differs(source, untouched.must(h.T, h.nodes[0].root)))
	}
	if !h.lossy {
		h.sequel()
	}
}

// happens is a change of a user's, or something that befalls the node or a line.
func (h *history) happens(x *node) {
	switch k := h.rng.IntN(241); {
	case k < 180:
		h.user(x)
	case k < 200 && x.up() && x.still:
		x.signal(syscall.SIGCONT)
	case k < 200 && x.up():
		x.signal(syscall.SIGSTOP)
	case k < 220:
		o := h.rng.IntN(len(h.nodes))
		if r := h.lines[[2]int{min(o, x.index), max(o, x.index)}]; r != nil {
			h.note("n%d-n%d cut %v", x.index, o, !r.cut.Load())
			r.cut.Store(!r.cut.Load())
		}
	case k < 230 && x.up():
		x.down(true)
		if h.rng.IntN(2) == 0 {
			x.start()
		}
	case k < 240 && x.up():
		x.down(h.rng.IntN(2) == 0)
	case k < 240:
		h.note("n%d up", x.index)
		x.start()
	case k < 241 && !h.oneWay:
		h.loseMap(x)
	}
}

// loseMap takes the map of a node away, with all at rest: then nothing was told
// of that nobody has.
func (h *history) loseMap(x *node) {
	h.heal()
	h.settled()
	x.down(true)
	maps, err := filepath.Glob(filepath.Join(x.m.home, "folders", "*", "map.db"))
	must(h, err)
	if len(maps) != 1 {
		h.Fatalf("n%d has the maps %q", x.index, maps)
	}
	h.note("n%d loses its map", x.index)
	must(h, os.Remove(maps[0]))
	h.lossy = true
	x.start()
}

// heal puts everything in order again.
func (h *history) heal() {
	h.note("heal")
	for _, r := range h.lines {
		r.cut.Store(false)
	}
	for _, x := range h.nodes {
		if x.still {
			x.signal(syscall.SIGCONT)
		}
		if !x.up() {
			x.start()
		}
	}
	if !h.oneWay || !h.keeps {
		return
	}
	h.settled()
	for _, x := range h.nodes[1:] {
		x.m.must(0, "revert", x.root)
	}
}
