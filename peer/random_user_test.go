package peer

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/store"
)

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
		if h.lossy {
			// An older time could let a write win that nobody has any more.
			at = time.Now().Add(time.Hour)
		}
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
