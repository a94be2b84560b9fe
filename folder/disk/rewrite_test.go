package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"qsync/folder"
)

// Rewrite leaves every kind of entry as it was, and what is not as it is said to
// be alone. (F6)
func TestRewrite(t *testing.T) {
	dir := t.TempDir()
	r, err := Open(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Writable(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d", "d/sub"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "d/f"), []byte("content"), 0o644), os.Symlink("f", filepath.Join(dir, "d/l"))); err != nil {
		t.Fatal(err)
	}
	found := map[folder.Path]folder.Local{}
	look := func() map[folder.Path]folder.Value {
		t.Helper()
		values := map[folder.Path]folder.Value{}
		_, err := r.Scan(t.Context(), ScanOptions{Found: func(x Found) error {
			found[x.Path], values[x.Path] = x.After, x.After.Value
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		delete(values, "d") // whose time this moves
		return values
	}
	before := look()
	if len(before) != 3 {
		t.Fatalf("found %v", before)
	}
	for p := range before {
		if err := r.Rewrite(p, found[p]); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
	if err := r.Rewrite("d/none", folder.Local{}); err != nil {
		t.Error(err)
	}
	after := look()
	for p, v := range before {
		if after[p] != v {
			t.Errorf("%s: %+v, was %+v", p, after[p], v)
		}
	}
	if len(after) != len(before) {
		t.Errorf("left %v", after)
	}
	if err := r.Rewrite("d/f", folder.Local{}); !errors.Is(err, ErrChanged) {
		t.Errorf("a file where there should be none: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "d/f"), []byte("another content"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.Rewrite("d/f", found["d/f"]); !errors.Is(err, ErrChanged) {
		t.Errorf("another file: %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "d/f")); err != nil || string(b) != "another content" {
		t.Errorf("%q, %v", b, err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, folder.Reserved, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
