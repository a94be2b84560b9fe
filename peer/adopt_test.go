package peer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qsync/store"
)

// TestAdopt: a directory that a person takes for the folder again makes neither a
// removal of what it lacks nor an edit of what is older in it; the sync ID stays
// (F21, F22).
func TestAdopt(t *testing.T) {
	t.Parallel()
	cases := map[string]func(m *machine){
		"marker lost":    func(m *machine) { m.must(os.Remove(m.path(".qsync/marker"))) },
		"marker damaged": func(m *machine) { m.must(os.WriteFile(m.path(".qsync/marker"), nil, 0o600)) },
		"empty":          func(m *machine) {},
		"an old backup": func(m *machine) {
			for i := range 10 {
				m.must(os.WriteFile(m.path(fmt.Sprint(i)), []byte("old"), 0o644))
				old := time.Now().Add(-24 * time.Hour)
				m.must(os.Chtimes(m.path(fmt.Sprint(i)), old, old))
			}
		},
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				for i := range 20 {
					a.write(fmt.Sprint(i), fmt.Sprint("new", i))
				}
				c.start()
				want := c.converged(20 * time.Second)
				a.stop()
				if !strings.HasPrefix(name, "marker") {
					m := a.dir + ".away"
					a.must(os.Rename(a.dir, m))
					a.must(os.Mkdir(a.dir, 0o755))
				}
				spoil(a)
				if err := a.start(); !errors.Is(err, ErrRoot) || !strings.Contains(err.Error(), "qsync confirm") {
					c.Fatal(err)
				}
				a.cfg.Adopt, a.cfg.Paused = true, true
				c.start(a)
				a.stop()
				a.cfg.Adopt, a.cfg.Paused = false, false
				c.start(a)
				got := c.converged(60 * time.Second)
				for i := range 20 {
					if p := fmt.Sprint(i); a.read(p) != "new"+p || b.read(p) != "new"+p {
						c.Errorf("%s is %q here and %q there", p, a.read(p), b.read(p))
					}
				}
				if extra := len(got) - len(want); extra != map[string]int{"an old backup": 10}[name] {
					c.Errorf("%d more: %v", extra, want.diff(got))
				}
			})
		})
	}
}

// TestOlderCopy: a directory with the folder's own marker that is an older copy of it,
// from a backup or on another disk, stops the folder; one that is as the last run left
// it goes on (F22).
func TestOlderCopy(t *testing.T) {
	t.Parallel()
	for _, older := range []bool{true, false} {
		t.Run(fmt.Sprint("older ", older), func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				for i := range 5 {
					a.write(fmt.Sprint(i), fmt.Sprint("old", i))
				}
				c.start()
				c.converged(20 * time.Second)
				copied := a.dir + ".copy"
				a.stop()
				if older {
					a.must(copyTree(copied, a.dir))
				}
				c.start(a)
				b.write("1", "newer")
				b.write("since", "since")
				want := c.converged(20 * time.Second)
				a.stop()
				if !older {
					a.must(copyTree(copied, a.dir))
				}
				a.must(os.Rename(a.dir, a.dir+".away"))
				a.must(os.Rename(copied, a.dir))
				err := a.start()
				if !older {
					a.must(err)
					if d := want.diff(c.converged(20 * time.Second)); d != "" {
						c.Error(d)
					}
					return
				}
				if !errors.Is(err, ErrRoot) || !strings.Contains(err.Error(), "qsync confirm") {
					c.Fatal(err)
				}
				a.cfg.Adopt, a.cfg.Paused = true, true
				c.start(a)
				a.stop()
				a.cfg.Adopt, a.cfg.Paused = false, false
				c.start(a)
				if got := c.converged(60 * time.Second); got["since"].data != "since" || got["1"].data != "newer" || len(got.conflicts()) != 1 {
					c.Error(want.diff(got))
				}
			})
		})
	}
}

// copyTree copies a directory with its times, as a backup does.
func copyTree(to, from string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		at := filepath.Join(to, strings.TrimPrefix(p, from))
		return errors.Join(os.Chmod(at, fi.Mode().Perm()), os.Chtimes(at, fi.ModTime(), fi.ModTime()))
	})
}

// TestPeerBraked: a node whose peer's brake has stopped says so, and what to type
// there, until it is back (F26).
func TestPeerBraked(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.cfg.MaxDelete.Percent = 100
		a.fill("d", 150)
		c.start()
		c.converged(20 * time.Second)
		a.remove("d")
		time.Sleep(20 * time.Second)
		if !errors.Is(b.f.Err(), ErrBrake) {
			c.Fatal(b.f.Err())
		}
		reason := func() string {
			for _, p := range a.f.Status().Peers {
				if p.Reason != "" {
					return p.Reason
				}
			}
			return ""
		}
		if !strings.Contains(reason(), "'qsync confirm DIR'") {
			c.Errorf("%q", reason())
		}
		b.stop()
		if HeldIn(b.state, b.dir) == "" || !strings.Contains(HeldIn(b.state, b.dir), "'qsync confirm "+b.dir+"'") {
			c.Errorf("%q", HeldIn(b.state, b.dir))
		}
		c.start(b)
		b.answer(confirm)
		c.converged(30 * time.Second)
		if reason() != "" || b.f.Held().Why != "" {
			c.Errorf("%q, %+v", reason(), b.f.Held())
		}
	})
}

// TestAdoptRefused: who confirms what the brake has stopped, while the disk is
// not mounted, does not say that the empty directory is the folder.
func TestAdoptRefused(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a := c.nodes[0]
		c.line()
		a.fill("d", 150)
		c.start()
		want := c.converged(20 * time.Second)
		a.remove("d")
		time.Sleep(5 * time.Second)
		if a.held().Why != store.HoldVanished {
			c.Fatal("the brake has not stopped it")
		}
		away := a.dir + ".away"
		a.must(os.Rename(a.dir, away))
		a.must(os.Mkdir(a.dir, 0o755))
		a.cfg.Adopt = true
		if err := a.start(); !errors.Is(err, ErrRoot) || !strings.Contains(err.Error(), "mount the disk first") {
			c.Fatal(err)
		}
		a.cfg.Adopt = false
		a.must(os.RemoveAll(a.dir)) // what was tried has left its lock
		a.must(os.Rename(away, a.dir))
		c.start(a)
		a.answer(undo)
		if d := want.diff(c.converged(60 * time.Second)); d != "" {
			c.Error(d)
		}
	})
}
