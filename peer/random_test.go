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
	"qsync/folder/chunk"
	"qsync/store"
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
		h.heal()
		t.Cleanup(func() {
			if t.Failed() {
				t.Log("history:\n" + strings.Join(h.steps, "\n"))
			}
		})
		c.settle(5 * time.Minute)
		h.judge()
		h.quiet()
		h.sequel()
	})
}

func (h *history) note(format string, args ...any) {
	h.steps = append(h.steps, fmt.Sprintf("%s "+format, append([]any{time.Now().Format("15:04:05.000")}, args...)...))
}

func (h *history) setUp() {
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
			if v.Kind != folder.File || somewhere || m.exists(p) || !m.exists(path.Dir(p)) {
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

// userStep lets a user change something at m, and logs what that does.
func (h *history) userStep(m *machine) {
	m.rest()
	before := m.tree()
	known := h.known(m, before)
	p := somePaths[h.rng.IntN(len(somePaths))]
	existing := make([]string, 0, len(before))
	for q := range before {
		existing = append(existing, q)
	}
	slices.Sort(existing)
	if len(existing) > 0 && h.rng.IntN(3) > 0 {
		p = existing[h.rng.IntN(len(existing))]
	}
	what := h.change(m, before, p)
	if what == "" {
		return
	}
	h.note("%s: %s", m.name, what)
	h.log(m, before, known)
	switch h.rng.IntN(5) {
	case 0: // never: only a rescan finds it
	case 1:
		to := m.hints
		time.AfterFunc(time.Duration(h.rng.IntN(300))*time.Millisecond, func() { to.around(p) })
	default:
		m.hints.around(p)
	}
}

// around hints at p and at whatever else may have changed with it.
func (h hints) around(p string) {
	for _, q := range append(slices.Clone(somePaths), p) {
		h.send(q, strings.HasPrefix(p, q))
	}
}

// known returns what the map of m knows to be on the disk, of the files there.
func (h *history) known(m *machine, now tree) map[writeOf]bool {
	out := map[writeOf]bool{}
	look := func(s *store.Store) {
		for p, e := range now {
			if r, err := s.Record(folder.Path(p)); err == nil && e.kind == 'f' && r.Local.Value.Digest == digestOf(e.data) {
				out[writeOf{p, e.data}] = true
			}
		}
	}
	if m.up() {
		look(m.f.store)
	} else if _, err := os.Stat(m.mapFile()); err == nil && m.node == nil {
		m.withStore(look)
	}
	return out
}

func digestOf(s string) folder.Digest {
	d, _, _ := chunk.Sum(strings.NewReader(s), make([]byte, 64<<10))
	return d
}

func (h *history) text(m *machine, p string) string {
	h.next++
	s := fmt.Sprintf("content %d by %s for %s", h.next, m.name, p)
	if h.rng.IntN(8) == 0 {
		s += strings.Repeat(".", h.rng.IntN(300_000))
	}
	h.texts[s] = true
	return s
}

// change makes one random change at p and says what, "" if it cannot be made.
func (h *history) change(m *machine, t tree, p string) string {
	e := t[p]
	for d := path.Dir(p); d != "."; d = path.Dir(d) {
		if x, ok := t[d]; ok && x.kind != 'd' {
			return ""
		}
	}
	switch k := h.rng.IntN(16); {
	case k < 6: // a new file or content
		if e.kind == 'd' {
			return ""
		}
		h.save(m, p)
		return "write " + p
	case k < 9:
		if e.kind == 0 {
			return ""
		}
		m.must(os.RemoveAll(m.path(p)))
		return "remove " + p
	case k < 11:
		return h.renameSome(m, t, p)
	case k < 12:
		if e.kind != 0 {
			return ""
		}
		m.must(os.MkdirAll(m.path(p), 0o755))
		return "mkdir " + p
	case k < 13 && e.kind != 0: // another kind of entry
		m.must(os.RemoveAll(m.path(p)))
		switch {
		case e.kind == 'd':
			h.save(m, p)
		case h.rng.IntN(2) == 0:
			m.must(os.Mkdir(m.path(p), 0o755))
		default:
			h.next++
			m.must(os.Symlink(fmt.Sprint("target ", h.next), m.path(p)))
		}
		return "flip " + p
	case k < 14 && e.kind == 'f':
		at := time.Now().Add(-time.Duration(h.rng.IntN(1000)) * time.Second)
		m.must(os.Chtimes(m.path(p), at, at))
		return "touch " + p
	case e.kind == 'f' || e.kind == 'd':
		m.must(os.Chmod(m.path(p), []os.FileMode{0o700, 0o755, 0o750, 0o777}[h.rng.IntN(4)]))
		return "chmod " + p
	}
	return ""
}

func (h *history) save(m *machine, p string) {
	m.must(os.MkdirAll(path.Dir(m.path(p)), 0o755))
	tmp := h.dir + "/saving"
	m.must(os.WriteFile(tmp, []byte(h.text(m, p)), 0o644))
	// The clocks of the machines differ by seconds.
	at := time.Now().Add(time.Duration(m.name[0]-'b') * 3 * time.Second)
	m.must(os.Chtimes(tmp, at, at))
	m.must(os.Rename(tmp, m.path(p)))
}

func (h *history) renameSome(m *machine, t tree, p string) string {
	q := somePaths[h.rng.IntN(len(somePaths))]
	if t[p].kind == 0 || p == q || strings.HasPrefix(q+"/", p+"/") || strings.HasPrefix(p+"/", q+"/") {
		return ""
	}
	if d := path.Dir(q); d != "." && t[d].kind != 'd' {
		return ""
	}
	if t[q].kind != 0 && (t[q].kind == 'd' || t[p].kind == 'd') {
		return ""
	}
	m.must(os.Rename(m.path(p), m.path(q)))
	return "rename " + p + " to " + q
}

// log notes what a change did to contents.
func (h *history) log(m *machine, before tree, known map[writeOf]bool) {
	after := m.tree()
	moved := map[string]bool{}
	for p, e := range after {
		if e.kind == 'f' && before[p].data != e.data {
			moved[e.data] = true
		}
	}
	for p, e := range before {
		if e.kind != 'f' || after[p].data == e.data && after[p].kind == 'f' {
			continue
		}
		w := writeOf{p, e.data}
		if !moved[e.data] {
			h.destroyed[e.data] = true
		}
		if known[w] {
			h.removed[w] = m.name
		}
	}
	for p, e := range after {
		if e.kind == 'f' && before[p] != e {
			h.births[writeOf{p, e.data}]++ // made there, or its metadata changed
		}
	}
}

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
		if !h.destroyed[s] && !t.has(s) {
			h.Errorf("lost: %.60q", s) // I1
		}
	}
	if !h.lossy {
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
