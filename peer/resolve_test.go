package peer

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"qsync/folder"
)

// disagree makes a and b, who agree on old, write something of their own to f,
// and returns the conflict copy. b's is the younger one.
func (c *cluster) disagree(f string, x, y string) string {
	c.Helper()
	a, b := c.nodes[0], c.nodes[1]
	got := c.apart(c.nodes[:1], c.nodes[1:], func() {
		a.write(f, x)
		time.Sleep(2 * time.Second)
		b.write(f, y)
	})
	all := got.conflicts()
	if len(all) == 0 {
		c.Fatal("no conflict:", got)
	}
	return all[len(all)-1]
}

// TestConflictList: every peer lists a conflict copy with both sides, however it
// came, and after a restart too.
func TestConflictList(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		c.full()
		c.nodes[0].write("d/f.txt", "old")
		c.start()
		c.converged(20 * time.Second)
		cp := c.disagree("d/f.txt", "by a", "by b, longer")
		for round := range 2 {
			for _, m := range c.nodes {
				all, err := m.f.Conflicts(c.Context())
				m.must(err)
				if len(all) != 1 || all[0].Copy != cp || all[0].Path != "d/f.txt" {
					c.Fatalf("%d %s: %+v", round, m.name, all)
				}
				this, other := all[0].This, all[0].Other
				if this.Peer != "b" || this.Size != 12 || other.Peer != "a" || other.Size != 4 || !other.MTime.Before(this.MTime) || this.Kind != "file" {
					c.Errorf("%s: %+v", m.name, all[0])
				}
				if got := m.f.Status().Conflicts; !slices.Equal(got, []string{cp}) {
					c.Errorf("%s: the status lists %q", m.name, got)
				}
			}
			for _, m := range c.nodes {
				m.stop()
				m.cfg.Paused = true
			}
			c.start() // paused: nothing has looked yet
		}
	})
}

// TestResolve: each way to end a conflict, on every peer alike; what goes is
// among the versions, and nothing is listed any more.
func TestResolve(t *testing.T) {
	t.Parallel()
	cases := []struct {
		keep  string
		byOf  bool // named by what it is a copy of
		down  bool // where nothing runs
		plain string
		kept  string // beside it
		gone  []string
	}{
		{KeepThis, false, false, "by b", "", []string{"by a"}},
		{KeepThis, true, true, "by b", "", []string{"by a"}},
		{KeepOther, false, false, "by a", "", []string{"by b", "by a"}},
		{KeepOther, true, true, "by a", "", []string{"by b"}},
		{KeepBoth, false, false, "by b", "by a", nil},
		{KeepMerged, true, false, "by both", "", []string{"by b", "by a"}},
	}
	for _, k := range cases {
		t.Run(k.keep, func(t *testing.T) {
			t.Parallel()
			bubble(t, 3, func(c *cluster) {
				c.full()
				c.nodes[0].write("f.txt", "old")
				c.start()
				c.converged(20 * time.Second)
				cp := c.disagree("f.txt", "by a", "by b")
				m := c.nodes[2]
				q := Resolution{Path: cp, Keep: k.keep}
				if k.byOf {
					q.Path = "f.txt"
				}
				if k.keep == KeepMerged {
					q.From = filepath.Join(c.dir, "result")
					m.must(os.WriteFile(q.From, []byte("by both"), 0o600))
				}
				if k.down {
					m.must(m.f.SetPaused(c.Context(), true))
				}
				_, err := m.f.Resolve(c.Context(), q)
				m.must(err)
				m.must(m.f.SetPaused(c.Context(), false))
				c.settle(time.Minute)
				got := c.equal()
				if got["f.txt"].data != k.plain || got.conflicts() != nil || got["f.txt"].mode != 0o644 {
					c.Error(got)
				}
				if k.kept != "" {
					if e := got[string(folder.SettledName(folder.Path(cp)))]; e.data != k.kept {
						c.Error(got)
					}
				}
				for _, s := range k.gone {
					if all := m.versions(); !slices.Contains(all, s) {
						c.Errorf("%q is not among the versions: %q", s, all)
					}
				}
				for _, m := range c.nodes {
					if all, err := m.f.Conflicts(c.Context()); err != nil || len(all)+len(m.f.Status().Conflicts) > 0 {
						c.Errorf("%s still lists %+v %v", m.name, all, err)
					}
				}
				c.quiet()
			})
		})
	}
}

// TestResolveRefused: what cannot be resolved changes nothing.
func TestResolveRefused(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.full()
		a.write("f", "old")
		a.write("g", "none")
		c.start()
		c.converged(20 * time.Second)
		first := c.disagree("f", "a1", "b1")
		second := c.disagree("f", "a2", "b2")
		a.mkdir("dir")
		before := c.converged(20 * time.Second)
		for _, k := range []struct {
			q    Resolution
			want error
		}{
			{Resolution{Path: "f", Keep: KeepThis}, ErrSeveral},
			{Resolution{Path: "g", Keep: KeepThis}, ErrNoConflict},
			{Resolution{Path: "nothing/here", Keep: KeepThis}, ErrNoConflict},
			{Resolution{Path: "../f", Keep: KeepThis}, nil},
			{Resolution{Path: first, Keep: "everything"}, nil},
			{Resolution{Path: first, Keep: KeepOther, This: "00"}, ErrMoved},
			{Resolution{Path: first, Keep: KeepMerged, From: filepath.Join(c.dir, "none")}, os.ErrNotExist},
		} {
			if _, err := a.f.Resolve(c.Context(), k.q); err == nil || k.want != nil && !errors.Is(err, k.want) {
				c.Errorf("%+v: %v", k.q, err)
			}
		}
		// Written to in this moment, and no look has seen it: nothing is lost.
		a.must(os.WriteFile(a.path("f"), []byte("just now"), 0o644))
		if _, err := a.f.Resolve(c.Context(), Resolution{Path: second, Keep: KeepOther}); !errors.Is(err, ErrMoved) {
			c.Error(err)
		}
		got := c.converged(20 * time.Second)
		if got["f"].data != "just now" || len(got) != len(before) {
			c.Error(got)
		}
		b.stop()
		b.cfg.Mode = Send
		c.start(b)
		if _, err := b.f.Resolve(c.Context(), Resolution{Path: second, Keep: KeepThis}); !errors.Is(err, ErrUnwritten) {
			c.Error(err)
		}
	})
}

// TestAncestor: where sync replaced what both sides were made of, that is found
// for a merge, by a machine that changed nothing itself.
func TestAncestor(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		c.full()
		c.nodes[0].write("d/f.txt", "older")
		c.start()
		c.converged(20 * time.Second)
		c.nodes[0].write("d/f.txt", "old")
		c.converged(20 * time.Second)
		cp := c.disagree("d/f.txt", "by a", "by b")
		to := filepath.Join(c.dir, "base")
		z := c.nodes[2]
		found, err := z.f.Ancestor(c.Context(), folder.Path(cp), to)
		z.must(err)
		if b, _ := os.ReadFile(to); !found || string(b) != "old" {
			c.Errorf("%v %q", found, b)
		}
		if found, err := c.nodes[0].f.Ancestor(c.Context(), folder.Path(cp), to); found || err != nil {
			c.Error("its author has overwritten it:", found, err)
		}
		z.write("e/f.txt.orig", "old")
		c.converged(20 * time.Second)
		found, err = c.nodes[0].f.Ancestor(c.Context(), folder.Path(cp), to)
		if b, _ := os.ReadFile(to); err != nil || !found || string(b) != "old" {
			c.Errorf("another file holds it: %v %q %v", found, b, err)
		}
	})
}

// TestNewest: with the policy newest nobody gets a conflict copy; what lost is
// among the versions of everybody who had it, and the winner is the same
// everywhere. A directory takes the place of nothing without a copy.
func TestNewest(t *testing.T) {
	t.Parallel()
	bubble(t, 4, func(c *cluster) {
		c.full()
		for _, m := range c.nodes {
			m.cfg.Conflict = Newest
		}
		c.nodes[0].write("f", "old")
		c.start()
		c.converged(20 * time.Second)
		a, b, y, z := c.nodes[0], c.nodes[1], c.nodes[2], c.nodes[3]
		got := c.apart([]*machine{a, z}, []*machine{b, y}, func() {
			a.write("f", "by a")
			a.write("dir/in", "a's directory")
			time.Sleep(2 * time.Second)
			b.write("f", "by b")
			b.write("dir", "b's file")
		})
		if got["f"].data != "by b" || got["dir"].kind != 'd' {
			c.Error(got)
		}
		if all := got.conflicts(); len(all) != 1 || got[all[0]].data != "b's file" {
			c.Error(all)
		}
		for _, m := range []*machine{a, z} {
			if all := m.versions(); !slices.Contains(all, "by a") {
				c.Errorf("%s has had it, and its versions are %q", m.name, all)
			}
		}
		b.remove("f")
		if got := c.converged(20 * time.Second); got["f"].kind != 0 {
			c.Error("what lost is back:", got)
		}
		c.quiet()
	})
}

// TestMixedPolicies: who writes decides whether a copy is asked for; who keeps
// both keeps what it holds; and all come to the same.
func TestMixedPolicies(t *testing.T) {
	t.Parallel()
	for _, k := range []struct {
		name  string
		both  int // the machine that keeps both; the others go by the newest
		older int // who writes first, and loses
		copy  bool
	}{{"its author", 0, 0, true}, {"another who has it", 2, 0, true}, {"only the winner's", 1, 0, false}} {
		t.Run(strings.ReplaceAll(k.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			bubble(t, 3, func(c *cluster) {
				c.full()
				for i, m := range c.nodes {
					if i != k.both {
						m.cfg.Conflict = Newest
					}
				}
				a, b, z := c.nodes[0], c.nodes[1], c.nodes[2]
				a.write("f", "old")
				c.start()
				c.converged(20 * time.Second)
				left := []*machine{a, z}
				if k.both == 2 {
					// z alone holds what a wrote when b's comes.
					c.net.part(a, b)
					c.net.part(b, z)
					time.Sleep(30 * time.Second)
					a.write("f", "by a")
					c.settle(20 * time.Second)
					a.stop()
					b.write("f", "by b")
					c.net.join(b, z)
					time.Sleep(15 * time.Second)
					c.settle(time.Minute)
					c.net.join(a, b)
					c.start(a)
					time.Sleep(15 * time.Second)
				} else {
					c.apart(left, []*machine{b}, func() {
						a.write("f", "by a")
						time.Sleep(2 * time.Second)
						b.write("f", "by b")
					})
				}
				got := c.converged(time.Minute)
				if got["f"].data != "by b" || got.has("by a") != k.copy {
					c.Error(got)
				}
				for _, m := range left {
					if all := m.versions(); !slices.Contains(all, "by a") {
						c.Errorf("%s: versions %q", m.name, all)
					}
				}
				c.quiet()
			})
		})
	}
}

// TestNewestNeedsVersions: where nothing is kept among the versions a copy is
// made all the same.
func TestNewestNeedsVersions(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		c.full()
		for _, m := range c.nodes {
			m.cfg.Conflict, m.cfg.Versions = Newest, 0
		}
		c.start()
		if c.disagree("f", "by a", "by b") == "" {
			c.Error("lost")
		}
	})
}

// TestResolveWithoutVersions: where no versions are kept, nothing goes by a command
// that says it went there.
func TestResolveWithoutVersions(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		c.full()
		c.nodes[0].write("f", "old")
		for _, m := range c.nodes {
			m.cfg.Versions = 0
		}
		c.start()
		c.converged(20 * time.Second)
		cp := c.disagree("f", "by a", "by b")
		m := c.nodes[1]
		before := m.tree()
		for _, keep := range []string{KeepThis, KeepOther} {
			if _, err := m.f.Resolve(c.Context(), Resolution{Path: cp, Keep: keep}); !errors.Is(err, ErrUnkept) {
				c.Errorf("%s: %v", keep, err)
			}
		}
		if d := before.diff(m.tree()); d != "" {
			c.Error(d)
		}
		_, err := m.f.Resolve(c.Context(), Resolution{Path: cp, Keep: KeepBoth})
		m.must(err)
		c.settle(time.Minute)
		if got := c.equal(); got["f"].data != "by b" || got[string(folder.SettledName(folder.Path(cp)))].data != "by a" {
			c.Error(got)
		}
	})
}
