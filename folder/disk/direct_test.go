package disk

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"qsync/folder"
)

// TestBypassIsTheSame: a file that goes past the system's memory is what it would
// be otherwise, however its content comes, where it has holes, and after
// interruptions.
func TestBypassIsTheSame(t *testing.T) {
	used, can := 0, canBypass(t)
	for seed := range uint64(25) {
		random := rand.New(rand.NewPCG(seed, 1))
		content := patchy(random, random.IntN(9<<20))
		r := openRoot(t)
		v := fileValue(string(content))
		for attempt := 0; ; attempt++ {
			s, have, err := r.StagePart(v.Digest, v.Size)
			if err != nil || attempt == 0 && have != 0 {
				t.Fatalf("seed %d: %d bytes are there, %v", seed, have, err)
			}
			s.Bypass()
			until := len(content)
			if attempt < 3 {
				until = int(have) + random.IntN(until-int(have)+1)
			}
			for at := int(have); at < until; {
				n := min(1+random.IntN(1<<(4+random.IntN(18))), until-at)
				if _, err := s.Write(content[at : at+n]); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				at += n
			}
			if s.direct != nil {
				used++
			}
			if attempt == 1 { // who asks what it is so far goes on all the same
				if d, n, err := s.Digest(); err != nil || n != int64(until) || d != fileValue(string(content[:until])).Digest {
					t.Fatalf("seed %d: the digest of %d bytes is %x, want %d, %v", seed, n, d, until, err)
				}
				if until < len(content) {
					until++
					s.Write(content[until-1 : until])
				}
			}
			if until < len(content) {
				s.Park()
				continue
			}
			if err := errors.Join(s.Finish(v), s.Sync()); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if _, err := r.Put("a", s, folder.Local{}); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			break
		}
		got, err := os.ReadFile(filepath.Join(r.Path(), "a"))
		if err != nil || !bytes.Equal(got, content) {
			t.Fatalf("seed %d: %d bytes that differ, want %d, %v", seed, len(got), len(content), err)
		}
		wantClean(t, r)
	}
	if can && used < 25 {
		t.Errorf("it was written past the memory %d times", used)
	}
}

// canBypass reports whether there is such a thing where the tests are.
func canBypass(t *testing.T) bool {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return setDirect(f, true) == nil
}

// patchy is random bytes with zeros between, of blocks and of anything.
func patchy(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for at := 0; at < n; {
		long := 1 + random.IntN(1<<(1+random.IntN(21)))
		if random.IntN(3) == 0 {
			long &^= holeBlock - 1
		}
		if end := min(at+long, n); random.IntN(2) == 0 {
			for i := at; i < end; i++ {
				b[i] = byte(random.Uint32() | 1)
			}
		}
		at += max(long, 1)
	}
	return b
}

// TestBypassGivenUp: whatever is under way, nothing is left of what is discarded.
func TestBypassGivenUp(t *testing.T) {
	r := openRoot(t)
	for _, n := range []int{0, 1, directBuffer, 3*directBuffer + 5} {
		s, err := r.Stage()
		if err != nil {
			t.Fatal(err)
		}
		s.Bypass()
		if _, err := s.Write(bytes.Repeat([]byte{7}, n)); err != nil {
			t.Fatal(err)
		}
		s.Discard()
	}
	wantClean(t, r)
}

// TestBypassThenCopy: what comes from another file then follows what was written.
func TestBypassThenCopy(t *testing.T) {
	r := openRoot(t)
	old := bytes.Repeat([]byte("old."), 100_000)
	from := filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(from, old, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	first := bytes.Repeat([]byte("new"), 700_001)
	s, err := r.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Discard()
	s.Bypass()
	_, err = s.Write(first)
	if err = errors.Join(err, s.CopyPart(f, 0, int64(len(old)))); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(fileValue(string(first) + string(old))); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Put("a", s, folder.Local{}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(r.Path(), "a")); err != nil || string(got) != string(first)+string(old) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
