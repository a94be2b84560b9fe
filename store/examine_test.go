package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestExamine: a sound map is found sound, and a look changes nothing.
func TestExamine(t *testing.T) {
	for _, closed := range []bool{true, false} {
		_, content := filled(t, closed)
		file := filepath.Join(fastDir(t), "map.db")
		try(t, os.WriteFile(file, content, 0o600))
		g, err := Examine(file)
		try(t, err)
		if g.Size != int64(len(content)) || g.Totals.Files == 0 {
			t.Errorf("examined as %+v", g)
		}
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, content) {
			t.Errorf("the map was changed by looking at it: %v", err)
		}
	}
}

func TestExamineTells(t *testing.T) {
	file, content := filled(t, true)
	if _, err := Examine(filepath.Join(filepath.Dir(file), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no map: %v", err)
	}
	s, err := Open(file, Options{})
	try(t, err)
	if _, err := Examine(file); !errors.Is(err, ErrBusy) {
		t.Errorf("a map in use: %v", err)
	}
	try(t, s.Close())

	bad := filepath.Join(fastDir(t), "map.db")
	for name, b := range map[string][]byte{
		"cut off":     content[:3*4096],
		"overwritten": append(bytes.Clone(content[:8192]), bytes.Repeat([]byte{7}, len(content)-8192)...),
		"no metas":    append(make([]byte, 8192), content[8192:]...),
		"empty":       {},
		"text":        []byte("this is no map at all"),
	} {
		try(t, os.WriteFile(bad, b, 0o600))
		if _, err := Examine(bad); err == nil || errors.Is(err, ErrBusy) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if now, err := os.ReadFile(bad); err != nil || !bytes.Equal(now, b) {
			t.Fatalf("%s: the map was touched: %v", name, err)
		}
	}
}
