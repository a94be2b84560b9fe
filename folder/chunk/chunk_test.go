package chunk

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// pattern is the input of the official BLAKE3 test vectors: 0..250, repeated.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

func TestSumVectors(t *testing.T) {
	// https://github.com/BLAKE3-team/BLAKE3/blob/master/test_vectors/test_vectors.json
	for n, want := range map[int]string{
		0:    "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
		1:    "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
		1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
	} {
		d, size, err := Sum(bytes.NewReader(pattern(n)), make([]byte, 100))
		if err != nil || size != int64(n) || hex.EncodeToString(d[:]) != want {
			t.Errorf("Sum of %d bytes = %x, %d, %v; want %s", n, d, size, err, want)
		}
	}
}

func TestHasherInPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := pattern(rapid.IntRange(0, 200_000).Draw(t, "size"))
		want, _, err := Sum(bytes.NewReader(content), make([]byte, 64<<10))
		if err != nil {
			t.Fatal(err)
		}
		h := New()
		h.Write([]byte("something else"))
		h.Reset()
		for rest := content; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			h.Write(rest[:n])
			h.Sum()
			rest = rest[n:]
		}
		if h.Sum() != want {
			t.Fatalf("digest in pieces differs")
		}
	})
}

func TestSumReportsReadError(t *testing.T) {
	boom := errors.New("boom")
	_, n, err := Sum(io.MultiReader(bytes.NewReader(pattern(10)), iotest.ErrReader(boom)), make([]byte, 4))
	if !errors.Is(err, boom) || n != 10 {
		t.Fatalf("got %d, %v", n, err)
	}
}
