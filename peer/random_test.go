package peer

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"qsync/folder"
)

// TestRandom runs random histories and checks at the end of each that nothing
// was lost, nothing came back, nothing was invented and all trees are equal.
// QSYNC_PEER_HISTORIES sets how many, QSYNC_PEER_SEED runs a single one again.
func TestRandom(t *testing.T) {
	t.Parallel()
	n, first := 40, time.Now().UnixNano()
	if testing.Short() {
		n = 10
	}
	if v, err := strconv.Atoi(os.Getenv("QSYNC_PEER_HISTORIES")); err == nil {
		n = v
	}
	if v, err := strconv.ParseInt(os.Getenv("QSYNC_PEER_SEED"), 10, 64); err == nil {
		n, first = 1, v
	}
	t.Log("seeds from", first)
	for seed := first; seed < first+int64(n); seed++ {
		ok := t.Run(strconv.FormatInt(seed, 10), func(t *testing.T) { runHistory(t, uint64(seed)) })
		if !ok {
			t.Fatalf("QSYNC_PEER_SEED=%d runs the history again", seed)
		}
	}
}

// writeOf is one content that a user has written, unique in the history.
type writeOf struct {
	path, content string
}

// history is a random run and the log by which it is judged.
type history struct {
	*cluster
	rng       *rand.Rand
	texts     map[string]bool    // every content ever written
	destroyed map[string]bool    // contents that a user removed or replaced somewhere
	births    map[writeOf]int    // how often users made the content be at the path
	removed   map[writeOf]string // contents removed from a path where the map had them: by whom
	lossy     bool               // a map was lost: then what was deleted may return
	racing    bool               // users act while the nodes do
	meek      bool               // one-way sources put nothing above what others wrote
	next      int
	steps     []string
}

func runHistory(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	bubble(t, 2+rng.IntN(3), func(c *cluster) {
		h := &history{
			cluster: c, rng: rng, texts: map[string]bool{}, destroyed: map[string]bool{},
			births: map[writeOf]int{}, removed: map[writeOf]string{},
		}
		h.setUp()
		for range 20 + rng.IntN(50) {
			h.step()
			if t.Failed() {
				break
			}
		}
		h.racing, h.sync = !h.sync, true
		h.heal()
		t.Cleanup(func() {
			if t.Failed() {
				t.Log("history:\n" + strings.Join(h.steps, "\n"))
			}
		})
		c.settle(5 * time.Minute)
		h.judge()
		h.quiet()
		if !h.haunted() {
			h.sequel()
		}
	})
}

func (h *history) note(format string, args ...any) {
	h.steps = append(h.steps, fmt.Sprintf("%s "+format, append([]any{time.Now().Format("15:04:05.000")}, args...)...))
}

func (h *history) setUp() {
	h.sync = h.rng.IntN(4) > 0
	shape := []func(){h.line, h.star, h.ring, h.full}[h.rng.IntN(4)]
	shape()
	age := time.Duration(0)
	if h.rng.IntN(2) == 0 {
		age = -1
	}
	for _, m := range h.nodes {
		m.cfg.Rescan = 20 * time.Second
		m.cfg.TombstoneAge = age
		m.cfg.Versions = h.rng.IntN(2) * 5
		for range h.rng.IntN(4) {
			h.userStep(m)
		}
		if h.rng.IntN(4) > 0 {
			h.start(m)
		}
	}
	h.note("%d machines, tombstone age %v", len(h.nodes), age)
}

func (h *history) step() {
	m := h.nodes[h.rng.IntN(len(h.nodes))]
	switch k := h.rng.IntN(100); {
	case k < 70:
		h.userStep(m)
	case k < 78:
		h.note("%s stops or starts", m.name)
		if m.node == nil {
			h.start(m)
		} else {
			m.stop()
		}
	case k < 88:
		o := h.nodes[h.rng.IntN(len(h.nodes))]
		if o != m {
			cut := !h.net.isCut(m, o)
			h.note("%s-%s cut %v", m.name, o.name, cut)
			h.net.set(m, o, cut)
		}
	case k < 90:
		h.loseMap(m)
	case k < 94 && m.up():
		if n, err := m.f.store.Collect(); err != nil {
			h.Error(err)
		} else {
			h.note("%s collects %d", m.name, n)
		}
	}
	d := []time.Duration{0, 0, time.Millisecond, 5 * time.Millisecond, 12 * time.Millisecond, 30 * time.Millisecond,
		100 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second, 10 * time.Second, 30 * time.Second}[h.rng.IntN(11)]
	time.Sleep(d)
}

// loseMap restarts a machine with an empty map, or with one that was copied
// before the last things happened.
func (h *history) loseMap(m *machine) {
	if h.rng.IntN(3) > 0 {
		return // once in a while is enough: it weakens what can be checked
	}
	m.stop()
	h.lossy = true
	if h.rng.IntN(2) == 0 {
		h.note("%s loses its map", m.name)
		m.wipe()
		h.start(m)
		return
	}
	old, err := os.ReadFile(m.mapFile())
	if err != nil {
		return
	}
	h.start(m)
	h.userStep(m)
	time.Sleep(time.Second)
	m.stop()
	h.note("%s gets an old map", m.name)
	m.must(os.Remove(m.mapFile()))
	m.must(os.WriteFile(m.mapFile(), old, 0o600))
	h.start(m)
}

func (h *history) heal() {
	h.note("heal")
	for _, m := range h.nodes {
		for _, o := range h.nodes {
			h.net.join(m, o)
		}
		if m.node == nil {
			h.start(m)
		}
	}
	time.Sleep(30 * time.Second) // connections that died are noticed, and made again
	if h.lossy {
		h.giveUp()
	}
}

// giveUp writes anew what was told once, and then its author lost the map and
// the file before anybody had it: it is wanted until somebody does this.
func (h *history) giveUp() {
	time.Sleep(time.Minute)
	for _, m := range h.nodes {
		page, err := m.f.store.Wanted("", 1000)
		m.must(err)
		for _, r := range page {
			v, somewhere := r.Register.Resolve().Value, false
			for _, o := range h.nodes {
				held, err := o.f.store.Holding(v.Digest, 1)
				o.must(err)
				somewhere = somewhere || len(held) > 0
			}
			p := string(r.Path)
			if v.Kind != folder.File || somewhere || r.Local.Value.Kind == folder.Dir || !m.exists(path.Dir(p)) {
				continue
			}
			h.note("%s: nobody has %s any more", m.name, p)
			m.write(p, h.text(m, p))
			m.touch(p, time.Now().Add(time.Hour))
			time.Sleep(time.Minute)
		}
	}
}

var somePaths = []string{"a", "b", "d1", "d1/a", "d1/b", "d2", "d2/a", "d2/d3", "d2/d3/a", "d2/d3/b.txt"}

// judge checks the invariants, with everything at rest.
func (h *history) judge() {
	h.Helper()
	t := h.equal()
	for p, e := range t {
		if e.kind == 'f' && !h.texts[e.data] {
			h.Errorf("invented: %s: %s", p, e) // I4
		}
	}
	for s := range h.texts {
		// Who acts while the node does cannot know what it took away.
		if !h.racing && !h.destroyed[s] && !t.has(s) {
			h.Errorf("lost: %.60q", s) // I1
		}
	}
	if !h.racing && !h.lossy {
		for w, by := range h.removed {
			if strings.Contains(w.path, ".conflict-") {
				continue // another machine may just be making the same copy
			}
			if e := t[w.path]; e.kind == 'f' && e.data == w.content && h.births[w] == 1 {
				h.Errorf("came back at %s after %s had removed it: %.60q", w.path, by, w.content) // I3
			}
		}
	}
	if n, most := len(t.conflicts()), len(h.texts); n > most {
		h.Errorf("%d conflict copies", n)
	}
	if h.Failed() {
		h.dump()
		h.FailNow()
	}
}

// haunted reports whether some path has a losing write that nobody holds: who
// removes the winner brings it up again, and everybody wants it for ever. Only
// the loss of a map makes such.
func (h *history) haunted() bool {
	if !h.lossy {
		return false
	}
	for r, err := range h.nodes[0].f.store.Records("") {
		h.nodes[0].must(err)
		if len(r.Register.Resolve().Losers) > 0 {
			return true
		}
	}
	return false
}

// quiet checks that nothing happens when nothing changes (I6, I12).
func (h *history) quiet() {
	h.Helper()
	before := h.position()
	sent := h.contentSent()
	time.Sleep(3 * time.Minute)
	if now := h.position(); now != before {
		h.dump()
		h.Fatalf("journals move at rest: %s, now %s", before, now)
	}
	if now := h.contentSent(); now != sent {
		h.Fatalf("%d bytes of content sent at rest", now-sent)
	}
}

func (c *cluster) contentSent() (n int64) {
	for _, m := range c.nodes {
		if m.up() {
			n += m.f.counts.sent.Load()
		}
	}
	return n
}

// sequel makes changes one after the other, each seen by all before the next:
// then there is nothing to be in conflict (I11), and the last word is right.
func (h *history) sequel() {
	h.Helper()
	for range 3 {
		m := h.nodes[h.rng.IntN(len(h.nodes))]
		conflicts, gone := m.tree().conflicts(), map[string]bool{}
		for p := range m.tree() {
			gone[p] = m.implicit(p)
		}
		h.userStep(m)
		want := m.tree()
		h.settle(time.Minute)
		got := h.equal()
		for p, e := range got {
			if e.kind == 'd' && m.implicit(p) {
				want[p] = e
			}
		}
		for p := range want {
			if _, ok := got[p]; !ok && gone[p] {
				delete(want, p) // kept by nothing once its last entry went
			}
		}
		if d := want.diff(got); d != "" {
			h.dump()
			h.Fatalf("%s made a change and has become another tree:\n%s", m.name, d)
		}
		for _, p := range got.conflicts() {
			if _, there := want[p]; !there && !slices.Contains(conflicts, p) {
				h.Fatalf("a conflict without a conflict: %s", p)
			}
		}
	}
	h.judge()
}
