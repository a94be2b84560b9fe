package disk

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"qsync/folder"
)

// F69: what is ignored is neither found nor vanished, whether it is there or
// not; nested ignore files add to those above.
func TestScanIgnored(t *testing.T) {
	r, x := known(t, "a.log", "build/x", "src/main", "src/gen/y", "src/gone.tmp", "old.log")
	root := r.Path()
	write(t, filepath.Join(root, IgnoreName), "*.log\nbuild/\n")
	write(t, filepath.Join(root, "src", IgnoreName), "gen\n*.tmp\n!keep.tmp\n")
	grow(t, root, "b.log", "build/new", "src/gen/new", "src/keep.tmp", "src/other.tmp", "src/a.log")
	remove(t, root, "old.log")
	remove(t, root, "src/gone.tmp")
	remove(t, root, "build/x")
	o := ScanOptions{Ignore: folder.NewIgnore([]string{"main"})}
	whole := look(t, r, x, o)
	wantPaths(t, whole, ".syncignore:absent>file", "a.log:file>ignored", "build:directory>ignored", "build/x:file>ignored", "old.log:file>ignored",
		"src:directory>directory", "src/.syncignore:absent>file", "src/gen:directory>ignored", "src/gen/y:file>ignored",
		"src/gone.tmp:file>ignored", "src/keep.tmp:absent>file", "src/main:file>ignored")
	for _, f := range whole.found { // that it is ignored is told once, and nothing more
		if f.After.Ignored {
			x[f.Path] = f.After
		}
	}
	want := []string{".syncignore:absent>file", "src:directory>directory", "src/.syncignore:absent>file", "src/keep.tmp:absent>file"}
	wantPaths(t, look(t, r, x, o), want...)
	o.Under = "src"
	wantPaths(t, look(t, r, x, o), want[1:]...)
	for _, p := range []folder.Path{"src/keep.tmp", "src/gen/new", "build/x", "src/gone.tmp", "old.log", "src/a.log"} {
		o.Under, o.Shallow = p, true
		if l := look(t, r, x, o); (len(l.found) == 1) != (p == "src/keep.tmp") {
			t.Errorf("%s: %q", p, l.paths())
		}
	}
	// What is ignored no more is told, here or gone.
	remove(t, root, "src", IgnoreName)
	wantPaths(t, look(t, r, x, ScanOptions{Under: "src"}), "src:directory>directory", "src/gen:directory>directory",
		"src/gen/new:absent>file", "src/gen/y:file>file", "src/gone.tmp:file>absent", "src/keep.tmp:absent>file", "src/main:file>file", "src/other.tmp:absent>file")
	// A directory that vanished takes along what is not ignored.
	remove(t, root, "src")
	remove(t, root, "build")
	wantPaths(t, look(t, r, x, ScanOptions{Ignore: folder.NewIgnore([]string{"src/gen/"})}),
		".syncignore:absent>file", "src:directory>absent", "src/gone.tmp:file>absent", "src/main:file>absent")
}

func TestRootIgnore(t *testing.T) {
	r := openRoot(t)
	root := r.Path()
	grow(t, root, "a/b/c")
	write(t, filepath.Join(root, IgnoreName), "x\n")
	write(t, filepath.Join(root, "a/b", IgnoreName), "!x\ny\n")
	for _, c := range []struct {
		dir  folder.Path
		p    folder.Path
		want bool
	}{{"", "x", true}, {"a", "a/x", true}, {"a/b", "a/b/x", false}, {"a/b", "a/b/y", true},
		{"a/none/below", "a/none/below/x", true}, {"a/b/c", "a/b/c/y", true}} {
		g, err := r.Ignore(nil, c.dir)
		if err != nil || g.Match(c.p, false) != c.want {
			t.Errorf("%s: %v, want %v; %v", c.p, !c.want, c.want, err)
		}
	}
}

func TestIgnoreFileThatIsNone(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "patterns")
	write(t, outside, "a\n")
	for name, make := range map[string]func(string) error{
		"directory": func(p string) error { return os.Mkdir(p, 0o755) },
		"symlink":   func(p string) error { return os.Symlink(outside, p) },
	} {
		r := openRoot(t)
		grow(t, r.Path(), "a")
		if err := make(filepath.Join(r.Path(), IgnoreName)); err != nil {
			t.Fatal(err)
		}
		if l := look(t, r, index{}, ScanOptions{}); len(l.found) != 2 || len(l.problems) != 0 {
			t.Errorf("%s: %q %v", name, l.paths(), l.problems)
		}
	}
}

// An ignore file that nobody can take in makes its directory unknown: nobody
// can tell what it would hide.
func TestIgnoreFileTooLarge(t *testing.T) {
	r, x := known(t, "a", "d/x")
	if err := os.WriteFile(filepath.Join(r.Path(), "d", IgnoreName), bytes.Repeat([]byte("x\n"), MaxIgnoreFile/2+1), 0o644); err != nil {
		t.Fatal(err)
	}
	remove(t, r.Path(), "d/x")
	l := look(t, r, x, ScanOptions{})
	wantPaths(t, l)
	if len(l.problems) != 1 || l.problems[0].Path != "d" {
		t.Error(l.problems)
	}
	if _, err := r.Ignore(nil, "d"); err == nil {
		t.Error("no error")
	}
	if err := os.Truncate(filepath.Join(r.Path(), "d", IgnoreName), MaxIgnoreFile); err != nil {
		t.Fatal(err)
	}
	if l := look(t, r, x, ScanOptions{}); len(l.problems) != 0 {
		t.Error(l.problems)
	}
}
