package disk

import (
	"os"
	"path/filepath"
	"testing"

	"qsync/folder"
)

// F27: what is known below a directory that was a mount, and is not there now that
// it is none, did not vanish, however the look comes by it; nor did what something
// of another kind stands for. It ends when all is there again, or the directory
// itself is gone.
func TestScanUnmounted(t *testing.T) {
	r, x := known(t, "a/d/y", "a/x", "b")
	root := r.Path()
	whole := 0
	o := ScanOptions{Mounts: func(p folder.Path) bool { return p == "a" }, Whole: func(folder.Path) { whole++ }}
	away := filepath.Join(t.TempDir(), "away")
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	missing := func(what string, o ScanOptions) {
		t.Helper()
		l := look(t, r, x, o)
		for _, f := range l.found {
			if f.Path != "a" || f.After.Value.Kind != folder.Dir { // its time
				t.Errorf("%s: found %+v", what, f)
			}
		}
		wantProblem(t, l, "a", ErrUnmounted)
	}
	rename(filepath.Join(root, "a/d"), away)
	for _, c := range []struct {
		under   folder.Path
		shallow bool
	}{{"", false}, {"a", false}, {"a/d", false}, {"a/d", true}, {"a/d/y", false}, {"a/d/y", true}} {
		o := o
		o.Under, o.Shallow = c.under, c.shallow
		missing(string(c.under), o)
	}
	if err := os.WriteFile(filepath.Join(root, "a/d"), []byte("a file"), 0o644); err != nil {
		t.Fatal(err)
	}
	missing("another kind", o)
	if err := os.Remove(filepath.Join(root, "a/d")); err != nil {
		t.Fatal(err)
	}
	if whole > 0 {
		t.Errorf("called whole %d times", whole)
	}
	l := look(t, r, x, ScanOptions{}) // the same, of what was never a mount
	if len(l.found) < 2 || len(l.problems) > 0 {
		t.Errorf("%+v %v", l.found, l.problems)
	}
	rename(away, filepath.Join(root, "a/d"))
	if l = look(t, r, x, o); len(l.problems) > 0 || whole != 1 {
		t.Errorf("%v, called whole %d times", l.problems, whole)
	}
	rename(filepath.Join(root, "a"), away)
	l = look(t, r, x, o)
	wantPaths(t, l, "a:directory>absent", "a/d:directory>absent", "a/d/y:file>absent", "a/x:file>absent")
	if len(l.problems) > 0 {
		t.Error(l.problems)
	}
}
