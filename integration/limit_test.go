//go:build unix

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestFewDescriptors: where a process may have few files open, as many small
// files as there are come in all the same.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	const folders, files = 20, 150
	top := t.TempDir()
	src, dst := filepath.Join(top, "src"), filepath.Join(top, "dst")
	must(t, os.Mkdir(dst, 0o755))
	for d := range folders {
		dir := filepath.Join(src, fmt.Sprint(d))
		must(t, os.MkdirAll(dir, 0o755))
		for i := range files {
			must(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), fmt.Append(nil, d, i), 0o644))
		}
	}
	m := newMachine(t, "a")
	m.wrap = []string{"sh", "-c", `ulimit -n 128 && exec "$0" "$@"`}
	m.must(0, src, dst, "--once", "--no-discovery", "--listen", "127.0.0.1:0")
	for d := range folders {
		got, err := os.ReadDir(filepath.Join(dst, fmt.Sprint(d)))
		if err != nil || len(got) != files {
			t.Errorf("%d of %d files in directory %d: %v", len(got), files, d, err)
		}
	}
}
