package peer

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestOwnLogBesideNewDatabase: what was written beside a database here alone is
// never found beside the next one that comes. It is kept with the database that
// it belongs to, as a pair, and among the versions (F38, F94).
func TestOwnLogBesideNewDatabase(t *testing.T) {
	t.Parallel()
	log := "\x37\x7f\x06\x82" + strings.Repeat("00000001", 64)
	journal := "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + strings.Repeat("00000001", 64)
	for _, x := range []struct {
		name, side, content string
		mode                Mode
		ignored, unseen     bool
		edited, sends, pair bool // the database is edited here; the source has a log too
	}{
		{"log", "-wal", log, Receive, false, false, false, false, true},
		{"log not seen yet", "-wal", log, Receive, false, true, false, false, true},
		{"log ignored", "-wal", log, Receive, true, false, false, false, true},
		{"log ignored both ways", "-wal", log, TwoWay, true, false, false, false, true},
		{"journal", "-journal", journal, Receive, false, false, false, false, true},
		{"journal beside a source's log", "-journal", journal, Receive, false, false, false, true, true},
		{"empty log", "-wal", "", Receive, false, false, false, false, false},
		{"database edited", "-wal", log, Receive, false, false, true, false, true},
		{"mirror", "-wal", log, Mirror, false, false, false, false, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				if b.cfg.Mode = x.mode; x.mode != TwoWay {
					c.oneWay()
					b.cfg.Mode = x.mode
				}
				if x.ignored {
					b.cfg.Exclude = []string{"*-wal"}
				}
				a.standIn("x.db", 1, false)
				c.start()
				c.settle(20 * time.Second)
				if x.edited {
					b.standIn("x.db", 1, false) // with another time
					b.write("x.db", b.read("x.db")+" and more")
				}
				b.must(os.WriteFile(b.path("x.db"+x.side), []byte(x.content), 0o644))
				if !x.unseen {
					b.hint("x.db"+x.side, false)
					time.Sleep(time.Minute)
				}
				a.standIn("x.db", 2, x.sends)
				for range 1000 {
					time.Sleep(100 * time.Millisecond)
					if b.generation("x.db") == "00000002" && b.exists("x.db"+x.side) {
						c.Fatal("an older one stands beside it:", b.tree())
					}
				}
				c.settle(20 * time.Second)
				if g := b.generation("x.db"); g != "00000002" || b.exists("x.db"+x.side) {
					c.Fatal(g, b.tree())
				}
				if a.exists("x.db" + x.side) {
					c.Error("it was told:", a.tree())
				}
				pair := ""
				for p, e := range b.tree() {
					if strings.Contains(p, ".conflict-") && strings.HasSuffix(p, x.side) && e.data == x.content {
						pair = strings.TrimSuffix(p, x.side)
					}
				}
				if (pair != "") != x.pair || x.pair && !strings.Contains(b.read(pair), "00000001") {
					c.Errorf("kept as %q: %v", pair, b.tree())
				}
				if x.edited && !strings.HasSuffix(b.read(pair), " and more") {
					c.Errorf("kept with %q", b.read(pair))
				}
				kept := false
				for _, v := range b.versions() {
					kept = kept || v == x.content
				}
				if !kept {
					c.Errorf("not among the versions: %q", b.versions())
				}
			})
		})
	}
}

// TestBusyLogBesideNewDatabase: under a program that writes beside a database all
// the time it is not replaced: a single pass ends without it, with a word, and one
// that goes on says so and does it when the program has ended (F38).
func TestBusyLogBesideNewDatabase(t *testing.T) {
	t.Parallel()
	for _, once := range []bool{true, false} {
		bubble(t, 2, func(c *cluster) {
			a, b := c.nodes[0], c.nodes[1]
			c.line()
			a.cfg.Mode, b.cfg.Mode = Send, Mirror
			b.cfg.Once = once
			a.write("other", "other")
			a.standIn("x.db", 2, false)
			b.standIn("x.db", 1, true)
			stop, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for n := 3; ; n++ {
					select {
					case <-stop:
						return
					case <-time.After(time.Second):
						b.must(os.WriteFile(b.path("x.db-wal"), []byte("\x37\x7f\x06\x82"+strings.Repeat("00000001", n)), 0o644))
						if !once { // which has no watcher
							b.hint("x.db-wal", false)
						}
					}
				}
			}()
			c.start()
			time.Sleep(3 * time.Minute)
			if !strings.Contains(b.read("x.db"), "00000001") || b.read("other") != "other" {
				c.Errorf("once %v: %v", once, b.tree())
			}
			if got := b.f.Problems(); len(got) == 0 || got[0].Path != "x.db" {
				c.Errorf("once %v: %+v", once, got)
			}
			if why := b.f.missing(1, true); once && why != "" {
				c.Errorf("a single pass does not end: %s", why)
			}
			close(stop)
			<-done
			if once {
				return
			}
			time.Sleep(3 * time.Minute)
			c.settle(20 * time.Second)
			if g := b.generation("x.db"); g != "00000002" || b.exists("x.db-wal") || len(b.f.Problems()) != 0 {
				c.Errorf("%s %v %+v", g, b.tree(), b.f.Problems())
			}
		})
	}
}
