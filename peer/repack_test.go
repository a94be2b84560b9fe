package peer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qsync/folder"
	"qsync/protocol"
	"qsync/store"
)

// repository is what a test keeps in a folder in the shape of a git repository:
// the brake goes by names alone.
type repository struct {
	m   *machine
	git string // where in the folder
	n   int    // loose objects
}

// repository writes n loose objects and a few other files, without a hint.
func (m *machine) repository(git string, n int) *repository {
	m.c.Helper()
	r := &repository{m, git, n}
	r.save("HEAD", "ref: refs/heads/main")
	r.save("refs/heads/main", "0")
	for i := range n {
		r.save(loose(i), fmt.Sprint("object ", i))
	}
	return r
}

func loose(i int) string { return fmt.Sprintf("objects/%02x/%038x", i%100, i) }

func (r *repository) path(p string) string { return r.m.path(filepath.Join(r.git, p)) }

func (r *repository) save(p, content string) {
	r.m.c.Helper()
	r.m.must(os.MkdirAll(filepath.Dir(r.path(p)), 0o755))
	r.m.must(os.WriteFile(r.path(p), []byte(content), 0o444))
}

// pack writes a pack.
func (r *repository) pack(i int) {
	r.m.c.Helper()
	for _, ext := range []string{"pack", "idx", "rev"} {
		r.save(fmt.Sprintf("objects/pack/pack-%040x.%s", i, ext), fmt.Sprint(ext, i))
	}
}

// unloose removes all loose objects and their directories.
func (r *repository) unloose() {
	r.m.c.Helper()
	for i := range r.n {
		r.m.must(os.RemoveAll(filepath.Dir(r.path(loose(i)))))
	}
}

// hint tells of it in the worst order: of what is gone before of what has come.
func (r *repository) hint() {
	if !r.m.up() {
		return
	}
	for i := range min(r.n, 100) {
		r.m.hint(filepath.Join(r.git, filepath.Dir(loose(i))), true)
		r.m.hint(filepath.Join(r.git, loose(i)), false)
	}
	r.m.hint(filepath.Join(r.git, "objects"), false)
	time.Sleep(time.Second)
	r.m.hint(filepath.Join(r.git, "objects/pack"), true)
	r.m.hint(r.git, true)
}

// gc does what git gc does.
func (r *repository) gc() {
	r.m.c.Helper()
	r.pack(1)
	r.unloose()
	r.save("packed-refs", "0 refs/heads/main")
	r.m.must(os.Remove(r.path("refs/heads/main")))
	r.hint()
}

// gitCases are what can become of a repository of which most is loose objects.
var gitCases = []struct {
	name  string
	stops bool
	do    func(r *repository)
}{
	{"gc", false, (*repository).gc},
	{"objects without a pack", true, func(r *repository) { r.unloose(); r.hint() }},
	{"objects and all packs", true, func(r *repository) {
		r.unloose()
		r.m.must(os.RemoveAll(r.path("objects/pack")))
		r.hint()
	}},
	{"the repository", true, func(r *repository) { r.m.must(os.RemoveAll(r.path(""))); r.hint() }},
	{"objects that an old pack may hold", false, func(r *repository) { r.unloose(); r.hint() }},
	{"own files beside", true, func(r *repository) {
		r.pack(1)
		r.unloose()
		r.m.must(os.RemoveAll(r.m.path("many")))
		if r.m.up() {
			r.m.hint("", true)
		}
	}},
}

// gitFolder makes a folder for a case: work files, a repository, and a pack
// where the case needs one.
func gitFolder(m *machine, name string) *repository {
	m.c.Helper()
	for i := range 50 {
		m.must(os.WriteFile(m.path(fmt.Sprint("work", i)), nil, 0o644))
	}
	r := m.repository("repo/.git", 160)
	if strings.Contains(name, "pack") != strings.Contains(name, "without") || name == "the repository" {
		r.pack(0)
	}
	if name == "own files beside" {
		m.must(os.Mkdir(m.path("many"), 0o755))
		for i := range 120 {
			m.must(os.WriteFile(m.path(fmt.Sprint("many/", i)), nil, 0o644))
		}
	}
	return r
}

// TestRepackThere: what git gc has packed is passed on under the default brake,
// found by hints or by a look at everything; what it has not, is not.
func TestRepackThere(t *testing.T) {
	t.Parallel()
	for _, test := range gitCases {
		for _, running := range []bool{true, false} {
			t.Run(fmt.Sprint(test.name, " running ", running), func(t *testing.T) {
				bubble(t, 2, func(c *cluster) {
					a, b := c.nodes[0], c.nodes[1]
					c.line()
					r := gitFolder(a, test.name)
					c.start()
					before := c.converged(30 * time.Second)
					if !running {
						a.stop()
					}
					test.do(r)
					if !running {
						c.start(a)
					}
					time.Sleep(20 * time.Second)
					if got := errors.Is(a.f.Err(), ErrBrake); got != test.stops || b.f.Err() != nil {
						c.Fatal(a.f.Err(), b.f.Err())
					}
					if !test.stops {
						c.converged(30 * time.Second)
					} else if gone := lacks(before, b.tree()); gone > 0 {
						c.Errorf("%d entries are gone", gone)
					}
				})
			})
		}
	}
}

// TestRepackHere: the same for who is told of it, where the other side's brake
// was lifted: at once, or later in one batch.
func TestRepackHere(t *testing.T) {
	t.Parallel()
	for _, test := range gitCases {
		for _, online := range []bool{true, false} {
			t.Run(fmt.Sprint(test.name, " online ", online), func(t *testing.T) {
				bubble(t, 2, func(c *cluster) {
					a, b := c.nodes[0], c.nodes[1]
					c.line()
					a.cfg.MaxDelete.Percent = 100
					r := gitFolder(a, test.name)
					c.start()
					before := c.converged(30 * time.Second)
					a.stop()
					if !online {
						b.stop()
					}
					test.do(r)
					c.start(a)
					if !online {
						time.Sleep(time.Second)
						c.start(b)
					}
					time.Sleep(20 * time.Second)
					if got := errors.Is(b.f.Err(), ErrBrake); got != test.stops || a.f.Err() != nil {
						c.Fatal(a.f.Err(), b.f.Err())
					}
					if !test.stops {
						c.converged(30 * time.Second)
					} else if gone := lacks(before, b.tree()); gone > 0 {
						c.Errorf("%d entries are gone", gone)
					}
				})
			})
		}
	}
}

// lacks counts the entries of before that are not in now.
func lacks(before, now tree) (n int) {
	for p := range before {
		if _, ok := now[p]; !ok {
			n++
		}
	}
	return n
}

// TestRepositoryInParts: the removal of a large repository takes several
// batches, of which the first is not taken for a gc: packs go before objects.
func TestRepositoryInParts(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.cfg.MaxDelete.Percent = 100
		r := a.repository(".git", scanBatch+500)
		r.pack(0)
		c.start()
		before := c.converged(time.Minute)
		a.must(os.RemoveAll(r.path("")))
		a.hint(".git", true)
		time.Sleep(20 * time.Second)
		pack, object := a.record(".git/objects/pack/pack-"+strings.Repeat("0", 40)+".pack"), a.record(".git/"+loose(0))
		if pack.Seq >= object.Seq {
			c.Error("the pack was told at", pack.Seq, "and an object at", object.Seq)
		}
		if !errors.Is(b.f.Err(), ErrBrake) {
			c.Error(b.f.Err())
		}
		if n := lacks(before, b.tree()); n > 0 {
			c.Errorf("%d entries are gone", n)
		}
	})
}

// TestPacksLater: where the packs went after the objects, nothing is done before
// all has been heard, however long that takes.
func TestPacksLater(t *testing.T) {
	t.Parallel()
	for _, gone := range []bool{true, false} {
		t.Run(fmt.Sprint(gone), func(t *testing.T) {
			bubble(t, 1, func(c *cluster) {
				b := c.nodes[0]
				b.repository(".git", 300).pack(0)
				c.start()
				c.settle(20 * time.Second)
				before := b.tree()
				l, err := c.intruder().meet(b)
				b.must(err)
				first, last := &protocol.Index{Upto: 300}, &protocol.Index{After: 300, Upto: 301, Complete: true, Scanned: true}
				for i := range 300 {
					first.Entries = append(first.Entries, b.gone(".git/"+loose(i)))
				}
				if gone {
					last.Entries = append(last.Entries, b.gone(".git/objects/pack/pack-"+strings.Repeat("0", 40)+".pack"))
				}
				out, err := l.OpenUni(c.Context())
				b.must(err)
				b.must(protocol.Write(out, first))
				time.Sleep(time.Minute)
				if d := before.diff(b.tree()); d != "" || b.f.Err() != nil {
					c.Error(d, b.f.Err())
				}
				b.must(protocol.Write(out, last))
				time.Sleep(time.Minute)
				if n := lacks(before, b.tree()); (n == 0) != gone || errors.Is(b.f.Err(), ErrBrake) != gone {
					c.Error(n, b.f.Err())
				}
			})
		})
	}
}

// TestPackClaimed: objects do not go on somebody's word that a pack holds them,
// but when it is here.
func TestPackClaimed(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		b := c.nodes[0]
		r := b.repository(".git", 300)
		r.pack(0)
		c.start()
		c.settle(20 * time.Second)
		before := b.tree()
		l, err := c.intruder().meet(b)
		b.must(err)
		const pack = ".git/objects/pack/pack-1111111111111111111111111111111111111111.pack"
		v := folder.Value{Kind: folder.File, Mode: 0o444, Size: 10, Digest: folder.Digest{1}}
		batch := &protocol.Index{Upto: 301, Complete: true, Scanned: true, Entries: []protocol.Entry{
			{Path: pack, Register: folder.Register{Sibs: []folder.Sibling{{Dot: folder.Dot{Replica: 99, Counter: 1}, Value: v}}}},
		}}
		for i := range 300 {
			batch.Entries = append(batch.Entries, b.gone(".git/"+loose(i)))
		}
		b.must(l.index(batch))
		time.Sleep(2 * time.Minute)
		if d := before.diff(b.tree()); d != "" || b.f.Err() != nil {
			c.Error(d, b.f.Err())
		}
	})
}

// gone is what a peer tells of a path that it has removed.
func (m *machine) gone(p string) protocol.Entry {
	m.c.Helper()
	return protocol.Entry{Path: folder.Path(p), Register: m.record(p).Register.Delete(m.record(p).Local)}
}

func (m *machine) record(p string) store.Record {
	m.c.Helper()
	r, err := m.f.store.Record(folder.Path(p))
	m.must(err)
	return r
}

// TestOthersObjects: objects that the source of a one-way sync never had are in
// no pack of its.
func TestOthersObjects(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.oneWay()
		a.repository(".git", 0).pack(0)
		b.repository(".git", 300)
		before := b.stamps()
		c.start()
		time.Sleep(20 * time.Second)
		if !errors.Is(b.f.Err(), ErrBrake) {
			c.Error(b.f.Err())
		}
		c.sameStamps(b, before)
	})
}
