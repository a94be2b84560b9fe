package disk

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"qsync/folder"
	"qsync/folder/chunk"
)

func TestFinishChecksContent(t *testing.T) {
	good := fileValue("content")
	wrongSize, wrongDigest := good, good
	wrongSize.Size++
	wrongDigest.Digest[7] ^= 1
	for name, v := range map[string]folder.Value{"size": wrongSize, "digest": wrongDigest} {
		r := openRoot(t)
		s, have, err := r.StagePart(good.Digest, good.Size)
		if err != nil || have != 0 {
			t.Fatal(have, err)
		}
		s.Write([]byte("content"))
		if err := s.Finish(v); !errors.Is(err, ErrContent) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := r.Put("a", s, folder.Local{}); err == nil {
			t.Errorf("%s: put what is wrong", name)
		}
		wantClean(t, r)
	}
}

func TestStagePartResumes(t *testing.T) {
	r := openRoot(t)
	content := strings.Repeat("0123456789", 1000)
	v := fileValue(content)
	s, have, err := r.StagePart(v.Digest, v.Size)
	if err != nil || have != 0 {
		t.Fatal(have, err)
	}
	s.Write([]byte(content[:4321]))
	other, have, err := r.StagePart(v.Digest, v.Size)
	if err != nil || have != 0 {
		t.Fatalf("second writer of one part: %d, %v", have, err)
	}
	other.Discard()
	s.Park()

	s, have, err = r.StagePart(v.Digest, v.Size)
	if err != nil || have != 4321 {
		t.Fatalf("resumed at %d, %v", have, err)
	}
	s.Write([]byte(content[have:]))
	if err := s.Finish(v); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Put("a", s, folder.Local{}); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(r.path, "a"), content)
	wantClean(t, r)
}

func TestStagePartDamaged(t *testing.T) {
	r := openRoot(t)
	content := "0123456789"
	v := fileValue(content)
	for name, left := range map[string]string{"bit rot": "01x3", "too long": content + content} {
		s, _, err := r.StagePart(v.Digest, v.Size)
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte(left))
		s.Park()
		s, have, err := r.StagePart(v.Digest, v.Size)
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte(content[have:]))
		err = s.Finish(v)
		if wrong := name == "bit rot"; errors.Is(err, ErrContent) != wrong {
			t.Errorf("%s, resumed at %d: %v", name, have, err)
		}
		s.Discard()
		wantClean(t, r)
	}
}

// TestHoles writes content with long and short runs of zeros in pieces of any
// size and expects the same bytes back.
func TestHoles(t *testing.T) {
	r := openRoot(t)
	rapid.Check(t, func(t *rapid.T) {
		var content []byte
		for range rapid.IntRange(0, 6).Draw(t, "runs") {
			n := rapid.SampledFrom([]int{1, 4095, 4096, 65535, 65536, 70000, 150000}).Draw(t, "run")
			fill := rapid.SampledFrom([]byte{0, 0, 'x'}).Draw(t, "fill")
			content = append(content, bytes.Repeat([]byte{fill}, n)...)
		}
		s, err := r.Stage()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Discard()
		for rest := content; len(rest) > 0; {
			n := min(len(rest), rapid.SampledFrom([]int{1000, 4096, 5000, 65536, 200000}).Draw(t, "piece"))
			if _, err := s.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := s.Finish(fileValue(string(content))); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(content)+1)
		n, _ := s.f.ReadAt(got, 0)
		if !bytes.Equal(got[:n], content) {
			t.Fatalf("%d bytes came back of %d, or others", n, len(content))
		}
	})
}

func TestStagedMisuse(t *testing.T) {
	r := openRoot(t)
	s := stage(t, r, "content")
	if _, err := s.Write([]byte("more")); err == nil {
		t.Error("written after Finish")
	}
	if err := s.Finish(fileValue("content")); err == nil {
		t.Error("finished twice")
	}
	if err := s.Sync(); err != nil {
		t.Error(err)
	}
	s.Discard()
	s.Discard()
	s.Park()
	if err := s.Sync(); err == nil {
		t.Error("synced after Discard")
	}
	unfinished, err := r.Stage()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Put("a", unfinished, folder.Local{}); err == nil {
		t.Error("put an unfinished file")
	}
	unfinished.Park()
	wantClean(t, r)
}

// Parts of other files, in any order, and bytes between them.
func TestCopyPart(t *testing.T) {
	r, name := openRoot(t), filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(name, []byte("0123456789"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := r.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Discard()
	_, werr := s.Write([]byte("-"))
	if err := errors.Join(s.CopyPart(f, 7, 3), werr, s.CopyPart(f, 0, 2)); err != nil {
		t.Fatal(err)
	}
	if err := s.CopyPart(f, 8, 3); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("beyond its end: %v", err)
	}
	want := "-7890189"
	d, n, err := s.Digest()
	if wanted, _, _ := chunk.Sum(strings.NewReader(want), make([]byte, 16)); err != nil || d != wanted || n != int64(len(want)) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// Large parts are read, digested, written and split at the same time: what comes
// out is what comes of one thing after the other.
func TestCopyLargeParts(t *testing.T) {
	r, name := openRoot(t), filepath.Join(t.TempDir(), "old")
	old := make([]byte, 3*relayMin+12345)
	rand.New(rand.NewSource(3)).Read(old)
	clear(old[relayMin : 2*relayMin]) // a hole
	if err := os.WriteFile(name, old, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := r.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Discard()
	sp := chunk.NewSplitter(chunk.MinBits, nil)
	if !s.Split(sp) {
		t.Fatal("an empty file is not split")
	}
	want := slices.Concat(old[5:5+2*relayMin+777], []byte("between"), old[100:100+relayMin+1], old[len(old)-12000:])
	if err := s.CopyPart(f, 5, 2*relayMin+777); err != nil {
		t.Fatal(err)
	}
	_, werr := s.Write([]byte("between"))
	if err := errors.Join(werr, s.CopyPart(f, 100, relayMin+1), s.CopyPart(f, int64(len(old)-12000), 12000)); err != nil {
		t.Fatal(err)
	}
	if s.Split(sp) {
		t.Error("what has no beginning is split")
	}
	recipe, err := chunk.Split(bytes.NewReader(want), chunk.MinBits)
	if got := sp.Recipe(); err != nil || !slices.Equal(got.Chunks, recipe.Chunks) {
		t.Error("another recipe")
	}
	if err := s.Finish(fileValue(string(want))); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Put("a", s, folder.Local{}); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(r.path, "a"), string(want))
}

// A large part that is not all there, and one that cannot be written.
func TestCopyLargePartFails(t *testing.T) {
	r, name := openRoot(t), filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(name, bytes.Repeat([]byte("x"), 2*relayMin), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := r.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Discard()
	if err := s.CopyPart(f, relayMin/2, 2*relayMin); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("beyond its end: %v", err)
	}
	if d, n, err := s.Digest(); err != nil || n != 2*relayMin-relayMin/2 {
		t.Errorf("%x, %d, %v", d, n, err) // what was there has been written
	}
	s.f.Close()
	if err := s.CopyPart(f, 0, 2*relayMin); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("to a closed file: %v", err)
	}
	if _, err := s.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) || !s.failed {
		t.Errorf("after that: %v", err)
	}
}

func BenchmarkCopyFrom(b *testing.B) {
	dir := b.TempDir()
	r, err := Open(dir, false)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	content := make([]byte, 64<<20)
	rand.New(rand.NewSource(1)).Read(content)
	path := filepath.Join(dir, "src")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		s, err := r.Stage()
		if err != nil {
			b.Fatal(err)
		}
		if err := s.CopyFrom(f); err != nil {
			b.Fatal(err)
		}
		s.Discard()
	}
}

// TestStagedSQLite: what a staged file is shows from its first bytes, however they
// came, and is no other thing than what reading it would show.
func TestStagedSQLite(t *testing.T) {
	r := openRoot(t)
	whole := "SQLite format 3\x00 and its pages"
	for content, want := range map[string]SQLite{
		whole: Database, whole[:16]: Database, whole[:15]: NotSQLite, "": NotSQLite, "SQLite format 4\x00": NotSQLite,
		"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7": HotJournal, "\x37\x7f\x06\x82": WriteLog, strings.Repeat("\x00", 1<<20): NotSQLite,
	} {
		for _, step := range []int{1, 7, 16, 1 << 20} {
			s, err := r.Stage()
			if err != nil {
				t.Fatal(err)
			}
			step := max(step, len(content)/64)
			for rest := content; rest != ""; rest = rest[min(step, len(rest)):] {
				if _, err := s.Write([]byte(rest[:min(step, len(rest))])); err != nil {
					t.Fatal(err)
				}
			}
			read := sqliteOf(strings.NewReader(content))
			if got := s.SQLite(); got != want || read != want {
				t.Errorf("%.20q in steps of %d: %v, read %v, want %v", content, step, got, read, want)
			}
			s.Discard()
		}
	}
}
