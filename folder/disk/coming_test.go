package disk

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"testing"

	"qsync/folder"
)

// TestComing: what is said to have landed of a file that is being written can be read,
// whichever way it is written, and is what was written; at its end it is all.
func TestComing(t *testing.T) {
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 2))
		content := patchy(random, 1+random.IntN(7<<20))
		r := openRoot(t)
		v := fileValue(string(content))
		s, _, err := r.StagePart(v.Digest, v.Size)
		if err != nil {
			t.Fatal(err)
		}
		if seed%2 == 0 {
			s.Bypass()
		}
		c := s.Coming()
		f, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		same := func() {
			t.Helper()
			got := make([]byte, c.Landed())
			if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, content[:len(got)]) {
				t.Fatalf("seed %d: what has landed of %d bytes is something else, %v", seed, len(got), err)
			}
		}
		some := false
		for at := 0; at < len(content); {
			n := min(1+random.IntN(1<<20), len(content)-at)
			if _, err := s.Write(content[at : at+n]); err != nil {
				t.Fatal(err)
			}
			at += n
			same()
			if landed := c.Landed(); landed > int64(at) {
				t.Fatalf("seed %d: %d bytes of %d have landed", seed, landed, at)
			} else if landed > 0 {
				some = true
			}
		}
		if !some && len(content) > 4*directBuffer {
			t.Errorf("seed %d: nothing has landed before the end", seed)
		}
		if err := errors.Join(s.Finish(v), s.Sync()); err != nil || c.Landed() != v.Size {
			t.Fatalf("seed %d: %d of %d bytes at the end, %v", seed, c.Landed(), v.Size, err)
		}
		if _, err := r.Put("a", s, folder.Local{}); err != nil {
			t.Fatal(err)
		}
		same()
		if _, err := c.Open(); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		f.Close()
	}
}

// TestComingElsewhere: only a file that can be found again is shown.
func TestComingElsewhere(t *testing.T) {
	r := openRoot(t)
	s, err := r.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Discard()
	if s.Coming() != nil {
		t.Error("a file without a name of its own is shown")
	}
}
