package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Every name of a file with several is a file of its own on the other side; a
// write through one is seen for all, a link that is made later too; and nobody
// breaks a link of the source, or makes another of what a peer has changed. (F59)
func TestHardLinks(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "left", "right")
	in := func(i int, name string) string { return filepath.Join(d[i], name) }
	write(t, in(0, "a"), "one")
	must(t, errors.Join(os.Mkdir(in(0, "d"), 0o755), os.Link(in(0, "a"), in(0, "d/b")), os.Link(in(0, "a"), in(0, "c"))))
	write(t, in(0, "plain"), "plain")
	p := m.start(d[0], d[1], "-b")
	m.settles(0)
	inode := func(path string) uint64 {
		fi, err := os.Stat(path)
		must(t, err)
		return fi.Sys().(*syscall.Stat_t).Ino
	}
	source := inode(in(0, "a"))
	for i, text := range []string{"two, longer", "three"} {
		write(t, in(0, []string{"d/b", "c"}[i]), text) // in place
		for _, name := range []string{"a", "c", "d/b"} {
			holds(t, in(1, name), text)
		}
	}
	must(t, os.Link(in(0, "plain"), in(0, "late")))
	holds(t, in(1, "late"), "plain")
	write(t, in(0, "late"), "written by its late name")
	holds(t, in(1, "plain"), "written by its late name")
	m.settles(0)
	must(t, synced.unequal(d...))
	for _, name := range []string{"a", "c", "d/b"} {
		if inode(in(0, name)) != source {
			t.Errorf("the source's link %s is broken", name)
		}
	}
	// What comes from the other side replaces one name.
	write(t, in(1, "a"), "from the right")
	holds(t, in(0, "a"), "from the right")
	for _, name := range []string{"c", "d/b"} {
		holds(t, in(0, name), "three")
		holds(t, in(1, name), "three")
	}
	p.end(syscall.SIGINT, 130)
}

// Permission bits travel, setuid, setgid and sticky do not. (F65)
func TestSetuidIsLeftOut(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "left", "right")
	for i, mode := range []uint32{0o4755, 0o2755, 0o1755, 0o6711, 0o7777} {
		name := filepath.Join(d[0], fmt.Sprint("file", i))
		write(t, name, "#!/bin/sh")
		must(t, syscall.Chmod(name, mode))
		must(t, os.Mkdir(filepath.Join(d[0], fmt.Sprint("dir", i)), 0o755))
		must(t, syscall.Chmod(filepath.Join(d[0], fmt.Sprint("dir", i)), mode))
	}
	m.must(0, d[0], d[1], "--once")
	must(t, filepath.WalkDir(d[1], func(path string, e os.DirEntry, err error) error {
		if err != nil || path == d[1] || strings.Contains(path, ".qsync") {
			return err
		}
		fi, err := os.Lstat(path)
		if err != nil {
			return err
		}
		was, err := os.Lstat(filepath.Join(d[0], e.Name()))
		if err == nil && (fi.Mode()&(os.ModeSetuid|os.ModeSetgid|os.ModeSticky) != 0 || fi.Mode().Perm() != was.Mode().Perm()) {
			t.Errorf("%s has %v, its source %v", e.Name(), fi.Mode(), was.Mode())
		}
		return err
	}))
	m.must(0, d[0], d[1], "--once").names(t, "0 added, 0 modified, 0 deleted")
}

// Sizes around 2^31 and 2^32 are exact, with what stands at their ends, and the
// holes stay holes. (F60, F71)
func TestHugeSizes(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "left", "right")
	sizes := []int64{1<<32 + 1}
	if long {
		sizes = append(sizes, 1<<31-1, 1<<31, 1<<31+1, 1<<32-1, 1<<32)
	}
	for _, size := range sizes {
		f, err := os.Create(filepath.Join(d[0], fmt.Sprint(size)))
		must(t, err)
		for _, at := range []int64{0, size/2 + 7, size - 3} {
			_, err := f.WriteAt([]byte(fmt.Sprint(at%10, "x")), at)
			must(t, err)
		}
		must(t, errors.Join(f.Truncate(size), f.Close()))
	}
	m.must(0, d[0], d[1], "--once")
	for _, size := range sizes {
		name := fmt.Sprint(size)
		fi, err := os.Stat(filepath.Join(d[1], name))
		must(t, err)
		if blocks := fi.Sys().(*syscall.Stat_t).Blocks * 512; fi.Size() != size || blocks > 1<<20 {
			t.Errorf("%s has %d bytes and takes %d", name, fi.Size(), blocks)
		}
		for _, at := range []int64{0, size/2 + 7, size - 3} {
			var got [2][3]byte
			for i := range d {
				f, err := os.Open(filepath.Join(d[i], name))
				must(t, err)
				_, err = f.ReadAt(got[i][:], at)
				must(t, errors.Join(err, f.Close()))
			}
			if got[0] != got[1] || bytes.Equal(got[0][:], make([]byte, 3)) {
				t.Errorf("%s at %d: %q and %q", name, at, got[0], got[1])
			}
		}
	}
}

// As deep as a path may be it is synced, and what is deeper is a problem that
// stops nothing else. (F58)
func TestDeepPaths(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "left", "right")
	// One chain of long names, up to the length of a path, and one of many.
	for _, c := range []struct {
		name string
		n    int
	}{{strings.Repeat("n", 250), 20}, {"d", 300}} {
		at, err := syscall.Open(d[0], syscall.O_DIRECTORY, 0)
		must(t, err)
		for range c.n {
			must(t, syscall.Mkdirat(at, c.name, 0o755))
			next, err := syscall.Openat(at, c.name, syscall.O_DIRECTORY, 0)
			must(t, errors.Join(err, syscall.Close(at)))
			at = next
		}
		must(t, syscall.Close(at))
	}
	write(t, filepath.Join(d[0], "plain"), "plain")
	m.must(3, d[0], d[1], "--once").names(t, "cannot be synced")
	holds(t, filepath.Join(d[1], "plain"), "plain")
	for name, want := range map[string]int{strings.Repeat("n", 250): 16, "d": 256} {
		n := 0
		at, err := syscall.Open(d[1], syscall.O_DIRECTORY, 0)
		must(t, err)
		for ; ; n++ {
			next, err := syscall.Openat(at, name, syscall.O_DIRECTORY, 0)
			must(t, syscall.Close(at))
			if err != nil {
				break
			}
			at = next
		}
		if n != want {
			t.Errorf("%d directories %.3s... on the other side, want %d", n, name, want)
		}
	}
}

// Extended attributes and owners do not travel, which no setting changes, and nobody makes a problem of them. What a file
// had of them when sync replaced it, its version has. (F66)
func TestAttributesStay(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "left", "right")
	file, there := filepath.Join(d[0], "f"), filepath.Join(d[1], "f")
	const name = "user.qsync.test"
	write(t, file, "one")
	must(t, syscall.Setxattr(file, name, []byte("left's"), 0))
	must(t, os.Chown(file, 4242, 4343)) // as root; everybody's files are the user's who runs the program
	m.must(0, d[0], d[1], "-b", "--once")
	owner := func(path string) (uint32, uint32) {
		fi, err := os.Lstat(path)
		must(t, err)
		st := fi.Sys().(*syscall.Stat_t)
		return st.Uid, st.Gid
	}
	if uid, gid := owner(there); uid != uint32(os.Getuid()) || gid != uint32(os.Getgid()) {
		t.Errorf("its owner came along: %d:%d", uid, gid)
	}
	if n, err := syscall.Getxattr(there, name, nil); !errors.Is(err, syscall.ENODATA) {
		t.Fatalf("it came along: %d %v", n, err)
	}
	must(t, syscall.Setxattr(there, name, []byte("right's"), 0))
	m.must(0, d[0], d[1], "-b", "--once")
	value := make([]byte, 16)
	if n, err := syscall.Getxattr(file, name, value); err != nil || string(value[:n]) != "left's" {
		t.Fatalf("%q %v", value[:max(n, 0)], err)
	}
	if uid, gid := owner(file); uid != 4242 || gid != 4343 {
		t.Errorf("its owner has changed: %d:%d", uid, gid)
	}
	write(t, file, "two, longer")
	m.must(0, d[0], d[1], "-b", "--once")
	holds(t, there, "two, longer")
	kept, err := filepath.Glob(filepath.Join(d[1], ".qsync/versions/f~*"))
	must(t, err)
	if len(kept) != 1 {
		t.Fatal(kept)
	}
	if n, err := syscall.Getxattr(kept[0], name, value); err != nil || string(value[:n]) != "right's" {
		t.Errorf("%q %v", value[:max(n, 0)], err)
	}
}
