package peer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing/synctest"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
)

// The verbs of a user at a machine. Each hints at what it changed, unless
// quiet: then only a rescan will find it.

func (m *machine) path(p string) string { return filepath.Join(m.dir, filepath.FromSlash(m.below(p))) }

// below is p in the directory that the user works in.
func (m *machine) below(p string) string { return path.Join(m.within, p) }

// rest lets everything come to rest first, so that a change is not made in the
// middle of one by the node.
func (m *machine) rest() {
	if m.c.sync {
		synctest.Wait()
	}
}

func (m *machine) hint(p string, deep bool) { m.hints.send(m.below(p), deep) }

// hintWritten tells the node what its watcher would, had somebody written to p.
func (m *machine) hintWritten(p string) {
	m.hints.c <- disk.Hint{Path: folder.Path(m.below(p)), Wrote: true}
}

// send hints at a path, unless nobody listens.
func (h hints) send(p string, deep bool) {
	select {
	case h.c <- disk.Hint{Path: folder.Path(p), Deep: deep}:
	default:
	}
}

func (m *machine) must(err error) {
	m.c.Helper()
	if err != nil && (m.c.sync || !overtaken(err)) {
		m.c.Fatalf("%s: %v", m.name, err)
	}
}

// overtaken reports whether an operation failed because the node has changed
// something at the same moment.
func overtaken(err error) bool {
	for _, e := range []error{fs.ErrNotExist, fs.ErrExist, syscall.ENOTDIR, syscall.ENOTEMPTY, syscall.EISDIR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// write saves a file as editors do, by a rename, and makes its directories.
func (m *machine) write(p, content string) {
	m.c.Helper()
	m.writeMode(p, content, 0o644)
}

func (m *machine) writeMode(p, content string, mode fs.FileMode) {
	m.c.Helper()
	m.rest()
	m.must(os.MkdirAll(filepath.Dir(m.path(p)), 0o755))
	tmp := filepath.Join(m.c.dir, "saving")
	m.must(os.WriteFile(tmp, []byte(content), mode))
	m.must(os.Chmod(tmp, mode))
	now := time.Now()
	m.must(os.Chtimes(tmp, now, now))
	m.must(os.Rename(tmp, m.path(p)))
	m.hint(p, true)
	for d := filepath.Dir(p); d != "."; d = filepath.Dir(d) {
		m.hint(d, false)
	}
}

func (m *machine) mkdir(p string) {
	m.c.Helper()
	m.rest()
	m.must(os.MkdirAll(m.path(p), 0o755))
	m.hint(p, true)
}

func (m *machine) symlink(p, target string) {
	m.c.Helper()
	m.rest()
	m.must(os.Symlink(target, m.path(p)))
	m.hint(p, false)
}

// remove removes a file, or a whole tree.
func (m *machine) remove(p string) {
	m.c.Helper()
	m.rest()
	m.must(os.RemoveAll(m.path(p)))
	m.hint(p, true)
}

func (m *machine) rename(p, q string) {
	m.c.Helper()
	m.rest()
	m.must(os.Rename(m.path(p), m.path(q)))
	m.hint(p, true)
	select {
	case m.hints.c <- disk.Hint{Path: folder.Path(q), Deep: true, From: folder.Path(p)}:
	default:
	}
}

func (m *machine) chmod(p string, mode fs.FileMode) {
	m.c.Helper()
	m.rest()
	m.must(os.Chmod(m.path(p), mode))
	m.hint(p, false)
}

func (m *machine) touch(p string, at time.Time) {
	m.c.Helper()
	m.rest()
	m.must(os.Chtimes(m.path(p), at, at))
	m.hint(p, false)
}

func (m *machine) read(p string) string {
	b, err := os.ReadFile(m.path(p))
	if err != nil {
		return "error: " + err.Error()
	}
	return string(b)
}

func (m *machine) exists(p string) bool {
	_, err := os.Lstat(m.path(p))
	return err == nil
}

// tree is what a folder holds, apart from what is reserved.
type tree map[string]entry

type entry struct {
	kind  byte // f, d or l
	mode  fs.FileMode
	mtime int64  // of a file
	data  string // content or target
}

func (e entry) String() string {
	data := e.data
	if len(data) > 40 {
		data = fmt.Sprintf("%s... (%d bytes)", data[:40], len(data))
	}
	return fmt.Sprintf("%c %o %d %q", e.kind, e.mode, e.mtime, data)
}

func (m *machine) tree() tree {
	m.c.Helper()
	t, err := readTree(m.dir)
	m.must(err)
	return t
}

func readTree(root string) (tree, error) {
	t := make(tree)
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if rel == folder.Reserved {
			return fs.SkipDir
		}
		e, err := readEntry(p)
		t[filepath.ToSlash(rel)] = e
		return err
	})
	return t, err
}

func readEntry(p string) (entry, error) {
	fi, err := os.Lstat(p)
	if err != nil {
		return entry{}, err
	}
	switch {
	case fi.IsDir():
		return entry{kind: 'd', mode: fi.Mode().Perm()}, nil
	case fi.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(p)
		return entry{kind: 'l', data: target}, err
	case fi.Mode().IsRegular():
		b, err := os.ReadFile(p)
		return entry{'f', fi.Mode().Perm(), fi.ModTime().UnixNano(), string(b)}, err
	}
	return entry{}, errors.New("neither file, directory nor link: " + p)
}

func (t tree) String() string {
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(t)) {
		fmt.Fprintf(&b, "%s: %s\n", p, t[p])
	}
	return b.String()
}

// diff says where two trees differ, "" if nowhere.
func (t tree) diff(o tree) string {
	var b strings.Builder
	all := maps.Clone(t)
	maps.Copy(all, o)
	for _, p := range slices.Sorted(maps.Keys(all)) {
		x, inX := t[p]
		y, inY := o[p]
		switch {
		case !inX:
			fmt.Fprintf(&b, "  %s: nothing, %s\n", p, y)
		case !inY:
			fmt.Fprintf(&b, "  %s: %s, nothing\n", p, x)
		case x != y:
			fmt.Fprintf(&b, "  %s: %s, %s\n", p, x, y)
		}
	}
	return b.String()
}

// conflicts returns the conflict copies in the tree, sorted.
func (t tree) conflicts() (out []string) {
	for p := range t {
		if strings.Contains(filepath.Base(p), ".conflict-") {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// has reports whether some file or link of the tree has the content.
func (t tree) has(content string) bool {
	for _, e := range t {
		if e.text() == content && content != "" {
			return true
		}
	}
	return false
}

// versions returns the contents of what is kept in .qsync/versions.
func (m *machine) versions() (out []string) {
	t, err := readTree(filepath.Join(m.dir, folder.Reserved, "versions"))
	m.must(err)
	for _, e := range t {
		if e.kind != 'd' {
			out = append(out, e.text())
		}
	}
	slices.Sort(out)
	return out
}

// random returns n bytes that do not compress.
func random(n int) string {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic(err)
	}
	return string(b)
}
