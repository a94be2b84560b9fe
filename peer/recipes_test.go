package peer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
)

// Recipes are made once for all who ask at the same time, are forgotten after a
// while and when they are too many, and a failure is not remembered.
func TestRecipes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newRecipes()
		var made atomic.Int32
		of := func(d byte, chunks int, err error) error {
			_, got := c.of(t.Context(), recipeKey{digest: folder.Digest{d}}, func() (*chunk.Recipe, error) {
				made.Add(1)
				time.Sleep(time.Second)
				return &chunk.Recipe{Chunks: make([]chunk.Part, chunks)}, err
			})
			return got
		}
		expect := func(when string, want int) {
			t.Helper()
			if n := int(made.Load()); n != want {
				t.Errorf("%s: made %d, want %d", when, n, want)
			}
		}
		for range 3 {
			go of(1, 10, nil)
		}
		time.Sleep(2 * time.Second)
		expect("three at once", 1)
		for range 3 {
			time.Sleep(recipeKept / 2)
			of(1, 10, nil)
		}
		expect("asked for again and again", 1)
		time.Sleep(recipeKept + time.Second)
		c.mu.Lock()
		if len(c.all) != 0 {
			t.Error("not forgotten")
		}
		c.mu.Unlock()
		broken := errors.New("broken")
		if err := of(2, 0, broken); !errors.Is(err, broken) {
			t.Error(err)
		}
		of(2, recipeChunks/2, nil)
		expect("after a failure", 3)
		of(3, recipeChunks/2, nil)
		of(4, 1, nil) // 2 has to go
		of(3, 1, nil)
		expect("within the bound", 5)
		of(2, 1, nil)
		expect("beyond the bound", 6)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		go of(9, 1, nil)
		synctest.Wait()
		if _, err := c.of(ctx, recipeKey{digest: folder.Digest{9}}, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(3 * recipeKept)
	})
}

// noSplits lets none of the machines read a file for its recipe any more.
func noSplits(ms ...*machine) {
	for _, m := range ms {
		for range splitAtOnce {
			m.node.recipes.slots <- struct{}{}
		}
	}
}

// TestRecipesKept: what a file consists of is known after a restart too; a recipe
// that is damaged is made anew, and one that is wrong is forgotten for good.
func TestRecipesKept(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		const size = 6 << 20
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		now := random(size)
		again := func() {
			for _, m := range c.nodes {
				m.stop()
				c.start(m)
			}
			c.converged(20 * time.Second)
		}
		change := func() int64 {
			c.Helper()
			before := b.f.counts.received.Load()
			now = "ten bytes!" + now
			a.write("x", now)
			c.converged(30 * time.Second)
			return b.f.counts.received.Load() - before
		}
		a.write("x", now)
		c.start()
		c.converged(20 * time.Second)
		change()
		again()
		noSplits(a, b)
		if got := change(); got > size/8 {
			t.Errorf("after a restart %d bytes came for 10", got)
		}
		for _, m := range c.nodes {
			all, err := filepath.Glob(filepath.Join(m.state, "recipes", "*"))
			m.must(err)
			if len(all) == 0 {
				t.Errorf("%s keeps no recipes", m.name)
			}
			for _, name := range all {
				content, err := os.ReadFile(name)
				m.must(err)
				content[len(content)/2] ^= 1
				m.must(os.WriteFile(name, content, 0o600))
			}
		}
		again()
		if got := change(); got > size/8 {
			t.Errorf("of damaged recipes %d bytes came for 10", got)
		}
		d := digestOf(now)
		m := b.f.recipes
		m.Drop(d, chunk.MinBits)
		now = random(len(now))
		b.must(m.Put(d, recipeOf(t, now)))
		again()
		a.write("x", now)
		c.converged(30 * time.Second)
		if b.f.recipes.Of(d, chunk.MinBits, int64(len(now))) != nil {
			t.Error("a wrong recipe is kept")
		}
	})
}

// TestDeltaOfAlike: a copy of a file that is changed before anybody hears of it is
// made of that, where it is known for one that changes.
func TestDeltaOfAlike(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		const size = 6 << 20
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		now := random(size)
		a.write("a.img", now)
		c.start()
		c.converged(20 * time.Second)
		now = "ten bytes!" + now
		a.write("a.img", now)
		c.converged(30 * time.Second)
		before := b.f.counts.received.Load()
		a.write("b.img", now[:size/2]+random(1000)+now[size/2:])
		c.converged(30 * time.Second)
		if got := b.f.counts.received.Load() - before; got > size/8 {
			t.Errorf("%d bytes came of 1000", got)
		}
	})
}
