package disk

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"qsync/folder"
)

// TestChangedWhileSwapping changes the file between the last look and the swap,
// by the two ways in which programs save.
func TestChangedWhileSwapping(t *testing.T) {
	saves := map[string]func(path string){
		"in place":  func(path string) { os.WriteFile(path, []byte("user"), 0o644) },
		"by rename": func(path string) { os.WriteFile(path+".new", []byte("user"), 0o644); os.Rename(path+".new", path) },
	}
	for name, save := range saves {
		t.Run(name, func(t *testing.T) {
			r := openRoot(t)
			if err := os.Mkdir(r.full("d"), 0o755); err != nil {
				t.Fatal(err)
			}
			put(t, r, "d/a.txt", "one", nothing)
			d, err := r.dir.walk("d")
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			at := slot{d, "d/a.txt"}
			was, err := d.stat("a.txt")
			if err != nil {
				t.Fatal(err)
			}
			save(r.full("d/a.txt"))
			s := stage(t, r, "two")
			x := s.entry()
			if err := x.move(swapPrefix + "test"); err != nil {
				t.Fatal(err)
			}
			old, was, err := r.exchange(x, at, was)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := r.retire(r.work, slot{s.dir, folder.Path(old)}, at, was)
			s.close()
			if got.Dir() != "d" || !strings.HasPrefix(got.Base(), "a.conflict-") || !strings.HasSuffix(got.Base(), ".txt") {
				t.Fatalf("displaced to %q", got)
			}
			wantFile(t, r.full(string(got)), "user")
			wantFile(t, r.full("d/a.txt"), "two")
			wantClean(t, r)
		})
	}
}

// TestConflictNameTaken checks that a conflict copy replaces nothing.
func TestConflictNameTaken(t *testing.T) {
	r := openRoot(t)
	put(t, r, "a", "user", nothing)
	i, err := r.dir.stat("a")
	if err != nil {
		t.Fatal(err)
	}
	first := folder.ConflictName("a", fileValue("user"), folder.HashWidth)
	write(t, r.full(string(first)), "other")
	old := slot{r.work.tmp, "swap-test"}
	if err := os.Rename(r.full("a"), r.full(".qsync/tmp/swap-test")); err != nil {
		t.Fatal(err)
	}
	got := r.keepBeside(old, slot{r.dir, "a"}, i)
	if got != folder.ConflictName("a", fileValue("user"), folder.HashWidth+1) {
		t.Fatalf("displaced to %q", got)
	}
	wantFile(t, r.full(string(first)), "other")
	wantFile(t, r.full(string(got)), "user")
}

// TestReaderSeesWhole polls a file while it is replaced: it must always be
// there, and be one of the contents entirely.
func TestReaderSeesWhole(t *testing.T) {
	eachRoot(t, func(t *testing.T, r *Root) {
		contents := []string{strings.Repeat("a", 50_000), strings.Repeat("b", 70_000), "c"}
		l := put(t, r, "f", contents[0], nothing)
		r.SetVersions(1)
		stop, done := make(chan struct{}), make(chan error)
		go func() {
			var bad error
			for {
				select {
				case <-stop:
					done <- bad
					return
				default:
				}
				b, err := os.ReadFile(r.full("f"))
				if err != nil || !slices.Contains(contents, string(b)) {
					bad = errors.Join(bad, err, errors.New("torn"))
				}
			}
		}()
		for n, end := 1, time.Now().Add(200*time.Millisecond); time.Now().Before(end); n++ {
			l = put(t, r, "f", contents[n%len(contents)], l)
		}
		close(stop)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestLongNames(t *testing.T) {
	eachRoot(t, func(t *testing.T, r *Root) {
		for _, name := range []string{strings.Repeat("n", 255), strings.Repeat("ü", 125) + ".text", "x." + strings.Repeat("e", 253)} {
			p := folder.Path(name)
			l := put(t, r, p, "one", nothing)
			l = put(t, r, p, "two", l)
			if err := drop(r, p, l); err != nil {
				t.Fatal(err)
			}
		}
		if v := versionsOf(t, r, ""); len(v) != 6 {
			t.Errorf("%d versions: %q", len(v), v)
		}
		s := stage(t, r, "x")
		if _, err := r.Put(folder.Path(strings.Repeat("n", 256)), s, nothing); err == nil || errors.Is(err, ErrChanged) {
			t.Errorf("a name too long: %v", err)
		}
		s.Discard()
	})
}

func TestRawNames(t *testing.T) {
	eachRoot(t, func(t *testing.T, r *Root) {
		for _, p := range []folder.Path{"bad\xff", "new\nline\x1b[31m", "-rf", " ", "~", "a~", ".hidden", "tab\t."} {
			l := put(t, r, p, "one", nothing)
			if err := drop(r, p, l); err != nil {
				t.Error(err)
			}
		}
		if v := versionsOf(t, r, ""); len(v) != 8 {
			t.Errorf("versions: %q", v)
		}
	})
}

func TestRemoveOfNothing(t *testing.T) {
	r := openRoot(t)
	if err := drop(r, "a", nothing); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(r.full("a")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestCopyEntry covers file systems that know no hard links either.
func TestCopyEntry(t *testing.T) {
	r := openRoot(t)
	put(t, r, "f", "content", nothing)
	if _, err := r.Symlink("l", linkValue, nothing); err != nil {
		t.Fatal(err)
	}
	for _, p := range []folder.Path{"f", "l"} {
		if err := copyEntry(slot{r.dir, p}, r.dir, "copy of "+string(p)); err != nil {
			t.Fatal(err)
		}
		a, b := seen(t, r, p).Value, seen(t, r, "copy of "+p).Value
		if !folder.SameOnDisk(a, b) {
			t.Errorf("%s: %+v became %+v", p, a, b)
		}
		if err := copyEntry(slot{r.dir, p}, r.dir, "copy of "+string(p)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: replaced something: %v", p, err)
		}
	}
}
