package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
)

func TestScanFirstIsInPathOrder(t *testing.T) {
	r := openRoot(t)
	grow(t, r.Path(), "a.txt", "a/x", "a/y/z", "a-", "b -> a", "empty/")
	settleDown()
	l := look(t, r, index{}, ScanOptions{})
	wantPaths(t, l, "a:absent>directory", "a/x:absent>file", "a/y:absent>directory", "a/y/z:absent>file",
		"a-:absent>file", "a.txt:absent>file", "b:absent>symlink", "empty:absent>directory")
	for _, f := range l.found {
		switch v := f.After.Value; v.Kind {
		case folder.File:
			if want := fileValue(string(f.Path)); v.Digest != want.Digest || v.Size != want.Size || v.Mode != 0o644 {
				t.Errorf("%s: %+v", f.Path, v)
			}
		case folder.Symlink:
			if v.Target != "a" {
				t.Errorf("target %q", v.Target)
			}
		}
		if f.After.Stat.Inode == 0 && runtime.GOOS == "linux" {
			t.Errorf("%s: no inode recorded", f.Path)
		}
		if err := f.After.Value.Check(); err != nil {
			t.Errorf("%s: %v", f.Path, err)
		}
	}
	if l.stats.Found != 8 || l.stats.Hashed != 4 || l.stats.Bytes != 5+3+5+2 {
		t.Errorf("%+v", l.stats)
	}
}

func TestScanUnchangedReadsNothing(t *testing.T) {
	r, x := known(t, "a/x", "a/y/z", "b -> a", "c")
	l := look(t, r, x, ScanOptions{})
	wantPaths(t, l)
	if l.stats.Hashed != 0 {
		t.Errorf("read %d files", l.stats.Hashed)
	}
	if l = look(t, r, x, ScanOptions{Verify: true}); len(l.found) != 0 || l.stats.Hashed != 3 {
		t.Errorf("verify: found %q, %+v", l.paths(), l.stats)
	}
}

// F33: a change is seen although size and modification time are as before.
func TestScanSeesTimeSetBack(t *testing.T) {
	r, x := known(t, "a", "b")
	path := filepath.Join(r.Path(), "a")
	at := time.Unix(0, x["a"].Value.MTime)
	write(t, path, "A")
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	l := look(t, r, x, ScanOptions{})
	wantPaths(t, l, "a:file>file")
	if len(l.found) == 1 && l.found[0].After.Value.Digest == x["a"].Value.Digest {
		t.Error("same digest")
	}
}

// F50: a touch is found with the same content; so is a mere change of ctime.
func TestScanMetadataOnly(t *testing.T) {
	r, x := known(t, "a", "b")
	if err := os.Chtimes(filepath.Join(r.Path(), "a"), time.Time{}, time.Unix(1e9, 7)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(r.Path(), "b"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(r.Path(), "b"), 0o644); err != nil {
		t.Fatal(err)
	}
	l := look(t, r, x, ScanOptions{})
	wantPaths(t, l, "a:file>file", "b:file>file")
	for _, f := range l.found {
		if !folder.SameContent(f.Before.Value, f.After.Value) {
			t.Errorf("%s: content differs", f.Path)
		}
	}
	if len(l.found) == 2 && !folder.SameOnDisk(l.found[1].Before.Value, l.found[1].After.Value) {
		t.Error("b differs")
	}
}

// F32: an entry looked at within the tick of its last write is read again, and
// once more is enough.
func TestScanRacy(t *testing.T) {
	r, x := known(t, "a")
	path := filepath.Join(r.Path(), "a")
	write(t, path, "1")
	// Stamped a little ahead of our clock, as by a file server.
	ahead := time.Now().Add(200 * time.Millisecond)
	if err := os.Chtimes(path, ahead, ahead); err != nil {
		t.Fatal(err)
	}
	first := look(t, r, x, ScanOptions{})
	x.adopt(first.found)
	if !x["a"].Stat.Racy || first.stats.Racy != 1 {
		t.Fatalf("not racy: %+v", first)
	}
	// As if a second write had left the very same stat.
	hidden := x["a"]
	hidden.Value.Digest = folder.Digest{1}
	x["a"] = hidden
	time.Sleep(time.Until(ahead) + 2*fineTick)
	l := look(t, r, x, ScanOptions{})
	wantPaths(t, l, "a:file>file")
	x.adopt(l.found)
	if x["a"].Stat.Racy || x["a"].Value.Digest != fileValue("1").Digest {
		t.Errorf("%+v", x["a"])
	}
	if l := look(t, r, x, ScanOptions{}); len(l.found) != 0 || l.stats.Hashed != 0 {
		t.Errorf("a third look: %+v", l)
	}
}

func TestRacyRule(t *testing.T) {
	now := time.Date(2026, 5, 4, 17, 0, 0, 3, time.UTC).UnixNano()
	fine, coarse := int64(fineTick), int64(coarseTick)
	round := now - now%fine
	for _, c := range []struct {
		name         string
		mtime, ctime int64
		want         bool
	}{
		{"old", now - fine - 1, now - fine - 1, false},
		{"at the tick", now - fine, now - time.Hour.Nanoseconds(), true},
		{"ctime alone", now - time.Hour.Nanoseconds() - 1, now - 5e6, true},
		{"coarse", round - coarse/2, round - coarse/2, true},
		{"coarse, old", round - coarse - fine, round - coarse - fine, false},
		{"coarse mtime, fine ctime", round - coarse/2, now - coarse/2, false},
		{"server a little ahead", now + 1e9 + 1, now + 1e9 + 1, true},
		{"mtime in 2106", now + 80*365*24*time.Hour.Nanoseconds(), now - coarse - 1, false},
		{"1901", -2177452800e9, now - coarse - 1, false},
	} {
		if got := racy(info{MTime: c.mtime, CTime: c.ctime}, now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestScanVanishedAndFlips(t *testing.T) {
	r, x := known(t, "a/x", "a/y/z", "b/c", "d", "e/f")
	root := r.Path()
	remove(t, root, "a")
	remove(t, root, "b")
	remove(t, root, "d")
	remove(t, root, "e")
	grow(t, root, "b", "d/new", "e -> d")
	l := look(t, r, x, ScanOptions{})
	wantPaths(t, l, "a:directory>absent", "a/x:file>absent", "a/y:directory>absent", "a/y/z:file>absent",
		"b:directory>file", "b/c:file>absent", "d:file>directory", "d/new:absent>file",
		"e:directory>symlink", "e/f:file>absent")
	x.adopt(l.found)
	settleDown()
	l = look(t, r, x, ScanOptions{})
	x.adopt(l.found) // racy ones
	wantPaths(t, look(t, r, x, ScanOptions{}))
}

func TestScanUnder(t *testing.T) {
	r, x := known(t, "a/b/x", "a/b/y", "a.txt", "c/d/e")
	root := r.Path()
	grow(t, root, "a/b/new", "a.txt2", "c/other")
	remove(t, root, "a/b/x")
	remove(t, root, "c/d")
	touched := func(folder.Path) bool { return true }
	wantPaths(t, look(t, r, x, ScanOptions{Under: "a/b", Touched: touched}), "a/b/new:absent>file", "a/b/x:file>absent")
	wantPaths(t, look(t, r, x, ScanOptions{Under: "a/b/x"}), "a/b/x:file>absent")
	wantPaths(t, look(t, r, x, ScanOptions{Under: "a/b/never"}))
	wantPaths(t, look(t, r, x, ScanOptions{Under: "c/d/e"}), "c/d/e:file>absent")
	wantPaths(t, look(t, r, x, ScanOptions{Under: "c/d/e/below"}))
	wantPaths(t, look(t, r, x, ScanOptions{Under: "a.txt/below"}))
	if _, err := tryLook(r, x, ScanOptions{Under: "../a"}); !errors.Is(err, folder.ErrPath) {
		t.Error(err)
	}
}

func TestScanShallow(t *testing.T) {
	r, x := known(t, "a/x", "b/y", "c")
	root := r.Path()
	grow(t, root, "a/new", "n/m/o")
	shallow := func(p folder.Path) looked { return look(t, r, x, ScanOptions{Under: p, Shallow: true}) }
	wantPaths(t, shallow("a"), "a:directory>directory") // its time
	wantPaths(t, shallow("a/new"), "a/new:absent>file")
	wantPaths(t, shallow("n"), "n:absent>directory", "n/m:absent>directory", "n/m/o:absent>file")
	wantPaths(t, shallow(""))
	// Another directory of the same name is a new one.
	if err := os.Rename(filepath.Join(root, "b"), filepath.Join(root, "b.old")); err != nil {
		t.Fatal(err)
	}
	grow(t, root, "b/z")
	wantPaths(t, shallow("b"), "b:directory>directory", "b/y:file>absent", "b/z:absent>file")
	remove(t, root, "a")
	wantPaths(t, shallow("a"), "a:directory>absent", "a/x:file>absent")
}

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
