package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"qsync/folder"
)

// newPlace is where --to writes: a name that is free, in a directory that exists.
func newPlace(path string) (string, error) {
	abs, err := absolute("--to", path)
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(abs); err == nil {
		return "", usagef("--to: %s is there already; give a name that is free", quote(abs))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", failf("--to: %s cannot be reached: %v", quote(abs), reason(err))
	}
	if fi, err := os.Stat(filepath.Dir(abs)); err != nil || !fi.IsDir() {
		return "", usagef("--to: there is no directory %s; make it first", quote(filepath.Dir(abs)))
	}
	return abs, nil
}

// madeDir is a directory that --to has made, which gets its mode and time when
// all is in it.
type madeDir struct {
	path  string
	mode  fs.FileMode
	mtime time.Time // zero: as it is
}

// copyOut writes a copy of a version to where --to wants it.
func (r *restoring) copyOut(v versionLine) error {
	to := r.target(v.path())
	if v.Kind == "directory" {
		mode, err := strconv.ParseUint(v.Mode, 8, 32)
		if err != nil {
			mode = 0o755
		}
		return r.mkdir(to, madeDir{to, fs.FileMode(mode), v.MTime})
	}
	if err := r.parents(v.path().Dir()); err != nil {
		return err
	}
	return copyVersion(r.at.entry.Dir, v, to)
}

// parents makes the directories of a path that are missing: as they are in the
// folder, where they still are there.
func (r *restoring) parents(dir folder.Path) error {
	if dir == r.in.Dir() && r.in != "" {
		return nil // what is restored is no directory
	}
	if dir != r.in {
		if err := r.parents(dir.Dir()); err != nil {
			return err
		}
	}
	to, like := r.target(dir), madeDir{r.target(dir), 0o755, time.Time{}}
	if fi, err := os.Lstat(filepath.Join(r.at.entry.Dir, filepath.FromSlash(string(dir)))); err == nil && fi.IsDir() {
		like.mode = fi.Mode().Perm()
	}
	return r.mkdir(to, like)
}

// mkdir makes a directory that nobody else can look into yet.
func (r *restoring) mkdir(to string, as madeDir) error {
	if r.made[to] {
		return nil
	}
	err := os.Mkdir(to, 0o700)
	if err == nil {
		r.dirs, r.made[to] = append(r.dirs, as), true
	}
	return err
}

// settleDirs gives the directories that were made their modes and times, those
// below first: after that nothing may be writable any more.
func (r *restoring) settleDirs() error {
	var errs []error
	for _, d := range slices.Backward(r.dirs) {
		errs = append(errs, os.Chmod(d.path, d.mode))
		if !d.mtime.IsZero() {
			errs = append(errs, os.Chtimes(d.path, time.Time{}, d.mtime))
		}
	}
	return errors.Join(errs...)
}

// copyVersion writes a copy of a version of the folder at dir to a name that
// must be free. What was written of a copy that fails is removed.
func copyVersion(dir string, v versionLine, to string) error {
	from := filepath.Join(dir, ".qsync", "versions", filepath.FromSlash(v.file()))
	if v.At != "" {
		from = filepath.Join(dir, filepath.FromSlash(exact(v.At, v.RawAt)))
	}
	if v.Kind == "symlink" {
		target, err := os.Readlink(from)
		if err == nil {
			err = os.Symlink(target, to)
		}
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	fi, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fi.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Chmod(fi.Mode().Perm()), out.Sync(), out.Close()) // whatever the umask leaves of it
	if err == nil {
		err = os.Chtimes(to, time.Time{}, v.MTime)
	}
	if err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}
