package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"qsync/store"
)

// standIn writes what looks like a database of that generation, with a log or
// without, in one moment.
func (m *machine) standIn(db string, generation int, log bool) {
	m.c.Helper()
	m.rest()
	body := strings.Repeat(fmt.Sprintf("%08d", generation), 64)
	m.must(os.WriteFile(m.path(db), []byte("SQLite format 3\x00"+body), 0o644))
	if log {
		head := binary.BigEndian.AppendUint32(nil, 0x377f0682)
		m.must(os.WriteFile(m.path(db+"-wal"), append(head, body...), 0o644))
	} else if err := os.Remove(m.path(db + "-wal")); err != nil && !os.IsNotExist(err) {
		m.must(err)
	}
	for _, p := range []string{db, db + "-wal"} {
		m.hint(p, false)
	}
}

// generation is what a database and its log say that they are of, "torn" if not
// the same.
func (m *machine) generation(db string) string {
	of := func(p string, head int) string {
		b, err := os.ReadFile(m.path(p))
		if err != nil || len(b) < head+8 {
			return ""
		}
		return string(b[head : head+8])
	}
	d, l := of(db, 16), of(db+"-wal", 4)
	if of(db, 16) != d {
		return "" // it came into place just now
	}
	if l != "" && l != d {
		return "torn"
	}
	return d
}

// F38: a database and its log are told of when both are quiet, and never does a
// peer hold one with another time's log.
func TestDatabase(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.start()
		c.settle(20 * time.Second)
		seen, torn := map[string]bool{}, 0
		watch := func(d time.Duration) {
			dense := time.Now().Add(3 * time.Second) // what a save leads to comes early
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				if now := time.Now(); now.After(dense) {
					time.Sleep(time.Until(end) / 2)
				}
				for _, m := range c.nodes[1:] {
					g := m.generation("d.db")
					if seen[g] = true; g == "torn" {
						torn++
					}
				}
			}
		}
		n := 0
		for range 40 { // busy: no two seconds of rest
			n++
			a.standIn("d.db", n, n%3 != 0)
			watch(150 * time.Millisecond)
		}
		if len(seen) > 1 {
			t.Errorf("told of while it was busy: %v", seen)
		}
		if a.f.Missing(1) == "" {
			t.Error("in sync, though the peer does not have it")
		}
		for range 12 {
			watch(20 * time.Second)
			n++
			a.standIn("d.db", n, n%3 != 0)
		}
		watch(time.Minute)
		if torn > 0 {
			t.Errorf("torn %d times", torn)
		}
		if len(seen) < 8 {
			t.Errorf("the peers saw only %d generations", len(seen))
		}
		if g := b.generation("d.db"); g != fmt.Sprintf("%08d", n) {
			t.Errorf("%s in the end, not %d", g, n)
		}
		c.converged(20 * time.Second)
		if at, ok := a.f.bases.next(); ok {
			t.Error("a timer runs", time.Until(at))
		}
	})
}

// However long the log takes to arrive, the database that it belongs to waits for
// it, and it for the database.
func TestDatabaseOnASlowLine(t *testing.T) {
	t.Parallel()
	for name, large := range map[string]string{"log": "d.db-wal", "database": "d.db"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				c.start()
				c.settle(20 * time.Second)
				c.net.slow(a, 50_000)
				filler := make([]byte, 400_000)
				random := rand.NewChaCha8([32]byte{2})
				seen := map[string]bool{}
				for n := range 3 {
					a.standIn("d.db", n, true)
					f, err := os.OpenFile(a.path(large), os.O_WRONLY|os.O_APPEND, 0)
					a.must(err)
					random.Read(filler)
					_, err = f.Write(filler)
					a.must(errors.Join(err, f.Close()))
					for range 200 {
						time.Sleep(100 * time.Millisecond)
						seen[b.generation("d.db")] = true
					}
				}
				if seen["torn"] || len(seen) != 4 {
					t.Errorf("seen: %v", seen)
				}
			})
		})
	}
}

// What is only called like a database's journal is a file like any other, and so
// is a database beside which there is nothing.
func TestNoDatabase(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.write("trip-journal", "day 1")
		c.start()
		c.settle(20 * time.Second)
		for _, p := range []string{"trip", "trip-journal", "trip"} {
			a.write(p, p+time.Now().String())
			time.Sleep(500 * time.Millisecond)
			if b.read(p) != a.read(p) {
				t.Errorf("%s is held back", p)
			}
		}
		a.standIn("alone.db", 1, false)
		time.Sleep(500 * time.Millisecond)
		if b.generation("alone.db") == "" {
			t.Error("a database that nothing stands beside is held back")
		}
	})
}

// A rollback journal that is to be played back means a transaction: its database
// waits for longer, but not for ever.
func TestHotJournal(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.start()
		c.settle(20 * time.Second)
		a.must(os.WriteFile(a.path("x-journal"), []byte("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7 and more"), 0o644))
		a.standIn("x", 1, false)
		a.hint("x-journal", false)
		time.Sleep(journalQuiet - time.Second)
		if b.exists("x") || b.exists("x-journal") {
			t.Error("told of in a transaction")
		}
		a.must(os.Remove(a.path("x-journal")))
		a.hint("x-journal", false)
		time.Sleep(2*databaseQuiet + time.Second)
		if b.generation("x") == "" || b.exists("x-journal") {
			t.Error("not told of after its end")
		}
		a.must(os.WriteFile(a.path("x-journal"), []byte("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7 left by a crash"), 0o644))
		a.standIn("x", 2, false)
		time.Sleep(2 * journalQuiet)
		if b.generation("x") != "00000002" || !b.exists("x-journal") {
			t.Error("what a crash has left is never told of")
		}
	})
}

// A single pass waits for a database to come to rest, and leaves it out, with a
// word, if it does not.
func TestDatabaseOnce(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.cfg.Once = true
		a.standIn("rests.db", 1, true)
		a.standIn("busy.db", 1, true)
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for n := 2; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Second):
					a.standIn("busy.db", n, true)
				}
			}
		}()
		c.start()
		time.Sleep(time.Minute)
		close(stop)
		<-done
		if b.generation("rests.db") == "" || b.exists("busy.db") || b.exists("busy.db-wal") {
			t.Error(b.tree())
		}
		if p := a.f.Problems(); len(p) != 1 || p[0].Path != "busy.db" {
			t.Error(p)
		}
	})
}

// F25: databases that were changed a moment ago, and are put off for that, do not
// hide that a root is empty.
func TestEmptiedOfDatabases(t *testing.T) {
	t.Parallel()
	for _, deep := range []bool{false, true} { // how the watcher tells of it
		for _, files := range []int{0, 1} {
			for _, log := range []bool{false, true} {
				bubble(t, 2, func(c *cluster) {
					a, b := c.nodes[0], c.nodes[1]
					c.line()
					all := []string{"d.db", "e.db"}
					for i := range files {
						all = append(all, fmt.Sprint("f", i))
						a.write(all[i+2], "file")
					}
					a.standIn("d.db", 1, true)
					a.standIn("e.db", 1, true)
					c.start()
					c.settle(20 * time.Second)
					want := c.converged(20 * time.Second)
					a.standIn("d.db", 2, log)
					a.standIn("e.db", 2, log)
					time.Sleep(time.Second)
					all = append(all, "d.db-wal", "e.db-wal")
					for _, p := range all {
						a.must(os.RemoveAll(a.path(p)))
					}
					if deep {
						a.hint("", true)
					} else {
						for _, p := range all {
							a.hint(p, false)
						}
					}
					if h := a.held(); h.Why != store.HoldEmptied {
						c.Errorf("deep %v, %d files, log %v: %+v", deep, files, log, h)
					}
					if d := want.diff(b.tree()); d != "" {
						c.Errorf("deep %v, %d files, log %v: it was told of:\n%s", deep, files, log, d)
					}
				})
			}
		}
	}
}
