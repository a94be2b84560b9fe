package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// older plants a version of a path that was replaced so long ago.
func older(t *testing.T, dir, name string, age time.Duration, size int) string {
	t.Helper()
	at := time.Now().Add(-age)
	stem, ext, _ := strings.Cut(name, ".")
	file := filepath.Join(dir, ".qsync/versions", stem+"~"+at.UTC().Format("20060102-150405.000")+"."+ext)
	must(t, os.MkdirAll(filepath.Dir(file), 0o700))
	content := make([]byte, size)
	copy(content, file) // none is like another one
	must(t, os.WriteFile(file, content, 0o600))
	must(t, os.Chtimes(file, time.Time{}, at.Add(-time.Hour)))
	return file
}

// What is kept of what sync replaces where nobody has said anything: five a path,
// 30 days, a tenth of the file system, and for that nothing that went within the
// last hour. The numbers are what people were promised, not the program's. (F31, F95)
func TestVersionsByDefault(t *testing.T) {
	t.Parallel()
	const day, mib = 24 * time.Hour, 1 << 20
	for _, c := range []struct {
		name string
		look time.Duration // since the last look, up to which age counts
		size int           // of each version
		of   func(i int) (name string, age time.Duration)
		n    int
		stay int // the first so many
	}{
		{"age", 2 * time.Hour, 10, func(i int) (string, time.Duration) {
			return fmt.Sprintf("d%d.txt", i), []time.Duration{day, 29 * day, 31 * day, 400 * day}[i]
		}, 4, 2},
		{"number", 2 * time.Hour, 10, func(i int) (string, time.Duration) { return "same.txt", time.Duration(i+1) * day }, 9, 5},
		{"space", 2 * time.Hour, mib, func(i int) (string, time.Duration) { return fmt.Sprintf("s%d.txt", i), time.Duration(i+1) * day }, 10, 4},
		// Six times a MiB and the last look four minutes ago, so that 64 are safe.
		{"within the hour", 4 * time.Minute, mib, func(i int) (string, time.Duration) {
			return fmt.Sprintf("h%d.txt", i), time.Duration([]int{1, 10, 20, 30, 40, 55, 75, 90}[i]) * time.Minute
		}, 8, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, "m")
			src, dst := dirs(t, "src")[0], mounted(t, "size=42m,mode=755") // a tenth is 4.2 MiB
			write(t, filepath.Join(src, "file"), "content")
			m.must(0, src, dst, "--once")
			var all []string
			for i := range c.n {
				name, age := c.of(i)
				all = append(all, older(t, dst, name, age, c.size))
			}
			looked := filepath.Join(dst, ".qsync/pruned")
			there := func() (n int) {
				for _, file := range all {
					if _, err := os.Lstat(file); err == nil {
						n++
					}
				}
				return n
			}
			eventually(t, func() error { // a run that ends at once may not get to it
				at := time.Now().Add(-c.look)
				must(t, os.WriteFile(looked, nil, 0o600))
				must(t, os.Chtimes(looked, at, at))
				m.must(0, src, dst, "--once")
				if n := there(); n > c.stay {
					return fmt.Errorf("%d versions are there, want %d", n, c.stay)
				}
				return nil
			})
			for i, file := range all {
				if _, err := os.Lstat(file); (err == nil) != (i < c.stay) {
					t.Errorf("%s: %v", filepath.Base(file), err)
				}
			}
		})
	}
}
