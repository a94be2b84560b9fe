package peer

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/protocol"
)

// TestDelta: of a large file that has changed comes what has changed.
func TestDelta(t *testing.T) {
	t.Parallel()
	const size = 6 << 20
	old := random(size)
	for name, k := range map[string]struct {
		now     string
		changed int64
	}{
		"overwritten":       {now: old[:size/3] + random(100_000) + old[size/3+100_000:], changed: 100_000},
		"inserted in front": {now: "ten bytes!" + old, changed: 10},
		"appended":          {now: old + random(100_000), changed: 100_000},
		"cut off":           {now: old[:size/2]},
		"moved about":       {now: old[size/2:] + old[:size/2]},
		"other content":     {now: random(size), changed: size},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				a.write("x", old)
				c.start()
				c.converged(20 * time.Second)
				before := b.f.counts.received.Load()
				a.write("x", k.now)
				c.converged(30 * time.Second)
				got := b.f.counts.received.Load() - before
				if got < k.changed || got > k.changed+size/8 {
					t.Errorf("%d bytes came for %d changed ones", got, k.changed)
				}
			})
		})
	}
}

// TestDeltaAgain: a file that changes again and again is split once, and by the
// receiver alone; each change is made of the one before.
func TestDeltaAgain(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		const size = 6 << 20
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		now := random(size)
		a.write("x", now)
		c.start()
		c.converged(20 * time.Second)
		for i, change := range []func(old string) string{
			func(old string) string { return old[:size/3] + random(100_000) + old[size/3+100_000:] },
			func(old string) string { return "ten bytes!" + old },
			func(old string) string { return old + random(100_000) },
			func(old string) string { return old[:size/2] + old[size/2+300_000:] },
			func(old string) string { return old[size/2:] + old[:size/2] },
		} {
			before := b.f.counts.received.Load()
			now = change(now)
			a.write("x", now)
			c.converged(30 * time.Second)
			if got := b.f.counts.received.Load() - before; got > size/8+100_000 {
				t.Errorf("change %d: %d bytes came", i, got)
			}
			for _, m := range []*machine{a, b} {
				if k := (recipeKey{digestOf(now), chunk.Bits(int64(len(now)))}); m.node.recipes.known(k) == nil {
					t.Errorf("change %d: %s does not know the recipe", i, m.name)
				}
			}
			if i == 0 {
				noSplits(a, b)
			}
		}
	})
}

// TestDeltaOfWrongRecipe: where what is remembered of an older version is not what
// it is, all is fetched, and it is forgotten.
func TestDeltaOfWrongRecipe(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		const size = 2 << 20
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		old, now := random(size), random(size)
		a.write("x", old)
		c.start()
		c.converged(20 * time.Second)
		k := recipeKey{digestOf(old), chunk.MinBits}
		b.node.recipes.keep(k, recipeOf(t, now))
		a.write("x", now)
		c.converged(30 * time.Second)
		if b.read("x") != now || b.node.recipes.known(k) != nil {
			t.Error("a wrong recipe is still known")
		}
	})
}

// TestDeltaResumes: where the link breaks, what was put together stays.
func TestDeltaResumes(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		const size = 24 << 20
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		old := random(size)
		a.write("x", old)
		c.start()
		c.converged(20 * time.Second)
		before := b.f.counts.received.Load()
		a.write("x", old[:size/3]+random(size/3)+old[2*size/3:])
		for b.f.counts.received.Load() < before+size/6 {
			time.Sleep(time.Millisecond)
		}
		b.stop()
		c.start(b)
		c.converged(time.Minute)
		if got := b.f.counts.received.Load(); got < size/12 || got > size/6+size/12 {
			t.Errorf("%d bytes came after %d", got, size/6)
		}
	})
}

// counterfeit is a peer that has a large file and a recipe for it that is another's.
type counterfeit struct {
	content string
	recipe  *chunk.Recipe
	silent  bool
	asked   []string // the requests it has answered
}

func recipeOf(t *testing.T, content string) *chunk.Recipe {
	t.Helper()
	r, err := chunk.Split(strings.NewReader(content), chunk.Bits(int64(len(content))))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// serve answers requests until ctx ends.
func (k *counterfeit) serve(ctx context.Context, l *authLink) {
	for {
		st, err := l.AcceptStream(ctx)
		if err != nil {
			return
		}
		m, err := protocol.NewReader(st, protocol.Requests).Next()
		if err != nil {
			continue
		}
		w := protocol.NewWriter(st)
		switch m := m.(type) {
		case *protocol.RecipeRequest:
			k.asked = append(k.asked, "recipe")
			if k.silent {
				st.Reset()
				continue
			}
			if len(m.Groups) == 0 {
				w.Write(&protocol.Recipe{Bits: k.recipe.Bits, Parts: k.recipe.Outline()})
			}
			for _, g := range m.Groups {
				w.Write(&protocol.Recipe{Bits: k.recipe.Bits, Parts: k.recipe.Group(int(g))})
			}
		case *protocol.Request:
			k.asked = append(k.asked, "content")
			for _, it := range m.Items {
				w.Write(&protocol.Response{Status: protocol.OK, Length: it.Length})
				for part := range slices.Chunk([]byte(k.content)[it.Offset:it.Offset+it.Length], 1<<16) {
					w.Write(&protocol.Data{Bytes: part})
				}
			}
		}
		st.Close()
	}
}

// TestDeltaOfLies: a recipe that is wrong costs a whole transfer and no content,
// and one that does not fit together is a violation.
func TestDeltaOfLies(t *testing.T) {
	t.Parallel()
	old, now := random(1<<20), random(1<<20)
	short := recipeOf(t, now[:1<<19])
	for name, k := range map[string]struct {
		recipe    *chunk.Recipe
		violation bool
		silent    bool // it resets the stream instead of an answer
	}{
		"no answer": {recipe: recipeOf(t, now), silent: true},
		"another's": {recipe: recipeOf(t, old)},
		"its own":   {recipe: recipeOf(t, now)},
		"too short": {recipe: short, violation: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 1, func(c *cluster) {
				a := c.nodes[0]
				a.write("x", old)
				c.start()
				c.settle(10 * time.Second)
				x := c.intruder()
				x.caps = capRecipes
				l, err := x.meet(a)
				if err != nil {
					c.Fatal(err)
				}
				rec := a.record("x")
				reg := rec.Register
				v := folder.Value{Kind: folder.File, Mode: 0o644, MTime: 1, Size: int64(len(now)), Digest: digestOf(now)}
				next := folder.Register{Ctx: folder.Context{{Replica: reg.Sibs[0].Dot.Replica, Counter: reg.Sibs[0].Dot.Counter}}, Sibs: []folder.Sibling{{Dot: folder.Dot{Replica: 99, Counter: 1}, Value: v}}}
				if err := l.index(&protocol.Index{Upto: 1, Complete: true, Scanned: true, Context: folder.Context{{Replica: 99, Counter: 1}}, Entries: []protocol.Entry{{Path: "x", Register: next, Have: true}}}); err != nil {
					c.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				f := &counterfeit{content: now, recipe: k.recipe, silent: k.silent}
				f.serve(ctx, l)
				if k.violation {
					if code := l.ended(); code != CodeProtocol || a.read("x") != old {
						c.Errorf("code %d", code)
					}
					return
				}
				if a.read("x") != now || a.f.bad.times(x) != 0 {
					c.Errorf("asked %v, %d violations", f.asked, a.f.bad.times(x))
				}
			})
		})
	}
}

func TestPiecesFrom(t *testing.T) {
	all := []chunk.Piece{{Length: 10, Base: 0, Offset: 100}, {Length: 5, Base: -1}, {Length: 7, Base: 1, Offset: 3}}
	for have, want := range map[int64][]chunk.Piece{
		0:  all,
		4:  {{Length: 6, Base: 0, Offset: 104}, all[1], all[2]},
		10: all[1:],
		21: {{Length: 1, Base: 1, Offset: 9}},
		22: nil,
	} {
		got := piecesFrom(all, have)
		if len(got) > 0 && got[0].Missing() {
			got[0].Offset = 0
		}
		if !slices.Equal(got, want) {
			t.Errorf("from %d: %v", have, got)
		}
	}
	if all[0].Length != 10 {
		t.Error("the pieces were changed")
	}
}
