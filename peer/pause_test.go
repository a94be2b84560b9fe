package peer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"qsync/folder/disk"
)

// pause pauses or resumes a machine's folder.
func (m *machine) pause(paused bool) {
	m.c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	m.must(m.f.SetPaused(ctx, paused))
}

// TestPause: a paused folder neither looks, nor syncs, nor is there for peers;
// its status stays whole, and resuming finds what happened on both sides.
func TestPause(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.full()
		a.write("f", "1")
		a.write("g", "1")
		c.start()
		c.converged(20 * time.Second)
		b.pause(true)
		b.pause(true)
		if n := len(b.node.shares()); n != 0 {
			c.Errorf("a paused folder is one of %d that peers may ask for", n)
		}
		a.write("f", "2 by a")
		a.remove("g")
		b.write("new", "by b")
		before := c.net.bytes(b)
		time.Sleep(time.Hour)
		s := b.f.Status()
		if s.State != "paused" || s.Reason != fmt.Sprintf("paused; 'qsync resume %s' goes on", b.dir) {
			c.Errorf("%s: %q", s.State, s.Reason)
		}
		if s.Entries.Files != 2 || len(s.Peers) != 1 || s.Peers[0].Connected || s.Peers[0].InSync {
			c.Errorf("%+v", s)
		}
		if b.read("f") != "1" || a.exists("new") || !b.exists("g") {
			c.Error("a paused folder syncs:", a.tree(), b.tree())
		}
		// It answers who knocks, and does not knock itself.
		if n := c.net.bytes(b) - before; n > 8<<20 {
			c.Errorf("%d bytes sent while paused", n)
		}
		// Who knows it goes on looking for it, also after a restart.
		a.stop()
		c.start(a)
		time.Sleep(time.Minute)
		if a.f.Err() != nil {
			c.Error(a.f.Err())
		}
		if q := a.f.Status().Peers[0].Queued; q.Entries != 2 {
			c.Errorf("%d entries queued for a paused peer", q.Entries)
		}
		b.pause(false)
		time.Sleep(20 * time.Second)
		got := c.converged(20 * time.Second)
		if len(got) != 2 || got["f"].data != "2 by a" || got["new"].data != "by b" {
			c.Error(got)
		}
		if b.told("paused") != 1 || b.told("resumed") != 1 {
			c.Error(b.events)
		}
	})
}

// TestPausedFromTheStart: a folder can be opened paused, what waits for it is
// told so, and it goes on when asked.
func TestPausedFromTheStart(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		b.cfg.Paused = true
		b.cfg.Mode = ModeAuto
		a.write("f", "1")
		c.start()
		time.Sleep(time.Minute)
		if len(b.tree()) != 0 || b.f.Status().State != "paused" || len(a.f.Status().Peers) != 0 {
			c.Error(b.tree(), b.f.Status(), a.f.Status().Peers)
		}
		ctx := context.Background()
		if err := b.f.Wait(ctx, 0); !errors.Is(err, ErrPaused) || !strings.Contains(err.Error(), "qsync resume") {
			c.Error(err)
		}
		if err := b.f.Rescan(ctx); !errors.Is(err, ErrPaused) {
			c.Error(err)
		}
		waiting := make(chan error, 1)
		go func() { waiting <- a.f.Wait(ctx, 1) }()
		time.Sleep(time.Second)
		a.pause(true)
		if err := <-waiting; !errors.Is(err, ErrPaused) {
			c.Error("what waited goes on waiting:", err)
		}
		a.pause(false)
		b.pause(false)
		time.Sleep(20 * time.Second)
		c.converged(20 * time.Second)
	})
}

// TestPauseInATransfer: pausing cuts a transfer at once, and resuming goes on
// where it was.
func TestPauseInATransfer(t *testing.T) {
	t.Parallel()
	t.Run("held in memory", func(t *testing.T) { pauseInATransfer(t, 48<<20, math.MaxInt64) })
	t.Run("written past it", func(t *testing.T) { pauseInATransfer(t, 24<<20, 1<<20) })
}

func pauseInATransfer(t *testing.T, size, bypass int64) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.cfg.Bypass = bypass
		b.dials(a)
		a.write("big", random(int(size))) // nothing that arrives at once for being compressed
		for i := range 300 {
			a.write(fmt.Sprint("small/", i), fmt.Sprint(i))
		}
		c.start()
		for b.f.counts.received.Load() < size/3 {
			time.Sleep(5 * time.Millisecond)
		}
		began := time.Now()
		for _, m := range []*machine{b, a} { // the taking side, then the giving one
			at := b.f.counts.received.Load()
			m.pause(true)
			if d := time.Since(began); d > 5*time.Second {
				c.Error("pausing took", d)
			}
			time.Sleep(time.Second) // what is on the way arrives
			now := b.f.counts.received.Load()
			time.Sleep(time.Minute)
			if n := b.f.counts.received.Load(); n != now || n >= size {
				c.Errorf("%d bytes at the pause of %s, %d after it, %d later", at, m.name, now, n)
			}
			if b.exists("big") {
				c.Error("half a file is there")
			}
			m.pause(false)
			for b.f.counts.received.Load() <= now+size/8 {
				time.Sleep(5 * time.Millisecond)
			}
			began = time.Now()
		}
		c.converged(time.Minute)
		if n := b.f.counts.received.Load(); n > size+size/4 {
			c.Errorf("%d bytes came for %d", n, size)
		}
	})
}

// TestPauseOfAPair: the two directories of one machine pause together.
func TestPauseOfAPair(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		src, dst := c.nodes[0], c.nodes[1]
		src.cfg.Mode, dst.cfg.Mode = Send, Mirror
		src.write("f", "1")
		s, d, stop := c.pair(src, dst)
		defer stop()
		time.Sleep(5 * time.Second)
		src.must(d.SetPaused(context.Background(), true))
		if s.Status().State != "paused" || d.Status().State != "paused" || dst.read("f") != "1" {
			c.Error(s.Status().State, d.Status().State, dst.tree())
		}
		src.write("f", "2")
		time.Sleep(time.Minute)
		if dst.read("f") != "1" {
			c.Error("a paused pair syncs")
		}
		src.must(s.SetPaused(context.Background(), false))
		time.Sleep(5 * time.Second)
		if dst.read("f") != "2" {
			c.Error(dst.tree())
		}
		if got := []string{s.Status().State, d.Status().State}; !slices.Equal(got, []string{"idle", "idle"}) {
			c.Error(got)
		}
	})
}

// pair runs the directories of two machines as a pair within one node.
func (c *cluster) pair(src, dst *machine) (s, d *Folder, stop func()) {
	c.Helper()
	for _, m := range []*machine{src, dst} {
		m.hints = hints{make(chan disk.Hint, 1<<12)}
	}
	n, err := New(Config{Name: "pair", Version: "test", Device: src.device, Machine: "machine", Log: slog.New(slog.NewTextHandler(logWriter{src}, logOptions()))})
	src.must(err)
	s, d, err = n.Pair(src.cfg, dst.cfg)
	src.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	return s, d, func() {
		cancel()
		src.must(<-done)
	}
}
