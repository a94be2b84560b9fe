//go:build unix

package main

import (
	"io/fs"
	"path/filepath"
	"testing"
)

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	h := testHome(t)
	if _, err := h.identity(); err != nil {
		t.Fatal(err)
	}
	e := testEntry(t, t.TempDir())
	if err := h.save(e); err != nil {
		t.Fatal(err)
	}
	l, path, err := h.listenControl()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if filepath.Base(path) != socketName {
		t.Errorf("socket %s", path)
	}
	err = filepath.WalkDir(h.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err == nil && fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", p, fi.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
