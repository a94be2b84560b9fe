package integration

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A directory of a folder moved to a disk of its own, which is mounted in its
// place, and then is not there: while running, at the next start, as another file
// system or as a directory of the same one. Nothing is deleted at the peer, status
// says what is wrong, everything else syncs, and when the disk is there again it is
// as before. The brake is off. (F27)
func TestMountBelowVanishes(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"disk", "bind"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			pair := newCouple(t)
			sub, there := filepath.Join(pair.dirs[0], "sub"), filepath.Join(pair.dirs[1], "sub")
			fill(t, sub, 20)
			write(t, filepath.Join(sub, "deep/er/file"), "deep")
			write(t, filepath.Join(pair.dirs[0], "beside"), "1")
			p := pair.start(0)
			pair.start(1)
			pair.settle()
			want := synced.must(t, there)

			// The program is off while somebody moves the files to the new disk.
			p.end(syscall.SIGTERM, 143)
			disk := dirs(t, "disk")[0]
			if kind == "disk" {
				disk = mounted(t, "size=8m,mode=755")
			}
			command(t, "cp", "-a", sub+"/.", disk)
			on := func() {
				t.Helper()
				must(t, syscall.Mount(disk, sub, "", syscall.MS_BIND, ""))
			}
			off := func() { must(t, syscall.Unmount(sub, 0)) } // nobody keeps it open
			must(t, os.RemoveAll(sub))
			must(t, os.Mkdir(sub, 0o755))
			on()
			t.Cleanup(func() { _ = syscall.Unmount(sub, syscall.MNT_DETACH) })

			// says waits for the problem, after which nothing may have happened at
			// the peer, and for something else to get there and back.
			n := "1"
			says := func(text string) {
				t.Helper()
				pair.m[0].run("wait", "--peers", "1", "--timeout", "500ms") // looks at everything
				pair.complains(0, text)
				n += "+"
				for i, name := range []string{"beside", "there"} {
					write(t, filepath.Join(pair.dirs[i], name), n)
					holds(t, filepath.Join(pair.dirs[1-i], name), n)
				}
				must(t, differs(want, synced.must(t, there)))
				if f, _ := pair.m[0].folder(); f.State == "stopped" || len(f.Problems) != 1 || f.Problems[0].Path != "sub" {
					t.Fatalf("%s: %s, %+v", f.State, f.Reason, f.Problems)
				}
			}
			again := func() {
				t.Helper()
				p.end(syscall.SIGTERM, 143)
				p = pair.start(0)
				says("count as still there")
			}
			p = pair.start(0)
			says("is mounted here")
			off()
			says("count as still there")
			again()

			// The peer goes on with what is missing here; that costs nothing.
			write(t, filepath.Join(there, "deep/er/file"), "deeper")
			write(t, filepath.Join(there, "new"), "new")
			want = synced.must(t, there)
			says("count as still there")
			used := cpu(t, p)
			rest()
			if used = cpu(t, p) - used; used > rested/20 {
				t.Errorf("it used the processor for %v of %v", used, rested)
			}

			on()
			says("is mounted here")
			off()
			again()

			// A look at what is new there does not make it forget what is missing.
			write(t, filepath.Join(sub, "bare"), "bare")
			holds(t, filepath.Join(there, "bare"), "bare")
			if f, _ := pair.m[0].folder(); len(f.Problems) != 1 {
				t.Errorf("%+v", f.Problems)
			}

			// The files themselves are there again: that is the end of it.
			command(t, "cp", "-a", disk+"/.", sub)
			pair.settle()
			same(t, pair.dirs...)
			if f, _ := pair.m[0].folder(); len(f.Problems) > 0 {
				t.Errorf("%+v", f.Problems)
			}
			holds(t, filepath.Join(sub, "deep/er/file"), "deeper")
			must(t, os.Remove(filepath.Join(sub, "new")))
			gone(t, filepath.Join(there, "new"))
			if copies, _ := filepath.Glob(filepath.Join(there, "deep/er/*conflict*")); len(copies) > 0 {
				t.Errorf("%q", copies)
			}
			if strings.Contains(p.err.String(), "panic") {
				t.Error(p.err.String())
			}
		})
	}
}
