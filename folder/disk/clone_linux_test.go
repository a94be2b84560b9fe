package disk

import (
	"errors"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"qsync/folder"
	"qsync/folder/chunk"
)

// btrfs mounts a new file system whose files can share blocks.
func btrfs(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	image, at := filepath.Join(top, "image"), filepath.Join(top, "mnt")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 256<<20), os.Mkdir(at, 0o755)); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("this test mounts a btrfs, for which it needs root, loop devices and btrfs-progs: %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("mkfs.btrfs", "-q", image)
	loop := run("losetup", "-f", "--show", image)
	t.Cleanup(func() { _ = exec.Command("losetup", "-d", loop).Run() })
	run("mount", "-t", "btrfs", loop, at)
	t.Cleanup(func() { _ = syscall.Unmount(at, syscall.MNT_DETACH) })
	return at
}

// Where files can share blocks, a part that lies in both alike costs none; what lies
// otherwise is copied, and both come out right.
func TestCopyPartShares(t *testing.T) {
	top := btrfs(t)
	r, err := Open(top, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	old := make([]byte, 24<<20+777)
	rand.New(rand.NewSource(3)).Read(old)
	name := filepath.Join(top, "old")
	if err := os.WriteFile(name, old, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	used := func() int64 {
		var st syscall.Statfs_t
		if err := errors.Join(r.SyncAll(), syscall.Statfs(top, &st)); err != nil {
			t.Fatal(err)
		}
		return int64(st.Blocks-st.Bfree) * int64(st.Bsize)
	}
	before := used()
	for i, c := range []struct {
		parts  [][2]int64 // of old: offset and length; what has none is written
		shared bool
	}{
		{[][2]int64{{0, 8<<20 + 5}, {-2, 100_000}, {8<<20 + 100_005, int64(len(old)) - 8<<20 - 100_005}}, true},
		{[][2]int64{{-1, 10}, {0, int64(len(old))}}, false},
		{[][2]int64{{-1, 3 * minHole / 2}, {3 * minHole / 2, int64(len(old)) - 3*minHole/2}}, true}, // behind a hole
	} {
		s, err := r.Stage()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Discard()
		sp := chunk.NewSplitter(chunk.MinBits, nil)
		s.Split(sp)
		var want []byte
		for _, p := range c.parts {
			if p[0] < 0 {
				b := slices.Repeat([]byte{byte(-1 - p[0])}, int(p[1]))
				_, err = s.Write(b)
				want = append(want, b...)
			} else {
				err = s.CopyPart(f, p[0], p[1])
				want = append(want, old[p[0]:p[0]+p[1]]...)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Finish(fileValue(string(want))); err != nil {
			t.Fatal(i, err)
		}
		if n := total(sp.Recipe()); n != int64(len(want)) {
			t.Errorf("%d: a recipe of %d bytes", i, n)
		}
		p := folder.Path("new" + string(rune('0'+i)))
		if _, err := r.Put(p, s, folder.Local{}); err != nil {
			t.Fatal(err)
		}
		wantFile(t, filepath.Join(top, string(p)), string(want))
		now := used()
		if took := now - before; c.shared != (took < 4<<20) {
			t.Errorf("%d: %d bytes more are used", i, took)
		}
		before = now
	}
}

func total(r *chunk.Recipe) (n int64) {
	for _, c := range r.Chunks {
		n += c.Length
	}
	return n
}
