package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
)

func TestScanTouched(t *testing.T) {
	r, x := known(t, "a/x", "b/y")
	grow(t, r.Path(), "a/new", "b/new")
	l := look(t, r, x, ScanOptions{Touched: func(p folder.Path) bool { return p == "a" }})
	wantPaths(t, l, "a/new:absent>file", "b:directory>directory", "b/new:absent>file")
	if err := os.Chmod(filepath.Join(r.Path(), "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	if l := look(t, r, x, ScanOptions{Touched: func(folder.Path) bool { return true }}); l.paths()[0] != "a:directory>directory" {
		t.Errorf("a mode is never our own doing: %q", l.paths())
	}
}

// F35: a digest that is announced is that of a content the file once had, never
// a mixture; and what is being written to keeps nothing else from being found.
func TestScanChangingFile(t *testing.T) {
	const size, piece, fills = 256 << 10, 4 << 10, 8 // a page is written whole or not
	r, x := known(t, "a", "log")
	path := filepath.Join(r.Path(), "log")
	fill := func(g byte) []byte { return bytes.Repeat([]byte{g}, size) }
	if err := os.WriteFile(path, fill(0), 0o644); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return
		}
		defer f.Close()
		for g := byte(1); ; g = (g + 1) % fills {
			b := fill(g)
			for off := int64(0); off < size; off += piece {
				f.WriteAt(b[:piece], off)
				time.Sleep(50 * time.Microsecond)
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(g%3) * fineTick):
			}
		}
	}()
	legal := make(map[folder.Digest]bool)
	for g := range byte(fills) {
		b := fill((g + fills - 1) % fills)
		for off := 0; off < size; off += piece {
			copy(b[off:], fill(g)[:piece])
			h := chunk.New()
			h.Write(b)
			legal[h.Sum()] = true
		}
	}
	for range 8 {
		tree := look(t, r, x, ScanOptions{})
		for _, f := range tree.found {
			if f.Path != "log" || !legal[f.After.Value.Digest] {
				t.Fatalf("%s: %+v", f.Path, f.After)
			}
		}
		for _, p := range tree.problems {
			if p.Path != "log" || !errors.Is(p.Err, ErrChanging) {
				t.Fatal(p)
			}
		}
	}
	close(stop)
	<-done
	if l := look(t, r, x, ScanOptions{}); len(l.found) != 1 || len(l.problems) != 0 {
		t.Errorf("at rest: %q %v", l.paths(), l.problems)
	}
}

// What never comes to rest is a problem, not a wrong digest.
func TestScanNeverAtRest(t *testing.T) {
	r, x := known(t, "a")
	path := filepath.Join(r.Path(), "a")
	d, err := r.dir.walk("")
	if err != nil {
		t.Fatal(err)
	}
	q := newQueue(t.Context(), nil, nil)
	q.root = r
	w := &worker{q: q, h: chunk.New()}
	it := &item{found: Found{Path: "a", Before: x["a"]}, lv: newLevel(d, "", 0), name: "a", kind: folder.File}
	defer it.lv.release()
	grown := make(chan struct{})
	go func() {
		defer close(grown)
		for q.ctx.Err() == nil {
			// The size that the stat promises is never the one that is read.
			os.Truncate(path, 16<<20)
			os.Truncate(path, 1)
		}
	}()
	err = w.look(it)
	q.cancel()
	<-grown
	if err != nil && !errors.Is(err, ErrChanging) {
		t.Error(err)
	}
	if n := it.found.After.Value.Size; err == nil && n != 1 && n != 16<<20 {
		t.Errorf("size %d", n)
	}
}

func TestScanRootGone(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"removed":  os.RemoveAll,
		"renamed":  func(p string) error { return os.Rename(p, p+".old") },
		"replaced": func(p string) error { return errors.Join(os.Rename(p, p+".old"), os.Mkdir(p, 0o755)) },
		"a file":   func(p string) error { return errors.Join(os.Rename(p, p+".old"), os.WriteFile(p, nil, 0o644)) },
		"a link":   func(p string) error { return errors.Join(os.Rename(p, p+".old"), os.Symlink(".", p)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "root")
			grow(t, path, "a/b", "c")
			r, err := Open(path, true)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			x := index{}
			x.adopt(look(t, r, x, ScanOptions{}).found)
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			if l, err := tryLook(r, x, ScanOptions{}); !errors.Is(err, ErrRootGone) || len(l.found) > 0 {
				t.Errorf("%v, %q", err, l.paths())
			}
		})
	}
	t.Run("during the scan", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "root")
		grow(t, path, "a", "b")
		r, err := Open(path, true)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		_, err = r.Scan(t.Context(), ScanOptions{Found: func(Found) error { return os.RemoveAll(path) }})
		if !errors.Is(err, ErrRootGone) {
			t.Error(err)
		}
	})
}

func TestScanErrorsEndIt(t *testing.T) {
	r, x := known(t, "a/x", "b", "c")
	mine := errors.New("mine")
	_, err := r.Scan(t.Context(), ScanOptions{Known: x.under(""), Verify: true, Found: func(Found) error { return mine }})
	if err != nil {
		t.Error("nothing to find:", err)
	}
	if _, err = r.Scan(t.Context(), ScanOptions{Found: func(Found) error { return mine }}); !errors.Is(err, mine) {
		t.Error(err)
	}
	broken := func(yield func(Known, error) bool) { _ = yield(Known{Path: "a"}, nil) && yield(Known{}, mine) }
	if _, err = r.Scan(t.Context(), ScanOptions{Known: broken}); !errors.Is(err, mine) {
		t.Error(err)
	}
	unsorted := func(yield func(Known, error) bool) {
		_ = yield(Known{"b", x["b"]}, nil) && yield(Known{"a", x["a"]}, nil)
	}
	if _, err = r.Scan(t.Context(), ScanOptions{Known: unsorted}); err == nil {
		t.Error("an index out of order was believed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = r.Scan(ctx, ScanOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The window is bounded, so a consumer that cancels half way leaves nothing
// running.
func TestScanCancelledMidway(t *testing.T) {
	r := openRoot(t)
	for i := range 600 {
		write(t, filepath.Join(r.Path(), fmt.Sprintf("f%03d", i)), "x")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	before, n := runtime.NumGoroutine(), 0
	_, err := r.Scan(ctx, ScanOptions{Found: func(Found) error {
		if n++; n == 50 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) || n != 50 {
		t.Error(n, err)
	}
	wantGoroutines(t, before)
}

// The recipe of a large file comes from the reading that digests it, where it is
// wanted.
func TestScanSplits(t *testing.T) {
	r, x := known(t, "a", "b")
	content := make([]byte, 3*relayMin+99)
	rand.New(rand.NewSource(4)).Read(content)
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(r.Path(), name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := chunk.Split(bytes.NewReader(content), chunk.MinBits)
	if err != nil {
		t.Fatal(err)
	}
	settleDown()
	before := x["a"].Value.Digest
	l := look(t, r, x, ScanOptions{Split: func(v folder.Value, size int64) ([]chunk.Part, bool) {
		return want.Chunks[:3], v.Digest == before && size == int64(len(content))
	}})
	wantPaths(t, l, "a:file>file", "b:file>file", "c:absent>file")
	for i, f := range l.found {
		if v := fileValue(string(content)); f.After.Value.Digest != v.Digest {
			t.Errorf("%s has another digest", f.Path)
		}
		if got := f.Recipe; i > 0 && got != nil || i == 0 && (got == nil || !slices.Equal(got.Chunks, want.Chunks)) {
			t.Errorf("%s: the wrong recipe: %v", f.Path, got != nil)
		}
	}
}

// What is read of a small file that is new or changed is handed on where it is asked
// for, and nothing else is.
func TestScanKeeps(t *testing.T) {
	r, x := known(t)
	dir := r.Path()
	sizes := map[string]int{"empty": 0, "one": 1, "full": MaxKeep, "large": MaxKeep + 1}
	for _, round := range []string{"new", "touched", "changed"} {
		for name, n := range sizes {
			content := []byte(strings.Repeat("x", n))
			if round == "changed" && n > 0 {
				content[0] = 'y'
			}
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
				t.Fatal(err)
			}
			at := time.Now().Add(-time.Hour)
			if round == "touched" {
				at = at.Add(-time.Hour)
			}
			if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
				t.Fatal(err)
			}
		}
		for _, wants := range []bool{false, true} {
			l := look(t, r, x, ScanOptions{Verify: true, Keep: func(int64) bool { return wants }})
			if len(l.found) < len(sizes) {
				t.Fatalf("%s: only %v were found", round, l.paths())
			}
			for _, f := range l.found {
				n := sizes[string(f.Path)]
				kept := wants && n > 0 && n <= MaxKeep && round != "touched"
				if got := f.Content != nil; got != kept {
					t.Errorf("%s, wanted %v: %s was kept: %v", round, wants, f.Path, got)
				}
				if !kept {
					continue
				}
				if d, size, err := chunk.Sum(bytes.NewReader(f.Content), make([]byte, MaxKeep)); err != nil || d != f.After.Value.Digest || size != f.After.Value.Size {
					t.Errorf("%s: %s is kept as another content: %v", round, f.Path, err)
				}
			}
			if wants {
				x.adopt(l.found)
			}
		}
	}
}
