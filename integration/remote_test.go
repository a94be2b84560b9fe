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
)

// share prints an ID and an address, join takes the ID from standard input:
// what people do first. The words and QSYNC_ID work as well.
func TestShareAndJoin(t *testing.T) {
	t.Parallel()
	a, b, c := newMachine(t, "a"), newMachine(t, "b"), newMachine(t, "c")
	d := dirs(t, "a", "b", "c")
	richTree(t, d[0])
	write(t, filepath.Join(d[1], "b's own"), "b")
	pa := a.start("share", d[0], "--listen", "127.0.0.1:0")
	printed := regexp.MustCompile(`(?s)sync ID   ([0-9a-f]{64})\nwords     ((?:[a-z]+ ){23}[a-z]+)\nfolder    (\S+)\nlistening (\S+)\n.*qsync join - DIR`)
	var said []string
	a.eventually(func() error {
		if said = printed.FindStringSubmatch(pa.out.String()); said == nil {
			return fmt.Errorf("share printed %q", pa.out.String())
		}
		return nil
	})
	if said[3] != d[0] {
		t.Errorf("share says folder %q, want %q", said[3], d[0])
	}
	pb := b.startFed(said[2]+"\n", "join", "-", d[1], "--remote", said[4], "--listen", "127.0.0.1:0")
	c.env = append(c.env, "QSYNC_ID="+strings.ToUpper(said[1]))
	pc := c.start("join", filepath.Join(filepath.Dir(d[2]), "made"), "--remote", said[4], "--listen", "127.0.0.1:0")
	d[2] = filepath.Join(filepath.Dir(d[2]), "made")
	a.settles(2)
	same(t, d...)
	pb.says("two-way")
	write(t, filepath.Join(d[1], "live"), "from b")
	must(t, os.RemoveAll(filepath.Join(d[2], "d3")))
	holds(t, filepath.Join(d[2], "live"), "from b")
	gone(t, filepath.Join(d[0], "d3"))
	same(t, d...)
	if r := b.must(0, "id", "show", d[1]); strings.TrimSpace(r.out) != said[1] {
		t.Error("id show tells another ID than share")
	}
	pb.end(syscall.SIGINT, 130)
	pc.end(syscall.SIGTERM, 143)
	pa.end(syscall.SIGINT, 130)
}

// One way across the network: the two-path form is the source, join becomes the
// receiver, and the source is never written.
func TestRemoteOneWay(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	richTree(t, d[0])
	write(t, filepath.Join(d[1], "extra"), "extra at b")
	id, at := newID(a), address(t)
	before := untouched.must(t, d[0])
	pb := b.startFed(id, "join", "-", d[1], "--listen", at)
	pa := a.start(d[0], "-", "--remote", at, "--force-id", id, "--listen", "127.0.0.1:0")
	same(t, d...)
	a.settles(1)
	if err := differs(before, untouched.must(t, d[0])); err != nil {
		t.Errorf("the source was touched: %v", err)
	}
	pb.says("receive")
	if !kept(t, d[1], "extra at b") {
		t.Error("what was extra at the receiver is not in its versions")
	}
	write(t, filepath.Join(d[1], "empty"), "edited at b")
	write(t, filepath.Join(d[0], "live"), "live")
	same(t, d...)
	pa.end(syscall.SIGINT, 130)
	pb.end(syscall.SIGINT, 130)
	// The mode was remembered: b does not become a source by being first.
	pb = b.startFed(id, "join", "-", d[1], "--listen", at)
	write(t, filepath.Join(d[0], "last"), "last")
	a.must(0, d[0], d[1], "--remote", at, "--once", "--listen", "127.0.0.1:0")
	must(t, synced.unequal(d...))
	pb.end(syscall.SIGINT, 130)
}

// One node may be given several peers.
func TestSeveralRemotes(t *testing.T) {
	t.Parallel()
	a, b, c := newMachine(t, "a"), newMachine(t, "b"), newMachine(t, "c")
	d := dirs(t, "a", "b", "c")
	id, atB, atC := newID(a), address(t), address(t)
	for i, dir := range d {
		write(t, filepath.Join(dir, fmt.Sprint("from", i)), dir)
	}
	b.startFed(id, "join", "-", d[1], "--listen", atB)
	c.startFed(id, "join", "-", d[2], "--listen", atC)
	a.start(d[0], "-", "-b", "--remote", atB, "--remote", atC, "--force-id", id, "--listen", "127.0.0.1:0")
	a.settles(2)
	same(t, d...)
	// One pass with several peers too.
	e := newMachine(t, "e")
	dst := dirs(t, "e")[0]
	e.must(0, dst, "-", "-bd", "--remote", atB, "--remote", atC, "--once", "--force-id", id, "--listen", "127.0.0.1:0")
	must(t, synced.unequal(d[0], dst))
}

// Whoever starts first, however often either side is ended or killed, the two
// meet again by themselves and nothing is lost. (F1, F2)
func TestRestartsAndKills(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	id, atA, atB := newID(a), address(t), address(t)
	startA := func() *process {
		return a.start(d[0], "-", "-bd", "--remote", atB, "--force-id", id, "--listen", atA)
	}
	startB := func() *process {
		return b.start(d[1], "-", "-bd", "--remote", atA, "--force-id", id, "--listen", atB)
	}
	rounds := 3
	if long {
		rounds = 30
	}
	pb := startB()
	pa := startA()
	for i := range rounds {
		fill(t, filepath.Join(d[0], fmt.Sprint("a", i)), 40)
		pa.kill()
		fill(t, filepath.Join(d[1], fmt.Sprint("b", i)), 40)
		must(t, os.RemoveAll(filepath.Join(d[0], fmt.Sprint("a", i), "d1")))
		pa = startA()
		same(t, d...)
		write(t, filepath.Join(d[0], "round"), fmt.Sprint(i))
		if i%2 == 0 {
			pb.end(syscall.SIGTERM, 143)
		} else {
			pb.kill()
		}
		write(t, filepath.Join(d[0], "while b is away"), fmt.Sprint(i))
		if i%2 == 0 {
			pa.kill()
			pb = startB()
			pa = startA()
		} else {
			pb = startB()
		}
		same(t, d...)
	}
	a.settles(1)
	b.settles(1)
	for _, dir := range d {
		if copies, _ := filepath.Glob(filepath.Join(dir, "*.conflict-*")); len(copies) > 0 {
			t.Errorf("conflict copies of edits of one side: %q", copies)
		}
	}
}

// What a peer misses while it is away is counted in the status, and 0 when it
// is back and has it. (F84)
func TestQueueOfAnAbsentPeer(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	fill(t, d[0], 10)
	ready := a.start("share", d[0], "--listen", "127.0.0.1:0", "--name", "anna", "--json").ready()
	join := []string{"join", "-", d[1], "--remote", ready.Listen[0], "--listen", "127.0.0.1:0", "--name", "bert"}
	pb := b.startFed(ready.ID, join...)
	a.settles(1)
	a.queued("bert", 0)
	pb.end(syscall.SIGTERM, 143)
	for i := range 30 { // ten paths, however often they change
		for j := range 10 {
			write(t, filepath.Join(d[0], fmt.Sprint("queued", j)), fmt.Sprint(i, j))
		}
	}
	a.must(0, "wait")
	a.queued("bert", 10)
	f, _ := a.folder()
	if f.Peers[0].Connected && f.Peers[0].InSync {
		t.Error("a peer with a queue is called in sync")
	}
	must(t, os.Remove(filepath.Join(d[0], "d0", "f0")))
	a.must(0, "wait")
	// A file that goes and the directory whose time that moves.
	a.eventually(func() error {
		f, _ := a.folder()
		if n := f.Peers[0].Queued.Entries; n < 11 || n > 12 {
			return fmt.Errorf("%d entries queued, want 11 or 12", n)
		}
		return nil
	})
	b.startFed(ready.ID, join...)
	a.settles(1)
	a.queued("bert", 0)
	must(t, synced.unequal(d...))
}
