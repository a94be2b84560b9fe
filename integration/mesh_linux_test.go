package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The command line of the Python tool, on both sides as it was. (issue 2, 3)
func TestPythonForm(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a").onOwnNetwork(), newMachine(t, "b").onOwnNetwork()
	atA, atB := cable(a, b, "net", 1)
	d := dirs(t, "a", "b")
	richTree(t, d[0])
	write(t, filepath.Join(d[1], "only b"), "b")
	id := newID(a)
	startA := func() *process {
		return a.start(d[0], d[1], "-bd", "--remote", atB, "--force-id", id, "--loop-time", "2")
	}
	startB := func() *process {
		return b.start(d[1], d[0], "-bd", "--remote", atA, "--force-id", id, "--loop-time", "2")
	}
	pa := startA()
	a.eventually(func() error {
		if _, ok := a.folder(); !ok {
			return fmt.Errorf("not running")
		}
		return nil
	})
	pb := startB()
	same(t, d...)
	write(t, filepath.Join(d[1], "later"), "later")
	must(t, os.Remove(filepath.Join(d[0], "empty")))
	holds(t, filepath.Join(d[0], "later"), "later")
	gone(t, filepath.Join(d[1], "empty"))
	pa.kill()
	pb.end(syscall.SIGINT, 130)
	pb = startB()
	pa = startA()
	write(t, filepath.Join(d[0], "after"), "after")
	holds(t, filepath.Join(d[1], "after"), "after")
	same(t, d...)
	pa.end(syscall.SIGTERM, 143)
	pb.end(syscall.SIGTERM, 143)
}

// A change reaches a node through another one, deletes too; a node that was
// away catches up, also from one that did not make the change. (F86)
func TestMesh(t *testing.T) {
	t.Parallel()
	a, b, c := newMachine(t, "a").onOwnNetwork(), newMachine(t, "b").onOwnNetwork(), newMachine(t, "c").onOwnNetwork()
	atA, _ := cable(a, b, "ab", 1)
	atB, _ := cable(b, c, "bc", 2)
	d := dirs(t, "a", "b", "c")
	richTree(t, d[0])
	write(t, filepath.Join(d[1], "b", "file"), "b")
	write(t, filepath.Join(d[2], "c", "file"), "c")
	ready := a.start("share", d[0], "--json", "--name", "a").ready()
	startB := func() *process {
		return b.startFed(ready.ID, "join", "-", d[1], "--remote", atA, "--name", "b")
	}
	startC := func() *process {
		return c.startFed(ready.ID, "join", "-", d[2], "--remote", atB, "--name", "c")
	}
	pb, pc := startB(), startC()
	same(t, d...)
	b.settles(2)
	if f, _ := a.folder(); len(f.Peers) != 1 {
		t.Fatalf("a knows the peers %+v: it was to know b alone", f.Peers)
	}

	must(t, os.RemoveAll(filepath.Join(d[0], "d1")))
	must(t, os.Rename(filepath.Join(d[2], "c"), filepath.Join(d[2], "of c")))
	holds(t, filepath.Join(d[0], "of c", "file"), "c")
	gone(t, filepath.Join(d[0], "c"))
	gone(t, filepath.Join(d[2], "d1"))
	same(t, d...)

	pc.kill() // c misses things of a, and a is gone when c comes back
	write(t, filepath.Join(d[0], "missed"), "missed")
	must(t, os.Remove(filepath.Join(d[0], "empty")))
	same(t, d[0], d[1])
	a.settles(1)
	ip(t, "-n", a.ns(), "link", "set", "ab", "down")
	write(t, filepath.Join(d[0], "in the partition"), "a")
	pc = startC()
	holds(t, filepath.Join(d[2], "missed"), "missed")
	gone(t, filepath.Join(d[2], "empty"))
	pb.end(syscall.SIGINT, 130)
	startB()
	c.settles(1)
	ip(t, "-n", a.ns(), "link", "set", "ab", "up")
	same(t, d...)
	pc.end(syscall.SIGINT, 130)
}

// After a short cut of the line the two go on within seconds. (F74)
func TestPartition(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a").onOwnNetwork(), newMachine(t, "b").onOwnNetwork()
	atA, _ := cable(a, b, "net", 1)
	d := dirs(t, "a", "b")
	write(t, filepath.Join(d[0], "x"), "x")
	ready := a.start("share", d[0], "--json").ready()
	b.startFed(ready.ID, "join", "-", d[1], "--remote", atA)
	a.settles(1)
	ip(t, "-n", a.ns(), "link", "set", "net", "down")
	fill(t, filepath.Join(d[0], "from a"), 50)
	fill(t, filepath.Join(d[1], "from b"), 50)
	write(t, filepath.Join(d[0], "x"), "a's")
	write(t, filepath.Join(d[1], "x"), "b's")
	time.Sleep(3 * time.Second)
	ip(t, "-n", a.ns(), "link", "set", "net", "up")
	healed := time.Now()
	same(t, d...)
	if took := time.Since(healed); overdue(healed, took, 15*time.Second) {
		t.Errorf("it took %v to go on", took)
	}
	a.settles(1)
	if copies, _ := filepath.Glob(filepath.Join(d[0], "x.conflict-*")); len(copies) != 1 {
		t.Errorf("the conflict left %q, want one copy", copies)
	}
}

// A big file whose receiver is killed in the middle is not sent twice: what
// arrived before is used, and nothing of it is left behind. (F2, F19)
func TestBigFileResumes(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a").onOwnNetwork(), newMachine(t, "b").onOwnNetwork()
	atA, _ := cable(a, b, "net", 1)
	d := dirs(t, "a", "b")
	const size = 160 << 20
	bigFile(t, filepath.Join(d[0], "big"), size)
	ready := a.start("share", d[0], "--json", "--mode", "send").ready()
	join := []string{"join", "-", d[1], "--remote", atA}
	p := b.startFed(ready.ID, join...)
	began := time.Now()
	for b.received("net") < size/2 && time.Since(began) < patience {
		time.Sleep(2 * time.Millisecond)
	}
	p.kill()
	first := b.received("net")
	if _, err := os.Lstat(filepath.Join(d[1], "big")); err == nil {
		t.Fatalf("the file was complete after %d bytes; the cut came too late", first)
	}
	b.startFed(ready.ID, join...)
	same(t, d...)
	b.settles(1)
	second := b.received("net") - first
	t.Logf("%d MiB before the cut and %d MiB after it", first>>20, second>>20)
	if first+second > size*5/4 {
		t.Errorf("%d bytes on the wire for a file of %d, cut after %d", first+second, int64(size), first)
	}
	left, err := filepath.Glob(filepath.Join(d[1], ".qsync", "tmp", "*"))
	if must(t, err); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}
