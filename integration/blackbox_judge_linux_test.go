package integration

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// poller is a program at a node that reads all the time.
type poller struct {
	x    *node
	stop chan struct{}
	over sync.WaitGroup
	mu   sync.Mutex
	seen map[string]bool // contents that were in the folder
	bad  []string
}

func newPoller(x *node) *poller {
	p := &poller{x: x, stop: make(chan struct{}), seen: map[string]bool{}}
	p.over.Add(1)
	go func() {
		defer p.over.Done()
		met := false
		for n := 0; ; n++ {
			select {
			case <-p.stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			full := filepath.Join(x.root, steady)
			if found := p.look(full); met && !found {
				p.wrong("%s was not there", steady) // I5
			} else {
				met = met || found
			}
			if n%20 == 0 {
				for _, path := range x.readable() {
					p.look(path)
				}
			}
		}
	}()
	return p
}

// look reads a file as any program does, and reports whether it is there.
func (p *poller) look(path string) bool {
	text, err := textOf(path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	log := p.x.h.log
	log.mu.Lock()
	legal := log.texts[text]
	log.mu.Unlock()
	p.mu.Lock()
	p.seen[text] = true
	p.mu.Unlock()
	if !legal {
		p.wrong("%s holds what nobody wrote: %.80q (%d bytes)", path, text, len(text)) // I4
	}
	return true
}

func (p *poller) wrong(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bad = append(p.bad, fmt.Sprintf("%8.3f ", time.Since(p.x.h.began).Seconds())+fmt.Sprintf(format, args...))
}

func (p *poller) end() {
	select {
	case <-p.stop:
		return
	default:
		close(p.stop)
	}
	p.over.Wait()
	if len(p.bad) > 0 {
		p.x.h.Errorf("n%d, seen by a reader: %s", p.x.index, strings.Join(p.bad[:min(len(p.bad), 5)], "\n"))
	}
}

// tree is what a folder holds, for comparison with another node's: the mode and
// time of a directory may be each one's own.
func (x *node) tree() tree {
	t, err := synced.read(x.root)
	must(x.h, err)
	for p, line := range t {
		if strings.HasPrefix(line, "d") {
			t[p] = "a directory"
		}
	}
	return t
}

// lines counts the lines of a node.
func (x *node) lines() (n int) {
	for ends := range x.h.lines {
		if ends[0] == x.index || ends[1] == x.index {
			n++
		}
	}
	return n
}

// settled waits until every node says that it is in sync, twice, for the first
// may have said so before the last had told it anything.
func (h *history) settled() {
	h.Helper()
	for range 2 {
		for _, x := range h.nodes {
			began := time.Now()
			for {
				r := x.m.run("wait", "--peers", strconv.Itoa(x.lines()), "--timeout", "30s")
				if r.code == 0 {
					break
				}
				if overdue(began, time.Since(began), 2*patience) {
					h.Fatalf("n%d does not come to rest: %s", x.index, r.err) // I2
				}
			}
		}
	}
}

// judge checks, with everything in order, that all folders hold the same and all
// that they have to.
func (h *history) judge() {
	h.Helper()
	began := time.Now()
	h.settled()
	h.note("at rest after %v", time.Since(began))
	first := h.nodes[0].tree()
	for _, x := range h.nodes[1:] {
		if err := differs(first, x.tree()); err != nil {
			h.Fatalf("n0 and n%d: %v", x.index, err)
		}
	}
	texts := map[string]bool{}
	for _, path := range h.nodes[0].readable() {
		text, err := textOf(path)
		must(h, err)
		texts[text] = true
		at := [2]string{path[len(h.nodes[0].root)+1:], text}
		by, left := h.log.removed[at]
		if left && h.log.births[at] == 1 && !h.lossy && !strings.Contains(path, ".conflict-") {
			h.Errorf("it is back at %s after the user of %s took it away: %.60q", at[0], by, text) // I3
		}
	}
	for text := range h.log.owed {
		if !h.log.destroyed[text] && !texts[text] {
			h.Errorf("lost: %.60q", text) // I1
		}
	}
	for _, x := range h.nodes {
		x.audit()
		must(h, differs(x.quiet, untouched.must(h.T, filepath.Join(x.top, "canary")))) // I8
	}
	if h.Failed() {
		h.FailNow()
	}
}

// audit checks that all that sync has taken from a folder is in its versions (I14).
func (x *node) audit() {
	kept := map[string]bool{"": true}
	for _, path := range x.readable() {
		if text, err := textOf(path); err == nil {
			kept[text] = true
		}
	}
	err := filepath.WalkDir(filepath.Join(x.root, ".qsync", "versions"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := textOf(p)
		kept[text] = true
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		x.h.Fatal(err)
	}
	x.poll.mu.Lock()
	defer x.poll.mu.Unlock()
	x.h.log.mu.Lock()
	defer x.h.log.mu.Unlock()
	for text := range x.poll.seen {
		if !x.took[text] && !kept[text] {
			x.h.Errorf("n%d has neither kept nor got any more: %.60q", x.index, text)
		}
	}
}

// honest checks two nodes that both say, after a look at their disks, that they
// are in sync with each other (I17). What a third has just told one of them the
// other need not know yet, but then they do not say so for long.
func (h *history) honest() {
	if h.oneWay && h.keeps {
		return // in sync is what is shared
	}
	for ends, r := range h.lines {
		x, y := h.nodes[ends[0]], h.nodes[ends[1]]
		if !x.up() || !y.up() || x.still || y.still || r.cut.Load() {
			continue
		}
		for try := 0; ; try++ {
			for _, n := range []*node{x, y, x} {
				if n.m.run("wait", "--timeout", "1s").code != 0 {
					return
				}
			}
			connected := func(n, o *node) bool {
				f, _ := n.m.folder()
				return slices.ContainsFunc(f.Peers, func(p peerStatus) bool { return p.Name == o.m.name && p.Connected && p.InSync })
			}
			if !connected(x, y) || !connected(y, x) {
				return
			}
			err := differs(x.tree(), y.tree())
			if err == nil {
				break
			}
			if try == 5 {
				h.Fatalf("n%d and n%d say that they are in sync: %v", x.index, y.index, err)
			}
		}
	}
}

// rest checks that nothing happens where nothing changes, not even when nodes
// start again (I6), and that nobody has told the sync ID (I16).
func (h *history) rest() {
	h.Helper()
	visible := func(x *node) tree {
		t := untouched.must(h.T, x.root)
		for p := range t {
			if strings.HasPrefix(p, "/.qsync") {
				delete(t, p) // what is ours has chores of its own
			}
		}
		delete(t, "") // and makes the root another time
		return t
	}
	var before []tree
	for _, x := range h.nodes {
		before = append(before, visible(x))
	}
	eventually(h, h.silent)
	for i, x := range h.nodes {
		if err := differs(before[i], visible(x)); err != nil {
			h.Fatalf("n%d at rest: %v", i, err)
		}
	}
	if h.rng.IntN(3) > 0 {
		return
	}
	for _, x := range h.nodes {
		x.down(false)
	}
	for _, x := range h.nodes {
		x.start()
	}
	h.settled()
	for i, x := range h.nodes {
		if err := differs(before[i], visible(x)); err != nil {
			h.Fatalf("n%d after all started again: %v", i, err)
		}
		if f, _ := x.m.folder(); f.Totals["sent"] > 0 {
			h.Fatalf("n%d sent %d bytes of content after all started again", i, f.Totals["sent"])
		}
		_, later, _ := strings.Cut(x.p.out.String(), "\n")
		if strings.Contains(later+x.p.err.String(), h.id) {
			h.Fatalf("n%d tells the sync ID", i)
		}
	}
}

// silent checks that the nodes have little to say to each other for a while. New
// links look for the largest packet at first, and two of one pair become one.
func (h *history) silent() error {
	const still, most = 1500 * time.Millisecond, 2048 // bytes of a line
	passed := map[*relay]int64{}
	for _, r := range h.lines {
		passed[r] = r.passed.Load()
	}
	time.Sleep(still)
	for ends, r := range h.lines {
		if n := r.passed.Load() - passed[r]; n > most {
			return fmt.Errorf("%d bytes between n%d and n%d, which are at rest, in %v", n, ends[0], ends[1], still)
		}
	}
	return nil
}

// sequel makes changes that everybody has seen before the next: then nothing is
// in conflict (I11), and what the user sees is what all get.
func (h *history) sequel() {
	h.Helper()
	for range 2 {
		x := h.nodes[h.rng.IntN(len(h.nodes))]
		if h.oneWay {
			x = h.nodes[0]
		}
		h.user(x)
		want := x.tree()
		h.settled()
		for _, y := range h.nodes {
			got := y.tree()
			for _, t := range []tree{want, got} {
				for p, line := range t {
					if line == "a directory" { // one that nothing keeps goes with its last entry
						delete(t, p)
					}
				}
			}
			if err := differs(want, got); err != nil {
				h.Fatalf("n%d made a change that all had time for, and n%d has: %v", x.index, y.index, err)
			}
		}
	}
	h.judge()
}

// What a history leaves out to find out what a failure needs.
const (
	withoutEnv = "QSYNC_BLACKBOX_WITHOUT"
	nodesEnv   = "QSYNC_BLACKBOX_NODES"
	shrinkTime = 2 * time.Minute
	mostSteps  = 32
)

type less struct {
	without map[int]bool // steps
	nodes   int          // so many at most, 0 all
}

func lessOf(without, nodes string) less {
	l := less{without: map[int]bool{}}
	l.nodes, _ = strconv.Atoi(nodes)
	for _, n := range strings.Split(without, ",") {
		if i, err := strconv.Atoi(n); err == nil {
			l.without[i] = true
		}
	}
	return l
}

func (l less) env() []string {
	var steps []string
	for i := range mostSteps {
		if l.without[i] {
			steps = append(steps, strconv.Itoa(i))
		}
	}
	return append(os.Environ(), withoutEnv+"="+strings.Join(steps, ","), nodesEnv+"="+strconv.Itoa(l.nodes))
}
