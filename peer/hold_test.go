package peer

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"qsync/store"
)

// fill makes n files in directory dir of m.
func (m *machine) fill(dir string, n int) {
	m.c.Helper()
	m.mkdir(dir)
	for i := range n {
		m.must(os.WriteFile(m.path(fmt.Sprintf("%s/%d", dir, i)), []byte(fmt.Sprint(dir, i)), 0o644))
	}
}

// answer opens the folder of m, which has stopped, has do say something to it,
// and starts it again.
func (m *machine) answer(do func(*Folder) error) {
	m.c.Helper()
	m.stop()
	m.cfg.Paused = true
	m.c.start(m)
	if err := do(m.f); err != nil {
		m.c.Error(err)
	}
	m.stop()
	m.cfg.Paused = false
	m.c.start(m)
}

func confirm(f *Folder) error { _, err := f.Confirm(); return err }
func undo(f *Folder) error    { _, err := f.UndoHeld(); return err }

// held waits until the brake has stopped m, and returns for how much.
func (m *machine) held() store.Hold {
	m.c.Helper()
	time.Sleep(20 * time.Second)
	if !errors.Is(m.f.Err(), ErrBrake) {
		m.c.Errorf("%s does not stop: %v", m.name, m.f.Err())
	}
	var h store.Hold
	m.stop()
	m.withStore(func(s *store.Store) { h = s.Hold() })
	m.c.Helper()
	return h
}

// TestConfirmHere: what vanished here is passed on when a person says so,
// exactly that and once (F26).
func TestConfirmHere(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		b.cfg.MaxDelete.Percent = 100
		a.fill("d", 210)
		a.fill("e", 5)
		c.start()
		c.converged(20 * time.Second)
		a.remove("d")
		if h := a.held(); h.Why != store.HoldVanished || h.Count != 211 || h.Total != 217 {
			c.Errorf("%+v", h)
		}
		c.start(a)
		a.held() // it is not by itself that it goes on
		c.start(a)
		time.Sleep(time.Second) // it looks, and stops for the same
		a.must(os.RemoveAll(a.path("e/1")))
		a.answer(confirm)
		if h := a.held(); h.Count != 212 || h.Answer != store.NoAnswer {
			c.Errorf("one more: %+v", h)
		}
		c.start(a)
		a.answer(confirm)
		if got := c.converged(30 * time.Second); len(got) != 5 {
			c.Error(got)
		}
		if h := a.f.Held(); h.Why != "" {
			c.Errorf("%+v", h)
		}
		a.fill("d", 210)
		a.hint("d", true)
		c.converged(30 * time.Second)
		a.remove("d")
		a.held()
	})
}

// TestUndoHere: what vanished here comes back from the peers, who never hear of
// it (F25, F26).
func TestUndoHere(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 150} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				for i := range n {
					a.must(os.WriteFile(a.path(fmt.Sprint(i)), []byte(fmt.Sprint(i)), 0o640))
				}
				a.fill("d", 1)
				c.start()
				want := c.converged(20 * time.Second)
				before := b.stamps()
				for i := range n {
					a.must(os.Remove(a.path(fmt.Sprint(i))))
				}
				a.must(os.RemoveAll(a.path("d")))
				a.hint("", true)
				h := a.held()
				if why := map[int]store.HoldWhy{2: store.HoldEmptied, 150: store.HoldVanished}[n]; h.Why != why || h.Count != int64(n+2) {
					c.Errorf("%+v", h)
				}
				c.start(a)
				a.answer(undo)
				if d := want.diff(c.converged(60 * time.Second)); d != "" {
					c.Error(d)
				}
				c.sameStamps(b, before)
				if h := a.f.Held(); h.Why != "" {
					c.Errorf("%+v", h)
				}
			})
		})
	}
}

// TestHeldThere: what a peer would take away or replace here passes when a person
// says so, or else the peer gets it back.
func TestHeldThere(t *testing.T) {
	t.Parallel()
	for _, meant := range []bool{true, false} {
		t.Run(fmt.Sprint(meant), func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				a.cfg.MaxDelete.Percent = 100 // somebody there means it
				a.fill("d", 150)
				a.fill("e", 60)
				a.write("f", "1")
				c.start()
				want := c.converged(20 * time.Second)
				a.stop()
				a.remove("d")
				a.write("e/1", "another")
				a.write("new", "new")
				a.write("f", "2")
				c.start(a)
				if h := b.held(); h.Why != store.HoldIncoming || h.Count != 153 || h.Total != 213 {
					c.Errorf("%+v", h)
				}
				c.start(b)
				if meant {
					b.answer(confirm)
				} else {
					b.answer(undo)
				}
				got := c.converged(60 * time.Second)
				if meant && (len(got) != 63 || b.read("f") != "2") {
					c.Error(len(got))
				}
				if d := want.diff(got); !meant && (!strings.Contains(d, "new") || strings.Count(d, "\n") > 1) {
					c.Error(d)
				}
				if h := b.f.Held(); h.Why != "" {
					c.Errorf("%+v", h)
				}
			})
		})
	}
}

// TestBrakeCountsStorms: what goes in many small bursts is counted as one.
func TestBrakeCountsStorms(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		c.sync = false
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.fill("d", 200)
		a.fill("e", 40)
		c.start()
		want := c.converged(20 * time.Second)
		for i := range 160 {
			a.must(os.Remove(a.path(fmt.Sprint("d/", i))))
			a.hint(fmt.Sprint("d/", i), false)
			if i%32 == 31 {
				time.Sleep(40 * time.Millisecond)
			}
		}
		if h := a.held(); h.Count != 160 {
			c.Errorf("%+v", h)
		}
		if d := want.diff(b.tree()); d != "" {
			c.Error(d)
		}
	})
}

// TestBrakeKnowsRenames: what has another name now is not lost (F26).
func TestBrakeKnowsRenames(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		t.Run(fmt.Sprint(running), func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				a.fill("d", 200)
				a.fill("e", 20)
				c.start()
				c.converged(20 * time.Second)
				if !running {
					a.stop()
				}
				a.must(os.Rename(a.path("d"), a.path("moved")))
				for i := range 15 {
					a.must(os.Remove(a.path(fmt.Sprint("moved/", i))))
				}
				if running {
					a.hint("", true)
				} else {
					c.start(a)
				}
				if got := c.converged(60 * time.Second); len(got) != 186+21 {
					c.Error(len(got))
				}
				if err := errors.Join(a.f.Err(), b.f.Err()); err != nil {
					c.Error(err)
				}
			})
		})
	}
}

// TestNothingHeld: there is not always something to decide, and one-way folders
// cannot undo.
func TestNothingHeld(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.cfg.Mode, b.cfg.Mode = Send, Receive
		a.fill("d", 150)
		c.start()
		c.converged(20 * time.Second)
		for _, do := range []func(*Folder) error{confirm, undo} {
			if err := do(a.f); !errors.Is(err, ErrNothingHeld) {
				c.Error(err)
			}
		}
		a.remove("d")
		a.held()
		a.cfg.Paused = true
		c.start(a)
		if _, err := a.f.UndoHeld(); !errors.Is(err, ErrOneWay) {
			c.Error(err)
		}
	})
}
