//go:build unix

package integration

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A folder of a few entries is emptied, while the node runs or while it does not:
// it stops, the peer keeps everything, and neither a restart nor time changes that;
// `undo` brings all of it back, `confirm` lets it go. Of one entry that is all there
// is, nobody makes a question. (F25)
func TestOneSideEmptied(t *testing.T) {
	t.Parallel()
	for name, running := range map[string]bool{"running": true, "stopped": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := newMachine(t, "a"), newMachine(t, "b")
			d := dirs(t, "a", "b")
			at := address(t)
			write(t, filepath.Join(d[0], "one"), "1")
			write(t, filepath.Join(d[0], "two/deep/file"), "2")
			share := []string{"share", d[0], "--listen", at, "--json"}
			p := a.start(share...)
			ready := p.ready()
			join := func() *process {
				return b.startFed(ready.ID, "join", "-", d[1], "--remote", at, "--listen", "127.0.0.1:0")
			}
			q := join()
			a.settles(1)
			want := synced.must(t, d[1])
			empty := func() {
				t.Helper()
				if !running {
					p.end(syscall.SIGINT, 130)
				}
				left, err := filepath.Glob(filepath.Join(d[0], "[^.]*"))
				must(t, err)
				aside := t.TempDir()
				for _, path := range left { // each in one step: what is in it goes with it
					must(t, os.Rename(path, filepath.Join(aside, filepath.Base(path))))
				}
				if !running {
					p = a.start(share...)
				}
				p.exits(6)
				result{err: p.err.String()}.names(t, "all 4 entries", "qsync confirm", "qsync undo")
				must(t, differs(want, synced.must(t, d[1])))
			}
			empty()
			p = a.start(share...)
			p.exits(6) // it does not go on by itself
			must(t, differs(want, synced.must(t, d[1])))
			a.must(0, "undo", d[0])
			again := func() { // both, for the one waits longer and longer before it dials again
				t.Helper()
				q.end(syscall.SIGINT, 130)
				p = a.start(share...)
				p.ready()
				q = join()
			}
			again()
			a.settles(1)
			must(t, differs(want, synced.must(t, d[0])))
			must(t, differs(want, synced.must(t, d[1])))

			empty()
			a.must(0, "confirm", d[0])
			again()
			gone(t, filepath.Join(d[1], "one"))
			gone(t, filepath.Join(d[1], "two"))
			a.settles(1)

			write(t, filepath.Join(d[0], "alone/file"), "3")
			holds(t, filepath.Join(d[1], "alone/file"), "3")
			a.settles(1)
			must(t, os.RemoveAll(filepath.Join(d[0], "alone")))
			gone(t, filepath.Join(d[1], "alone"))
			if !p.running() {
				t.Error(p.err.String())
			}
		})
	}
}
