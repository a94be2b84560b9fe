package disk

import (
	"errors"
	"os"
	"testing"

	"qsync/folder"
)

// TestMove: a staged move takes the file itself to its new path, with its content,
// mode and time, and keeps no version of it; where anything is not as expected,
// nothing is touched.
func TestMove(t *testing.T) {
	eachRoot(t, func(t *testing.T, r *Root) {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, d := range []folder.Path{"a", "b"} {
			_, err := r.Mkdir(d, dirValue, nothing)
			must(err)
		}
		v := fileValue("content")
		move := func(from, to folder.Path, l, before folder.Local) (Placed, error) {
			t.Helper()
			s := r.StageMove(from, l, v)
			defer s.Discard()
			must(s.Sync())
			return r.Put(to, s, before)
		}
		put := func(p folder.Path) folder.Local {
			t.Helper()
			placed, err := r.Put(p, stage(t, r, "content"), nothing)
			must(err)
			return placed.Local
		}
		l := put("a/f")
		fi, err := os.Stat(r.full("a/f"))
		must(err)
		placed, err := move("a/f", "b/g", l, nothing)
		if r.crude { // it cannot be done without a moment in which something could be replaced
			if !errors.Is(err, ErrNoMove) {
				t.Errorf("moved: %v", err)
			}
			wantFile(t, r.full("a/f"), "content")
			return
		}
		must(err)
		now, err := os.Stat(r.full("b/g"))
		must(err)
		wantFile(t, r.full("b/g"), "content")
		if st, ok := r.Restat("b/g", placed.Local); !os.SameFile(fi, now) || !ok || st.Inode != placed.Local.Stat.Inode || placed.Local.Value != v {
			t.Errorf("moved: %+v, %v", placed, ok)
		}
		if left := names(t, r.full("a")); len(left) != 0 {
			t.Errorf("left behind: %q", left)
		}
		if vs := names(t, r.full(".qsync/versions")); len(vs) != 0 {
			t.Errorf("versions: %q", vs)
		}

		l = put("a/f")
		refused := func(what string, want error, to folder.Path, before folder.Local) {
			t.Helper()
			if _, err := move("a/f", to, l, before); !errors.Is(err, want) {
				t.Errorf("%s: %v", what, err)
			}
			if _, err := os.Stat(r.full("a/f")); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		refused("the new path is taken", ErrChanged, "b/g", nothing)
		refused("it is to replace something", os.ErrInvalid, "b/g", placed.Local)
		refused("no directory", ErrNoParent, "c/g", nothing)
		must(os.Link(r.full("a/f"), r.full("a/other")))
		l.Stat = seen0(t, r, "a/f", v).Stat
		refused("two names", ErrNoMove, "b/h", nothing)
		must(os.Remove(r.full("a/other")))
		refused("its stat is another", ErrChanged, "b/h", nothing)
		must(os.WriteFile(r.full("a/f"), []byte("edited"), 0o600))
		refused("edited", ErrChanged, "b/h", nothing)
		wantFile(t, r.full("a/f"), "edited")
	})
}

// Who has the file open when it is moved writes on to it at its new path.
func TestMoveWhileOpen(t *testing.T) {
	r := openRoot(t)
	placed, err := r.Put("f", stage(t, r, "content"), nothing)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(r.full("f"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	moved, err := r.Put("g", r.StageMove("f", placed.Local, fileValue("content")), nothing)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(", more"); err != nil {
		t.Fatal(err)
	}
	if r.Unchanged("g", moved.Local) {
		t.Error("the write does not show")
	}
	wantFile(t, r.full("g"), "content, more")
}
