package disk

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"qsync/folder"
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

// TestNamelessByPath: who may not link a file by its descriptor, which before Linux
// 6.10 is for the privileged alone, links it by its name in /proc; a name that is
// taken stays taken either way, and says nothing about the way.
func TestNamelessByPath(t *testing.T) {
	was := linkByPath.Load()
	t.Cleanup(func() { linkByPath.Store(was) })
	for _, byPath := range []bool{false, true} {
		linkByPath.Store(byPath)
		r := openRoot(t)
		put(t, r, "a", "one", nothing)
		wantFile(t, r.full("a"), "one")
		s := stage(t, r, "two")
		defer s.Discard()
		if _, err := r.Put("a", s, nothing); !errors.Is(err, ErrChanged) {
			t.Fatalf("put over what is there: %v", err)
		}
		wantFile(t, r.full("a"), "one")
		if err := os.Mkdir(r.full("gone"), 0o755); err != nil {
			t.Fatal(err)
		}
		d, err := r.parent("gone/b")
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if err := os.Remove(r.full("gone")); err != nil {
			t.Fatal(err)
		}
		if err := (slot{d.dir, "gone/b"}).dir.linkFile(s.f, "b"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("linked in a directory that is gone: %v", err)
		}
		if !byPath && linkByPath.Load() != was {
			t.Fatal("a directory that is gone was taken for a lack of rights")
		}
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

// TestExtJournals checks what sysfs says about file systems with and without a
// journal, and those of which it says nothing.
func TestExtJournals(t *testing.T) {
	link := func(to string) *fstest.MapFile { return &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte(to)} }
	sys := fstest.MapFS{
		"dev/block/8:1":              link("../../devices/pci/block/sda/sda1"),
		"dev/block/8:2":              link("../../devices/pci/block/sda/sda2"),
		"dev/block/8:3":              link("../../devices/pci/block/sda/sda3"),
		"fs/ext4/sda1/journal_task":  {Data: []byte("412\n")},
		"fs/ext4/sda2/journal_task":  {Data: []byte("<none>\n")},
		"fs/ext4/sda3/session_write": {Data: []byte("1\n")},
	}
	for minor, want := range map[uint32]bool{1: true, 2: false, 3: false, 4: false} {
		if got := extJournals(sys, unix.Mkdev(8, minor)); got != want {
			t.Errorf("8:%d has a journal: %v", minor, got)
		}
	}
}

// TestLooseLinks: where no journal writes a file and its entry together, what was
// linked is flushed once more, by itself or with everything.
func TestLooseLinks(t *testing.T) {
	r := openRoot(t)
	name := folder.Path("a")
	for _, c := range []struct {
		loose, linked, synced, owes bool
	}{
		{true, true, false, true},
		{true, true, true, false},
		{true, false, false, false},
		{false, true, false, false},
	} {
		s := stage(t, r, "content")
		r.nameless.loose.Store(c.loose)
		s.linked = c.linked
		if c.synced {
			if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Put(name, s, nothing); err != nil {
			t.Fatal(err)
		}
		if r.nameless.owing.Load() != c.owes {
			t.Errorf("%+v: owes a flush: %v", c, !c.owes)
		}
		if err := r.SyncDir(""); err != nil || r.nameless.owing.Load() {
			t.Errorf("%+v: after the flush of the directory: %v", c, err)
		}
		name += "a"
	}
}
