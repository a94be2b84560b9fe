package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// exfat mounts a new exFAT file system, which takes foo for Foo and holds neither
// links nor all names.
func exfat(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	image, at := filepath.Join(top, "image"), filepath.Join(top, "mnt")
	must(t, errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 64<<20), os.Mkdir(at, 0o755)))
	run := func(args ...string) string {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("this test mounts an exFAT file system, for which it needs root, /dev/fuse, exfatprogs and exfat-fuse: %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("mkfs.exfat", image)
	loop := run("losetup", "-f", "--show", image)
	t.Cleanup(func() { _ = exec.Command("losetup", "-d", loop).Run() })
	run("mount.exfat-fuse", loop, at)
	t.Cleanup(func() { _ = syscall.Unmount(at, syscall.MNT_DETACH) })
	return at
}

// listing is what a directory shows, without what is ours.
func listing(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if e.Name() != ".qsync" {
			all = append(all, e.Name())
		}
	}
	return all
}

// shows waits until a directory lists exactly these names.
func shows(t *testing.T, dir string, names ...string) {
	t.Helper()
	eventually(t, func() error {
		if got := listing(t, dir); !slices.Equal(got, names) {
			return fmt.Errorf("%s shows %q, want %q", dir, got, names)
		}
		return nil
	})
}

// stateAt is what status says of the folder at dir.
func (m *machine) stateAt(dir string) (at struct {
	Path     string
	Want     struct{ Entries int }
	Problems []struct{ Path, Problem string }
}) {
	m.t.Helper()
	var s struct {
		Nodes []struct {
			Folders []struct {
				Path     string
				Want     struct{ Entries int }
				Problems []struct{ Path, Problem string }
			}
		}
	}
	must(m.t, json.Unmarshal([]byte(m.must(0, "status", "--json").out), &s))
	for _, n := range s.Nodes {
		for _, f := range n.Folders {
			if f.Path == dir {
				return f
			}
		}
	}
	return at
}

// problemsAt are the problems of the folder at dir, by path.
func (m *machine) problemsAt(dir string) map[string]string {
	m.t.Helper()
	all := map[string]string{}
	for _, p := range m.stateAt(dir).Problems {
		all[p.Path] = p.Problem
	}
	return all
}

// wantsAt is how many entries the folder at dir has still to get or apply.
func (m *machine) wantsAt(dir string) int { return m.stateAt(dir).Want.Entries }

// On a disk that takes foo for Foo and refuses some names, one of two names is
// shown and the other is a problem that stops nothing else, nothing is mixed up or
// lost, and what is renamed arrives at once. (F51, F52, F54, F56, F61)
func TestDiskThatFoldsCase(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	left, right := dirs(t, "left")[0], exfat(t)
	for name, text := range map[string]string{"Foo": "upper", "foo": "lower", "Dir/a": "in Dir", "dir/b": "in dir", "dir/sub/c": "below dir",
		"a:b": "colon", "bad\xff": "bytes", "good": "good", "CON": "reserved", "dot.": "dot"} {
		write(t, filepath.Join(left, name), text)
	}
	must(t, os.Symlink("good", filepath.Join(left, "link")))
	before := synced.must(t, left)
	m.must(3, left, right, "-b", "--once").names(t, "case collision")
	shows(t, right, "CON", "Dir", "Foo", "dot.", "good")
	must(t, differs(before, synced.must(t, left)))

	p := m.start(left, right, "-b", "--versions", "0")
	m.eventually(func() error {
		got := m.problemsAt(right)
		for path, why := range map[string]string{"foo": `case collision with "Foo"`, "dir": `case collision with "Dir"`, "dir/b": "case collision", "dir/sub": "case collision",
			"a:b": "cannot hold a name", "link": "symbolic links"} {
			if !strings.Contains(got[path], why) {
				return fmt.Errorf("%s: %q, want %q; all: %q", path, got[path], why, got)
			}
		}
		return nil
	})
	write(t, filepath.Join(left, "good"), "goes on")
	holds(t, filepath.Join(right, "good"), "goes on")
	after := synced.must(t, left)
	for path := range before {
		if after[path] == "" {
			t.Errorf("%s is gone from where all of it was", path)
		}
	}

	// What stood in the way goes, on either side.
	must(t, os.Rename(filepath.Join(left, "foo"), filepath.Join(left, "bar")))
	holds(t, filepath.Join(right, "bar"), "lower")
	must(t, os.RemoveAll(filepath.Join(left, "Dir")))
	holds(t, filepath.Join(right, "dir", "b"), "in dir")
	holds(t, filepath.Join(right, "dir", "sub", "c"), "below dir")
	must(t, os.Rename(filepath.Join(left, "a:b"), filepath.Join(left, "a-b")))
	holds(t, filepath.Join(right, "a-b"), "colon")

	// Case alone, there, here, and of a directory.
	must(t, os.Rename(filepath.Join(left, "Foo"), filepath.Join(left, "FOO")))
	shows(t, right, "CON", "FOO", "a-b", "bar", "dir", "dot.", "good")
	// Renamed here before the map has it, it would be one name more.
	m.eventually(func() error {
		if n := m.wantsAt(right); n > 2 { // the link and the bytes
			return fmt.Errorf("%d entries are wanted", n)
		}
		return nil
	})
	must(t, os.Rename(filepath.Join(right, "FOO"), filepath.Join(right, "fOo")))
	holds(t, filepath.Join(left, "fOo"), "upper")
	must(t, os.Rename(filepath.Join(left, "dir"), filepath.Join(left, "DIR")))
	shows(t, right, "CON", "DIR", "a-b", "bar", "dot.", "fOo", "good")
	holds(t, filepath.Join(right, "DIR", "sub", "c"), "below dir")
	shows(t, left, "CON", "DIR", "a-b", "bad\xff", "bar", "dot.", "fOo", "good", "link")
	holds(t, filepath.Join(left, "DIR", "sub", "c"), "below dir")

	must(t, errors.Join(os.Remove(filepath.Join(left, "link")), os.Remove(filepath.Join(left, "bad\xff"))))
	m.settles(0)
	if got := m.problemsAt(right); len(got) != 0 {
		t.Errorf("still problems: %q", got)
	}
	for path, text := range map[string]string{"fOo": "upper", "bar": "lower", "DIR/b": "in dir", "a-b": "colon", "good": "goes on"} {
		for _, dir := range []string{left, right} {
			holds(t, filepath.Join(dir, path), text)
		}
	}
	p.end(syscall.SIGINT, 130)
}
