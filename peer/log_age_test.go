package peer

import (
	"testing"
	"time"

	"qsync/store"
)

// TestLogAge: what has happened is told for 30 days, whether the node ran
// meanwhile or not, and then no more.
func TestLogAge(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	bubble(t, 1, func(c *cluster) {
		m := c.nodes[0]
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
		time.Sleep(29 * day)
		c.start(m)
		time.Sleep(2 * time.Hour)
		if rows() != 1 {
			t.Error("it was forgotten within 30 days")
		}
		m.stop()
		time.Sleep(day)
		c.start(m)
		time.Sleep(2 * time.Hour)
		if rows() != 0 {
			t.Error("it is there after 30 days")
		}
	})
}
