package store

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
)

func madeUp(n int) (r *chunk.Recipe, size int64) {
	parts := make([]chunk.Part, n)
	for i := range parts {
		parts[i].Length = int64(1000 + i)
		size += parts[i].Length
		rand.Read(parts[i].Sum[:])
	}
	return chunk.NewRecipe(chunk.MinBits, parts), size
}

// TestRecipesWithinBounds: they come back as they were, are dropped when too many,
// those first that were wanted the longest ago, and nothing damaged is believed.
func TestRecipesWithinBounds(t *testing.T) {
	r := Recipes{filepath.Join(t.TempDir(), "recipes")}
	const n, chunks = 12, 100_000
	ages := make([]time.Time, n)
	sizes := make([]int64, n)
	for i := range n {
		d := folder.Digest{byte(i)}
		made, size := madeUp(chunks)
		sizes[i] = size
		try(t, r.Put(d, made))
		got := r.Of(d, chunk.MinBits, size)
		if got == nil || len(got.Chunks) != chunks || got.Chunks[7] != made.Chunks[7] || len(got.Ends) != len(made.Ends) {
			t.Fatalf("%d: not what was put there", i)
		}
		if r.Of(d, chunk.MinBits, size+1) != nil {
			t.Error("a recipe of another size")
		}
		try(t, r.Put(d, made))
		ages[i] = time.Now().Add(time.Duration(i-2*n) * time.Hour)
		if i > 0 {
			try(t, os.Chtimes(r.file(d, chunk.MinBits), ages[i], ages[i]))
		}
	}
	known := r.Known(chunk.MinBits)
	if len(known) != 8 || known[0] != (folder.Digest{0}) || known[1] != (folder.Digest{n - 1}) {
		t.Errorf("kept %v", known) // 16 MiB have room for eight of 1.8 MB, and the first was put there last
	}
	if r.Of(folder.Digest{n - 1}, chunk.MinBits, sizes[n-1]); r.Known(chunk.MinBits)[0] != (folder.Digest{n - 1}) {
		t.Error("what is wanted is not kept for longer")
	}
	for _, damage := range []func([]byte) []byte{
		func(b []byte) []byte { return b[:len(b)/2] },
		func(b []byte) []byte { b[len(b)/3] ^= 0x40; return b },
		func(b []byte) []byte { return nil },
	} {
		made, size := madeUp(10)
		d := folder.Digest{0xff}
		try(t, r.Put(d, made))
		b, err := os.ReadFile(r.file(d, chunk.MinBits))
		try(t, err)
		try(t, os.WriteFile(r.file(d, chunk.MinBits), damage(b), 0o600))
		if r.Of(d, chunk.MinBits, size) != nil {
			t.Error("a damaged recipe is believed")
		}
	}
	if (Recipes{}).Put(folder.Digest{}, &chunk.Recipe{}) != nil || (Recipes{}).Of(folder.Digest{}, 14, 0) != nil || len((Recipes{}).Known(14)) != 0 {
		t.Error("the zero value keeps something")
	}
}
