package peer

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// hourly is a schedule as cron has it: at every full hour.
func hourly(after time.Time) time.Time { return after.Truncate(time.Hour).Add(time.Hour) }

// save writes a file of which no watcher tells.
func (m *machine) save(p, content string) {
	m.c.Helper()
	hints := m.hints
	m.hints.c = nil
	m.write(p, content)
	m.hints = hints
}

// TestSchedule: a folder that works by the clock finds its own changes at the
// times of its schedule and when asked, and takes those of others at once.
func TestSchedule(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		a.cfg.Next = hourly
		a.write("f", "1")
		time.Sleep(time.Until(hourly(time.Now()).Add(5 * time.Minute)))
		c.start()
		c.converged(20 * time.Second)
		due := hourly(time.Now())
		if s := a.f.Status(); !s.NextScan.Equal(due) {
			c.Errorf("the next pass is due at %v, not %v", s.NextScan, due)
		}
		for _, m := range c.nodes {
			text, err := json.Marshal(m.f.Status())
			m.must(err)
			want := fmt.Sprintf(`"next_scan":"%s"`, due.UTC().Format(time.RFC3339))
			if strings.Contains(string(text), want) != (m == a) || strings.Contains(string(text), "next_scan") != (m == a) {
				c.Errorf("%s: %s", m.name, text)
			}
		}
		a.save("f", "2")
		b.write("g", "1")
		time.Sleep(time.Until(due.Add(-time.Second)))
		if b.read("f") != "1" || a.read("g") != "1" {
			c.Error("before the hour:", b.read("f"), a.read("g"))
		}
		time.Sleep(5 * time.Second)
		if b.read("f") != "2" {
			c.Error("after the hour:", b.read("f"))
		}
		a.save("f", "3")
		a.must(a.f.Rescan(c.Context()))
		time.Sleep(5 * time.Second)
		if b.read("f") != "3" || !a.f.Status().NextScan.Equal(hourly(time.Now())) {
			c.Error("when asked:", b.read("f"), a.f.Status().NextScan)
		}
		a.pause(true)
		if at := a.f.Status().NextScan; !at.IsZero() {
			c.Error("a paused folder is due at", at)
		}
	})
}

// TestClock: a pass that was due while the machine slept comes within a minute
// of its waking, and a clock that was set back does not put it off.
func TestClock(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		var shift atomic.Int64 // of the wall clock of a
		a.wall = func() time.Time { return time.Now().Round(0).Add(time.Duration(shift.Load())) }
		a.cfg.Every = 6 * time.Hour
		a.write("f", "1")
		c.start()
		c.converged(20 * time.Second)
		for i, by := range []time.Duration{8 * time.Hour, -20 * time.Hour} {
			content := fmt.Sprint(i + 2)
			a.save("f", content)
			shift.Add(int64(by))
			wait := 65 * time.Second
			if by < 0 {
				time.Sleep(wait)
				if at := a.f.Status().NextScan; at.Sub(a.wall()) > a.cfg.Every {
					c.Error("a clock set back puts the next pass off until", at)
				}
				wait = a.cfg.Every
			}
			time.Sleep(wait)
			if b.read("f") != content {
				c.Errorf("%v after the clock went %v: %s", wait, by, b.read("f"))
			}
		}
	})
}

// TestNoMorePasses: a schedule that ends is waited for no more.
func TestNoMorePasses(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		a := c.nodes[0]
		var asked atomic.Int64
		a.cfg.Next = func(time.Time) time.Time { asked.Add(1); return time.Time{} }
		c.start()
		time.Sleep(48 * time.Hour)
		if n := asked.Load(); n != 1 || !a.f.Status().NextScan.IsZero() || a.f.Status().State != "idle" {
			c.Error(n, a.f.Status())
		}
	})
}
