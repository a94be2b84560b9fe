//go:build unix

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// One way: DST becomes like SRC, what was extra or edited there goes to its
// versions, and it follows SRC until Ctrl-C, which prints totals. (F31, F95)
func TestLocalOneWay(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "src", "dst")
	src, dst := d[0], d[1]
	richTree(t, src)
	write(t, filepath.Join(dst, "extra", "of mine"), "extra content")
	write(t, filepath.Join(dst, "empty"), "edited here")
	before := untouched.must(t, src)
	p := m.start(src, dst)
	same(t, src, dst)
	m.settles(1)
	if err := differs(before, untouched.must(t, src)); err != nil {
		t.Fatalf("SRC was touched: %v", err)
	}
	for _, content := range []string{"extra content", "edited here"} {
		if !kept(t, dst, content) {
			t.Errorf("%q is not in the versions", content)
		}
	}

	write(t, filepath.Join(src, "new", "deep", "file"), "new")
	must(t, os.Rename(filepath.Join(src, "d1"), filepath.Join(src, "renamed")))
	must(t, os.Remove(filepath.Join(src, "script.sh")))
	must(t, os.Chmod(filepath.Join(src, "empty"), 0o640))
	must(t, os.Chtimes(filepath.Join(src, "hollow"), longAgo, longAgo))
	must(t, os.Remove(filepath.Join(src, "link")))
	must(t, os.Symlink("elsewhere", filepath.Join(src, "link")))
	same(t, src, dst)
	// What is done to DST does not stay.
	write(t, filepath.Join(dst, "new", "deep", "file"), "not the source")
	write(t, filepath.Join(dst, "stranger"), "late extra")
	same(t, src, dst)
	m.settles(1)
	if !kept(t, dst, "late extra") || !kept(t, dst, "not the source") {
		t.Error("what was done to DST is not in the versions")
	}

	p.end(syscall.SIGINT, 130)
	totals := regexp.MustCompile(`total +(\d+) added, (\d+) modified, (\d+) deleted, .*, 0 conflicts, 0 problems`)
	if !totals.MatchString(p.err.String()) {
		t.Errorf("no totals in %q", p.err.String())
	}
	if _, err := os.Lstat(filepath.Join(src, ".qsync")); err == nil {
		t.Error("something was written into SRC")
	}
}

// SIGTERM ends a run as Ctrl-C does, also in the middle of work; no half-written
// file is to be seen, and the next run completes it. (F2)
func TestTermination(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "src", "dst")
	fill(t, d[0], 3000)
	p := m.start(d[0], d[1])
	m.eventually(func() error {
		all, err := synced.read(d[1])
		if err == nil && len(all) < 50 {
			err = fmt.Errorf("%d entries are there", len(all))
		}
		return err
	})
	p.end(syscall.SIGTERM, 143)
	p.says("total ")
	legal := map[string]bool{}
	for path, line := range synced.must(t, d[0]) {
		legal[path+line] = true
	}
	for path, line := range synced.must(t, d[1]) {
		if !strings.HasPrefix(line, "d") && !legal[path+line] {
			t.Errorf("%s is half written: %s", path, line)
		}
	}
	m.must(0, d[0], d[1], "--once")
	must(t, synced.unequal(d...))
}

// A pass makes DST like SRC and exits; the next one finds nothing to do.
func TestOnce(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	src := dirs(t, "src")[0]
	dst := filepath.Join(t.TempDir(), "made by sync")
	richTree(t, src)
	unchanged(t, func() { m.must(0, src, dst, "--once") }, src)
	must(t, synced.unequal(src, dst))
	content := filepath.Join(dst, "d0")
	unchanged(t, func() {
		r := m.must(0, "--once", src, dst)
		if !strings.Contains(r.err, "0 added, 0 modified, 0 deleted, 0 B") {
			t.Errorf("the second pass said %q", r.err)
		}
	}, src, content)
}

// A dry run tells what would be done and touches nothing: not the directories,
// not the home.
func TestDryRun(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "src", "dst")
	src, dst := d[0], d[1]
	richTree(t, src)
	write(t, filepath.Join(dst, "extra"), "extra")
	for range 2 {
		unchanged(t, func() {
			r := m.must(0, src, dst, "--once", "-n")
			for _, want := range []string{"add", "script.sh", "delete", "extra", "nothing was touched"} {
				if !strings.Contains(r.out, want) {
					t.Errorf("the plan lacks %q:\n%s", want, r.out)
				}
			}
		}, src, dst)
		if _, err := os.Lstat(m.home); err == nil {
			t.Fatal("a dry run made a home")
		}
	}
	m.must(0, src, dst, "--once")
	write(t, filepath.Join(src, "script.sh"), "changed")
	must(t, os.Remove(filepath.Join(src, "empty")))
	unchanged(t, func() {
		r := m.must(0, src, dst, "-n", "--once", "-b")
		if !strings.Contains(r.out, "replace") || !strings.Contains(r.out, "empty") {
			t.Errorf("the plan is\n%s", r.out)
		}
	}, src, dst, m.home)
}

// With --loop-time changes arrive at the next pass and not before.
func TestLoopTime(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "src", "dst")
	write(t, filepath.Join(d[0], "first"), "1")
	p := m.start(d[0], d[1], "--loop-time", "2")
	holds(t, filepath.Join(d[1], "first"), "1")
	began := time.Now()
	for i := range 3 {
		name := fmt.Sprintf("later%d", i)
		write(t, filepath.Join(d[0], name), name)
		holds(t, filepath.Join(d[1], name), name)
	}
	if took := time.Since(began); took < 3*time.Second {
		t.Errorf("three changes came one after the other in %v, with passes 2 s apart", took)
	}
	same(t, d...)
	p.end(syscall.SIGINT, 130)
}

// Two ways, in all spellings; deletes, renames and conflicts too.
func TestLocalTwoWays(t *testing.T) {
	for _, flag := range []string{"-b", "--bidirectional", "-bd"} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, "a")
			d := dirs(t, "left", "right")
			left, right := d[0], d[1]
			richTree(t, left)
			write(t, filepath.Join(right, "only", "right"), "right")
			write(t, filepath.Join(left, "both.txt"), "left's")
			write(t, filepath.Join(right, "both.txt"), "right's")
			p := m.start(left, right, flag)
			holds(t, filepath.Join(left, "only", "right"), "right")
			same(t, left, right)
			copies, err := filepath.Glob(filepath.Join(left, "both.conflict-*.txt"))
			must(t, err)
			if len(copies) != 1 {
				t.Errorf("the conflict left %q, want one copy", copies)
			}
			must(t, os.Remove(filepath.Join(right, "script.sh")))
			gone(t, filepath.Join(left, "script.sh"))
			must(t, os.Rename(filepath.Join(left, "d2"), filepath.Join(left, "moved")))
			gone(t, filepath.Join(right, "d2"))
			write(t, filepath.Join(right, "moved", "more"), "more")
			holds(t, filepath.Join(left, "moved", "more"), "more")
			same(t, left, right)
			m.settles(1)
			p.end(syscall.SIGINT, 130)
			m.must(0, left, right, flag, "--once")
		})
	}
}
