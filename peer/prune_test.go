package peer

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSpace(t *testing.T) {
	for _, c := range []struct {
		s    Space
		want int64
	}{{Space{}, 100}, {Space{Percent: 5}, 50}, {Space{Percent: 100}, 0}, {Space{Bytes: 7}, 7}, {Space{Percent: 0.01}, 1}} {
		if got := c.s.of(1000); got != c.want {
			t.Errorf("%+v of 1000 is %d, want %d", c.s, got, c.want)
		}
	}
}

// TestPruneLoop has a folder run for longer than versions are kept.
func TestPruneLoop(t *testing.T) {
	bubble(t, 1, func(c *cluster) {
		m := c.nodes[0]
		old := filepath.Join(m.dir, ".qsync/versions/d/x~20000101-000000.000.txt")
		if err := os.MkdirAll(filepath.Dir(old), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(old, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(old, time.Time{}, time.Unix(1e8, 0)); err != nil {
			t.Fatal(err)
		}
		c.start()
		time.Sleep(3 * time.Hour)
		if _, err := os.Stat(filepath.Dir(old)); err == nil {
			t.Error("an old version is still there after three hours")
		}
	})
}
