package peer

import (
	"fmt"
	"testing"
	"time"

	"qsync/store"
)

// TestLogAge: what has happened is told for 30 days, or for as long as it is set,
// whether the node ran meanwhile or not, and then no more.
func TestLogAge(t *testing.T) {
	t.Parallel()
	for _, days := range []int{0, 3, 90} {
		t.Run(fmt.Sprint(days), func(t *testing.T) { logAge(t, days) })
	}
}

func logAge(t *testing.T, days int) {
	const day = 24 * time.Hour
	bubble(t, 1, func(c *cluster) {
		m := c.nodes[0]
		m.cfg.HistoryAge = time.Duration(days) * day
		if days == 0 {
			days = 30
		}
		m.write("f", "1")
		c.start()
		time.Sleep(time.Minute)
		rows := func() (n int) {
			for _, err := range m.f.store.Log(store.LogSpan{}) {
				m.must(err)
				n++
			}
			return n
		}
		if rows() != 1 {
			t.Fatal(rows())
		}
		m.stop()
		time.Sleep(time.Duration(days-1) * day)
		c.start(m)
		time.Sleep(2 * time.Hour)
		if rows() != 1 {
			t.Error("it was forgotten too soon")
		}
		m.stop()
		time.Sleep(day)
		c.start(m)
		time.Sleep(2 * time.Hour)
		if rows() != 0 {
			t.Error("it is there for too long")
		}
	})
}
