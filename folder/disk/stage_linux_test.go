package disk

import (
	"bytes"
	"math/rand"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"qsync/folder"
)

func TestSparseFileStaysSparse(t *testing.T) {
	r := openRoot(t)
	src := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(src)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 64 << 20
	extent := make([]byte, 128<<10)
	rand.New(rand.NewSource(1)).Read(extent)
	for _, off := range []int64{0, 20<<20 + 77, 50 << 20} {
		f.WriteAt(extent, off)
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	s, err := r.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Discard()
	if err := s.CopyFrom(f); err != nil {
		t.Fatal(err)
	}
	v := folder.Value{Kind: folder.File, Mode: 0o600, MTime: stamp, Size: size, Digest: s.hash.Sum()}
	if err := s.Finish(v); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Put("sparse", s, folder.Local{}); err != nil {
		t.Fatal(err)
	}
	a, err := os.ReadFile(src)
	b, err2 := os.ReadFile(filepath.Join(r.path, "sparse"))
	if err != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Fatalf("content differs (%v, %v)", err, err2)
	}
	if used := blocks(t, filepath.Join(r.path, "sparse")); used > blocks(t, src)+1<<20 {
		t.Errorf("takes %d bytes of disk, the source %d", used, blocks(t, src))
	}
}

func blocks(t *testing.T, path string) int64 {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fi.Sys().(*syscall.Stat_t).Blocks * 512
}
