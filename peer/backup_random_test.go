package peer

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRandomBackups: whatever a backup's user does, and whatever befalls it and
// its receivers, they keep the last content of every path that it ever sent,
// nothing is written into it, and all say that they are in sync.
// QSYNC_PEER_HISTORIES=n runs more, QSYNC_PEER_SEED=n that one again.
func TestRandomBackups(t *testing.T) {
	t.Parallel()
	seeds{count: sampled(20, 8), steps: 40, run: runBackup}.test(t)
}

// archive is a random run of a backup, the first machine, and what its receivers
// must hold.
type archive struct {
	*history
	source *machine
	sure   map[string]tree            // what each had when all was last in sync
	later  map[string]map[string]bool // by path, what the source had there since
	own    map[string]string          // files of each receiver's own
}

func runBackup(t *testing.T, seed uint64, cut cut) {
	rng := rand.New(rand.NewPCG(seed, 5))
	size := 2 + rng.IntN(2)
	bubble(t, cut.among(size), func(c *cluster) {
		h := newHistory(c, rng)
		h.cut, h.size = cut, size
		x := &archive{history: h, source: c.nodes[0], sure: map[string]tree{}, later: map[string]map[string]bool{}, own: map[string]string{}}
		[]func(){c.line, c.star, c.full}[rng.IntN(3)]()
		c.backup()
		for _, m := range c.nodes {
			m.cfg.Rescan = 20 * time.Second
			m.cfg.MaxDelete.Percent = 100
			m.cfg.TombstoneAge = []time.Duration{0, -1}[rng.IntN(2)]
		}
		c.start()
		c.settle(time.Minute) // who never met anybody gives up where a stranger answers
		for i := range 15 + rng.IntN(25) {
			h.rng = rand.New(rand.NewPCG(seed, uint64(i)+6))
			if m, o := h.some(), h.some(); !cut.without[i] && m != nil && o != nil {
				x.step(m, o)
			}
			if t.Failed() {
				return
			}
		}
		x.judge()
		h.quiet()
	})
}

// step does something, and lets some time go by in which the source must stay as
// it is.
func (x *archive) step(m, o *machine) {
	switch k := x.rng.IntN(20); {
	case k < 13:
		x.act()
	case k < 14:
		if m != x.source {
			p := fmt.Sprintf("own %s %d", m.name, len(x.own))
			m.write(p, p)
			x.own[p] = m.name
			x.note("%s: own file", m.name)
		}
	case k < 16:
		x.note("%s stops or starts", m.name)
		if m.node == nil {
			x.start(m)
		} else {
			m.stop()
		}
	case k < 18:
		if o != m {
			cut := !x.net.isCut(m, o)
			x.note("%s-%s cut %v", m.name, o.name, cut)
			x.net.set(m, o, cut)
		}
	case k < 19:
		x.judge()
		x.forget(m)
		x.judge()
	default:
		x.judge()
	}
	before := x.source.stamps()
	time.Sleep([]time.Duration{0, 5 * time.Millisecond, 100 * time.Millisecond, 2 * time.Second, 30 * time.Second}[x.rng.IntN(5)])
	x.sameStamps(x.source, before)
}

// forget makes a machine lose its map, or work with an old one, and has the
// source's user act meanwhile.
func (x *archive) forget(m *machine) {
	m.stop()
	old, err := imageOf(m.mapFile())
	m.must(err)
	if x.rng.IntN(2) == 0 {
		x.note("%s loses its map", m.name)
		m.wipe()
	} else {
		x.start(m)
		x.act()
		time.Sleep(time.Second)
		m.stop()
		x.note("%s gets an old map", m.name)
		m.must(old.write(m.mapFile()))
	}
	x.act()
	x.start(m)
}

// act lets the source's user change something. A file never takes the place of
// what the receivers keep as a directory: that is a problem of its own.
func (x *archive) act() {
	m := x.source
	m.rest()
	before := m.tree()
	p := somePaths[x.rng.IntN(len(somePaths))]
	if all := slices.Sorted(maps.Keys(before)); len(all) > 0 && x.rng.IntN(2) == 0 {
		p = all[x.rng.IntN(len(all))]
	}
	what := ""
	switch k := x.rng.IntN(10); {
	case k < 4 && !x.dirOnce(p) && x.room(before, p):
		m.must(os.RemoveAll(m.path(p)))
		m.must(os.MkdirAll(path.Dir(m.path(p)), 0o755))
		x.save(m, p, entry{})
		if x.rng.IntN(4) == 0 {
			at := time.Now().Add(-time.Duration(x.rng.IntN(1e6)) * time.Millisecond)
			m.must(os.Chtimes(m.path(p), at, at))
		}
		what = "write " + p
	case k < 7 && before[p].kind != 0:
		what = "remove " + p
		m.must(os.RemoveAll(m.path(p)))
	case k < 8 && before[p].kind == 'f':
		if q := somePaths[x.rng.IntN(len(somePaths))]; before[q].kind == 0 && !x.dirOnce(q) && x.room(before, q) && before[path.Dir(q)].kind == 'd' {
			what = "rename " + p + " to " + q
			m.must(os.Rename(m.path(p), m.path(q)))
		}
	case k < 9 && before[p].kind == 'f' && x.rng.IntN(2) == 0:
		what = x.add(m, p, before[p])
	case k < 9 && before[p].kind == 'f':
		what = "touch " + p
		m.must(os.Chtimes(m.path(p), time.Now(), time.Now()))
	case before[p].kind == 0 && x.room(before, p):
		what = "mkdir " + p
		m.must(os.MkdirAll(m.path(p), 0o755))
	}
	if what == "" {
		return
	}
	x.note("%s: %s", m.name, what)
	for q, e := range m.tree() {
		x.had(q, e)
	}
	if x.rng.IntN(4) > 0 {
		m.hints.around(p)
	}
}

// dirOnce reports whether p is, or ever was, a directory.
func (x *archive) dirOnce(p string) bool {
	if x.later[p]["d"] {
		return true
	}
	for q := range x.later {
		if strings.HasPrefix(q, p+"/") {
			return true
		}
	}
	return false
}

// room reports whether everything above p is a directory, or can be made.
func (x *archive) room(t tree, p string) bool {
	for d := path.Dir(p); d != "."; d = path.Dir(d) {
		if e, ok := t[d]; ok && e.kind != 'd' {
			return false
		}
	}
	return true
}

// judge brings all together, and to rest, and checks what they hold.
func (x *archive) judge() {
	x.Helper()
	x.heal()
	x.settle(5 * time.Minute)
	x.insync()
	here := x.source.tree()
	for _, m := range x.nodes[1:] {
		got := m.tree()
		for p, e := range here {
			if g := got[p]; g.kind != e.kind || g.data != e.data {
				x.Errorf("%s is %s at the source, %s at %s", p, e, g, m.name)
			}
		}
		for p, e := range x.sure[m.name] {
			g, ok := got[p]
			if same := g.kind == e.kind && g.data == e.data; !ok || !same && !x.later[p][string(g.kind)+g.data] {
				x.Errorf("%s had %s at %s and has %s", m.name, e, p, g)
			}
		}
		for p, e := range got {
			if e.kind == 'f' && !x.texts[e.data] && x.own[p] != m.name {
				x.Errorf("%s has %s, %s", m.name, p, e)
			}
		}
		for p, who := range x.own {
			if _, ok := got[p]; ok != (who == m.name) {
				x.Errorf("%s of %s is at %s: %v", p, who, m.name, ok)
			}
		}
	}
	if x.Failed() {
		x.dump()
		x.FailNow()
	}
	x.later = map[string]map[string]bool{}
	for _, m := range x.nodes[1:] {
		x.sure[m.name] = m.tree()
		for p, e := range x.sure[m.name] {
			x.had(p, e)
		}
	}
}

// had notes what was at a path.
func (x *archive) had(p string, e entry) {
	if x.later[p] == nil {
		x.later[p] = map[string]bool{}
	}
	x.later[p][string(e.kind)+e.data] = true
}
