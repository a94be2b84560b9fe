package peer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// database writes what looks like a database of that content and, unless it is
// "", the log beside it, in one moment; what has not changed is not touched.
func (m *machine) database(db, content, log string) {
	m.c.Helper()
	m.rest()
	now := time.Now()
	for p, text := range map[string]string{db: standInDatabase(content), db + "-wal": standInLog(log)} {
		if log == "" && p != db {
			if err := os.Remove(m.path(p)); err != nil && !os.IsNotExist(err) {
				m.must(err)
			}
		} else if m.read(p) != text {
			m.must(os.WriteFile(m.path(p), []byte(text), 0o644))
			m.must(os.Chtimes(m.path(p), now, now))
		}
		m.hint(p, false)
	}
}

func standInDatabase(content string) string { return "SQLite format 3\x00" + content }

// standInLog makes a log of "01 text": it says that it belongs to contents 0 and 1.
func standInLog(log string) string { return "\x37\x7f\x06\x82" + log }

// pairs returns what databases there are, each as its content and its log, and
// fails if one of them stands beside a log that is not its own.
func (m *machine) pairs() map[string]bool {
	m.c.Helper()
	all := make(map[string]bool)
	t := m.tree()
	for p, e := range t {
		content, is := strings.CutPrefix(e.data, standInDatabase(""))
		if !is {
			continue
		}
		log := strings.TrimPrefix(t[p+"-wal"].data, standInLog(""))
		if of, _, _ := strings.Cut(log, " "); log != "" && !strings.Contains(of, content) {
			m.c.Errorf("%s: %s is torn: %q beside %q", m.name, p, content, log)
		}
		all[content+"|"+log] = true
	}
	return all
}

// notTorn fails if the database stands beside a log that is not its own now.
func (m *machine) notTorn(db string) {
	read := func(p string) string {
		b, _ := os.ReadFile(m.path(p))
		return string(b)
	}
	was := read(db)
	log := strings.TrimPrefix(read(db+"-wal"), standInLog(""))
	content := strings.TrimPrefix(was, standInDatabase(""))
	if of, _, _ := strings.Cut(log, " "); content != "" && log != "" && !strings.Contains(of, content) && read(db) == was {
		m.c.Errorf("%s: %q beside %q", m.name, content, log)
	}
}

// TestDatabaseTwoSides: a database and its log that two sides have changed, each
// another of them or both, stay together: what loses is kept as a pair too, and
// at no moment does any machine hold one with the other's log (F38).
func TestDatabaseTwoSides(t *testing.T) {
	t.Parallel()
	for _, k := range []struct {
		name     string
		a, b     [2]string // content and log
		want     []string
		noCopies bool
	}{
		{"log and database", [2]string{"0", "0 a"}, [2]string{"1", "01 first"}, []string{"0|0 a", "1|01 first"}, false},
		{"log and database without one", [2]string{"0", "0 a"}, [2]string{"1", ""}, []string{"0|0 a", "1|"}, false},
		{"logs", [2]string{"0", "0 a"}, [2]string{"0", "0 b"}, []string{"0|0 a", "0|0 b"}, false},
		{"all", [2]string{"1", "1 a"}, [2]string{"2", "2 b"}, []string{"1|1 a", "2|2 b"}, false},
		{"databases", [2]string{"1", ""}, [2]string{"2", ""}, []string{"1|", "2|"}, false},
		{"all and a new log", [2]string{"1", "1 a"}, [2]string{"0", "0 b"}, []string{"1|1 a", "0|0 b"}, false},
		{"all and a database", [2]string{"1", "1 a"}, [2]string{"2", ""}, []string{"1|1 a", "2|"}, false},
		{"log and nothing", [2]string{"0", "0 a"}, [2]string{"", ""}, []string{"0|0 a"}, true},
		{"the same", [2]string{"1", "01 first"}, [2]string{"1", "01 first"}, []string{"1|01 first"}, true},
		{"the same without a log", [2]string{"1", ""}, [2]string{"1", ""}, []string{"1|"}, true},
		{"the same log", [2]string{"0", "0 a"}, [2]string{"0", "0 a"}, []string{"0|0 a"}, true},
	} {
		for _, second := range []string{"a", "b"} {
			t.Run(fmt.Sprint(k.name, ", ", second, " is younger"), func(t *testing.T) {
				t.Parallel()
				bubble(t, 3, func(c *cluster) {
					a, b, z := c.nodes[0], c.nodes[1], c.nodes[2]
					c.full()
					for i := range 10 {
						a.write(fmt.Sprint("other", i), "other")
					}
					a.database("x.db", "0", "01 first")
					c.start()
					time.Sleep(10 * time.Second)
					c.converged(20 * time.Second)
					stop, done := make(chan struct{}), make(chan struct{})
					go func() {
						defer close(done)
						for {
							select {
							case <-stop:
								return
							case <-time.After(20 * time.Millisecond):
								for _, m := range c.nodes {
									m.notTorn("x.db")
								}
							}
						}
					}()
					change := func(m *machine, to [2]string) {
						if to[0] == "" {
							m.remove("x.db")
							m.remove("x.db-wal")
						} else {
							m.database("x.db", to[0], to[1])
						}
						time.Sleep(10 * time.Second)
					}
					got := c.apart([]*machine{a}, []*machine{b, z}, func() {
						if second == "b" {
							change(a, k.a)
						}
						change(b, k.b)
						if second == "a" {
							change(a, k.a)
						}
					})
					close(stop)
					<-done
					all := a.pairs()
					for _, want := range k.want {
						if !all[want] {
							c.Errorf("%q is not kept: %v", want, all)
						}
					}
					copies := 0
					for p := range got {
						if strings.Contains(p, ".conflict-") {
							copies++
						}
					}
					if k.noCopies && copies > 0 {
						c.Errorf("a conflict of nothing: %v", got)
					}
					for _, m := range c.nodes {
						if all := m.f.Problems(); len(all) > 0 {
							c.Errorf("%s: %+v", m.name, all)
						}
					}
					c.quiet()
					if c.Failed() {
						c.dump()
					}
				})
			})
		}
	}
}

// TestDatabaseTwoSidesSQLite: the same with SQLite itself, of which one side has
// written to the log alone and the other to the database alone. It runs beside no
// other test: a process that is being started holds the locks of all their maps.
func TestDatabaseTwoSidesSQLite(t *testing.T) {
	program, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Fatal("sqlite3 has to be installed: ", err)
	}
	run := func(m *machine, dir, db, statements string) string {
		m.c.Helper()
		cmd := exec.Command(program, "-cmd", ".dbconfig no_ckpt_on_close on", db)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(statements)
		out, err := cmd.CombinedOutput()
		if err != nil {
			m.c.Errorf("%s: %s: %v %s", m.name, db, err, out)
		}
		for _, end := range []string{"", "-wal", "-shm", "-journal"} {
			m.hint(db+end, false)
		}
		return strings.TrimSpace(string(out))
	}
	const rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 300) INSERT INTO t SELECT '%s' || hex(randomblob(100)) FROM n;"
	for _, second := range []string{"a", "b"} {
		bubble(t, 3, func(c *cluster) {
			a, b, z := c.nodes[0], c.nodes[1], c.nodes[2]
			c.full()
			a.write("other", "other")
			run(a, a.dir, "x.db", "PRAGMA journal_mode=wal; CREATE TABLE t(s TEXT PRIMARY KEY);"+fmt.Sprintf(rows, "first"))
			c.start()
			time.Sleep(time.Minute)
			c.settle(20 * time.Second)
			log := func() {
				run(a, a.dir, "x.db", fmt.Sprintf(rows, "by a"))
				time.Sleep(time.Minute)
			}
			c.apart([]*machine{a}, []*machine{b, z}, func() {
				if second == "b" {
					log()
				}
				run(b, b.dir, "x.db", "PRAGMA journal_mode=delete;"+fmt.Sprintf(rows, "by b"))
				time.Sleep(time.Minute)
				if second == "a" {
					log()
				}
			})
			time.Sleep(time.Minute)
			got, found := c.equal(), map[string]int{}
			for p, e := range got {
				if !strings.HasPrefix(e.data, "SQLite format 3") {
					continue
				}
				dir := t.TempDir()
				for _, end := range []string{"", "-wal", "-journal"} {
					if x, ok := got[p+end]; ok {
						a.must(os.WriteFile(filepath.Join(dir, "x.db"+end), []byte(x.data), 0o644))
					}
				}
				out := run(a, dir, "x.db", "PRAGMA integrity_check; SELECT substr(s, 1, 4), count(*) FROM t GROUP BY 1 ORDER BY 1;")
				_, said, _ := strings.Cut(strings.Join(strings.Fields(out), " "), " on ") // the option
				found[said]++
			}
			for _, want := range []string{"ok by a|300 firs|300", "ok by b|300 firs|300"} {
				if found[want] != 1 || len(found) != 2 {
					c.Errorf("%s is younger: %v %v", second, found, got)
				}
			}
			c.quiet()
		})
	}
}

// TestDatabaseWaits: who may not decide what becomes of a log that belongs to
// another content keeps what it has, and says so, until somebody else has (F38).
func TestDatabaseWaits(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, z, b := c.nodes[0], c.nodes[1], c.nodes[2]
		c.line()
		z.cfg.Mode = Receive
		a.write("other", "other")
		a.database("x.db", "0", "0 first")
		c.start()
		time.Sleep(10 * time.Second)
		c.settle(20 * time.Second)
		c.net.part(z, b)
		time.Sleep(30 * time.Second)
		a.database("x.db", "0", "0 a")
		time.Sleep(20 * time.Second)
		c.net.part(a, z)
		b.database("x.db", "1", "")
		time.Sleep(30 * time.Second)
		c.net.join(z, b)
		for range 20 {
			time.Sleep(15 * time.Second)
			z.notTorn("x.db")
			b.notTorn("x.db")
		}
		if all := z.pairs(); len(all) != 1 || !all["0|0 a"] {
			c.Error("the receiver does not keep what it has:", all)
		}
		for _, m := range []*machine{z, b} {
			if got := m.f.Problems(); len(got) != 1 || got[0].Problem != errApart.Error() {
				c.Errorf("%s: %+v", m.name, got)
			}
		}
		c.net.join(a, z)
		time.Sleep(5 * time.Minute)
		c.settle(20 * time.Second)
		for _, m := range c.nodes {
			if all := m.pairs(); len(all) != 2 || !all["0|0 a"] || !all["1|"] || len(m.f.Problems()) > 0 {
				c.Errorf("%s: %v %+v", m.name, all, m.f.Problems())
			}
		}
	})
}
