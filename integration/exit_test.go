//go:build unix

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What cannot be synced is named, the rest goes on, and the exit code is 3. (F63)
func TestProblems(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "src", "dst")
	fill(t, d[0], 10)
	must(t, syscall.Mkfifo(filepath.Join(d[0], "a fifo"), 0o644))
	for range 2 {
		m.must(3, d[0], d[1], "--once").names(t, "a fifo", "1 problem")
	}
	must(t, os.Remove(filepath.Join(d[0], "a fifo")))
	m.must(0, d[0], d[1], "--once")
	must(t, synced.unequal(d...))
}

// A file and a directory that this user may not read are problems; what is at
// their place on the other side stays. (F28, F67)
func TestUnreadable(t *testing.T) {
	t.Parallel()
	top, err := os.MkdirTemp("", "qsync-nobody-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	m := &machine{t: t, name: "nobody", home: filepath.Join(top, "home")}
	src, dst := filepath.Join(top, "src"), filepath.Join(top, "dst")
	fill(t, src, 14)
	must(t, os.Mkdir(dst, 0o755))
	if os.Geteuid() == 0 { // root reads everything
		m.wrap = []string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"}
		out, err := exec.Command("chown", "-R", "65534:65534", top).CombinedOutput()
		if err != nil {
			t.Fatalf("chown: %v: %s", err, out)
		}
	}
	m.must(0, src, dst, "--once")
	before := synced.must(t, dst)
	secret, closed := filepath.Join(src, "d0", "f0"), filepath.Join(src, "d1")
	must(t, os.WriteFile(secret, []byte("changed, but not for you"), 0o644))
	must(t, os.Chmod(secret, 0))
	must(t, os.Chmod(closed, 0))
	m.must(3, src, dst, "--once").names(t, "f0", "d1", "permission denied", "2 problems")
	after := synced.must(t, dst)
	for path, line := range before {
		if strings.HasPrefix(path, "/d1") || path == "/d0/f0" {
			if after[path] == "" {
				t.Errorf("%s went because the source could not be read", path)
			}
		} else if after[path] != line {
			t.Errorf("%s changed: %s", path, after[path])
		}
	}
	must(t, os.Chmod(secret, 0o600))
	must(t, os.Chmod(closed, 0o755))
	m.must(0, src, dst, "--once")
	must(t, synced.unequal(src, dst))
}

// Conflicts are kept for a person to look at, on both sides alike: exit 4. (F87)
func TestConflicts(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	write(t, filepath.Join(d[0], "notes.txt"), "both began here")
	ready := a.start("share", d[0], "--listen", "127.0.0.1:0", "--json").ready()
	once := []string{d[1], "-", "-b", "--remote", ready.Listen[0], "--once", "--listen", "127.0.0.1:0"}
	b.must(0, append(once, "--force-id", ready.ID)...)
	write(t, filepath.Join(d[1], "notes.txt"), "edited at b")
	write(t, filepath.Join(d[0], "notes.txt"), "edited at a, later")
	later := time.Now().Add(time.Hour)
	must(t, os.Chtimes(filepath.Join(d[0], "notes.txt"), later, later))
	a.must(0, "wait")
	b.must(4, once...).names(t, "notes.conflict-", "1 conflict")
	same(t, d...)
	for _, dir := range d {
		holds(t, filepath.Join(dir, "notes.txt"), "edited at a, later")
		copies, err := filepath.Glob(filepath.Join(dir, "notes.conflict-*.txt"))
		must(t, err)
		if len(copies) != 1 {
			t.Fatalf("conflict copies: %q, want one", copies)
		}
		holds(t, copies[0], "edited at b")
	}
	b.must(0, once...)
	same(t, d...)
}

// wait blocks until everything is in sync, and ends with 5 saying what is
// missing when its time is up.
func TestWait(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	a.must(1, "wait", d[0]).names(t, "no running qsync")
	ready := a.start("share", d[0], "--listen", "127.0.0.1:0", "--json").ready()
	a.must(0, "wait", d[0], "--timeout", "20")
	a.must(5, "wait", "--peers", "1", "--timeout", "0.3s").names(t, "0 of 1 peers")
	b.startFed(ready.ID, "join", "-", d[1], "--remote", ready.Listen[0], "--listen", "127.0.0.1:0")
	a.must(0, "wait", "--peers", "1", "--timeout", "20s")
	for i := range 5 {
		fill(t, filepath.Join(d[i%2], fmt.Sprint("round", i)), 200)
		[]*machine{a, b}[i%2].must(0, "wait", "--peers", "1", "--timeout", "20s")
		must(t, synced.unequal(d...)) // at once
	}
}

// After everything is in sync, restarts and new passes change nothing. (semantics, I6)
func TestQuiet(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	richTree(t, d[0])
	ready := a.start("share", d[0], "--listen", "127.0.0.1:0", "--json").ready()
	join := []string{"join", "-", d[1], "--remote", ready.Listen[0], "--listen", "127.0.0.1:0"}
	p := b.startFed(ready.ID, join...)
	a.settles(1)
	must(t, synced.unequal(d...))
	p.end(syscall.SIGINT, 130)
	before := []tree{untouched.must(t, filepath.Join(d[0], "d0")), untouched.must(t, filepath.Join(d[1], "d0"))}
	for range 2 {
		p = b.startFed(ready.ID, append(join, "--json")...)
		p.ready()
		b.settles(1)
		p.end(syscall.SIGINT, 130)
		if !strings.Contains(p.out.String(), `"added":0,"modified":0,"deleted":0,"bytes":0,"sent":0,"announced":0`) {
			t.Errorf("a run with nothing to do says %s", p.out.String())
		}
	}
	for i, was := range before {
		must(t, differs(was, untouched.must(t, filepath.Join(d[i], "d0"))))
	}
}
