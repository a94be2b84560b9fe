//go:build unix

package integration

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A database that a program writes to on one side is whole on the other, at
// every moment that can be seen there, and in the end it is the same. (F38)
func TestSQLite(t *testing.T) {
	t.Parallel()
	modes := []string{"delete", "wal"}
	if long {
		modes = append(modes, "truncate", "persist")
	}
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			last := 5 * time.Second
			if long {
				last = time.Minute
			}
			sqlite(t, p.dirs[0], "db", "PRAGMA journal_mode="+mode+"; CREATE TABLE t(n INTEGER PRIMARY KEY, s TEXT); CREATE INDEX i ON t(s);")
			stop, done := make(chan struct{}), make(chan error, 1)
			go func() { done <- writeRows(p.dirs[0], stop) }()
			seen := map[string]bool{}
			most := time.Now().Add(last + 30*time.Second) // on a machine that has other things to do
			for end := time.Now().Add(last); time.Now().Before(end) || len(seen) < 2 && time.Now().Before(most); time.Sleep(20 * time.Millisecond) {
				checkCopy(t, p.dirs[1], seen)
			}
			close(stop)
			must(t, <-done)
			p.equal()
			checkCopy(t, p.dirs[1], seen)
			if t.Logf("%d states were seen", len(seen)); len(seen) < 2 {
				t.Error("the other side has shown no state but the last")
			}
			const count = "PRAGMA integrity_check; SELECT count(*), max(n) FROM t;"
			if a, b := sqlite(t, p.dirs[0], "db", count), sqlite(t, p.dirs[1], "db", count); a != b || !strings.HasPrefix(a, "ok\n") {
				t.Errorf("%q here and %q there", a, b)
			}
		})
	}
}

// sqlite runs statements on a database.
func sqlite(t *testing.T, dir, name, statements string) string {
	t.Helper()
	cmd := exec.Command("sqlite3", "-cmd", ".timeout 5000", name, statements)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("sqlite3: %v\n%s", err, out)
	}
	return string(out)
}

// writeRows is a program that has the database open and writes in bursts, with
// pauses in which it could be copied. In every other pause the database is closed.
func writeRows(dir string, stop chan struct{}) error {
	const pause = 3 * time.Second // of what rests for two it is told
	for burst := 0; ; burst++ {
		cmd := exec.Command("sqlite3", "db")
		cmd.Dir = dir
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		if err := startProcess(cmd); err != nil {
			return err
		}
		err = writeBurst(in)
		if burst%2 == 0 {
			time.Sleep(pause)
		}
		if err := errors.Join(err, in.Close(), cmd.Wait()); err != nil {
			return err
		}
		if burst%2 == 1 {
			time.Sleep(pause)
		}
		select {
		case <-stop:
			return nil
		default:
		}
	}
}

func writeBurst(in io.Writer) error {
	if _, err := fmt.Fprintln(in, "PRAGMA wal_autocheckpoint=20;"); err != nil {
		return err
	}
	for n := range 20 {
		time.Sleep(time.Duration(5+n%3*20) * time.Millisecond)
		if _, err := fmt.Fprintf(in, "BEGIN; INSERT INTO t(s) SELECT hex(randomblob(300)) FROM (SELECT 1 UNION SELECT 2 UNION SELECT 3); UPDATE t SET s = hex(randomblob(200)) WHERE n %% 7 = %d; COMMIT;\n", n%7); err != nil {
			return err
		}
	}
	return nil
}

// checkCopy copies what a folder has of the database, all of one moment, and has
// it checked if it is a state that was not seen before.
func checkCopy(t *testing.T, root string, seen map[string]bool) {
	t.Helper()
	names := []string{"db", "db-wal", "db-journal"}
	stamps := func() string {
		var all []string
		for _, name := range names {
			if fi, err := os.Stat(filepath.Join(root, name)); err == nil {
				all = append(all, fmt.Sprint(name, fi.Size(), fi.ModTime().UnixNano()))
			}
		}
		return strings.Join(all, " ")
	}
	before := stamps()
	if before == "" || seen[before] {
		return
	}
	out := t.TempDir()
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		must(t, err)
		must(t, os.WriteFile(filepath.Join(out, name), b, 0o644))
	}
	if stamps() != before {
		return // it changed under the copy's hands
	}
	seen[before] = true
	if got := sqlite(t, out, "db", "PRAGMA integrity_check;"); got != "ok\n" {
		t.Fatalf("%s is broken: %s", before, got)
	}
}
