package peer

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qsync/folder"
)

// TestWaitsForWhatDidNotChange: who waits for a file that is in use is told when it is
// waited for no more, also where its look finds nothing new.
func TestWaitsForWhatDidNotChange(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a := c.nodes[0]
		c.line()
		a.write("large", "x")
		c.start()
		c.converged(20 * time.Second)
		a.f.motion.mu.Lock()
		a.f.motion.m = map[folder.Path]*moving{"large": {last: time.Now(), hinted: time.Now(), wait: 2 * time.Second}} // as one that took long to read
		a.f.motion.mu.Unlock()
		a.f.look.add("large", false)
		time.Sleep(time.Second)
		if a.f.Missing(1) == "" {
			c.Fatal("it is not waited for")
		}
		change := a.f.changes()
		for n := 0; a.f.Missing(1) != ""; n++ {
			select {
			case <-change:
				change = a.f.changes()
			case <-time.After(20 * time.Second):
				c.Fatalf("nothing is told in 20 s, and now %q is missing", a.f.Missing(1))
			}
		}
	})
}

// F37: a file that is written to all the time is told of at its first changes,
// then every five seconds at most and more and more seldom; other files do not
// wait for it, and its end arrives soon.
func TestRestlessFile(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.write("log", "")
		c.start()
		c.settle(20 * time.Second)
		before, began, slowest := a.f.counts.announced.Load(), time.Now(), time.Duration(0)
		log, err := os.OpenFile(a.path("log"), os.O_WRONLY|os.O_APPEND, 0)
		a.must(err)
		defer log.Close()
		var at []time.Duration // when the peer saw another log
		for seen, i := "", 0; i < 60*20; i++ {
			fmt.Fprintln(log, "line", i)
			a.hint("log", false)
			time.Sleep(50 * time.Millisecond)
			if now := b.read("log"); now != seen {
				seen, at = now, append(at, time.Since(began))
			}
			if i%97 != 0 {
				continue
			}
			name := fmt.Sprint("note", i)
			a.write(name, "read me")
			saved := time.Now()
			for !b.exists(name) && time.Since(saved) < time.Second {
				time.Sleep(time.Millisecond)
			}
			slowest = max(slowest, time.Since(saved))
		}
		if slowest > 300*time.Millisecond {
			t.Errorf("another file took %v", slowest)
		}
		if n := len(at); n < restless || n > restless+6 {
			t.Errorf("the peer saw %d versions in a minute, at %v", n, at)
		}
		for i := restless; i < len(at); i++ {
			if gap := at[i] - at[i-1]; gap < motionMin-100*time.Millisecond || i > restless && gap < at[i-1]-at[i-2] {
				t.Errorf("version %d came %v after the one before: %v", i, gap, at)
			}
		}
		if a.f.Missing(1) == "" {
			t.Error("in sync, while the log has lines that the peer has not")
		}
		whole, end := a.read("log"), time.Now()
		for b.read("log") != whole && time.Since(end) < time.Minute {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(end); took > motionMin+time.Second {
			t.Errorf("the last lines took %v", took)
		}
		if n := a.f.counts.announced.Load() - before; n > 50 {
			t.Errorf("%d changes were announced", n)
		}
		time.Sleep(5 * time.Minute)
		if _, ok := a.f.motion.next(); ok || a.f.motion.waiting() > 0 {
			t.Error("a timer runs though nothing moves")
		}
		c.converged(20 * time.Second)
	})
}

// Saves with pauses between them are no storm, however many: each is told of at
// once. So are a few without a pause.
func TestSavesInARow(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.write("doc", "0")
		c.start()
		c.settle(20 * time.Second)
		for round, pause := range []time.Duration{time.Second, 2 * pauseShut, 0} {
			n := 3 * restless
			if pause == 0 {
				n = restless
			}
			for i := range n {
				text := fmt.Sprint(round, i)
				a.must(os.WriteFile(a.path("doc"), []byte(text), 0o644))
				a.hint("doc", false)
				saved := time.Now()
				for b.read("doc") != text && time.Since(saved) < time.Minute {
					time.Sleep(time.Millisecond)
				}
				if took := time.Since(saved); took > 300*time.Millisecond {
					t.Errorf("save %d.%d took %v", round, i, took)
				}
				time.Sleep(pause)
			}
			time.Sleep(2 * pauseShut)
		}
	})
}

// What changes while it is read is read again, but not all the time; when it has
// been closed it is looked at without delay.
func TestMotionOfReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m motion
		const disk = folder.Path("vm.img")
		m.found(disk, true, 20*time.Second)
		m.hint(disk, true)
		if !m.holds(disk) {
			t.Error("a large file that moves is read again at once")
		}
		if at, _ := m.next(); time.Until(at) < motionRest {
			t.Error(time.Until(at))
		}
		for range 100 { // it never rests
			time.Sleep(time.Second)
			m.hint(disk, true)
			if !m.holds(disk) {
				t.Fatal("read again too soon")
			}
		}
		m.hint(disk, false)
		if m.holds(disk) {
			t.Error("held back after it was closed")
		}
		m.found(disk, false, 20*time.Second)
		m.hint(disk, true)
		time.Sleep(motionMin)
		if m.holds(disk) {
			t.Error("held back though it rests")
		}
	})
}

// What is remembered of files that move is bounded, and so is what is read once
// more.
func TestMotionIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m motion
		for i := range 3 * maxMotion {
			p := folder.Path(fmt.Sprint(i))
			m.found(p, false, 0)
			m.prove(p, 1<<20, 1)
			m.prove(p, 1<<20, 1)
		}
		if len(m.m) > maxMotion || m.files > proofFiles || m.bytes > proofBytes {
			t.Error(len(m.m), m.files, m.bytes)
		}
		time.Sleep(proofAfter)
		if _, proofs := m.take(); len(proofs) != proofBytes>>20 {
			t.Errorf("%d files are read again", len(proofs))
		}
		if m.files != 0 || m.bytes != 0 {
			t.Error(m.files, m.bytes)
		}
		time.Sleep(proofAfter)
		m.take()
		if _, ok := m.next(); ok || len(m.m) > 0 {
			t.Error("something is remembered for ever:", len(m.m))
		}
	})
}

// A first sync is not read twice.
func TestFirstLookIsNotProven(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a := c.nodes[0]
		c.line()
		for i := range 50 {
			a.write(fmt.Sprint("f", i), strings.Repeat("x", i))
		}
		c.start()
		c.settle(20 * time.Second)
		for _, m := range c.nodes {
			if n := m.f.motion.files; n > 0 {
				t.Errorf("%s will read %d files once more", m.name, n)
			}
		}
	})
}
