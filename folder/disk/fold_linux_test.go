//go:build linux && (amd64 || arm64)

package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"qsync/folder"
)

const (
	composed   = "caf\u00e9"
	decomposed = "cafe\u0301"
)

// F53: a disk that stores another normal form than it is given, or takes both for
// one: what was put under one name is found under that name, scan after scan; the
// other form is a collision; and what a user makes is found once.
func TestNormalForms(t *testing.T) {
	for name, disk := range map[string]foldFS{"stores form D": hfs, "keeps the form": apfs} {
		for _, first := range []folder.Path{composed, decomposed} {
			t.Run(name, func(t *testing.T) {
				at, back := disk.mount(t)
				r := openRootAt(t, at)
				second := folder.Path(composed)
				if first == second {
					second = decomposed
				}
				x := index{}
				x[first] = put(t, r, first, "one", folder.Local{})
				settleDown()
				x.adopt(look(t, r, x, ScanOptions{Holds: x.holds}).found)
				if l := look(t, r, x, ScanOptions{Holds: x.holds}); len(l.found) != 0 || len(x) != 1 {
					t.Errorf("%q is found as %q; the index has %d", first, l.paths(), len(x))
				}
				for _, p := range []folder.Path{first, second} {
					l := look(t, r, x, ScanOptions{Holds: x.holds, Under: p, Shallow: true})
					if p == first && len(l.found) != 0 {
						t.Errorf("%q, hinted at as %q, is found as %q", first, p, l.paths())
					}
				}
				if _, err := putText(t, r, second, "two", folder.Local{}); !errors.Is(err, ErrChanged) {
					t.Errorf("%q beside %q: %v", second, first, err)
				}
				x[first] = put(t, r, first, "three", x[first])
				if _, err := r.Remove(first, x[first]); err != nil {
					t.Error(err)
				}
				delete(x, first)
				if err := os.WriteFile(filepath.Join(back, disk.stored(decomposed)), []byte("user"), 0o644); err != nil {
					t.Fatal(err)
				}
				l := look(t, r, x, ScanOptions{Holds: x.holds})
				wantPaths(t, l, composed+":absent>file")
			})
		}
	}
}

// What is new on a disk that tells all forms apart stays as it is.
func TestNormalFormsApart(t *testing.T) {
	r, x := known(t, composed, decomposed, "d/"+decomposed, "e/"+composed)
	if len(x) != 6 {
		t.Errorf("%d entries", len(x))
	}
	wantPaths(t, look(t, r, x, ScanOptions{Holds: x.holds}))
	remove(t, r.Path(), composed)
	wantPaths(t, look(t, r, x, ScanOptions{Holds: x.holds}), composed+":file>absent")
}

// F55, F56: a disk that drops what a name ends in must not make another file of
// it, nor replace one.
func TestNamesThatAreMangled(t *testing.T) {
	at, _ := fat.mount(t)
	r := openRootAt(t, at)
	for _, p := range []folder.Path{"x.", "y ", "z. ."} {
		if _, err := putText(t, r, p, "mangled", folder.Local{}); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", p, err)
		}
		if _, err := r.Mkdir(p, folder.Value{Kind: folder.Dir, Mode: 0o755}, folder.Local{}); !errors.Is(err, ErrName) {
			t.Errorf("directory %q: %v", p, err)
		}
	}
	if got := listOf(t, at); got != "" {
		t.Errorf("left behind: %s", got)
	}
	plain := put(t, r, "x", "plain", folder.Local{})
	var c *CollisionError
	if _, err := putText(t, r, "x.", "mangled", folder.Local{}); !errors.As(err, &c) || c.Other != "x" {
		t.Error(err)
	}
	if _, err := r.Remove("x.", plain); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	if got := listOf(t, at); got != "x" {
		t.Error(got)
	}
}
