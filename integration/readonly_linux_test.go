package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A source may be mounted read-only: nothing is written into it, not once and
// not in a run that follows it. (F93)
func TestReadOnlySource(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "real", "view", "dst")
	real, view, dst := d[0], d[1], d[2]
	richTree(t, real)
	bindReadOnly(t, real, view)
	if err := os.WriteFile(filepath.Join(view, "x"), nil, 0o644); err == nil {
		t.Fatal("the mount is not read-only")
	}
	unchanged(t, func() { m.must(0, view, dst, "--once") }, real)
	must(t, synced.unequal(real, dst))
	p := m.start(view, dst)
	m.settles(1)
	write(t, filepath.Join(real, "d0", "later"), "later")
	must(t, os.Remove(filepath.Join(real, "empty")))
	before := untouched.must(t, real)
	same(t, real, dst)
	m.settles(1)
	p.end(syscall.SIGINT, 130)
	if err := differs(before, untouched.must(t, real)); err != nil {
		t.Errorf("the source was touched: %v", err)
	}
}

// bindReadOnly shows a directory at another place, where nobody can write.
func bindReadOnly(t *testing.T, real, view string) {
	t.Helper()
	for _, args := range [][]string{{"--bind", real, view}, {"-o", "remount,bind,ro", view}} {
		if out, err := exec.Command("mount", args...).CombinedOutput(); err != nil {
			t.Fatalf("this test mounts a directory read-only, for which it has to run as root: %v: %s", err, out)
		}
		if args[0] == "--bind" {
			t.Cleanup(func() { _ = syscall.Unmount(view, syscall.MNT_DETACH) })
		}
	}
}
