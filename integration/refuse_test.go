//go:build unix

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// names checks that what a command printed has all these words.
func (r result) names(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(r.out+r.err, w) {
			t.Errorf("%q is not named in\n%s%s", w, r.out, r.err)
		}
	}
}

// A wrong ID ends with exit 7, in one pass and in the foreground, and nothing
// of either side reaches the other.
func TestWrongID(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	fill(t, d[0], 5)
	write(t, filepath.Join(d[1], "b"), "b")
	ready := a.start("share", d[0], "--listen", "127.0.0.1:0", "--json").ready()
	wrong := newID(b)
	unchanged(t, func() {
		r := b.must(7, d[1], "-", "-b", "--remote", ready.Listen[0], "--force-id", wrong, "--once", "--listen", "127.0.0.1:0")
		r.names(t, "sync ID", "qsync id")
		if strings.Contains(r.out+r.err, wrong) {
			t.Error("the ID is echoed")
		}
	}, d[0])
	p := b.start(d[1], "-", "-b", "--remote", ready.Listen[0], "--listen", "127.0.0.1:0")
	p.exits(7)
	c := newMachine(t, "c")
	p = c.startFed(wrong, "join", "-", d[1], "--remote", ready.Listen[0], "--listen", "127.0.0.1:0")
	p.exits(7)
	if f, _ := a.folder(); len(f.Peers) != 0 {
		t.Errorf("the sharing side knows %+v", f.Peers)
	}
}

// An unreachable host: exit 5 with --once; without it qsync says so, keeps
// trying, and succeeds once somebody is there.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	write(t, filepath.Join(d[0], "x"), "x")
	id, at := newID(a), address(t)
	r := a.must(5, d[0], "-", "--remote", at, "--once", "--timeout", "1", "--force-id", id, "--listen", "127.0.0.1:0")
	r.names(t, at)
	p := a.start(d[0], "-", "--remote", at, "--listen", "127.0.0.1:0")
	a.eventually(func() error {
		if f, ok := a.folder(); !ok || !strings.Contains(p.err.String()+f.Reason, at) {
			return fmt.Errorf("nothing says that %s does not answer: %q, %q", at, p.err.String(), f.Reason)
		}
		return nil
	})
	if !p.running() {
		t.Fatal("it did not keep trying")
	}
	b.startFed(id, "join", "-", d[1], "--listen", at)
	holds(t, filepath.Join(d[1], "x"), "x")
	p.end(syscall.SIGINT, 130)
}

// DST names the peer's path; another one is an error that names both, before
// anything is written.
func TestPathMismatch(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	fill(t, d[0], 5)
	write(t, filepath.Join(d[1], "b"), "b")
	ready := b.start("share", d[1], "--listen", "127.0.0.1:0", "--json").ready()
	before := synced.must(t, d[0])
	unchanged(t, func() {
		for _, more := range [][]string{{"--once"}, {"--once", "-bd"}, {}} {
			args := append([]string{d[0], "/somewhere/else", "--remote", ready.Listen[0], "--force-id", ready.ID, "--listen", "127.0.0.1:0"}, more...)
			p := a.start(args...)
			p.exits(2)
			result{err: p.err.String()}.names(t, "/somewhere/else", d[1])
		}
	}, d[1])
	must(t, differs(before, synced.must(t, d[0])))
	a.must(0, d[0], d[1], "--remote", ready.Listen[0], "--once", "-b", "--listen", "127.0.0.1:0")
	must(t, synced.unequal(d...))
}

// Two one-way sources that meet change nothing, and both say what helps.
func TestTwoSources(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	write(t, filepath.Join(d[0], "x"), "a's")
	write(t, filepath.Join(d[1], "x"), "b's")
	id, at := newID(a), address(t)
	unchanged(t, func() {
		p := b.start(d[1], "-", "--remote", address(t), "--force-id", id, "--listen", at)
		r := a.must(2, d[0], "-", "--remote", at, "--once", "--force-id", id, "--listen", "127.0.0.1:0")
		r.names(t, "join", "-b")
		p2 := a.start(d[0], "-", "--remote", at, "--listen", "127.0.0.1:0")
		for _, m := range []*machine{a, b} {
			m.eventually(func() error {
				f, _ := m.folder()
				if !strings.Contains(f.Reason, "join") || !strings.Contains(f.Reason, "-b") {
					return fmt.Errorf("%s: the reason in the status is %q", m.name, f.Reason)
				}
				return nil
			})
		}
		if !p.running() || !p2.running() {
			t.Error("a source ended because of the other one")
		}
	}, d...)
}

// A second process on a folder is refused, and the first one named. (F18)
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "src", "dst", "other")
	write(t, filepath.Join(d[0], "x"), "x")
	p := a.start(d[0], d[1])
	a.settles(1)
	pid := fmt.Sprint("process ", p.cmd.Process.Pid)
	a.must(1, d[0], d[1], "--once").names(t, pid)
	a.must(1, d[0], d[1]).names(t, pid)
	// Another home knows nothing of the first, but the folder does.
	b.must(1, d[2], d[1], "--once").names(t, pid)
	p.kill()
	a.must(0, d[0], d[1], "--once")
}

// Mistakes on the command line: exit 2 and a sentence.
func TestBadInput(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "a")
	d := dirs(t, "src", "dst")
	src, dst := d[0], d[1]
	write(t, filepath.Join(src, "sub", "file"), "x")
	alias := filepath.Join(filepath.Dir(src), "alias")
	must(t, os.Symlink(src, alias))
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{filepath.Join(src, "none"), dst}, "none"},
		{[]string{src, filepath.Join(src, "sub")}, "inside SRC"},
		{[]string{filepath.Join(src, "sub"), src}, "inside DST"},
		{[]string{src, alias}, "same directory"},
		{[]string{filepath.Join(src, "sub", "file"), dst}, "not a directory"},
		{[]string{src, dst, "--force-id", "abc"}, "digits"},
		{[]string{src, dst, "--force-id", strings.Repeat("0", 64)}, "ID"},
		{[]string{src, dst, "--max-delete", "many"}, "max-delete"},
		{[]string{src, dst, "--no-such-flag"}, "no-such-flag"},
		{[]string{src}, "DST"},
	} {
		unchanged(t, func() { m.must(2, append(c.args, "--once")...).names(t, c.says) }, src, dst)
	}
}
