//go:build unix

package integration

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tree is what is below a directory: a line of text a path, which is different
// whenever the entry is.
type tree map[string]string

// look is how close a tree is looked at.
type look int

const (
	synced    look = iota // what sync promises; .qsync is not part of it
	untouched             // all of it, and inodes and change times too: nobody wrote
	entries               // as synced, without the times of directories
)

// read describes what is below root. A path that goes while it is read is as
// good as never there.
func (l look) read(root string) (tree, error) {
	all := tree{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && p != root {
			return nil
		}
		if err != nil {
			return err
		}
		if l != untouched && p == filepath.Join(root, ".qsync") {
			return filepath.SkipDir
		}
		if l != untouched && p == root {
			return nil
		}
		line, err := l.describe(p)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		all[p[len(root):]] = line
		return err
	})
	return all, err
}

func (l look) describe(p string) (string, error) {
	fi, err := os.Lstat(p)
	if err != nil {
		return "", err
	}
	line := fi.Mode().String()
	switch {
	case fi.Mode().IsRegular():
		digest, err := digestOf(p)
		if err != nil {
			return "", err
		}
		line += fmt.Sprintf(" %d bytes %s %d", fi.Size(), digest, fi.ModTime().UnixNano())
	case fi.IsDir() && l == entries:
	case fi.IsDir():
		line += fmt.Sprintf(" %d", fi.ModTime().UnixNano())
	case fi.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(p)
		if err != nil {
			return "", err
		}
		line = fmt.Sprintf("symlink to %q", target)
	}
	if l == untouched {
		st := fi.Sys().(*syscall.Stat_t)
		line += fmt.Sprintf(" inode %d changed %v", st.Ino, changeTime(st))
	}
	return line, nil
}

func digestOf(p string) (string, error) {
	f, err := os.Open(p)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), nil
}

func (l look) must(t *testing.T, root string) tree {
	t.Helper()
	all, err := l.read(root)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// differs says where two trees differ; nil if nowhere.
func differs(a, b tree) error {
	paths := slices.Sorted(maps.Keys(a))
	for p := range b {
		if _, ok := a[p]; !ok {
			paths = append(paths, p)
		}
	}
	var lines []string
	for _, p := range paths {
		if a[p] != b[p] {
			lines = append(lines, fmt.Sprintf("%q: %q, %q", p, a[p], b[p]))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	n := len(lines)
	return fmt.Errorf("%d paths differ:\n%s", n, strings.Join(lines[:min(n, 12)], "\n"))
}

// same waits until all directories hold the same.
func same(t *testing.T, dirs ...string) {
	t.Helper()
	eventually(t, func() error { return synced.unequal(dirs...) })
}

func (l look) unequal(dirs ...string) error {
	first, err := l.read(dirs[0])
	if err != nil {
		return err
	}
	for _, dir := range dirs[1:] {
		other, err := l.read(dir)
		if err != nil {
			return err
		}
		if err := differs(first, other); err != nil {
			return fmt.Errorf("%s and %s: %w", dirs[0], dir, err)
		}
	}
	return nil
}

// unchanged runs do and checks that nobody wrote into the directories meanwhile.
func unchanged(t *testing.T, do func(), dirs ...string) {
	t.Helper()
	before := make([]tree, len(dirs))
	for i, dir := range dirs {
		before[i] = untouched.must(t, dir)
	}
	do()
	for i, dir := range dirs {
		if err := differs(before[i], untouched.must(t, dir)); err != nil {
			t.Errorf("%s was touched: %v", dir, err)
		}
	}
}

// write makes a file and the directories it is in.
func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// fill writes n small files below dir, all different.
func fill(t *testing.T, dir string, n int) {
	t.Helper()
	for i := range n {
		write(t, filepath.Join(dir, fmt.Sprintf("d%d", i%7), fmt.Sprintf("f%d", i)), fmt.Sprintf("%s %d", dir, i))
	}
}

// holds waits until a file has that content.
func holds(t *testing.T, path, content string) {
	t.Helper()
	eventually(t, func() error {
		b, err := os.ReadFile(path)
		if err == nil && string(b) != content {
			err = fmt.Errorf("%s holds %.40q, want %.40q", path, b, content)
		}
		return err
	})
}

// gone waits until there is nothing at a path.
func gone(t *testing.T, path string) {
	t.Helper()
	eventually(t, func() error {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s is still there", path)
		}
		return nil
	})
}

// kept reports whether the versions of a folder hold a content.
func kept(t *testing.T, root, content string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(filepath.Join(root, ".qsync", "versions"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(p)
		found = found || string(b) == content
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

// must fails the test for an error of its own doing.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dirs makes named directories in a place of the test's own.
func dirs(t *testing.T, names ...string) []string {
	t.Helper()
	top := t.TempDir()
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = filepath.Join(top, name)
		must(t, os.Mkdir(all[i], 0o755))
	}
	return all
}

// long ago is a time that no file gets by itself.
var longAgo = time.Date(2001, 2, 3, 4, 5, 6, 789_012_345, time.UTC)

// richTree makes one entry of every kind that is synced.
func richTree(t *testing.T, dir string) {
	t.Helper()
	fill(t, dir, 20)
	write(t, filepath.Join(dir, "script.sh"), "#!/bin/sh\n")
	must(t, os.Chmod(filepath.Join(dir, "script.sh"), 0o755))
	write(t, filepath.Join(dir, "empty"), "")
	must(t, os.MkdirAll(filepath.Join(dir, "hollow", "inner"), 0o755))
	must(t, os.Symlink("script.sh", filepath.Join(dir, "link")))
	must(t, os.Symlink("/nowhere/at all", filepath.Join(dir, "dangling")))
	write(t, filepath.Join(dir, "old", "private"), "mine")
	must(t, os.Chmod(filepath.Join(dir, "old", "private"), 0o600))
	must(t, os.Chtimes(filepath.Join(dir, "old", "private"), longAgo, longAgo))
	must(t, os.Chtimes(filepath.Join(dir, "old"), longAgo, longAgo))
	must(t, os.Chmod(filepath.Join(dir, "hollow"), 0o700))
}
