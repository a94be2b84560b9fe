//go:build unix

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// What vanished here stops the folder: `undo` brings it back from the peer, which
// never hears of it; `confirm` lets it through, once, on each side for itself.
// (F26)
func TestUndoAndConfirm(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	fill(t, filepath.Join(d[0], "most"), 130)
	fill(t, filepath.Join(d[0], "few"), 5)
	share := []string{"share", d[0], "--listen", "127.0.0.1:0", "--json"}
	p := a.start(share...)
	ready := p.ready()
	join := func() *process {
		return b.startFed(ready.ID, "join", "-", d[1], "--remote", ready.Listen[0], "--listen", "127.0.0.1:0")
	}
	q := join()
	a.settles(1)
	before := synced.must(t, d[1])
	stopped := func(dir string) {
		t.Helper()
		p.end(syscall.SIGINT, 130)
		must(t, os.RemoveAll(dir))
		p = a.start(share...)
		p.exits(6)
		result{err: p.err.String()}.names(t, "qsync confirm", "qsync undo", "--max-delete")
	}
	again := func() {
		t.Helper()
		q.end(syscall.SIGINT, 130)
		p = a.start(share...)
		ready = p.ready()
		q = join()
	}

	stopped(filepath.Join(d[0], "most"))
	a.must(0, "undo", d[0], "-n").names(t, "would come back")
	a.must(0, "undo", d[0]).names(t, "wanted again")
	again()
	a.settles(1)
	same(t, d...)
	must(t, differs(before, synced.must(t, d[1])))

	stopped(filepath.Join(d[0], "most"))
	a.must(0, "confirm", d[0]).names(t, "exactly that passes, once")
	q.end(syscall.SIGINT, 130)
	p = a.start(share...)
	ready = p.ready()
	q = join()
	q.exits(6)
	must(t, differs(before, synced.must(t, d[1])))
	b.must(0, "confirm", d[1])
	q = join()
	same(t, d...)
	a.must(0, "log", d[0], "--limit", "0", "--path", "most/", "--json").names(t, `"action":"deleted"`, `"own":true`, `"kind":"directory"`)
	b.must(0, "undo", d[1], "-n").names(t, "entries would come back")
}

// Most of a folder is removed while both nodes run, at once or file by file: no
// more goes at the peer than the brake allows, and with what the messages say all
// of it comes back. (F26)
func TestRemovedWhileRunning(t *testing.T) {
	t.Parallel()
	for name, pause := range map[string]time.Duration{"at once": 0, "slowly": 20 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := newMachine(t, "a"), newMachine(t, "b")
			d := dirs(t, "a", "b")
			fill(t, filepath.Join(d[0], "most"), 150)
			fill(t, filepath.Join(d[0], "few"), 20)
			share := []string{"share", d[0], "--listen", "127.0.0.1:0", "--json"}
			p := a.start(share...)
			ready := p.ready()
			join := func(at readyLine) *process {
				return b.startFed(at.ID, "join", "-", d[1], "--remote", at.Listen[0], "--listen", "127.0.0.1:0")
			}
			q := join(ready)
			a.settles(1)
			file := func(dir string, i int) string {
				return filepath.Join(dir, "most", fmt.Sprintf("d%d", i%7), fmt.Sprintf("f%d", i))
			}
			began := time.Now()
			for i := range 150 {
				must(t, os.Remove(file(d[0], i)))
				time.Sleep(pause)
			}
			atOnce := time.Since(began) < 50*time.Millisecond // or a look fell between two of them
			p.exits(6)
			result{err: p.err.String()}.names(t, "qsync confirm", "qsync undo")
			left := 0
			for i := range 150 {
				if _, err := os.Stat(file(d[1], i)); err == nil {
					left++
				}
			}
			if left < 50 || atOnce && left < 130 {
				t.Errorf("%d of 150 files are left at the peer", left)
			}
			a.must(0, "undo", d[0]).names(t, "wanted again")
			q.end(syscall.SIGINT, 130)
			if left < 150 {
				b.must(0, "undo", d[1])
			}
			q = join(a.start(share...).ready())
			a.settles(1)
			same(t, d...)
			for i := range 150 {
				_, err := os.Stat(file(d[1], i))
				must(t, err)
			}
			q.end(syscall.SIGINT, 130)
		})
	}
}
