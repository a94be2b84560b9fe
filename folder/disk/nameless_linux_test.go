package disk

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

// TestNameless checks that a staged file has no name until it is put, where the
// file system can do that, and the same outcome where it cannot.
func TestNameless(t *testing.T) {
	for name, able := range map[string]bool{"without names": true, "with names": false} {
		t.Run(name, func(t *testing.T) {
			r := openRoot(t)
			r.crude = !able
			if err := r.PrepareReserved(); err != nil {
				t.Fatal(err)
			}
			able = able && r.work != nil && r.work.tmp.securesNameless()
			s := stage(t, r, "content")
			left, err := os.ReadDir(r.full(".qsync/tmp"))
			if err != nil {
				t.Fatal(err)
			}
			if (len(left) == 0) != able {
				t.Fatalf("%d names in the staging directory", len(left))
			}
			write(t, r.full("taken"), "user")
			if _, err := r.Put("taken", s, nothing); !errors.Is(err, ErrChanged) {
				t.Fatalf("put over what is there: %v", err)
			}
			wantFile(t, r.full("taken"), "user")
			if _, err := r.Put("free", s, nothing); err != nil {
				t.Fatal(err)
			}
			wantFile(t, r.full("free"), "content")
			put(t, r, "free2", "one", nothing)
			wantClean(t, r)
		})
	}
}

// TestNamelessReplaces checks that a nameless file replaces one that is there,
// and that one given up leaves nothing.
func TestNamelessReplaces(t *testing.T) {
	r := openRoot(t)
	before := put(t, r, "a", "one", nothing)
	after := put(t, r, "a", "two", before)
	wantFile(t, r.full("a"), "two")
	s := stage(t, r, "three")
	s.Discard()
	if _, err := r.Put("a", s, after); !errors.Is(err, fs.ErrClosed) {
		t.Fatalf("put after discard: %v", err)
	}
	wantFile(t, r.full("a"), "two")
	wantClean(t, r)
}
