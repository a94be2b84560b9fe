package peer

import (
	"errors"
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

// known returns what the map of m knows to be on the disk, of files and links there.
func (h *history) known(m *machine, now tree) map[writeOf]bool {
	out := map[writeOf]bool{}
	look := func(s *store.Store) {
		for p, e := range now {
			if r, err := s.Record(folder.Path(p)); err == nil && e.text() != "" && e.is(r.Local.Value) {
				out[writeOf{p, e.text()}] = true
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

// is reports whether an entry has the content that the map has of it.
func (e entry) is(v folder.Value) bool {
	switch e.kind {
	case 'f':
		return v.Kind == folder.File && v.Digest == digestOf(e.data)
	case 'l':
		return v.Kind == folder.Symlink && v.Target == e.data
	}
	return e.kind == 'd' && v.Kind == folder.Dir || e.kind == 0 && v.Kind == folder.Absent
}

// linkText marks the target of a symlink among contents.
const linkText = "-> "

// text is what cannot be got back if the entry goes: "" of a directory.
func (e entry) text() string {
	switch e.kind {
	case 'f':
		return e.data
	case 'l':
		return linkText + e.data
	}
	return ""
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
	switch k := h.rng.IntN(18); {
	case k < 5 && e.kind != 'd':
		return h.save(m, p, e)
	case k >= 5 && k < 7 && e.kind == 'f':
		return h.add(m, p, e)
	case k >= 7 && k < 10 && e.kind != 0:
		m.must(os.RemoveAll(m.path(p)))
		return "remove " + p
	case k >= 10 && k < 13:
		return h.renameSome(m, t, p)
	case k >= 13 && k < 15 && e.kind == 0:
		m.must(os.MkdirAll(m.path(p), 0o755))
		return "mkdir " + p
	case k >= 13 && k < 15 && e.kind == 'd':
		if os.Remove(m.path(p)) != nil { // it is not empty
			return ""
		}
		return "rmdir " + p
	case k == 15 && e.kind != 0:
		return h.flip(m, p, e)
	case k == 16 && e.kind == 'f':
		at := time.Now().Add(-time.Duration(h.rng.IntN(1000)) * time.Second)
		if h.lossy {
			// An older time could let a write win that nobody has any more.
			at = time.Now().Add(time.Hour)
		}
		m.must(os.Chtimes(m.path(p), at, at))
		return "touch " + p
	case k == 17 && (e.kind == 'f' || e.kind == 'd'):
		m.must(os.Chmod(m.path(p), []os.FileMode{0o700, 0o755, 0o750, 0o777}[h.rng.IntN(4)]))
		return "chmod " + p
	}
	return ""
}

// flip makes another kind of entry of p.
func (h *history) flip(m *machine, p string, e entry) string {
	m.must(os.RemoveAll(m.path(p)))
	switch {
	case e.kind == 'd':
		return "flip, " + h.save(m, p, entry{})
	case h.rng.IntN(2) == 0:
		m.must(os.Mkdir(m.path(p), 0o755))
		return "flip " + p + " to a directory"
	}
	h.next++
	target := fmt.Sprint("target ", h.next)
	h.texts[linkText+target] = true
	m.must(os.Symlink(target, m.path(p)))
	return "flip " + p + " to a symlink"
}

// save writes p as editors do: most by a rename, some into the file that is there.
func (h *history) save(m *machine, p string, e entry) string {
	m.must(os.MkdirAll(path.Dir(m.path(p)), 0o755))
	text, to, how := []byte(h.text(m, p)), h.dir+"/saving", "write "
	if e.kind == 'f' && h.rng.IntN(3) == 0 {
		to, how = m.path(p), "write into "
	}
	m.must(os.WriteFile(to, text, 0o644))
	m.must(os.Chtimes(to, h.clock(m), h.clock(m)))
	if to != m.path(p) {
		m.must(os.Rename(to, m.path(p)))
	}
	return how + p
}

// add appends to p, which makes a new content of what was there.
func (h *history) add(m *machine, p string, e entry) string {
	h.next++
	more := fmt.Sprintf(" and %d by %s", h.next, m.name)
	h.texts[e.data+more] = true
	f, err := os.OpenFile(m.path(p), os.O_WRONLY|os.O_APPEND, 0)
	m.must(err)
	if err != nil {
		return ""
	}
	_, err = f.WriteString(more)
	m.must(errors.Join(err, f.Close()))
	m.must(os.Chtimes(m.path(p), h.clock(m), h.clock(m)))
	return "append to " + p
}

// clock is the time at m: the clocks of the machines differ by seconds.
func (h *history) clock(m *machine) time.Time {
	return time.Now().Add(time.Duration(m.name[0]-'b') * 3 * time.Second)
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
	h.looks(m, before)
	h.looks(m, after)
	for p, e := range before {
		text := e.text()
		if text == "" || after[p].text() == text {
			continue
		}
		h.ended[writeOf{p, text}] = true
		if !after.has(text) {
			h.destroyed[text] = true
			if h.took[m] != nil {
				h.took[m][text] = true
			}
		}
		if known[writeOf{p, text}] {
			h.removed[writeOf{p, text}] = m.name
		}
	}
	for p, e := range after {
		if e.text() != "" && before[p] != e {
			h.births[writeOf{p, e.text()}]++ // made there, or its metadata changed
		}
	}
}

// looks notes what is on m's disk.
func (h *history) looks(m *machine, t tree) {
	for _, e := range t {
		if s := e.text(); s != "" && h.seen[m] != nil {
			h.seen[m][s] = true
		}
	}
}
