package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// resolved is path without symlinks as far as it exists.
func resolved(path string) string {
	if r, err := filepath.EvalSymlinks(path); err == nil {
		return r
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(resolved(parent), filepath.Base(path))
}

// sameDir reports whether two absolute paths lead to one place. Either may be
// gone.
func sameDir(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) || resolved(a) == resolved(b) {
		return true
	}
	fa, erra := os.Stat(a)
	fb, errb := os.Stat(b)
	return erra == nil && errb == nil && os.SameFile(fa, fb)
}

// sourceDir checks that path is a directory that can be read, and returns it
// absolute. what names it to the user.
func sourceDir(what, path string) (string, error) {
	abs, err := absolute(what, path)
	if err == nil {
		err = spellable(what, abs)
	}
	if err != nil {
		return "", err
	}
	if err := existingDir(what, abs); err != nil {
		return "", err
	}
	return abs, readable(what, abs)
}

// targetDir is sourceDir for a directory that may still have to be made, by
// make, in a parent that exists.
func targetDir(what, path string) (abs string, missing bool, err error) {
	if abs, err = absolute(what, path); err == nil {
		err = spellable(what, abs)
	}
	if err != nil {
		return "", false, err
	}
	if _, err := os.Lstat(abs); errors.Is(err, fs.ErrNotExist) {
		parent := filepath.Dir(abs)
		if fi, err := os.Stat(parent); err != nil || !fi.IsDir() {
			return "", false, usagef("%s cannot be made: there is no directory %s; make it first", what, quote(parent))
		}
		return abs, true, nil
	}
	if err := existingDir(what, abs); err != nil {
		return "", false, err
	}
	return abs, false, readable(what, abs)
}

func absolute(what, path string) (string, error) {
	if path == "" {
		return "", usagef("%s is empty: give a directory", what)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", failf("cannot tell where %s is: %v", what, err)
	}
	return abs, nil
}

// spellable checks that the name of a folder can stand in config.yaml and
// folder.json: another one would be read from there.
func spellable(what, abs string) error {
	if utf8.ValidString(abs) {
		return nil
	}
	return usagef("%s %s cannot be a folder, for its name is not UTF-8 text: rename it, or make a directory of another name; what is in it may have any names", what, quote(abs))
}

func existingDir(what, abs string) error {
	fi, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist) && isLink(abs):
		return usagef("%s %s is a symlink that leads nowhere: give a directory", what, quote(abs))
	case errors.Is(err, fs.ErrPermission):
		return failf("%s %s cannot be reached: permission denied", what, quote(abs))
	case errors.Is(err, fs.ErrNotExist):
		return usagef("there is no directory %s: %s must exist%s", quote(abs), what, didYouMean(filepath.Base(abs)))
	case err != nil:
		return usagef("%s cannot be used: %v", what, err)
	case !fi.IsDir():
		return usagef("%s %s is not a directory: give the directory it is in", what, quote(abs))
	}
	return nil
}

func isLink(path string) bool {
	fi, err := os.Lstat(path)
	return err == nil && fi.Mode()&fs.ModeSymlink != 0
}

func readable(what, abs string) error {
	d, err := os.Open(abs)
	if err == nil {
		_, err = d.Readdirnames(1)
		_ = d.Close()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return failf("%s %s cannot be read: %v; give this user the right to it, or run qsync as its owner", what, quote(abs), reason(err))
	}
	return nil
}

// reason is an error of the system without the path it names.
func reason(err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		return perr.Err
	}
	return err
}

// apart checks that neither of two directories is, or lies in, the other,
// whatever symlinks lead to them.
func apart(src, dst string) error {
	switch {
	case sameDir(src, dst):
		return usagef("SRC and DST are the same directory, %s: give two different ones", quote(resolved(src)))
	case inside(dst, src):
		return usagef("DST lies inside SRC: %s would be copied into itself; choose a DST outside of it", quote(resolved(src)))
	case inside(src, dst):
		return usagef("SRC lies inside DST: what is in %s would have to go; choose a DST that does not contain SRC", quote(resolved(dst)))
	}
	return nil
}

// inside reports whether inner lies strictly below outer.
func inside(inner, outer string) bool {
	in, out := resolved(inner), resolved(outer)
	if rel, err := filepath.Rel(out, in); err == nil && rel != "." && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return true
	}
	fo, err := os.Stat(out)
	if err != nil {
		return false
	}
	for dir := filepath.Dir(in); ; dir = filepath.Dir(dir) {
		if fi, err := os.Stat(dir); err == nil && os.SameFile(fi, fo) {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

// awayFrom checks that a folder is not the home itself or in it, and returns
// the pattern that keeps a home inside the folder from being synced: it holds
// the IDs of all folders, and changes with every change.
func (h home) awayFrom(dir string) (exclude string, err error) {
	if sameDir(h.dir, dir) || inside(dir, h.dir) {
		return "", usagef("%s is qsync's own home: choose another directory, or another --home", quote(dir))
	}
	if !inside(h.dir, dir) {
		return "", nil
	}
	rel, err := filepath.Rel(resolved(dir), resolved(h.dir))
	if err != nil {
		return "", failf("cannot keep the home out of the folder: %v", err)
	}
	return "/" + escapePattern(filepath.ToSlash(rel)) + "/", nil
}

// escapePattern makes a gitignore pattern of a path that means just that path.
func escapePattern(path string) string {
	var b strings.Builder
	for _, r := range path {
		if strings.ContainsRune(`\*?[]!# `, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
