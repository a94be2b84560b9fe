package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mounted mounts a file system in memory at a new place.
func mounted(t *testing.T, options string) string {
	t.Helper()
	dir := dirs(t, "mount")[0]
	if err := syscall.Mount("none", dir, "tmpfs", 0, options); err != nil {
		t.Fatalf("this test mounts a file system, for which it has to run as root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// remounted changes the options of a mount.
func remounted(t *testing.T, dir, options string) {
	t.Helper()
	must(t, syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, options))
}

// image makes a file with an ext4 file system of that many MiB.
func image(t *testing.T, file string, size int) {
	t.Helper()
	f, err := os.Create(file)
	must(t, err)
	must(t, f.Truncate(int64(size)<<20))
	must(t, f.Close())
	command(t, "mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", file)
}

// looped mounts an image until the end of the test, or until it is taken off.
func looped(t *testing.T, file, dir string) (off func()) {
	t.Helper()
	command(t, "mount", "-o", "loop", file, dir)
	on := true
	off = func() {
		if on {
			on = false
			if syscall.Unmount(dir, 0) != nil {
				_ = syscall.Unmount(dir, syscall.MNT_DETACH)
			}
		}
	}
	t.Cleanup(off)
	return off
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// rested is how long [rest] is.
const rested = 3 * time.Second

func rest() { time.Sleep(rested) }

// cpu is how long a process has used a processor.
func cpu(t *testing.T, p *process) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	must(t, err)
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')'):]))
	ticks := 0
	for _, f := range fields[12:14] { // utime and stime, in hundredths of a second
		n, err := strconv.Atoi(f)
		must(t, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// stops waits until a side says that it has stopped, for a reason with that text.
func (c *couple) stops(i int, why string) {
	c.t.Helper()
	eventually(c.t, func() error {
		f, _ := c.m[i].folder()
		if f.State != "stopped" || !strings.Contains(f.Reason, why) {
			return fmt.Errorf("state %q, reason %q, want stopped because %q", f.State, f.Reason, why)
		}
		return nil
	})
}

// complains waits until a side has a problem with that text.
func (c *couple) complains(i int, text string) {
	c.t.Helper()
	eventually(c.t, func() error {
		f, _ := c.m[i].folder()
		for _, p := range f.Problems {
			if strings.Contains(p.Problem, text) {
				return nil
			}
		}
		return fmt.Errorf("no problem says %q: %v", text, f.Problems)
	})
}

// A full disk, or one without inodes: what fits is there, the rest says why it
// waits and comes by itself when there is room; nothing is cut off. (F7, F9)
func TestNoRoom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, little, enough string
		files, size          int
	}{
		{"bytes", "size=8m", "size=64m", 20, 1 << 20},
		{"inodes", "size=64m,nr_inodes=120", "size=64m,nr_inodes=2000", 300, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pair := newCouple(t)
			pair.dirs[1] = mounted(t, c.little)
			for i := range c.files {
				bigFile(t, filepath.Join(pair.dirs[0], fmt.Sprintf("f%03d", i)), int64(c.size+i))
			}
			whole := synced.must(t, pair.dirs[0])
			pair.start(0)
			pair.start(1)
			pair.complains(1, "space")
			some, err := synced.read(pair.dirs[1])
			must(t, err)
			for p, line := range some {
				if whole[p] != line {
					t.Errorf("%s is not whole: %s", p, line)
				}
			}
			if f, _ := pair.m[0].folder(); len(f.Peers) != 1 || f.Peers[0].InSync {
				t.Errorf("called in sync: %+v", f.Peers)
			}
			remounted(t, pair.dirs[1], c.enough)
			pair.settle()
			same(t, pair.dirs...)
		})
	}
}

// A full disk under the map alone: the node stops changing the user's files, says
// so, and goes on by itself when there is room. (F8)
func TestNoRoomForTheMap(t *testing.T) {
	t.Parallel()
	pair := newCouple(t)
	pair.m[1].home = mounted(t, "size=3m")
	pair.start(0)
	p := pair.start(1)
	fill(t, filepath.Join(pair.dirs[0], "before"), 20)
	pair.settle()
	filler := filepath.Join(pair.m[1].home, "filler")
	f, err := os.Create(filler)
	must(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	must(t, f.Close())
	fill(t, filepath.Join(pair.dirs[0], "during"), 800)
	pair.stops(1, "map cannot be written")
	before := untouched.must(t, pair.dirs[1])
	rest()
	must(t, differs(before, untouched.must(t, pair.dirs[1])))
	if f, _ := pair.m[0].folder(); f.Peers[0].Connected && f.Peers[0].InSync {
		t.Error("called in sync")
	}
	must(t, os.Remove(filler))
	p.says("resumed")
	pair.settle()
	same(t, pair.dirs...)
	if left, _ := filepath.Glob(filepath.Join(pair.dirs[1], "*", "*.conflict-*")); len(left) > 0 {
		t.Errorf("conflicts: %q", left)
	}
	if f, _ := pair.m[1].folder(); f.Totals["announced"] != 0 {
		t.Errorf("it announced %d changes", f.Totals["announced"])
	}
}

// A disk that takes writes and then fails the flush: nothing on it counts as
// there, and after a repair of the disk all comes again. (F6) It runs by itself:
// whatever starts in a namespace of its own meanwhile keeps the disk from going.
func TestFlushFails(t *testing.T) {
	pair := newCouple(t)
	under := mounted(t, "size=24m")
	file := filepath.Join(under, "image")
	image(t, file, 96)
	off := looped(t, file, pair.dirs[1])
	for i := range 40 {
		bigFile(t, filepath.Join(pair.dirs[0], fmt.Sprintf("f%02d", i)), int64(1<<20+i))
	}
	pair.start(0)
	p := pair.start(1)
	eventually(t, func() error {
		f, _ := pair.m[1].folder()
		if f.State != "stopped" && len(f.Problems) == 0 {
			return fmt.Errorf("nothing is wrong yet: %s", f.State)
		}
		return nil
	})
	rest()
	a, _ := pair.m[0].folder()
	b, _ := pair.m[1].folder()
	if b.State != "stopped" && b.Want.Entries == 0 || len(a.Peers) == 1 && a.Peers[0].Connected && a.Peers[0].InSync {
		t.Errorf("in sync on a disk that keeps nothing: %+v, %+v", a.Peers, b)
	}
	p.kill()
	off()
	remounted(t, under, "size=200m")
	if out, err := exec.Command("e2fsck", "-fy", file).CombinedOutput(); err != nil && !strings.Contains(string(out), "MODIFIED") {
		t.Fatalf("e2fsck: %v: %s", err, out)
	}
	looped(t, file, pair.dirs[1])
	pair.start(1)
	pair.settle()
	must(t, synced.unequal(pair.dirs...))
}
