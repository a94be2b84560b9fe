package peer

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qsync/folder"
	"qsync/store"
)

// dances are how programs save a document, call by call, as strace shows them:
// "doc" is the document, every other name is there meanwhile only.
var dances = map[string]func(s *saving) []func() error{
	"vim": func(s *saving) []func() error {
		return []func() error{s.fresh("4913"), s.gone("4913"), s.moved("doc", "~"), s.fresh("doc"), s.gone("~")}
	},
	"vim backupcopy=yes": func(s *saving) []func() error {
		return []func() error{s.fresh("~"), s.cut, s.fresh("doc"), s.gone("~")}
	},
	"emacs": func(s *saving) []func() error {
		return []func() error{s.link("lock"), s.cut, s.fresh("doc"), s.gone("lock")}
	},
	"emacs, its first save": func(s *saving) []func() error {
		return []func() error{s.link("lock"), s.moved("doc", "~"), s.fresh("doc"), s.gone("~"), s.gone("lock")}
	},
	"VS Code": func(s *saving) []func() error { return []func() error{s.cut, s.fresh("doc")} },
	"LibreOffice": func(s *saving) []func() error {
		return []func() error{s.fresh("lock"), s.fresh("tmp"), s.moved("tmp", "doc"), s.gone("lock")}
	},
	"Word": func(s *saving) []func() error {
		return []func() error{s.fresh("tmp"), s.moved("doc", "old"), s.moved("tmp", "doc"), s.gone("old")}
	},
	"over a deleted file": func(s *saving) []func() error { return []func() error{s.gone("doc"), s.fresh("doc")} },
}

// saving is one save of a document, that of m's user.
type saving struct {
	m    *machine
	doc  string
	text string
	nth  int
	hits []string // what the watcher of m saw, as often as it did
}

func (s *saving) name(part string) string {
	if part == "doc" {
		return s.doc
	}
	return path.Join(path.Dir(s.doc), fmt.Sprint("t", s.nth, part))
}

func (s *saving) on(part string) string {
	s.hits = append(s.hits, s.name(part))
	return s.m.path(s.name(part))
}

func (s *saving) fresh(part string) func() error {
	return func() error {
		now := time.Now()
		if err := os.WriteFile(s.on(part), []byte(s.text), 0o644); err != nil {
			return err
		}
		return os.Chtimes(s.on(part), now, now)
	}
}

func (s *saving) cut() error {
	now := time.Now()
	if err := os.Truncate(s.on("doc"), 0); err != nil {
		return err
	}
	return os.Chtimes(s.on("doc"), now, now)
}

func (s *saving) moved(from, to string) func() error {
	return func() error { return os.Rename(s.on(from), s.on(to)) }
}

func (s *saving) gone(part string) func() error {
	return func() error { return os.Remove(s.on(part)) }
}

func (s *saving) link(part string) func() error {
	return func() error { return os.Symlink("user@host.1", s.on(part)) }
}

// TestEditorStorm: documents are saved again and again on both sides, each on one,
// as editors do it, and watchers see every name of a save several times, after it
// or call by call. No save makes a conflict, nothing that is there is told to be
// gone, what sync replaced is kept, and all have the last save in the end. (F39)
func TestEditorStorm(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed <= uint64(sampled(2, 1)); seed++ {
		for _, torn := range []bool{false, true} {
			t.Run(fmt.Sprint(seed, " looks in between ", torn), func(t *testing.T) {
				bubble(t, 2, func(c *cluster) { (&storm{cluster: c, r: rand.New(rand.NewPCG(seed, 5)), torn: torn}).run(25) })
			})
		}
	}
}

// storm is what the users of a pair do.
type storm struct {
	*cluster
	r    *rand.Rand
	torn bool              // the nodes look between the calls of a save
	now  map[string]string // what was saved last
	seen [2]map[string]bool
	all  map[string]bool // that was ever saved
}

func (x *storm) run(saves int) {
	a, b := x.nodes[0], x.nodes[1]
	x.line()
	x.now, x.all, x.seen = map[string]string{}, map[string]bool{"": true}, [2]map[string]bool{{}, {}}
	var docs []string
	for name := range dances {
		docs = append(docs, name+"/doc")
	}
	slices.Sort(docs)
	for i, doc := range docs {
		x.now[doc] = doc + " is new"
		x.all[x.now[doc]] = true
		x.nodes[i%2].write(doc, x.now[doc])
	}
	for _, m := range x.nodes {
		m.cfg.Versions, m.cfg.KeepJunk = allVersions, true
	}
	x.start()
	x.converged(20 * time.Second)
	for n := range saves * len(docs) {
		i := x.r.IntN(len(docs))
		x.save(&saving{m: []*machine{a, b}[i%2], doc: docs[i], nth: n, text: fmt.Sprint(docs[i], " saved ", n, strings.Repeat("x", x.r.IntN(40)))})
		x.pass([]time.Duration{0, time.Millisecond, 10 * time.Millisecond, 60 * time.Millisecond, 400 * time.Millisecond, 3 * time.Second}[x.r.IntN(6)])
	}
	t := x.converged(2 * time.Minute)
	for doc, text := range x.now {
		if t[doc].data != text {
			x.Errorf("%s is %s in the end", doc, t[doc])
		}
	}
	for p, e := range t {
		if x.now[p] == "" && e.kind != 'd' {
			x.Errorf("%s is left: %s", p, e)
		}
	}
	x.judge(docs)
}

// save makes the calls of one save, and has the watcher tell of them.
func (x *storm) save(s *saving) {
	synctest.Wait()
	x.all[s.text], x.now[s.doc] = true, s.text
	for _, call := range dances[path.Dir(s.doc)](s) {
		s.m.must(call())
		if x.torn && x.r.IntN(3) == 0 {
			x.tell(s)
			x.pass(time.Duration(x.r.IntN(40)) * time.Millisecond)
		}
	}
	x.tell(s)
}

// tell has a watcher hint at what it saw, in any order and more than once.
func (x *storm) tell(s *saving) {
	hits := slices.Concat(s.hits, s.hits)
	x.r.Shuffle(len(hits), func(i, j int) { hits[i], hits[j] = hits[j], hits[i] })
	for _, p := range append(hits, path.Dir(s.doc)) {
		s.m.hint(p, false)
	}
	s.hits = nil
}

// pass lets time pass in which no user does anything.
func (x *storm) pass(d time.Duration) {
	var there [2]map[string]int
	for i, m := range x.nodes {
		there[i] = x.told(m)
	}
	time.Sleep(d)
	synctest.Wait()
	for i, m := range x.nodes {
		told := x.told(m)
		for doc := range x.now {
			_, err := os.Lstat(m.path(doc))
			if err == nil && x.owner(doc) == m && told[doc] > there[i][doc] {
				x.Errorf("%s has told that %s is gone, which is there", m.name, doc)
			}
			if x.owner(doc) == m {
				continue
			}
			if text := m.read(doc); err == nil && !x.all[text] {
				x.Errorf("%s shows %q at %s", m.name, text, doc)
			} else if err == nil {
				x.seen[i][text] = true
			}
			m.hint(doc, false) // its watcher sees what sync puts in place
		}
	}
}

// owner is the machine whose user saves a document.
func (x *storm) owner(doc string) *machine {
	docs := make([]string, 0, len(x.now))
	for d := range x.now {
		docs = append(docs, d)
	}
	slices.Sort(docs)
	return x.nodes[slices.Index(docs, doc)%2]
}

// told counts what a machine's log says was deleted.
func (x *storm) told(m *machine) map[string]int {
	out := map[string]int{}
	for e, err := range m.f.store.Log(store.LogSpan{}) {
		m.must(err)
		if e.Action == store.Deleted {
			out[string(e.Path)]++
		}
	}
	return out
}

// judge looks at what the storm has left behind.
func (x *storm) judge(docs []string) {
	for i, m := range x.nodes {
		kept := append(m.versions(), "")
		for text := range x.seen[i] {
			if !slices.Contains(kept, text) && !slices.ContainsFunc(docs, func(d string) bool { return x.now[d] == text }) {
				x.Errorf("%s has shown %q and not kept it", m.name, text)
			}
		}
		for e, err := range m.f.store.Log(store.LogSpan{}) {
			m.must(err)
			if strings.Contains(string(e.Path), ".conflict-") {
				x.Errorf("%s: a conflict that nobody made: %s", m.name, e.Path)
			}
			if !x.torn && (e.Action == store.Deleted || e.Kind != folder.Dir && !slices.Contains(docs, string(e.Path))) {
				x.Errorf("%s tells of what was there for no moment: %+v", m.name, e)
			}
		}
	}
}
