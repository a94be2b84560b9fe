package integration

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// record is what users did to contents. Every content is unique.
type record struct {
	mu        *sync.Mutex
	texts     map[string]bool      // all that a reader may ever see
	owed      map[string]bool      // contents that were put in place, by whoever
	destroyed map[string]bool      // contents that a user took away, and saw that they did
	births    map[[2]string]int    // how often users made a content be at a path
	removed   map[[2]string]string // contents that left a path by a user's hand, whose
	next      int
}

func newRecord() record {
	return record{&sync.Mutex{}, map[string]bool{"": true}, map[string]bool{}, map[string]bool{}, map[[2]string]int{}, map[[2]string]string{}, 0}
}

// text is a new content.
func (h *history) text(x *node, p string) string {
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	h.log.next++
	s := fmt.Sprintf("content %d of n%d for %s", h.log.next, x.index, p)
	if h.rng.IntN(8) == 0 {
		s += strings.Repeat(".", h.rng.IntN(400_000))
	}
	h.log.texts[s] = true
	return s
}

// came notes that a user at x has put a content at a path.
func (h *history) came(x *node, p, text string) {
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	h.log.births[[2]string{p, text}]++
	if !h.oneWay || x.index == 0 {
		h.log.owed[text] = true
	}
}

// went notes that a user at x has taken a content from a path for good.
func (h *history) went(x *node, p, text string) {
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	h.log.destroyed[text] = true
	x.took[text] = true
	h.left(x, p, text)
}

// left notes that a content is not at a path any more because of the user at x.
// What was put there just before the node was killed its map may not know: then
// it is wanted again.
func (h *history) left(x *node, p, text string) {
	if (!h.oneWay || x.index == 0) && (x.up() || !x.killed) {
		h.log.removed[[2]string{p, text}] = x.m.name
	}
}

var somePlaces = []string{steady, "a", "b", "d1", "d1/a", "d1/b", "d2", "d2/a", "d2/d3", "d2/d3/a", "d2/d3/b.txt"}

// overtaken reports whether a user's program failed because sync has changed
// something under its hands.
func overtaken(err error) bool {
	for _, e := range []error{fs.ErrNotExist, fs.ErrExist, unix.ENOTDIR, unix.ENOTEMPTY, unix.EISDIR, unix.EINVAL} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// user lets the user of a node change something. What it takes from the folder is
// moved out and looked at there, so that the log holds what really went, even
// where sync was faster.
func (h *history) user(x *node) {
	p := somePlaces[h.rng.IntN(len(somePlaces))]
	if h.oneWay && x.index > 0 && (h.rng.IntN(4) > 0 || p == steady) {
		return // what receivers write is taken from where it was
	}
	k := h.rng.IntN(18)
	if p == steady {
		k = 0
	}
	if h.oneWay && x.index > 0 {
		k = 0
	}
	what, err := h.change(x, p, k)
	if err != nil && !overtaken(err) {
		h.Fatalf("n%d: %s: %v", x.index, what, err)
	}
	h.note("n%d: %s %v", x.index, what, errOrNothing(err))
}

func errOrNothing(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

func (h *history) change(x *node, p string, k int) (string, error) {
	full := filepath.Join(x.root, p)
	switch {
	case k < 4:
		return "write " + p, h.save(x, p)
	case k < 5:
		return "write into " + p, h.rewrite(x, p)
	case k < 7:
		return "append to " + p, h.add(x, p)
	case k < 10:
		return "remove " + p, h.remove(x, p)
	case k < 13:
		q := somePlaces[1+h.rng.IntN(len(somePlaces)-1)]
		return "rename " + p + " to " + q, h.rename(x, p, q)
	case k < 14:
		return "mkdir " + p, os.MkdirAll(full, 0o755)
	case k < 15:
		return "rmdir " + p, unix.Rmdir(full)
	case k < 16:
		return "flip " + p, h.flip(x, p)
	case k < 17:
		at := time.Now().Add(-time.Duration(h.rng.IntN(1000)) * time.Second)
		return "touch " + p, h.meta(x, p, func() error { return os.Chtimes(full, at, at) })
	}
	return "chmod " + p, h.meta(x, p, func() error { return os.Chmod(full, []os.FileMode{0o700, 0o755, 0o644, 0o640}[h.rng.IntN(4)]) })
}

// save writes a new content beside the folder and moves it in, in exchange for
// what is there.
func (h *history) save(x *node, p string) error {
	full, text := filepath.Join(x.root, p), h.text(x, p)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	return h.put(x, p, func(at string) error { return os.WriteFile(at, []byte(text), 0o644) }, text)
}

// put makes something beside the folder and moves it to p.
func (h *history) put(x *node, p string, make func(at string) error, text string) error {
	full, own := filepath.Join(x.root, p), x.bin()
	if err := make(own); err != nil {
		return err
	}
	h.came(x, p, text)
	var fi os.FileInfo
	err := unix.Renameat2(unix.AT_FDCWD, own, unix.AT_FDCWD, full, unix.RENAME_NOREPLACE)
	if errors.Is(err, fs.ErrExist) {
		if fi, err = os.Lstat(full); err == nil && !fi.IsDir() {
			err = unix.Renameat2(unix.AT_FDCWD, own, unix.AT_FDCWD, full, unix.RENAME_EXCHANGE)
		} else if err == nil {
			err = fs.ErrExist
		}
		if err == nil { // own holds what was there, whatever it is by now
			return h.gone(x, p, own)
		}
	}
	if err != nil { // it never came
		h.log.mu.Lock()
		delete(h.log.owed, text)
		h.log.mu.Unlock()
	}
	return err
}

// bin is a new name beside the folder.
func (x *node) bin() string {
	x.h.log.mu.Lock()
	defer x.h.log.mu.Unlock()
	x.h.log.next++
	return filepath.Join(x.top, "bin", fmt.Sprint(x.h.log.next))
}

// gone notes what was moved from p to a place out of the folder.
func (h *history) gone(x *node, p, out string) error {
	return filepath.WalkDir(out, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := textOf(at)
		if err == nil {
			h.went(x, p+at[len(out):], text)
		}
		return err
	})
}

// linkText marks the target of a symlink among contents.
const linkText = "-> "

// textOf is the content of a file or symlink.
func textOf(p string) (string, error) {
	if target, err := os.Readlink(p); err == nil {
		return linkText + target, nil
	}
	b, err := os.ReadFile(p)
	return string(b), err
}

func (h *history) remove(x *node, p string) error {
	out := x.bin()
	if err := os.Rename(filepath.Join(x.root, p), out); err != nil {
		return err
	}
	return h.gone(x, p, out)
}

// rename moves a file or a directory; what is at the new name is removed first.
func (h *history) rename(x *node, p, q string) error {
	if p == q || strings.HasPrefix(q, p+"/") || strings.HasPrefix(p, q+"/") {
		return nil
	}
	if fi, err := os.Lstat(filepath.Join(x.root, q)); err == nil && !fi.IsDir() {
		if err := h.remove(x, q); err != nil {
			return err
		}
	}
	to := filepath.Join(x.root, q)
	err := unix.Renameat2(unix.AT_FDCWD, filepath.Join(x.root, p), unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err != nil {
		return err
	}
	err = filepath.WalkDir(to, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := textOf(at)
		if err == nil {
			h.came(x, q+at[len(to):], text)
			h.log.mu.Lock()
			h.left(x, p+at[len(to):], text)
			h.log.mu.Unlock()
		}
		return err
	})
	if overtaken(err) {
		return nil
	}
	return err
}

func (h *history) flip(x *node, p string) error {
	full := filepath.Join(x.root, p)
	fi, err := os.Lstat(full)
	if err != nil {
		return err
	}
	if err := h.remove(x, p); err != nil {
		return err
	}
	switch {
	case fi.IsDir():
		return h.save(x, p)
	case h.rng.IntN(2) == 0:
		return os.Mkdir(full, 0o755)
	}
	target := "target of " + h.text(x, p)[:20]
	h.log.mu.Lock()
	h.log.texts[linkText+target] = true
	h.log.mu.Unlock()
	return h.put(x, p, func(at string) error { return os.Symlink(target, at) }, linkText+target)
}

// meta changes metadata, which makes the content that is there be written anew.
func (h *history) meta(x *node, p string, set func() error) error {
	full := filepath.Join(x.root, p)
	fi, err := os.Lstat(full)
	if err != nil || fi.Mode()&fs.ModeSymlink != 0 {
		return err
	}
	before, errBefore := textOf(full)
	err = set()
	after, errAfter := textOf(full)
	for _, text := range []string{before, after} {
		if errBefore == nil && errAfter == nil {
			h.log.mu.Lock()
			h.log.births[[2]string{p, text}]++
			h.log.mu.Unlock()
		}
	}
	return err
}

// rewrite empties the file and fills it again, as some editors do.
func (h *history) rewrite(x *node, p string) error {
	text := h.text(x, p)
	text = text[:min(len(text), 60)] // so small that nobody sees half of it
	h.log.mu.Lock()
	h.log.texts[text] = true
	h.log.mu.Unlock()
	return h.into(x, p, func(f *os.File, was string) (string, error) {
		if err := f.Truncate(0); err != nil {
			return "", err
		}
		_, err := f.WriteAt([]byte(text), 0)
		return text, err
	})
}

// add appends to the file.
func (h *history) add(x *node, p string) error {
	more := h.text(x, p)
	more = " and " + more[:min(len(more), 60)]
	return h.into(x, p, func(f *os.File, was string) (string, error) {
		h.log.mu.Lock()
		h.log.texts[was+more] = true
		h.log.mu.Unlock()
		_, err := f.WriteAt([]byte(more), int64(len(was)))
		return was + more, err
	})
}

// into changes the file that is at p, in place. If another one has taken its name
// meanwhile, the change is owed to nobody.
func (h *history) into(x *node, p string, change func(f *os.File, was string) (string, error)) error {
	full := filepath.Join(x.root, p)
	f, err := os.OpenFile(full, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ELOOP) {
		return fs.ErrExist
	}
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, fi.Size())
	if _, err := f.ReadAt(b, 0); err != nil && len(b) > 0 {
		return err
	}
	text, err := change(f, string(b))
	if err != nil {
		return err
	}
	h.went(x, p, string(b))
	now, err := os.Lstat(full)
	if err == nil && os.SameFile(fi, now) {
		h.came(x, p, text)
	}
	return err
}

// readable lists what is in a folder but its reserved directory.
func (x *node) readable() (paths []string) {
	_ = filepath.WalkDir(x.root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || p == x.root:
			return nil
		case p == filepath.Join(x.root, ".qsync"):
			return fs.SkipDir
		case !d.IsDir():
			paths = append(paths, p)
		}
		return nil
	})
	slices.Sort(paths)
	return paths
}
