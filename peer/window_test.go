package peer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"qsync/store"
)

// take removes files i of directory d of m, and has the watcher say so.
func (m *machine) take(d string, files ...int) {
	m.c.Helper()
	for _, i := range files {
		p := fmt.Sprint(d, "/", i)
		m.must(os.Remove(m.path(p)))
		m.hint(p, false)
	}
}

// upTo is 0, 1 ... n-1.
func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// TestTrickleStops: removals that come one by one, or in bursts that are no storm,
// are counted over a time. No more than the brake allows are passed on before the
// folder stops; what it then holds comes back or passes as a person says, and what
// a stop was about it is about after a restart (F26).
func TestTrickleStops(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				c.sync = false
				r := rand.New(rand.NewPCG(seed, 1))
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				b.cfg.MaxDelete.Percent = 100 // what a passes on must not depend on it
				a.fill("d", 150)
				a.fill("e", 48)
				c.start()
				before := c.converged(20 * time.Second)
				all := upTo(150)
				for len(all) > 0 && a.f.Err() == nil {
					n := min(len(all), 1+r.IntN(int(seed)*4+1))
					a.take("d", all[:n]...)
					all = all[n:]
					time.Sleep(time.Duration(30+r.IntN(1500)) * time.Millisecond)
				}
				time.Sleep(2 * time.Second) // it may still wait for more to go
				h := a.held()
				passed := len(before) - len(b.tree())
				if h.Why != store.HoldVanished || int(h.Passed) != passed || passed > 100 || h.Count < 1 || h.Count+h.Passed <= 100 || h.Total != 200 {
					c.Errorf("%d were passed on, %+v", passed, h)
				}
				c.start(a)
				if again := a.held(); again.Count+again.Passed < h.Count+h.Passed || again.Passed != h.Passed || len(before)-len(b.tree()) != passed {
					c.Errorf("after a restart %+v", again)
				}
				c.start(a)
				if seed%2 == 0 {
					a.answer(undo)
					if got := c.converged(60 * time.Second); len(got) != len(before)-passed {
						c.Errorf("%d of %d are left, %d were passed on", len(got), len(before), passed)
					}
					b.undoLast(0)
					if d := before.diff(c.converged(60 * time.Second)); d != "" {
						c.Error(d)
					}
					return
				}
				a.answer(confirm)
				got := c.converged(60 * time.Second)
				if len(got) != 50+len(all) {
					c.Errorf("%d are left", len(got))
				}
				a.take("e", upTo(20)...) // it has begun anew
				if now := c.converged(60 * time.Second); len(now) != len(got)-20 || a.f.Err() != nil {
					c.Errorf("%d of %d: %v", len(now), len(got), a.f.Err())
				}
			})
		})
	}
}

// undoLast takes back what sync removed last, of which so much cannot come back.
func (m *machine) undoLast(stays int) {
	m.c.Helper()
	all, err := m.f.UndoBatch(m.c.Context(), UndoQuery{Batch: 1})
	m.must(err)
	for _, x := range all {
		if x.Stays != "" {
			stays--
		}
	}
	if stays != 0 {
		m.c.Errorf("%+v", all)
	}
}

// TestTrickleThere: a peer whose brake is lifted removes bit by bit: the receiver
// stops, says truly what has gone, and knows it after a restart (F26, F106).
func TestTrickleThere(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{TwoWay, Mirror} {
		t.Run(mode.String(), func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				c.sync = false
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				a.cfg.MaxDelete.Percent = 100
				if b.cfg.Mode = mode; mode == Mirror {
					a.cfg.Mode = Send
				}
				a.fill("d", 150)
				a.fill("e", 48)
				c.start()
				before := c.converged(20 * time.Second)
				for i := range 150 {
					a.take("d", i)
					time.Sleep(400 * time.Millisecond)
				}
				h := b.held()
				gone := len(before) - len(b.tree())
				if h.Why != store.HoldIncoming || gone > 100 || gone != int(h.Passed) || h.Total != 200 {
					c.Errorf("%d went, %+v", gone, h)
				}
				c.start(b)
				b.held()
				c.start(b)
				time.Sleep(10 * time.Second)
				if err := b.f.Err(); !errors.Is(err, ErrBrake) || !strings.Contains(err.Error(), fmt.Sprintf("%d went before it was that many", gone)) {
					c.Error(err)
				}
				b.answer(confirm)
				if got := c.converged(60 * time.Second); len(got) != len(before)-150 {
					c.Error(len(got))
				}
			})
		})
	}
}

// TestWindowEnds: what goes over a longer time is what people do.
func TestWindowEnds(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		c.sync = false
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.fill("d", 150)
		a.fill("e", 30)
		c.start()
		c.converged(20 * time.Second)
		for i := range 150 {
			a.take("d", i)
			time.Sleep(10 * time.Second)
		}
		if got := c.converged(30 * time.Second); len(got) != 32 {
			c.Error(len(got))
		}
		if err := errors.Join(a.f.Err(), b.f.Err()); err != nil {
			c.Error(err)
		}
	})
}

// TestWindowKnows: what is made and removed again, what is put back and what gets
// another name is not lost, in however many parts.
func TestWindowKnows(t *testing.T) {
	t.Parallel()
	cases := map[string]func(m *machine, step func()){
		"output of builds": func(m *machine, step func()) {
			for range 4 {
				m.fill("out", 60)
				m.hint("out", true)
				step()
				for i := range 60 {
					m.take("out", i)
					if i%7 == 0 {
						step()
					}
				}
				step()
			}
		},
		"put back": func(m *machine, step func()) {
			for range 4 {
				for i := range 60 {
					m.take("d", i)
					if i%7 == 0 {
						step()
					}
				}
				step()
				m.fill("d", 150)
				m.hint("d", true)
				step()
			}
		},
		"renamed": func(m *machine, step func()) {
			for round := range 3 {
				from, to := fmt.Sprint("n", round), fmt.Sprint("n", round+1)
				if round == 0 {
					from = "d"
				}
				m.mkdir(to)
				for i := range 150 {
					p, q := fmt.Sprint(from, "/", i), fmt.Sprint(to, "/", i)
					m.must(os.Rename(m.path(p), m.path(q)))
					m.hint(p, false)
					m.hint(q, true)
					if i%7 == 0 {
						step()
					}
				}
				step()
			}
		},
	}
	for name, do := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				c.sync = false
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				a.fill("d", 150)
				a.fill("e", 10)
				c.start()
				c.converged(20 * time.Second)
				do(a, func() { time.Sleep(700 * time.Millisecond) })
				c.converged(30 * time.Second)
				if err := errors.Join(a.f.Err(), b.f.Err()); err != nil {
					c.Error(err)
				}
				// It is still a brake.
				if got := c.converged(30 * time.Second); len(got) < 150 {
					c.Fatal(len(got))
				}
			})
		})
	}
}

// TestTotalWithoutIgnored: what is ignored here is no part of what the brake
// measures by, though the map knows it.
func TestTotalWithoutIgnored(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		t.Run(fmt.Sprint(running), func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a := c.nodes[0]
				c.line()
				a.fill("d", 150)
				a.fill("cache", 400)
				c.start()
				c.converged(20 * time.Second)
				a.write(".syncignore", "cache/\n")
				a.hint("", true)
				time.Sleep(20 * time.Second)
				if !running {
					a.stop()
				}
				for i := range 120 {
					a.must(os.Remove(a.path(fmt.Sprint("d/", i))))
				}
				if running {
					a.hint("d", true)
				} else {
					c.start(a)
				}
				if h := a.held(); h.Count != 120 || h.Total != 152 {
					c.Errorf("%+v", h)
				}
			})
		})
	}
}

// TestFewRemovalsAreQuick: a removal alone is passed on at once.
func TestFewRemovalsAreQuick(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.fill("d", 150)
		c.start()
		c.converged(20 * time.Second)
		for n := range 10 {
			began := time.Now()
			a.take("d", n)
			for b.exists(fmt.Sprint("d/", n)) && time.Since(began) < time.Minute {
				time.Sleep(time.Millisecond)
			}
			if d := time.Since(began); d > 200*time.Millisecond {
				c.Errorf("removal %d took %v", n, d)
			}
			time.Sleep(time.Second)
		}
	})
}
