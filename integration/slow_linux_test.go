package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// On a slow disk peers stay connected, and what waits for it is not gathered in
// memory, neither there nor at who sends: far more is on its way than either may
// hold. When the disk is as fast as others, all of it arrives. (F20)
func TestSlowDisk(t *testing.T) {
	t.Parallel()
	const files, size, most = 8, 24 << 20, 32 << 10 // KiB that a node may grow by
	pair := newCouple(t)
	pair.m[1].exe = breakable(t)
	now := filepath.Join(t.TempDir(), "slow")
	p := []*process{pair.start(0), pair.start(1, "QSYNC_FAIL_AT=write@1+:SLOW", "QSYNC_FAIL_WHILE="+now)}
	fill(t, filepath.Join(pair.dirs[0], "before"), 5)
	pair.settle()
	was := []footprint{measured(t, pair.m[0], p[0].cmd.Process.Pid), measured(t, pair.m[1], p[1].cmd.Process.Pid)}
	must(t, os.WriteFile(now, nil, 0o600))
	fill(t, filepath.Join(pair.dirs[0], "small"), 40)
	for i := range files {
		bigFile(t, filepath.Join(pair.dirs[0], fmt.Sprintf("big%d", i)), size+int64(i))
	}
	pair.busy(1)
	for end := time.Now().Add(2 * rested); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for i := range p {
			is := measured(t, pair.m[i], p[i].cmd.Process.Pid)
			if is.memory > was[i].memory+most {
				t.Fatalf("%s holds %d KiB, before it was %d", pair.m[i].name, is.memory, was[i].memory)
			}
		}
	}
	if f, _ := pair.m[1].folder(); f.Want.Bytes < files*size/4 {
		t.Fatalf("the disk was not slow: of %d bytes %d are wanted", files*size, f.Want.Bytes)
	}
	must(t, os.Remove(now))
	pair.settle()
	same(t, pair.dirs...)
	if text := p[1].err.String(); strings.Count(text, "connected ") != 1 || strings.Contains(text, "lost ") {
		t.Errorf("the link did not last:\n%s", text)
	}
}

// busy waits until a side has begun to take what it wants.
func (c *couple) busy(i int) {
	c.t.Helper()
	eventually(c.t, func() error {
		f, _ := c.m[i].folder()
		if f.Want.Entries == 0 {
			return fmt.Errorf("nothing is wanted: %s", f.State)
		}
		return nil
	})
}

// The file system is mounted read-only in the middle of a sync, as the kernel does
// after an error, and read-write again later: the folder stops, says why, costs
// nothing meanwhile and goes on by itself; what is there is whole, and nothing is
// lost. (F10)
func TestMountedReadOnly(t *testing.T) {
	t.Parallel()
	pair := newCouple(t)
	dir := mounted(t, "size=256m,mode=755")
	pair.dirs[1] = dir
	pair.m[1].exe = breakable(t)
	slow := filepath.Join(t.TempDir(), "slow")
	fill(t, filepath.Join(pair.dirs[0], "before"), 20)
	pair.start(0)
	p := pair.start(1, "QSYNC_FAIL_AT=create@1+:SLOW", "QSYNC_FAIL_WHILE="+slow)
	pair.settle()
	// A file that is begun waits half a second before it is opened. So the sync lasts, and
	// there are moments in which none is open for writing: in others nothing can be mounted
	// read-only.
	must(t, os.WriteFile(slow, nil, 0o600))
	for i := range 15 {
		bigFile(t, filepath.Join(pair.dirs[0], fmt.Sprintf("big%02d", i)), 3<<20+int64(i))
		fill(t, filepath.Join(pair.dirs[0], fmt.Sprintf("small%02d", i)), 30)
	}
	write(t, filepath.Join(pair.dirs[0], "before/d0/f0"), "edited meanwhile")
	whole := synced.must(t, pair.dirs[0])
	eventually(t, func() error {
		if there, err := filepath.Glob(filepath.Join(dir, "big*")); err != nil || len(there) == 0 {
			return fmt.Errorf("no large file is there: %v", err)
		}
		return nil
	})
	eventually(t, func() error { return syscall.Mount("none", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "") })
	if f, _ := pair.m[1].folder(); f.Want.Entries == 0 {
		t.Fatalf("it was not in the middle: %s", f.State)
	}
	must(t, os.Remove(slow))
	fill(t, filepath.Join(pair.dirs[0], "during"), 50)
	pair.stops(1, "read-only")
	some := synced.must(t, dir)
	for path, line := range some {
		if strings.HasPrefix(path, "/big") && whole[path] != line {
			t.Errorf("%s is not whole: %s", path, line)
		}
	}
	if f, _ := pair.m[0].folder(); len(f.Peers) == 1 && f.Peers[0].Connected && f.Peers[0].InSync {
		t.Error("called in sync")
	}
	used := cpu(t, p)
	rest()
	if used = cpu(t, p) - used; used > rested/20 {
		t.Errorf("it used the processor for %v of %v", used, rested)
	}
	must(t, differs(some, synced.must(t, dir)))
	must(t, syscall.Mount("none", dir, "", syscall.MS_REMOUNT, ""))
	p.says("resumed")
	pair.settle()
	same(t, pair.dirs...)
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*", "*.conflict-*")); len(left) > 0 {
		t.Errorf("conflicts: %q", left)
	}
}
