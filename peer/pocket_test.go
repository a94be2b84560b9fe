package peer

import (
	"bytes"
	"testing"
	"time"

	"qsync/folder"
)

// TestPocket: what a pocket holds is bounded in bytes, alone and with the others of the
// node, in number and in time, and is gone when all have taken it.
func TestPocket(t *testing.T) {
	t.Parallel()
	bubble(t, 0, func(c *cluster) {
		var all larder
		p := &pocket{larder: &all, span: time.Second}
		digest := func(n int) (d folder.Digest) { d[0], d[1] = byte(n), byte(n>>8); return d }
		p.put(digest(1), []byte("one"), 1)
		p.put(digest(1), []byte("one"), 1)
		p.put(digest(2), []byte("for nobody"), 0)
		p.put(digest(3), make([]byte, pocketRoom-2), 1)
		for range 2 {
			if got := p.take(digest(1), 3); string(got) != "one" {
				c.Errorf("took %q", got)
			}
		}
		for n := range 4 {
			if got := p.take(digest(n), 3); got != nil {
				c.Errorf("took %q by %d", got, n)
			}
		}
		if !p.fits(pocketRoom) || p.fits(pocketRoom+1) || p.holds() || all.bytes.Load() != 0 {
			c.Error("not empty")
		}
		for n := range 2 * pocketMost {
			p.put(digest(n), []byte{1}, 1)
		}
		if len(p.m) != pocketMost || p.fits(0) {
			c.Errorf("%d contents", len(p.m))
		}
		time.Sleep(3 * time.Second)
		if p.holds() || p.m != nil || p.sweep != nil || all.bytes.Load() != 0 {
			c.Error("kept for ever")
		}
		var others []*pocket
		for n := range larderRoom/pocketRoom + 1 {
			o := &pocket{larder: &all, span: time.Hour}
			o.put(digest(n), bytes.Repeat([]byte("x"), pocketRoom), 1)
			others = append(others, o)
		}
		if p.fits(1) || all.bytes.Load() > larderRoom {
			c.Errorf("%d bytes in all", all.bytes.Load())
		}
		for _, o := range others {
			o.clear()
		}
		if n := all.bytes.Load(); n != 0 || !p.fits(1) || others[0].sweep != nil {
			c.Errorf("%d bytes after the end", n)
		}
	})
}
