package disk

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"qsync/folder"
)

var (
	dirValue  = folder.Value{Kind: folder.Dir, Mode: 0o750, MTime: stamp}
	linkValue = folder.Value{Kind: folder.Symlink, Target: "../no/where", MTime: stamp}
	nothing   = folder.Local{}
)

// eachRoot runs f on every kind of root: the default file system, one in
// memory where there is one, and both as if they could not exchange names.
func eachRoot(t *testing.T, f func(t *testing.T, r *Root)) {
	for _, base := range []string{os.TempDir(), "/dev/shm"} {
		if fi, err := os.Stat(base); err != nil || !fi.IsDir() {
			continue
		}
		for _, crude := range []bool{false, true} {
			name := base
			if crude {
				name += " crude"
			}
			t.Run(name, func(t *testing.T) {
				path, err := os.MkdirTemp(base, "qsync-test-")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { os.RemoveAll(path) })
				r := openRootAt(t, path)
				r.crude = crude
				f(t, r)
				wantClean(t, r)
			})
		}
	}
}

func (r *Root) full(p string) string { return filepath.Join(r.path, p) }

// versionsOf returns the names in a directory of versions, but for what stands
// for a directory or keeps a long name.
func versionsOf(t *testing.T, r *Root, dir string) []string {
	t.Helper()
	return slices.DeleteFunc(names(t, r.full(".qsync/versions/"+dir)), func(name string) bool {
		v, _ := parseVersion(name)
		return v.dir || strings.HasPrefix(name, namePrefix)
	})
}

func TestPut(t *testing.T) {
	eachRoot(t, func(t *testing.T, r *Root) {
		l := put(t, r, "a.txt", "one", nothing)
		if l.Value != fileValue("one") || !l.Dot.IsZero() || l != seen(t, r, "a.txt") {
			t.Errorf("placed %+v, on disk %+v", l, seen(t, r, "a.txt"))
		}
		wantFile(t, r.full("a.txt"), "one")
		if v := versionsOf(t, r, ""); len(v) != 0 {
			t.Errorf("versions of nothing: %q", v)
		}
		l = put(t, r, "a.txt", "two", l)
		if l != seen(t, r, "a.txt") {
			t.Errorf("placed %+v, on disk %+v", l, seen(t, r, "a.txt"))
		}
		wantFile(t, r.full("a.txt"), "two")
		v := versionsOf(t, r, "")
		if len(v) != 1 || !strings.HasPrefix(v[0], "a~") || !strings.HasSuffix(v[0], ".txt") {
			t.Fatalf("versions: %q", v)
		}
		wantFile(t, r.full(".qsync/versions/"+v[0]), "one")
		if fi, err := os.Stat(r.full(".qsync/versions/" + v[0])); err != nil || fi.ModTime().UnixNano() != stamp {
			t.Errorf("a version lost its time: %v, %v", fi.ModTime(), err)
		}
	})
}

func TestRestat(t *testing.T) {
	r := openRoot(t)
	l := put(t, r, "a", "one", nothing)
	if s, ok := r.Restat("a", l); !ok || !s.Racy || s.Inode != l.Stat.Inode || s.CTime != l.Stat.CTime {
		t.Errorf("at once: %+v, %v", s, ok)
	}
	time.Sleep(2 * fineTick)
	if s, ok := r.Restat("a", l); !ok || s != l.Stat {
		t.Errorf("later: %+v, %v; want %+v", s, ok, l.Stat)
	}
	l.Stat.Racy = true
	if s, ok := r.Restat("a", l); !ok || !s.Racy {
		t.Errorf("racy for good: %+v, %v", s, ok)
	}
	write(t, r.full("a"), "two")
	if _, ok := r.Restat("a", l); ok {
		t.Error("a change went unseen")
	}
	if _, ok := r.Restat("none/a", l); ok {
		t.Error("nothing there went unseen")
	}
}

// TestChanged checks that every mutator refuses what the index does not know,
// and touches nothing.
func TestChanged(t *testing.T) {
	stale := func(t *testing.T, r *Root) folder.Local {
		l := put(t, r, "a", "one", nothing)
		write(t, r.full("a"), "two")
		return l
	}
	mutators := map[string]func(r *Root, s *Staged, l folder.Local) error{
		"Put":     func(r *Root, s *Staged, l folder.Local) error { _, err := r.Put("a", s, l); return err },
		"Put new": func(r *Root, s *Staged, _ folder.Local) error { _, err := r.Put("a", s, nothing); return err },
		"Put on directory": func(r *Root, s *Staged, _ folder.Local) error {
			_, err := r.Put("a", s, folder.Local{Value: dirValue})
			return err
		},
		"Mkdir":     func(r *Root, _ *Staged, l folder.Local) error { _, err := r.Mkdir("a", dirValue, l); return err },
		"Mkdir new": func(r *Root, _ *Staged, _ folder.Local) error { _, err := r.Mkdir("a", dirValue, nothing); return err },
		"Symlink":   func(r *Root, _ *Staged, l folder.Local) error { _, err := r.Symlink("a", linkValue, l); return err },
		"Symlink new": func(r *Root, _ *Staged, _ folder.Local) error {
			_, err := r.Symlink("a", linkValue, nothing)
			return err
		},
		"SetMeta":     func(r *Root, _ *Staged, l folder.Local) error { _, err := r.SetMeta("a", l.Value, l); return err },
		"Rename":      func(r *Root, _ *Staged, l folder.Local) error { _, err := r.Rename("a", "b", l); return err },
		"Remove":      func(r *Root, _ *Staged, l folder.Local) error { return drop(r, "a", l) },
		"Remove none": func(r *Root, _ *Staged, _ folder.Local) error { return drop(r, "a", nothing) },
		"Remove directory": func(r *Root, _ *Staged, _ folder.Local) error {
			return drop(r, "a", folder.Local{Value: dirValue})
		},
		"OpenFile": func(r *Root, _ *Staged, l folder.Local) error { _, err := r.OpenFile("a", l); return err },
	}
	for name, f := range mutators {
		t.Run(name, func(t *testing.T) {
			eachRoot(t, func(t *testing.T, r *Root) {
				l := stale(t, r)
				s := stage(t, r, "three")
				before := seen(t, r, "a")
				if err := f(r, s, l); !errors.Is(err, ErrChanged) {
					t.Errorf("got %v", err)
				}
				if seen(t, r, "a") != before || len(names(t, r.path)) != 1 || len(versionsOf(t, r, "")) != 0 {
					t.Errorf("something was touched: %q", names(t, r.path))
				}
				s.Discard()
			})
		})
	}
}

func TestVanished(t *testing.T) {
	eachRoot(t, func(t *testing.T, r *Root) {
		l := put(t, r, "a", "one", nothing)
		os.Remove(r.full("a"))
		s := stage(t, r, "two")
		_, errPut := r.Put("a", s, l)
		_, errMeta := r.SetMeta("a", l.Value, l)
		_, errRename := r.Rename("a", "b", l)
		_, errOpen := r.OpenFile("a", l)
		for i, err := range []error{errPut, errMeta, errRename, errOpen, drop(r, "a", l), drop(r, "a", folder.Local{Value: dirValue})} {
			if !errors.Is(err, ErrChanged) {
				t.Errorf("%d: %v", i, err)
			}
		}
		// After the rescan the same staged file is put again.
		if _, err := r.Put("a", s, nothing); err != nil {
			t.Error(err)
		}
	})
}

func TestNoParent(t *testing.T) {
	eachRoot(t, func(t *testing.T, r *Root) {
		outside := t.TempDir()
		put(t, r, "file", "x", nothing)
		if err := os.Symlink(outside, r.full("link")); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []folder.Path{"none", "file", "link"} {
			s := stage(t, r, "x")
			_, errPut := r.Put(dir.Join("a"), s, nothing)
			_, errMkdir := r.Mkdir(dir.Join("a"), dirValue, nothing)
			_, errLink := r.Symlink(dir.Join("a"), linkValue, nothing)
			_, errMeta := r.SetMeta(dir.Join("a"), s.value, folder.Local{Value: s.value})
			_, errRename := r.Rename("file", dir.Join("a"), seen(t, r, "file"))
			_, errOpen := r.OpenFile(dir.Join("a"), nothing)
			for i, err := range []error{errPut, errMkdir, errLink, errMeta, errRename, errOpen, drop(r, dir.Join("a"), nothing)} {
				if !errors.Is(err, ErrNoParent) {
					t.Errorf("%d below %s: %v", i, dir, err)
				}
			}
			s.Discard()
		}
		if got := names(t, outside); len(got) != 0 {
			t.Errorf("outside: %q", got)
		}
	})
}

func TestMkdirAndKinds(t *testing.T) {
	eachRoot(t, func(t *testing.T, r *Root) {
		d, err := r.Mkdir("x", dirValue, nothing)
		if err != nil || d.Local.Value != dirValue {
			t.Fatalf("%+v, %v", d, err)
		}
		inner := put(t, r, "x/in", "inner", nothing)
		// Directory to file and to symlink only when empty.
		s := stage(t, r, "file")
		if _, err := r.Put("x", s, d.Local); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("Put on a full directory: %v", err)
		}
		if err := drop(r, "x", d.Local); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("Remove of a full directory: %v", err)
		}
		wantFile(t, r.full("x/in"), "inner")
		if err := drop(r, "x/in", inner); err != nil {
			t.Fatal(err)
		}
		file, err := r.Put("x", s, d.Local)
		if err != nil {
			t.Fatal(err)
		}
		link, err := r.Symlink("x", linkValue, file.Local)
		if err != nil || link.Local.Value.Target != linkValue.Target {
			t.Fatalf("%+v, %v", link, err)
		}
		if got, err := os.Readlink(r.full("x")); err != nil || got != linkValue.Target {
			t.Errorf("symlink: %q, %v", got, err)
		}
		if d, err = r.Mkdir("x", dirValue, link.Local); err != nil || d.Local.Value != dirValue {
			t.Fatalf("%+v, %v", d, err)
		}
		changed := dirValue
		changed.Mode, changed.MTime = 0o555, stamp+1
		if d, err = r.Mkdir("x", changed, d.Local); err != nil || d.Local.Value != changed {
			t.Errorf("%+v, %v", d, err)
		}
		link, err = r.Symlink("x", linkValue, d.Local)
		if err != nil {
			t.Fatal(err)
		}
		if err := drop(r, "x", link.Local); err != nil || len(names(t, r.path)) != 0 {
			t.Errorf("%v, left %q", err, names(t, r.path))
		}
		if v := versionsOf(t, r, ""); len(v) != 4 { // file, symlink, symlink, and the directory for those of x/in
			t.Errorf("versions: %q", v)
		}
	})
}

func TestSetMeta(t *testing.T) {
	eachRoot(t, func(t *testing.T, r *Root) {
		l := put(t, r, "a", "one", nothing)
		v := l.Value
		v.Mode = 0
		got, err := r.SetMeta("a", v, l)
		if err != nil || got.Local != seen0(t, r, "a", v) || got.Local.Stat.Racy {
			t.Fatalf("mode: %+v, %v", got, err)
		}
		v.Mode, v.MTime = 0o751, -5e9-1
		got, err = r.SetMeta("a", v, got.Local)
		if err != nil || got.Local.Value != v || !got.Local.Stat.Racy {
			t.Fatalf("time: %+v, %v", got, err)
		}
		link, err := r.Symlink("l", linkValue, nothing)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.SetMeta("l", linkValue, link.Local); err != nil || got.Local.Stat != link.Local.Stat {
			t.Errorf("symlink: %+v, %v", got, err)
		}
	})
}

// seen0 is seen of a file of known value, which may be unreadable.
func seen0(t *testing.T, r *Root, p folder.Path, v folder.Value) folder.Local {
	t.Helper()
	l := seen(t, r, p)
	l.Value.Digest = v.Digest
	if l.Value != v {
		t.Errorf("%s is %+v, want %+v", p, l.Value, v)
	}
	return l
}

func TestRename(t *testing.T) {
	eachRoot(t, func(t *testing.T, r *Root) {
		d, err := r.Mkdir("d", dirValue, nothing)
		if err != nil {
			t.Fatal(err)
		}
		a := put(t, r, "d/a", "one", nothing)
		put(t, r, "b", "two", nothing)
		if _, err := r.Rename("d/a", "b", a); !errors.Is(err, ErrChanged) {
			t.Errorf("onto another: %v", err)
		}
		moved, err := r.Rename("d/a", "c", a)
		if err != nil || moved.Local != seen(t, r, "c") {
			t.Fatalf("%+v, %v", moved, err)
		}
		if _, err := r.Rename("c", "d/a", moved.Local); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Rename("d", "e", d.Local); err != nil {
			t.Fatal(err)
		}
		wantFile(t, r.full("e/a"), "one")
		wantFile(t, r.full("b"), "two")
	})
}

func TestOpenFile(t *testing.T) {
	r := openRoot(t)
	l := put(t, r, "a", "one", nothing)
	f, err := r.OpenFile("a", l)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.Mkdir(r.full("d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range []folder.Path{"d", "none"} {
		if _, err := r.OpenFile(p, l); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", p, err)
		}
	}
}
