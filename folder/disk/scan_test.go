package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"qsync/folder"
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
		stamp        int64 // what the clock of the stamps shows, 0 where it cannot be read
		want         bool
	}{
		{"old", now - fine - 1, now - fine - 1, 0, false},
		{"at the tick", now - fine, now - time.Hour.Nanoseconds(), 0, true},
		{"ctime alone", now - time.Hour.Nanoseconds() - 1, now - 5e6, 0, true},
		{"coarse", round - coarse/2, round - coarse/2, 0, true},
		{"coarse, old", round - coarse - fine, round - coarse - fine, 0, false},
		{"coarse mtime, fine ctime", round - coarse/2, now - coarse/2, 0, false},
		{"server a little ahead", now + 1e9 + 1, now + 1e9 + 1, 0, true},
		{"mtime in 2106", now + 80*365*24*time.Hour.Nanoseconds(), now - coarse - 1, 0, false},
		{"1901", -2177452800e9, now - coarse - 1, 0, false},
		{"a tick of the clock later", now - 1e6, now - 1e6, now - 5e5, false},
		{"within the tick", now - 5e5, now - 5e5, now - 5e5, true},
		{"a finer stamp in the tick", now - 2e6, now - 1e5, now - 5e5, true},
		{"the clock stands", now - 2*fine, now - 2*fine, now - 2*fine, true},
		{"coarse, with a clock", round - coarse/2, round - coarse/2, now - 1e6, true},
	} {
		if got := racy(info{MTime: c.mtime, CTime: c.ctime}, instant{now, c.stamp}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// F32, as the disk does it: a write that follows a look, as fast as it can, shows.
func TestScanSeesTheNextWrite(t *testing.T) {
	r, x := known(t, "a")
	path := filepath.Join(r.Path(), "a")
	unsure := 0
	for i := range 100 {
		write(t, path, fmt.Sprintf("%04d", 2*i))
		l := look(t, r, x, ScanOptions{})
		x.adopt(l.found)
		was := x["a"]
		write(t, path, fmt.Sprintf("%04d", 2*i+1))
		if r.Unchanged("a", was) {
			t.Fatalf("write %d left the stat of the one before: %+v", i, was)
		}
		if was.Stat.Racy {
			unsure++
		}
	}
	if r.stamps && unsure > 50 { // on a busy machine a look at two clocks can be torn apart, and then it guesses
		t.Errorf("%d times of 100 the clock did not move on", unsure)
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
