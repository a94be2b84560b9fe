package peer

import (
	"strings"
	"testing"
	"time"
)

// TestRestoreDatabase: an older database never stands beside the present log: it
// comes back with the one that it had, or nothing does (F38).
func TestRestoreDatabase(t *testing.T) {
	t.Parallel()
	for _, k := range []struct {
		name    string
		present [2]string // content and log
		q       Restoring
		ago     time.Duration
		want    string // content and log
		problem string
	}{
		{"with its log", [2]string{"2", ""}, Restoring{Path: "d/x.db", Number: 1}, 0, "1|1 c", ""},
		{"the one before", [2]string{"2", ""}, Restoring{Path: "d/x.db", Number: 2}, 0, "0|0 a", ""},
		{"in place of a log", [2]string{"2", "2 d"}, Restoring{Path: "d/x.db", Number: 1}, 0, "1|1 c", ""},
		{"of a time", [2]string{"2", "2 d"}, Restoring{Path: "d/x.db"}, 12 * time.Minute, "1|1 b", ""},
		{"without a log", [2]string{"2", "2 d"}, Restoring{Path: "d/x.db"}, 22 * time.Minute, "9|", ""},
		{"a directory", [2]string{"2", "2 d"}, Restoring{Path: "d"}, 17 * time.Minute, "0|0 a", ""},
		{"a directory, the log alone", [2]string{"1", "1 d"}, Restoring{Path: "d"}, 7 * time.Minute, "1|1 c", ""},
		{"a log alone", [2]string{"2", "2 d"}, Restoring{Path: "d/x.db-wal", Number: 1}, 0, "2|2 d", "the database that it belongs to"},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				a.mkdir("d")
				a.write("d/other", "other")
				a.database("d/x.db", "9", "")
				c.start()
				c.converged(20 * time.Second)
				for _, to := range [][2]string{{"0", "0 a"}, {"1", "1 b"}, {"1", "1 c"}, k.present} {
					time.Sleep(5 * time.Minute)
					a.database("d/x.db", to[0], to[1])
				}
				time.Sleep(5 * time.Minute)
				before := c.converged(20 * time.Second)
				if k.ago > 0 {
					k.q.At = time.Now().Add(-k.ago)
				}
				dry := k.q
				dry.Dry = true
				done, _, _, err := b.f.Restore(c.Context(), dry)
				if b.must(err); len(done) == 0 || before.diff(b.tree()) != "" {
					c.Errorf("dry: %+v", done)
				}
				done, _, _, err = b.f.Restore(c.Context(), k.q)
				b.must(err)
				said := ""
				for _, d := range done {
					said += d.Problem
				}
				if (said != "") != (k.problem != "") || !strings.Contains(said, k.problem) {
					c.Errorf("%+v", done)
				}
				b.notTorn("d/x.db")
				c.converged(20 * time.Second)
				for _, m := range c.nodes {
					if all := m.pairs(); !all[k.want] || len(all) != 1 {
						c.Errorf("%s: %v", m.name, all)
					}
				}
				c.quiet()
			})
		})
	}
}

// TestRestoreDatabaseInUse: what a program here has written beside it since, and
// of which nothing is kept, lets no older database come between.
func TestRestoreDatabaseInUse(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		a.database("x.db", "0", "0 a")
		c.start()
		c.converged(20 * time.Second)
		time.Sleep(5 * time.Minute)
		a.database("x.db", "1", "1 b")
		time.Sleep(time.Minute)
		c.converged(20 * time.Second)
		b.database("x.db", "1", "1 by b") // not seen yet
		done, _, _, err := b.f.Restore(c.Context(), Restoring{Path: "x.db", Number: 1})
		b.must(err)
		if all := b.pairs(); len(done) != 1 || done[0].Problem != "" || !all["0|0 a"] {
			c.Errorf("%+v %v", done, all)
		}
		found := false
		for _, v := range b.versions() {
			found = found || v == standInLog("1 by b")
		}
		if !found {
			c.Error("what was written just now is not kept:", b.versions())
		}
		time.Sleep(time.Minute)
		c.converged(20 * time.Second)
		if all := a.pairs(); !all["0|0 a"] {
			c.Error(all)
		}
	})
}
