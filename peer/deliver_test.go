package peer

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/protocol"
)

// TestSmallInOneWay: what is small and was changed just now is on the other side one
// way over the line later; of a larger file it takes three, and so of everything where
// the other side has not said that it reads content with the index.
func TestSmallInOneWay(t *testing.T) {
	t.Parallel()
	const way = 200 * time.Millisecond
	for _, old := range []bool{false, true} {
		bubble(t, 2, func(c *cluster) {
			c.net.latency = way
			a, b := c.nodes[0], c.nodes[1]
			c.line()
			c.start()
			c.settle(20 * time.Second)
			if old {
				a.each(func(s *session) { s.taker = false })
				a.f.takers.Add(-1)
				defer a.f.takers.Add(1) // which its end would take away
			}
			for i, size := range []int{1, 1000, protocol.MaxContent, protocol.MaxContent + 1} {
				p, content := fmt.Sprint("f", i), noise(size)
				ways := time.Duration(1)
				if old || size > protocol.MaxContent {
					ways = 3
				}
				for range 2 { // it is new, and then it is another one
					began := time.Now()
					a.write(p, content)
					for b.read(p) != content && time.Since(began) < 10*way {
						time.Sleep(time.Millisecond)
					}
					if took := time.Since(began); took < ways*way || took > ways*way+way/2 {
						c.Errorf("%d bytes, old %v: there after %v", size, old, took)
					}
					c.converged(20 * time.Second)
					content = noise(size)
				}
			}
		})
	}
}

// each calls fn with every session of m.
func (m *machine) each(fn func(*session)) {
	m.f.mu.Lock()
	defer m.f.mu.Unlock()
	for _, s := range m.f.sessions {
		fn(s)
	}
}

// TestManySmallAtOnce: of many more than both ends have room for each is there, nothing
// is kept for long, and little of the content goes over the line twice.
func TestManySmallAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a := c.nodes[0]
		c.full()
		c.start()
		c.settle(20 * time.Second)
		const files, size = 1500, 10000
		for i := range files {
			p := a.path(fmt.Sprintf("d/%d/f%04d", i%7, i))
			a.must(os.MkdirAll(a.path(fmt.Sprintf("d/%d", i%7)), 0o755))
			a.must(os.WriteFile(p, []byte(noise(size)), 0o644))
		}
		a.hint("d", true)
		c.converged(time.Minute)
		if n := c.contentSent(); n > 2*files*size*5/4 {
			c.Errorf("%d bytes of content were sent, of 2 times %d", n, files*size)
		}
		time.Sleep(2 * deliveredTime)
		for _, m := range c.nodes {
			if m.f.fresh.holds() || m.node.delivered.holds() {
				c.Errorf("%s still holds content", m.name)
			}
		}
	})
}

// TestNobodyTakes: where nobody takes it no content is kept: of a source there is none
// who takes what a receiver finds, and a peer that is a source has no use for any.
func TestNobodyTakes(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.cfg.Mode, b.cfg.Mode = Send, Receive
		c.line()
		a.write("x", "alone")
		c.start(a)
		time.Sleep(time.Second)
		if a.f.keepsFresh(1) || a.f.fresh.holds() {
			c.Error("kept for nobody")
		}
		c.start(b)
		c.settle(20 * time.Second)
		if !a.f.keepsFresh(1) || a.f.keepsFresh(protocol.MaxContent+1) {
			c.Error("what the receiver takes is not what is kept")
		}
		if b.f.keepsFresh(1) {
			c.Error("kept for a source")
		}
		a.write("y", "for b")
		c.settle(20 * time.Second)
		if got := b.read("y"); got != "for b" {
			c.Error(got)
		}
	})
}

// TestUnaskedContent: a member who sends content along that nothing speaks of, or other
// content than its entry says, gets nothing onto a disk by it, and holds no more
// memory than there is for that.
func TestUnaskedContent(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		a := c.nodes[0]
		c.start()
		c.settle(20 * time.Second)
		l, err := c.intruder().meet(a)
		if err != nil {
			c.Fatal(err)
		}
		out, err := l.OpenUni(context.Background())
		if err != nil {
			c.Fatal(err)
		}
		other := chunk.New()
		other.Write([]byte("this"))
		n := uint64(0)
		tell := func(content []byte) {
			n++
			v := folder.Value{Kind: folder.File, Mode: 0o644, Size: 4, Digest: other.Sum()}
			e := protocol.Entry{Path: "x", Have: true, Register: folder.Register{Sibs: []folder.Sibling{{Dot: folder.Dot{Replica: 99, Counter: n}, Value: v}}}}
			i := protocol.Index{After: n - 1, Upto: n, Entries: []protocol.Entry{e}}
			if err := protocol.Write(out, &protocol.Delivery{Index: i, Contents: [][]byte{content}}); err != nil {
				c.Error(err)
			}
		}
		tell([]byte("that"))
		time.Sleep(time.Second)
		if a.exists("x") {
			c.Error("it took other content:", a.read("x"))
		}
		for range 2 * deliveredRoom / protocol.MaxContent {
			tell([]byte(noise(protocol.MaxContent)))
		}
		time.Sleep(time.Second)
		if n := a.node.delivered.bytes; n > deliveredRoom || n == 0 {
			c.Errorf("%d bytes are held", n)
		}
		// It asks for what did not come, and nobody answers: told again it is taken.
		for range 30 {
			tell([]byte("this"))
			if time.Sleep(5 * time.Second); a.exists("x") {
				break
			}
		}
		if got := a.read("x"); got != "this" {
			c.Error("what is as told was not taken:", got)
		}
	})
}

// TestPocket: what a pocket holds is bounded in bytes, number and time, and is gone
// when all have taken it.
func TestPocket(t *testing.T) {
	t.Parallel()
	bubble(t, 0, func(c *cluster) {
		p := &pocket{room: 100, span: time.Second}
		digest := func(n int) (d folder.Digest) { d[0], d[1] = byte(n), byte(n>>8); return d }
		p.put(digest(1), []byte("one"), 2)
		p.put(digest(1), []byte("one again"), 1)
		p.put(digest(2), []byte("for nobody"), 0)
		p.put(digest(3), bytes.Repeat([]byte("x"), 98), 1)
		for range 2 {
			if got := p.take(digest(1)); string(got) != "one" {
				c.Errorf("took %q", got)
			}
		}
		for n := range 4 {
			if got := p.take(digest(n)); got != nil {
				c.Errorf("took %q by %d", got, n)
			}
		}
		if !p.fits(100) || p.fits(101) || p.holds() {
			c.Error("not empty")
		}
		for n := range 2 * pocketMost {
			p.put(digest(n), nil, 1)
		}
		if len(p.m) != pocketMost || p.fits(0) {
			c.Errorf("%d contents", len(p.m))
		}
		time.Sleep(3 * time.Second)
		if p.holds() || p.m != nil || p.sweep != nil {
			c.Error("kept for ever")
		}
		p.put(digest(1), []byte(strings.Repeat("x", 100)), 1)
		time.Sleep(1500 * time.Millisecond)
		p.put(digest(2), nil, 1)
		time.Sleep(1500 * time.Millisecond)
		if p.holds() && p.take(digest(1)) != nil {
			c.Error("swept once alone")
		}
	})
}
