package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
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

// copyVersion writes a copy of a version of the folder at dir to a name that
// must be free. What was written of a copy that fails is removed.
func copyVersion(dir string, v versionLine, to string) error {
	if v.Kind == "directory" {
		if err := os.MkdirAll(to, 0o700); err != nil {
			return err
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	from := filepath.Join(dir, ".qsync", "versions", filepath.FromSlash(v.file()))
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
	err = errors.Join(err, out.Sync(), out.Close())
	if err == nil {
		err = os.Chtimes(to, time.Time{}, v.MTime)
	}
	if err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}
