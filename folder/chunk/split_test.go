package chunk

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/zeebo/xxh3"
	"pgregory.net/rapid"
)

func random(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b)
	return b
}

func split(t rapid.TB, b []byte, bits int) *Recipe {
	t.Helper()
	r, err := Split(bytes.NewReader(b), bits)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A recipe covers the file, its parts are what they say, its bounds hold, and how
// the reader hands out the bytes changes nothing.
func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.IntRange(MinBits, MinBits+2).Draw(t, "bits")
		content := random(rapid.IntRange(0, 1<<20).Draw(t, "size"), rapid.Uint64Max(1000).Draw(t, "seed"))
		if rapid.Bool().Draw(t, "zeros") {
			clear(content[:len(content)/2])
		}
		r, err := Split(bytes.NewReader(content), bits)
		if err != nil {
			t.Fatal(err)
		}
		if r.Bits != bits {
			t.Fatal(r.Bits)
		}
		off := 0
		for i, c := range r.Chunks {
			if xxh3.Hash128(content[off:off+int(c.Length)]).Bytes() != c.Sum {
				t.Fatalf("chunk %d has another sum", i)
			}
			if last := i == len(r.Chunks)-1; c.Length > 4<<bits || c.Length <= 1<<bits/2 && !last {
				t.Fatalf("chunk %d has %d bytes", i, c.Length)
			}
			off += int(c.Length)
		}
		if off != len(content) {
			t.Fatalf("%d bytes of %d", off, len(content))
		}
		n := 0
		for i, g := range r.Outline() {
			var all int64
			for _, c := range r.Group(i) {
				all += c.Length
				n++
			}
			if all != g.Length || len(r.Group(i)) == 0 || len(r.Group(i)) > MaxGroup {
				t.Fatalf("group %d: %d chunks, %d bytes of %d", i, len(r.Group(i)), all, g.Length)
			}
		}
		if n != len(r.Chunks) {
			t.Fatal("groups leave chunks out")
		}
		again, err := Split(iotest.HalfReader(bytes.NewReader(content)), bits)
		if err != nil || !slices.Equal(again.Chunks, r.Chunks) {
			t.Fatal("another reader, other chunks")
		}
	})
}

// An insertion, a change and an end cut off touch few chunks; the average is
// about what was asked for.
func TestSplitFindsTheRest(t *testing.T) {
	const size = 16 << 20
	old := random(size, 7)
	for name, now := range map[string][]byte{
		"inserted":    append([]byte("ten bytes!"), old...),
		"overwritten": append(append(slices.Clone(old[:size/2]), random(100<<10, 8)...), old[size/2+100<<10:]...),
		"appended":    append(slices.Clone(old), random(100<<10, 9)...),
		"cut off":     old[:size-1000],
	} {
		t.Run(name, func(t *testing.T) {
			a, b := split(t, old, MinBits), split(t, now, MinBits)
			if n := len(a.Chunks); n < size>>MinBits/2 || n > size>>MinBits*2 {
				t.Errorf("%d chunks", n)
			}
			missing := func(of, have []Part) (bytes int64) {
				known := map[Part]bool{}
				for _, p := range have {
					known[p] = true
				}
				for _, p := range of {
					if !known[p] {
						bytes += p.Length
					}
				}
				return bytes
			}
			if n := missing(b.Chunks, a.Chunks); n > 100<<10+8<<MinBits {
				t.Errorf("%d bytes in new chunks", n)
			}
			if n := missing(b.Outline(), a.Outline()); n > size/2 {
				t.Errorf("%d bytes in new groups", n)
			}
		})
	}
}

// The format is part of the protocol: what is cut where may not change.
func TestSplitGolden(t *testing.T) {
	r := split(t, random(1<<20, 3), MinBits)
	var lengths []int64
	for _, c := range r.Chunks[:6] {
		lengths = append(lengths, c.Length)
	}
	want := []int64{16449, 19488, 13622, 16407, 27219, 19853}
	if !slices.Equal(lengths, want) {
		t.Errorf("%v, want %v", lengths, want)
	}
}

func TestSplitFails(t *testing.T) {
	broken := errors.New("broken")
	if _, err := Split(io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), iotest.ErrReader(broken)), MinBits); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestBits(t *testing.T) {
	for size, want := range map[int64]int{
		0: 14, 1: 14, 1 << 30: 14, 4 << 30: 14, 4<<30 + 1: 15, 10 << 30: 16, 64 << 30: 18, 1 << 40: 20, 1 << 60: 20,
	} {
		if got := Bits(size); got != want {
			t.Errorf("%d: %d, want %d", size, got, want)
		}
	}
}

func BenchmarkSplit(b *testing.B) {
	content := random(64<<20, 1)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		split(b, content, MinBits)
	}
}

func BenchmarkCut(b *testing.B) {
	content := random(64<<20, 1)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		for rest := content; len(rest) > 0; {
			rest = rest[cut(rest, MinBits):]
		}
	}
}

// Whatever was done to a file, its pieces put together from its old versions and
// from itself are the file.
func TestDiff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := random(rapid.IntRange(0, 3<<20).Draw(t, "size"), rapid.Uint64Max(50).Draw(t, "seed"))
		now := slices.Clone(old)
		for range rapid.IntRange(0, 4).Draw(t, "edits") {
			at := rapid.IntRange(0, len(now)).Draw(t, "at")
			upto := min(len(now), at+rapid.IntRange(0, 200<<10).Draw(t, "cut"))
			add := random(rapid.IntRange(0, 100<<10).Draw(t, "add"), rapid.Uint64Max(50).Draw(t, "what"))
			now = slices.Concat(now[:at], add, now[upto:])
		}
		bases := [][]byte{old, random(300<<10, 99)}
		var recipes []*Recipe
		for _, b := range bases {
			recipes = append(recipes, split(t, b, MinBits))
		}
		r := split(t, now, MinBits)
		d := NewDiff(r.Outline(), recipes)
		for _, g := range d.Unknown() {
			if err := d.Tell(g, r.Group(int(g))); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(d.Guide(), r.Chunks) {
			t.Fatal("what is known of the chunks is not what they are")
		}
		var got []byte
		for _, p := range d.Pieces() {
			if p.Missing() {
				got = append(got, now[len(got):len(got)+int(p.Length)]...)
			} else {
				got = append(got, bases[p.Base][p.Offset:p.Offset+p.Length]...)
			}
		}
		if !bytes.Equal(got, now) {
			t.Fatal("another file comes out")
		}
		if bytes.Equal(now, old) && len(now) > 0 && (len(d.Pieces()) != 1 || d.Pieces()[0].Missing()) {
			t.Fatalf("the same file has pieces %v", d.Pieces())
		}
	})
}

func TestDiffRefuses(t *testing.T) {
	r := split(t, random(4<<20, 5), MinBits)
	d := NewDiff(r.Outline(), nil)
	if n := len(d.Unknown()); n != len(r.Ends) || n < 2 {
		t.Fatalf("%d unknown", n)
	}
	for _, err := range []error{
		d.Tell(0, r.Group(1)), d.Tell(0, nil), d.Tell(0, r.Group(0)[1:]), d.Tell(uint64(len(r.Ends)), r.Group(0)),
	} {
		if !errors.Is(err, ErrRecipe) {
			t.Error(err)
		}
	}
	if p := d.Pieces(); len(p) != 1 || !p[0].Missing() || p[0].Length != 4<<20 {
		t.Error(p)
	}
}
