package disk

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"qsync/folder"
)

// exfat mounts a new exFAT file system: it takes foo for Foo, refuses some names
// and all links, and can neither exchange two names nor keep a time exactly.
func exfat(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	image, at := filepath.Join(top, "image"), filepath.Join(top, "mnt")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 32<<20), os.Mkdir(at, 0o755)); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("this test mounts an exFAT file system, for which it needs root, /dev/fuse, exfatprogs and exfat-fuse: %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("mkfs.exfat", image)
	loop := run("losetup", "-f", "--show", image)
	t.Cleanup(func() { _ = exec.Command("losetup", "-d", loop).Run() })
	run("mount.exfat-fuse", loop, at)
	t.Cleanup(func() { _ = syscall.Unmount(at, syscall.MNT_DETACH) })
	return at
}

func exfatRoot(t *testing.T) *Root {
	t.Helper()
	r, err := Open(exfat(t), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// putText puts a file with that content.
func putText(t *testing.T, r *Root, p folder.Path, text string, before folder.Local) (Placed, error) {
	t.Helper()
	s, err := r.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Discard()
	if _, err := s.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(fileValue(text)); err != nil {
		t.Fatal(err)
	}
	return r.Put(p, s, before)
}

func listOf(t *testing.T, dir string) string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range all {
		if e.Name() != folder.Reserved {
			out = append(out, e.Name())
		}
	}
	return strings.Join(out, " ")
}

// F51: the second spelling is a collision, and the first stays as it is, whatever
// is asked for by the second.
func TestCaseCollision(t *testing.T) {
	r := exfatRoot(t)
	first, err := putText(t, r, "Foo", "first", folder.Local{})
	if err != nil {
		t.Fatal(err)
	}
	if off := first.Local.Value.MTime - stamp; off < -coarseTick.Nanoseconds() || off > coarseTick.Nanoseconds() {
		t.Errorf("its time is off by %v", time.Duration(off))
	}
	// A time near the one at which it is written, of which the file system keeps the
	// seconds: it is that one all the same.
	near := fileValue("near")
	near.MTime = time.Now().Add(-1900 * time.Millisecond).UnixNano()
	s, err := r.Stage()
	if err == nil {
		_, err = s.Write([]byte("near"))
	}
	if err == nil {
		err = s.Finish(near)
	}
	var placed Placed
	if err == nil {
		placed, err = r.Put("near", s, folder.Local{})
	}
	if got := placed.Local.Value.MTime; err != nil || got != near.MTime-near.MTime%1e9 {
		t.Errorf("its time is off by %v, %v", time.Duration(got-near.MTime), err)
	}
	if _, err := r.Remove("near", placed.Local); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Mkdir("Dir", folder.Value{Kind: folder.Dir, Mode: 0o755}, folder.Local{}); err != nil {
		t.Fatal(err)
	}
	var c *CollisionError
	collides := func(what string, err error, with string) {
		t.Helper()
		if !errors.As(err, &c) || c.Other != with || !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "case collision") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = putText(t, r, "foo", "second", folder.Local{})
	collides("file", err, "Foo")
	_, err = r.Mkdir("FOO", folder.Value{Kind: folder.Dir, Mode: 0o755}, folder.Local{})
	collides("directory on file", err, "Foo")
	_, err = r.Mkdir("dir", folder.Value{Kind: folder.Dir, Mode: 0o755}, folder.Local{})
	collides("directory", err, "Dir")
	_, err = r.Rename("Dir", "fOO", folder.Local{Value: folder.Value{Kind: folder.Dir}})
	collides("rename", err, "Foo")
	// What the map holds by one spelling is not there by another.
	for what, err := range map[string]error{
		"put":    func() error { _, err := putText(t, r, "foo", "second", first.Local); return err }(),
		"remove": func() error { _, err := r.Remove("foo", first.Local); return err }(),
		"rmdir": func() error {
			_, err := r.Remove("dir", folder.Local{Value: folder.Value{Kind: folder.Dir}})
			return err
		}(),
		"metadata": func() error { _, err := r.SetMeta("foo", first.Local.Value, first.Local); return err }(),
		"respell":  r.Respell("fOO", "foo", first.Local),
	} {
		if !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if r.Unchanged("foo", first.Local) || !r.Unchanged("foo", folder.Local{}) || !r.Unchanged("Foo", first.Local) {
		t.Error("another spelling is taken for the entry")
	}
	if got := listOf(t, r.Path()); got != "Dir Foo" {
		t.Error(got)
	}
	if b, err := os.ReadFile(filepath.Join(r.Path(), "Foo")); err != nil || string(b) != "first" {
		t.Error(string(b), err)
	}
	if _, err := putText(t, r, "Foo", "third", first.Local); err != nil {
		t.Error("by its own name:", err)
	}
}

// F52: a scan sees that case alone changed, by the whole tree and by hints, and
// Respell makes the same change.
func TestCaseRename(t *testing.T) {
	r := exfatRoot(t)
	grow(t, r.Path(), "Foo", "Dir/Sub/x", "other")
	x := index{}
	x.adopt(look(t, r, x, ScanOptions{}).found)
	wantPaths(t, look(t, r, x, ScanOptions{Holds: x.holds}))
	for from, to := range map[string]string{"Foo": "foo", "Dir": "dir"} {
		// This file system refuses that in one step where the directory is not empty.
		aside := filepath.Join(r.Path(), "aside")
		if err := errors.Join(os.Rename(filepath.Join(r.Path(), from), aside), os.Rename(aside, filepath.Join(r.Path(), to))); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"Dir:directory>absent", "Dir/Sub:directory>absent", "Dir/Sub/x:file>absent", "Foo:file>absent",
		"dir:absent>directory", "dir/Sub:absent>directory", "dir/Sub/x:absent>file", "foo:absent>file"}
	l := look(t, r, x, ScanOptions{})
	wantPaths(t, l, want...)
	wantPaths(t, look(t, r, x, ScanOptions{Under: "Foo", Shallow: true}), "Foo:file>absent")
	wantPaths(t, look(t, r, x, ScanOptions{Under: "foo", Shallow: true}), "foo:absent>file")
	wantPaths(t, look(t, r, x, ScanOptions{Under: "FOO", Shallow: true}))
	wantPaths(t, look(t, r, x, ScanOptions{Under: "Dir/Sub/x"}), "Dir/Sub/x:file>absent")
	wantPaths(t, look(t, r, x, ScanOptions{Under: "dir"}), want[4:7]...)
	x.adopt(l.found)
	for from, to := range map[folder.Path]folder.Path{"foo": "FoO", "dir": "DIR"} {
		if err := r.Respell(from, to, x[from]); err != nil {
			t.Error(err)
		}
	}
	if got := listOf(t, r.Path()); got != "DIR FoO other" {
		t.Error(got)
	}
	if b, err := os.ReadFile(filepath.Join(r.Path(), "DIR", "Sub", "x")); err != nil || string(b) != "Dir/Sub/x" {
		t.Error(string(b), err)
	}
}

// F54, F56, F61: what the file system cannot hold is said to be that, and leaves
// nothing behind.
func TestNamesThatAreRefused(t *testing.T) {
	r := exfatRoot(t)
	for _, p := range []folder.Path{"a:b", "what?", "a\tb", "back\\slash", "\x1b[31m", "bad\xff", "<", "d*"} {
		if _, err := putText(t, r, p, "x", folder.Local{}); !errors.Is(err, ErrName) {
			t.Errorf("file %q: %v", p, err)
		}
		if _, err := r.Mkdir(p, folder.Value{Kind: folder.Dir, Mode: 0o755}, folder.Local{}); !errors.Is(err, ErrName) {
			t.Errorf("directory %q: %v", p, err)
		}
	}
	if _, err := r.Symlink("link", folder.Value{Kind: folder.Symlink, Target: "x"}, folder.Local{}); !errors.Is(err, ErrNoLinks) {
		t.Errorf("symlink: %v", err)
	}
	for _, p := range []folder.Path{"CON", "aux.txt", "dot.", "space ", folder.Path(strings.Repeat("ü", 127)), "-n", "\u202etxt"} {
		if _, err := putText(t, r, p, "x", folder.Local{}); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
	if _, err := putText(t, r, "no/such/dir", "x", folder.Local{}); !errors.Is(err, ErrNoParent) {
		t.Error(err)
	}
	tmp, err := os.ReadDir(filepath.Join(r.Path(), folder.Reserved, "tmp"))
	if err != nil || len(tmp) != 0 {
		t.Error(tmp, err)
	}
	if _, err := os.Stat(filepath.Join(r.Path(), "what")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
