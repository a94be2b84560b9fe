//go:build unix

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Names are bytes, links are links, and everything keeps its mode and time: as
// a user who is not root, locally and between machines. (F54, F55, F57, F60, F61, F64, F70)
func TestNamesAndKinds(t *testing.T) {
	t.Parallel()
	top, err := os.MkdirTemp("", "qsync-names-")
	must(t, err)
	t.Cleanup(func() {
		_ = exec.Command("chmod", "-R", "u+rwX", top).Run()
		_ = os.RemoveAll(top)
	})
	src, dst, far := filepath.Join(top, "src"), filepath.Join(top, "dst"), filepath.Join(top, "far")
	for _, dir := range []string{src, dst, far} {
		must(t, os.Mkdir(dir, 0o755))
	}
	strangeTree(t, src)
	a := &machine{t: t, name: "a", home: filepath.Join(top, "home-a")}
	b := &machine{t: t, name: "b", home: filepath.Join(top, "home-b")}
	if os.Geteuid() == 0 { // root may write into what is read-only
		nobody := []string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"}
		a.wrap, b.wrap = nobody, nobody
		if out, err := exec.Command("chown", "-hR", "65534:65534", top).CombinedOutput(); err != nil {
			t.Fatalf("chown: %v: %s", err, out)
		}
	}
	a.must(0, src, dst, "--once")
	must(t, synced.unequal(src, dst))
	ready := a.start("share", src, "--listen", "127.0.0.1:0", "--json").ready()
	b.startFed(ready.ID, "join", "-", far, "--remote", ready.Listen[0], "--listen", "127.0.0.1:0")
	b.settles(1)
	same(t, src, far)
	for _, dir := range []string{dst, far} {
		fi, err := os.Stat(filepath.Join(dir, "sparse"))
		must(t, err)
		if blocks := fi.Sys().(*syscall.Stat_t).Blocks * 512; blocks > 2<<20 {
			t.Errorf("the sparse file takes %d bytes in %s", blocks, dir)
		}
	}

	// Into a read-only directory, in both directions, and a file that goes.
	locked := filepath.Join("locked", "inner")
	must(t, os.Chmod(filepath.Join(src, locked), 0o755))
	write(t, filepath.Join(src, locked, "late"), "late")
	must(t, os.Remove(filepath.Join(src, locked, "file")))
	must(t, os.Chmod(filepath.Join(src, locked), 0o555))
	holds(t, filepath.Join(far, locked, "late"), "late")
	same(t, src, far)
	r := a.must(0, "status", "--json")
	if strings.ContainsAny(r.out, "\x1b") {
		t.Error("an escape character is printed as it is")
	}
}

// strangeTree makes what users and programs rarely make, and sometimes do.
func strangeTree(t *testing.T, dir string) {
	t.Helper()
	names := []string{"new\nline", "esc\x1b[31mred", "-n", " ", "trailing ", "dot.", "tab\t", "*", "ü", "u\u0308", "\u202etxt.exe", `back\slash`, "quote'\""}
	if runtime.GOOS == "linux" { // others want UTF-8
		names = append(names, "bad\xff\xfe", "long"+strings.Repeat("ü", 125)+"x", strings.Repeat("n", 255))
	}
	for i, name := range names {
		write(t, filepath.Join(dir, "names", name), fmt.Sprint("name ", i))
		write(t, filepath.Join(dir, "dirs", name, name), name)
	}
	must(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	must(t, os.Symlink(".", filepath.Join(dir, "here")))
	must(t, os.Symlink("/etc", filepath.Join(dir, "outside")))
	must(t, os.Symlink("nowhere\x1b/at\nall", filepath.Join(dir, "dangling")))
	must(t, os.MkdirAll(filepath.Join(dir, "empty", "empty", "empty"), 0o755))
	for _, mode := range []os.FileMode{0o400, 0o444, 0o600, 0o640, 0o644, 0o700, 0o755, 0o777} {
		name := filepath.Join(dir, "modes", fmt.Sprintf("%o", mode))
		write(t, name, mode.String())
		must(t, os.Chmod(name, mode))
	}
	for i, at := range []time.Time{longAgo, time.Unix(0, 1), time.Date(1969, 7, 20, 20, 17, 40, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 999_999_999, time.UTC)} {
		name := filepath.Join(dir, "times", fmt.Sprint(i))
		write(t, name, at.String())
		must(t, os.Chtimes(name, at, at))
	}
	f, err := os.Create(filepath.Join(dir, "sparse"))
	must(t, err)
	for _, at := range []int64{0, 33 << 20, 64<<20 - 1} {
		_, err = f.WriteAt([]byte("x"), at)
		must(t, err)
	}
	must(t, f.Close())
	write(t, filepath.Join(dir, "locked", "inner", "file"), "in a read-only directory")
	for _, name := range []string{"locked/inner", "locked"} {
		must(t, os.Chtimes(filepath.Join(dir, name), longAgo, longAgo))
		must(t, os.Chmod(filepath.Join(dir, name), 0o555))
	}
}

// A conflict on a name that is as long as a name can be still keeps both. (F57)
func TestConflictOnALongName(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "left", "right")
	name := strings.Repeat("n", 251) + ".txt"
	write(t, filepath.Join(d[0], name), "left")
	write(t, filepath.Join(d[1], name), "right")
	m.must(4, d[0], d[1], "-b", "--once")
	must(t, synced.unequal(d...))
	if all := synced.must(t, d[0]); len(all) != 2 {
		t.Errorf("%d files, want both: %v", len(all), all)
	}
}

// New directories may be full before anybody looks at them: mkdir -p chains
// with files at once, and trees that were prepared elsewhere. (F43, F44)
func TestStormsOfDirectories(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "left", "right", "prepared")
	p := m.start(d[0], d[1], "-b")
	m.settles(1)
	rounds := 40
	if long {
		rounds = 1000
	}
	for i := range rounds {
		side := d[i%2]
		deep := filepath.Join(side, fmt.Sprint("chain", i), "b", "c", "d", "e")
		write(t, filepath.Join(deep, "file"), fmt.Sprint(i))
		prepared := filepath.Join(d[2], fmt.Sprint("tree", i))
		write(t, filepath.Join(prepared, "x", "y", "z"), fmt.Sprint(i))
		write(t, filepath.Join(prepared, "x", "w"), fmt.Sprint(i))
		must(t, os.Rename(prepared, filepath.Join(side, fmt.Sprint("tree", i))))
		if i%5 == 4 {
			must(t, os.Rename(filepath.Join(side, fmt.Sprint("chain", i)), filepath.Join(side, fmt.Sprint("moved", i))))
			must(t, os.RemoveAll(filepath.Join(side, fmt.Sprint("tree", i-2), "x")))
		}
	}
	same(t, d[0], d[1])
	m.settles(1)
	must(t, synced.unequal(d[0], d[1]))
	all := synced.must(t, d[0])
	for i := range rounds {
		name := fmt.Sprintf("/chain%d/b/c/d/e/file", i)
		if i%5 == 4 {
			name = fmt.Sprintf("/moved%d/b/c/d/e/file", i)
		}
		if all[name] == "" {
			t.Errorf("%s is gone", name)
		}
	}
	for path := range all {
		if strings.Contains(path, ".conflict-") {
			t.Errorf("a conflict copy: %s", path)
		}
	}
	p.end(syscall.SIGINT, 130)
}
