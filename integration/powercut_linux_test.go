package integration

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// platter is a file system on a loop device, whose power can be cut: what is in
// the backing file is on the disk, what is in the system's memory is not.
type platter struct {
	t    *testing.T
	file string
	dir  string
	off  func()
}

func newPlatter(t *testing.T, size int) *platter {
	t.Helper()
	d := &platter{t: t, file: filepath.Join(t.TempDir(), "image"), dir: dirs(t, "disk")[0]}
	image(t, d.file, size)
	d.off = looped(t, d.file, d.dir)
	return d
}

// written tells of the writes that the device has done; it changes with every one.
func (d *platter) written() string {
	d.t.Helper()
	f, err := os.Open("/proc/mounts")
	must(d.t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if fields[1] == d.dir {
			b, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(fields[0]), "stat"))
			must(d.t, err)
			n := strings.Fields(string(b))
			return fmt.Sprint(n[4], n[6], n[8], n[15])
		}
	}
	d.t.Fatalf("%s is not mounted", d.dir)
	return ""
}

// cut cuts the power: p dies, and the disk is as the device has it at one moment
// before. A copy during which the device wrote would be of no moment; if there is
// no pause, p is halted for one.
func (d *platter) cut(p *process) {
	d.t.Helper()
	const tries = 30
	copied := d.file + ".cut"
	for try := 0; ; try++ {
		if try == tries {
			d.t.Fatal("the disk is never at rest")
		}
		if try == tries/2 {
			must(d.t, p.cmd.Process.Signal(syscall.SIGSTOP))
		}
		before := d.written()
		if out, err := exec.Command("cp", "--sparse=always", d.file, copied).CombinedOutput(); err != nil {
			d.t.Fatalf("cp: %v: %s", err, out)
		}
		if d.written() == before {
			break
		}
	}
	p.kill()
	d.off()
	must(d.t, os.Rename(copied, d.file))
	d.off = looped(d.t, d.file, d.dir)
}

// TestPowerCuts cuts the receiver's power at random moments, and right after it
// has said that it is in sync: every file is the old one or the new one, what it
// said to have it has, and its map claims nothing that the disk lacks, for then
// the sender would lose it. (F4, F5)
func TestPowerCuts(t *testing.T) {
	t.Parallel()
	cuts := times(t, "QSYNC_POWERCUTS", 2)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	l := &legal{digests: map[[32]byte]bool{}}
	pair := newCouple(t)
	disk := newPlatter(t, 48)
	pair.dirs[1], pair.m[1].home = filepath.Join(disk.dir, "folder"), filepath.Join(disk.dir, "home")
	must(t, os.Mkdir(pair.dirs[1], 0o755))
	change := func() {
		p := filepath.Join(pair.dirs[0], fmt.Sprint("d", random.IntN(5)), fmt.Sprint("f", random.IntN(60)))
		switch random.IntN(8) {
		case 0:
			_ = os.Remove(p) // or it is not there
		case 1:
			_ = os.RemoveAll(filepath.Dir(p))
		default:
			must(t, os.MkdirAll(filepath.Dir(p), 0o755))
			must(t, atomically(pair.dirs[0], p, l.next(random, 40<<10)))
		}
	}
	pair.start(0)
	b := pair.start(1)
	pair.settle()
	for n := range cuts {
		for range 5 + random.IntN(120) {
			change()
		}
		acknowledged := n%3 == 0
		if acknowledged {
			pair.settle()
		} else {
			time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
		}
		told := synced.must(t, pair.dirs[0])
		disk.cut(b)
		must(t, l.look(pair.dirs[1]))
		if acknowledged {
			if err := differs(told, synced.must(t, pair.dirs[1])); err != nil {
				t.Fatalf("cut %d: it had said that it is in sync: %v", n, err)
			}
		}
		b = pair.start(1)
		pair.settle()
		must(t, entries.unequal(pair.dirs...))
		for p := range told { // nobody but the sender's user removes anything there
			if _, err := os.Lstat(pair.dirs[0] + p); errors.Is(err, os.ErrNotExist) {
				t.Fatalf("cut %d: the sender lost %s", n, p)
			}
		}
		for p := range synced.must(t, pair.dirs[0]) {
			if told[p] == "" {
				t.Fatalf("cut %d: the sender got %s", n, p)
			}
		}
		must(t, l.look(pair.dirs[0]))
	}
}
