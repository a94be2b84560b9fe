package chunk

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// edited is content with some changes made to it.
func edited(t *rapid.T, old []byte) []byte {
	now := slices.Clone(old)
	for range rapid.IntRange(0, 4).Draw(t, "edits") {
		at := rapid.IntRange(0, len(now)).Draw(t, "at")
		upto := min(len(now), at+rapid.IntRange(0, 200<<10).Draw(t, "cut"))
		now = slices.Concat(now[:at], random(rapid.IntRange(0, 100<<10).Draw(t, "add"), 77), now[upto:])
	}
	return now
}

// With a guide, right or wrong, a recipe is what it is without one, however the
// content is written.
func TestSplitterWithGuide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := random(rapid.IntRange(0, 3<<20).Draw(t, "size"), rapid.Uint64Max(50).Draw(t, "seed"))
		now := edited(t, old)
		want := split(t, now, MinBits)
		s := NewSplitter(MinBits, split(t, old, MinBits).Chunks)
		for rest := now; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			s.Write(rest[:n])
			rest = rest[n:]
		}
		if got := s.Recipe(); !slices.Equal(got.Chunks, want.Chunks) || !slices.Equal(got.Ends, want.Ends) {
			t.Fatal("the guide changed the recipe")
		}
	})
}

// What a guide claims of bytes that are others does not get into a recipe.
func TestSplitterWithFalseGuide(t *testing.T) {
	now := random(4<<20, 1)
	want := split(t, now, MinBits)
	for i, change := range []func(p *Part){
		func(p *Part) { p.Sum[3]++ }, func(p *Part) { p.Length++ }, func(p *Part) { p.Length = 0 },
		func(p *Part) { p.Length = -5 }, func(p *Part) { p.Length = 1 << 50 },
	} {
		guide := slices.Clone(want.Chunks)
		for j := range guide {
			change(&guide[j])
		}
		s := NewSplitter(MinBits, guide)
		s.Write(now)
		if got := s.Recipe(); !slices.Equal(got.Chunks, want.Chunks) {
			t.Errorf("%d: another recipe", i)
		}
	}
}

// Several goroutines make the recipe that one makes.
func TestSplitAt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := random(rapid.IntRange(0, 4<<20).Draw(t, "size"), 5)
		if rapid.Bool().Draw(t, "zeros") {
			clear(now[len(now)/8 : len(now)*7/8])
		}
		want := split(t, now, MinBits)
		got, err := splitBy(bytes.NewReader(now), int64(len(now)), MinBits, rapid.Int64Range(1, 5).Draw(t, "segments"))
		if err != nil || !slices.Equal(got.Chunks, want.Chunks) || !slices.Equal(got.Ends, want.Ends) {
			t.Fatalf("another recipe: %v", err)
		}
	})
}

// A file that became shorter has no recipe, or one that says how long it is.
func TestSplitAtShorter(t *testing.T) {
	now := random(3*segmentMin, 5)
	for _, left := range []int64{0, 10, segmentMin, 2*segmentMin + 5, 3*segmentMin - 1} {
		r, err := SplitAt(bytes.NewReader(now[:left]), int64(len(now)), MinBits, 3)
		switch {
		case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			t.Error(err)
		case err == nil && total(r.Chunks) != left:
			t.Errorf("%d bytes left, %d in the recipe", left, total(r.Chunks))
		}
	}
}

func total(parts []Part) (n int64) {
	for i := range parts {
		n += parts[i].Length
	}
	return n
}

func BenchmarkSplitAt(b *testing.B) {
	content := random(256<<20, 1)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		if _, err := SplitAt(bytes.NewReader(content), int64(len(content)), MinBits, runtime.GOMAXPROCS(0)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSplitterWithGuide(b *testing.B) {
	content := random(64<<20, 1)
	guide := split(b, content, MinBits).Chunks
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		s := NewSplitter(MinBits, guide)
		s.Write(content)
		s.Recipe()
	}
}
