package peer

import (
	"context"
	"errors"
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
