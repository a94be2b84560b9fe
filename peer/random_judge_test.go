package peer

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"qsync/folder"
)

// judge checks the invariants, with everything at rest.
func (h *history) judge() {
	h.Helper()
	t := h.equal()
	for p, e := range t {
		if s := e.text(); s != "" && !h.texts[s] {
			h.Errorf("invented: %s: %s", p, e) // I4
		}
	}
	for s := range h.texts {
		// Who acts while the node does cannot know what it took away.
		if !h.racing && !h.destroyed[s] && !t.has(s) && !h.endedEverywhere(s) && !h.copyEnded(s) {
			h.Errorf("lost: %.60q", s) // I1
		}
	}
	if !h.racing && !h.lossy {
		for w, by := range h.removed {
			if strings.Contains(w.path, ".conflict-") {
				continue // another machine may just be making the same copy
			}
			if t[w.path].text() == w.content && h.births[w] == 1 {
				h.Errorf("came back at %s after %s had removed it: %.60q", w.path, by, w.content) // I3
			}
		}
	}
	copies := slices.DeleteFunc(t.conflicts(), func(p string) bool { return t[p].kind == 'd' }) // which a user made of one
	if n, most := len(copies), len(h.texts); n > most {
		h.Errorf("%d conflict copies", n)
	}
	for _, m := range h.nodes {
		h.audit(m)
	}
	h.agree()
	if h.Failed() {
		h.dump()
		h.FailNow()
	}
}

// endedEverywhere reports whether users have replaced or removed a content at every
// path at which users had put it, be it each on a disk that still had another copy.
func (h *history) endedEverywhere(text string) bool {
	for w := range h.births {
		if w.content == text && !h.ended[w] {
			return false
		}
	}
	return true
}

// copyEnded reports whether a user has replaced or removed a content where sync had
// kept it as a conflict's loser, on a machine that still showed the loser itself as
// well. That goes when the winner comes, and the versions have it.
func (h *history) copyEnded(text string) bool {
	ended := false
	for w := range h.ended {
		ended = ended || w.content == text && strings.Contains(w.path, ".conflict-")
	}
	return ended && slices.ContainsFunc(h.nodes, func(m *machine) bool {
		return m.cfg.Versions >= allVersions && slices.Contains(m.versions(), text)
	})
}

// audit checks that whatever sync took from a disk can be had back (I14).
func (h *history) audit(m *machine) {
	if m.cfg.Versions < allVersions {
		return
	}
	t, kept := m.tree(), m.versions()
	for s := range h.seen[m] {
		if !h.took[m][s] && !t.has(s) && !slices.Contains(kept, s) {
			h.Errorf("%s has neither kept nor got any more: %.60q", m.name, s)
		}
	}
}

// agree checks that all maps say the same of every path, and that every disk
// shows what its map says (I20).
func (h *history) agree() {
	shown := func(m *machine) map[folder.Path]folder.Value {
		out := map[folder.Path]folder.Value{}
		for r, err := range m.f.store.Records("") {
			m.must(err)
			if !r.Register.Live() {
				continue
			}
			res := r.Register.Resolve()
			out[r.Path] = res.Value
			if len(res.Losers) > 0 && !h.lossy {
				h.Errorf("%s at rest has losers at %s: %s", m.name, r.Path, registerText(r.Register))
			}
			if h.lossy {
				continue
			}
			if !folder.SameOnDisk(res.Value, r.Local.Value) {
				h.Errorf("%s at rest shows %s at %s, and has %s", m.name, brief(res.Value), r.Path, brief(r.Local.Value))
			}
			if fi, err := os.Lstat(m.path(string(r.Path))); err != nil || fi.Mode()&fs.ModeSymlink == 0 && fi.ModTime().UnixNano() != res.Value.MTime {
				h.Errorf("%s at rest has %s at another time than %s: %v, %v", m.name, r.Path, brief(res.Value), fi.ModTime(), err) // I15
			}
		}
		return out
	}
	first := shown(h.nodes[0])
	for _, m := range h.nodes[1:] {
		there := shown(m)
		for p, v := range there {
			if first[p] != v {
				h.Errorf("of %s the maps of a and %s say: %s, %s", p, m.name, brief(first[p]), brief(v))
			}
			delete(first, p)
		}
		for p := range first {
			h.Errorf("%s knows nothing of %s", m.name, p)
		}
		first = there
	}
}

// honest checks that of two nodes that both say they are in sync with each
// other, neither is mistaken, as far as it can know: what users did since the
// last look is none of it (I17).
func (h *history) honest() {
	synctest.Wait()
	says := func(m, o *machine) bool {
		return slices.ContainsFunc(m.f.Status().Peers, func(p PeerStatus) bool { return p.Name == o.name && p.InSync })
	}
	for i, m := range h.nodes {
		for _, o := range h.nodes[:i] {
			if !m.up() || !o.up() || h.net.isCut(m, o) || !says(m, o) || !says(o, m) || !m.knowsAll() || !o.knowsAll() {
				continue
			}
			h.checked++
			h.equal(m, o)
		}
	}
}

// knowsAll reports whether the map knows all that is on the disk.
func (m *machine) knowsAll() bool {
	t, n := m.tree(), 0
	for r, err := range m.f.store.Records("") {
		m.must(err)
		e, v := t[string(r.Path)], r.Local.Value
		if !e.is(v) || e.kind != 0 && e.kind != 'l' && uint16(e.mode) != v.Mode || e.kind == 'f' && e.mtime != v.MTime {
			return false
		}
		if e.kind != 0 {
			n++
		}
	}
	return n == len(t)
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
