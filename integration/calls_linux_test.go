package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// failure is one call to the file system that fails.
type failure struct {
	at    string // as QSYNC_FAIL_AT has it, without the error
	errno string
	from  string // the point from which on calls are counted; "" for all
}

// run has one pass of a story fail so, and checks that nothing came of it, that
// nobody said all was well when it was not, and that the next pass sets it right.
func (x failure) run(t *testing.T) {
	m := newMachine(t, "m")
	m.exe = breakable(t)
	d := dirs(t, "first", "second")
	s := &story{clash: true}
	s.begin(t, d[0])
	pass := []string{d[0], d[1], "-b", "--once"}
	m.must(0, pass...)
	s.part(t, d[0], d[1])
	m.env = []string{"QSYNC_FAIL_AT=" + x.at + ":" + x.errno, "QSYNC_FAIL_FROM=" + x.from}
	r := m.run(pass...)
	m.env = nil
	if strings.Contains(r.err, "goroutine ") || !slices.Contains([]int{0, 1, 3, 4, 6}, r.code) {
		t.Fatalf("it ended with %d: %s", r.code, tail(r.err))
	}
	harmless := x.errno == "EINTR" || x.errno == "SHORT"
	if harmless && r.code != 4 {
		t.Errorf("%s is no reason to end with %d: %s", x.errno, r.code, tail(r.err))
	}
	if r.code == 0 || r.code == 4 { // as it says, it is done
		if err := synced.unequal(d...); err != nil {
			t.Errorf("it ended with %d, and %v", r.code, err)
		}
	}
	for i := 0; ; i++ {
		if r = m.run(pass...); r.code == 0 || r.code == 4 {
			break
		}
		if i == 3 {
			t.Fatalf("once nothing fails any more, it still ends with %d: %s", r.code, tail(r.err))
		}
	}
	must(t, synced.unequal(d...))
	for _, dir := range d {
		if err := s.check(dir); err != nil {
			t.Error(err)
		}
	}
	must(t, s.keeps(t, d[1]))
}

// TestEveryCallFails has every single call to the file system that one pass makes
// fail, with every error that it may have, and every read come back short: nothing
// panics, nothing is lost, nothing is said to be in sync that is not, and a later
// pass sets all right. (F6, F7, F11)
func TestEveryCallFails(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "census")
	m.exe = breakable(t)
	d := dirs(t, "first", "second")
	s := &story{clash: true}
	s.begin(t, d[0])
	m.must(0, d[0], d[1], "-b", "--once")
	s.part(t, d[0], d[1])
	log := filepath.Join(t.TempDir(), "log")
	m.env = []string{"QSYNC_FAULT_LOG=" + log}
	m.must(4, d[0], d[1], "-b", "--once")
	for _, dir := range d {
		must(t, s.check(dir))
	}
	calls := passes(t, log, "call")
	total := 0
	for _, n := range calls {
		total += n
	}
	for _, op := range []string{"open", "create", "stat", "list", "read", "write", "sync", "syncfs", "syncdir", "rename", "link", "mkdir", "symlink", "chmod", "utimes", "commit"} {
		if calls[op] == 0 {
			t.Errorf("no call is a %s: %v", op, calls)
		}
	}
	var all []failure
	for _, errno := range []string{"EIO", "ENOSPC", "EACCES", "EINTR"} {
		for n := 1; n <= total; n++ {
			all = append(all, failure{at: fmt.Sprint(n), errno: errno})
		}
	}
	for n := 1; n <= calls["read"]; n++ {
		all = append(all, failure{at: fmt.Sprintf("read@%d", n), errno: "SHORT"})
	}
	if os.Getenv("QSYNC_CALLS") != "all" { // the same each time, for the number of calls is not
		all = []failure{
			{"sync@1", "EIO", ""}, {"syncfs@1", "EIO", ""}, {"syncdir@1", "EIO", ""}, {"commit@2", "ENOSPC", ""}, {"commit@2", "EINTR", ""}, {"read@3", "SHORT", ""},
			{"create@1", "ENOSPC", ""}, {"write@1", "ENOSPC", ""}, {"rename@1", "EIO", ""}, {"open@9", "EACCES", ""},
			{"rename@1", "ENOSPC", "conflict-copied"}, // the copy is made, and what it makes way for cannot come
		}
	}
	t.Logf("%d calls", total)
	for _, x := range all {
		t.Run(strings.TrimSpace(x.at+":"+x.errno+" "+x.from), func(t *testing.T) {
			t.Parallel()
			x.run(t)
		})
	}
}

// A flush that failed is never believed when it is repeated: what it was for is
// written afresh first. (F6)
func TestFailedFlush(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"syncdir", "sync"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			pair := newCouple(t)
			pair.m[1].exe = breakable(t)
			now, log := filepath.Join(t.TempDir(), "now"), filepath.Join(t.TempDir(), "log")
			pair.start(0)
			p := pair.start(1, "QSYNC_FAIL_AT="+op+"@1:EIO", "QSYNC_FAIL_WHILE="+now, "QSYNC_FAULT_LOG="+log)
			write(t, filepath.Join(pair.dirs[0], "f"), "before")
			pair.settle()
			must(t, os.WriteFile(now, nil, 0o600))
			write(t, filepath.Join(pair.dirs[0], "f"), "after")
			holds(t, filepath.Join(pair.dirs[1], "f"), "after")
			pair.settle()
			must(t, synced.unequal(pair.dirs...))
			if !kept(t, pair.dirs[1], "before") {
				t.Error("what was replaced is not among the versions")
			}
			failed := passes(t, log, "fails")[op]
			if failed != 1 {
				t.Fatalf("%s failed %d times", op, failed)
			}
			if n := passes(t, log, "point")["rewriting"]; (n > 0) != (op == "syncdir") {
				t.Errorf("%d entries were written afresh", n)
			}
			if op == "syncdir" {
				p.says("did not take what was written")
			}
		})
	}
}

// A disk that has become read-only stops the folder, visibly and without a busy
// loop, and it goes on when it is writable again. (F10)
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	pair := newCouple(t)
	pair.m[1].exe = breakable(t)
	now := filepath.Join(t.TempDir(), "read-only")
	pair.start(0)
	p := pair.start(1, "QSYNC_FAIL_AT=change@1+:EROFS", "QSYNC_FAIL_WHILE="+now)
	fill(t, filepath.Join(pair.dirs[0], "before"), 20)
	pair.settle()
	must(t, os.WriteFile(now, nil, 0o600))
	fill(t, filepath.Join(pair.dirs[0], "during"), 300)
	pair.stops(1, "read-only")
	used := cpu(t, p)
	before := untouched.must(t, pair.dirs[1])
	rest()
	if used = cpu(t, p) - used; used > rested/20 {
		t.Errorf("it used the processor for %v of %v", used, rested)
	}
	must(t, differs(before, untouched.must(t, pair.dirs[1])))
	must(t, os.Remove(now))
	pair.settle()
	same(t, pair.dirs...)
	p.says("resumed")
}
