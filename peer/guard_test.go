package peer

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

// TestBrakeHere: what would take most of a folder away at once touches nothing,
// until it is allowed (F26, F106).
func TestBrakeHere(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{TwoWay, Receive, Mirror} {
		t.Run(mode.String(), func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				b.cfg.Mode = mode
				if mode != TwoWay {
					a.cfg.Mode = Send
				}
				a.cfg.MaxDelete.Percent = 100 // somebody there means it
				for i := range 210 {
					a.write(fmt.Sprintf("d/%d", i), fmt.Sprint(i))
				}
				c.start()
				c.converged(20 * time.Second)
				before := b.stamps()
				a.stop()
				for i := range 150 {
					a.remove(fmt.Sprintf("d/%d", i))
				}
				a.write("d/200", "edited")
				c.start(a)
				time.Sleep(20 * time.Second)
				if !errors.Is(b.f.Err(), ErrBrake) || b.f.Status().State != "stopped" {
					c.Error(b.f.Err())
				}
				c.sameStamps(b, before)
				b.stop()
				b.cfg.MaxDelete.Percent = 100
				c.start(b)
				if got := c.converged(30 * time.Second); len(got) != 61 {
					c.Error(len(got))
				}
			})
		})
	}
}

// TestBrakeThere: what has vanished from most of a folder is not passed on.
func TestBrakeThere(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		for i := range 210 {
			a.write(fmt.Sprintf("d/%d", i), fmt.Sprint(i))
		}
		c.start()
		want := c.converged(20 * time.Second)
		a.remove("d")
		time.Sleep(20 * time.Second)
		if !errors.Is(a.f.Err(), ErrBrake) {
			c.Error(a.f.Err())
		}
		if d := want.diff(b.tree()); d != "" || b.f.Err() != nil {
			c.Error(d, b.f.Err())
		}
		a.stop()
		a.cfg.MaxDelete.Percent, b.cfg.MaxDelete.Percent = 100, 100
		b.stop()
		c.start()
		if got := c.converged(30 * time.Second); len(got) != 0 {
			c.Error(got)
		}
	})
}

// TestRoot: a root that is not the one that was synced is left alone, while
// running and at the start (F21, F22, F23).
func TestRoot(t *testing.T) {
	t.Parallel()
	swaps := map[string]func(m *machine){
		"empty": func(m *machine) { // as an unmounted disk leaves it
			m.must(os.Rename(m.dir, m.dir+".away"))
			m.must(os.Mkdir(m.dir, 0o755))
		},
		"without marker": func(m *machine) { m.must(os.Remove(m.path(".qsync/marker"))) },
		"of another": func(m *machine) {
			m.must(os.WriteFile(m.path(".qsync/marker"), []byte(`{"share":"x","root":"y"}`), 0o600))
		},
		"gone": func(m *machine) { m.must(os.Rename(m.dir, m.dir+".away")) },
	}
	for name, swap := range swaps {
		for _, running := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " running ", running), func(t *testing.T) {
				bubble(t, 2, func(c *cluster) {
					a, b := c.nodes[0], c.nodes[1]
					c.line()
					for i := range 5 {
						a.write(fmt.Sprint(i), fmt.Sprint(i))
					}
					c.start()
					want := c.converged(20 * time.Second)
					if !running {
						a.stop()
					}
					swap(a)
					if running {
						a.f.Rescan(c.Context())
						if !errors.Is(a.f.Err(), ErrRoot) {
							c.Error(a.f.Err())
						}
					} else if err := a.start(); !errors.Is(err, ErrRoot) && name != "gone" {
						c.Error(err)
					}
					b.write("3", "b goes on")
					want["3"] = b.tree()["3"]
					time.Sleep(20 * time.Second)
					if d := want.diff(b.tree()); d != "" || b.f.Err() != nil {
						c.Error(d, b.f.Err())
					}
				})
			})
		}
	}
}

// TestSourceRoot: the same for a source, into which nothing is written: there
// the directory itself is known again.
func TestSourceRoot(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.oneWay()
		a.write("f", "f")
		c.start()
		c.converged(20 * time.Second)
		a.stop()
		a.must(os.Rename(a.dir, a.dir+".away"))
		a.must(os.Mkdir(a.dir, 0o755))
		if err := a.start(); !errors.Is(err, ErrRoot) {
			c.Error(err)
		}
		time.Sleep(time.Minute)
		if b.read("f") != "f" {
			c.Error(b.tree())
		}
	})
}

// TestBusy: a second node on one folder, or on one map, is turned away (F18).
func TestBusy(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.start(a)
		c.settle(10 * time.Second)
		own := b.cfg.Dir
		b.cfg.Dir = a.dir
		want := fmt.Sprintf("peer: another qsync has this folder: the folder is in use by process %d (a)", os.Getpid())
		if err := b.start(); !errors.Is(err, ErrBusy) || err.Error() != want {
			c.Error("one folder:", err)
		}
		b.cfg.Dir, b.cfg.State = own, a.state
		want = "peer: another qsync has this folder: the folder map is in use by another process"
		if err := b.start(); !errors.Is(err, ErrBusy) || err.Error() != want {
			c.Error("one map:", err)
		}
		b.cfg.State = b.state
		c.start(b)
		if a.f.Err() != nil {
			c.Error(a.f.Err())
		}
	})
}
