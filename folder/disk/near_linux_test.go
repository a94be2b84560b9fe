package disk

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"qsync/folder"
)

// F27: nothing is reached below a mount, not by its directories either, and nothing
// that is kept open there keeps it from being taken off.
func TestMountIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := openRootAt(t, dir)
	sub := filepath.Join(dir, "sub")
	if err := os.MkdirAll(filepath.Join(sub, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{"bind": t.TempDir(), "tmpfs": ""} {
		kind, flags := "tmpfs", uintptr(0)
		if from != "" {
			kind, flags = "", syscall.MS_BIND
		}
		if err := syscall.Mount(from, sub, kind, flags, ""); err != nil {
			t.Fatalf("this test mounts a file system, for which it has to run as root: %v", err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(sub, syscall.MNT_DETACH) })
		if err := os.Mkdir(filepath.Join(sub, "empty"), 0o755); err != nil {
			t.Fatal(err)
		}
		v := folder.Value{Kind: folder.Dir, Mode: 0o700}
		before := folder.Local{Value: folder.Value{Kind: folder.Dir, Mode: 0o755}}
		_, err := r.Mkdir("sub/new", v, folder.Local{})
		_, merr := r.SetMeta("sub/empty", v, before)
		_, rerr := r.Remove("sub/empty", before)
		for _, err := range []error{err, merr, rerr} {
			if !errors.Is(err, ErrMount) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if fi, err := os.Stat(filepath.Join(sub, "empty")); err != nil || fi.Mode().Perm() != 0o755 {
			t.Errorf("%s: what is mounted was changed: %v %v", name, fi, err)
		}
		if err := r.SyncDir("sub"); !errors.Is(err, ErrNoParent) {
			t.Errorf("%s: flushed: %v", name, err)
		}
		if err := syscall.Unmount(sub, 0); err != nil {
			t.Errorf("%s: it cannot be taken off: %v", name, err)
		}
	}
}
