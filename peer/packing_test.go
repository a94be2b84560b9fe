package peer

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qsync/certs"
	"qsync/protocol"
)

// TestPackedContent: over a slow line text comes as what it is worth, noise as it
// is, and a node that does not read packed frames gets none.
func TestPackedContent(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&text, "line %d of a file that says much the same again and again\n", i*i)
	}
	for name, k := range map[string]struct {
		content string
		small   bool
		most    float64 // of its size
	}{
		"a large text": {text.String(), false, 0.3},
		"small texts":  {text.String(), true, 0.5},
		"noise":        {random(2 << 20), false, 1.1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				c.start()
				c.converged(20 * time.Second)
				c.net.slow(a, 1<<20)
				before := c.net.sent[a.addr.String()]
				if k.small {
					for i := range 100 {
						n := len(k.content) / 100
						a.write(fmt.Sprintf("f%d", i), k.content[i*n:(i+1)*n])
					}
				} else {
					a.write("x", k.content)
				}
				c.converged(time.Minute)
				if sent := c.net.sent[a.addr.String()] - before; float64(sent) > k.most*float64(len(k.content))+50_000 {
					t.Errorf("%d bytes on the wire for %d", sent, len(k.content))
				}
				if n := b.f.counts.received.Load(); n < int64(len(k.content))*9/10 {
					t.Errorf("%d bytes of content are counted", n)
				}
			})
		})
	}
}

// What is compressed, and how hard, depends on the line, on the compressor and on
// what becomes of the content.
func TestPackingLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := func(rate int64) *packing {
			s := &session{peer: certs.Ident{Caps: capPacked}}
			for range 8 {
				s.flow.begin()
				time.Sleep(time.Second / 4)
				s.flow.end(int(rate / 4))
			}
			return &packing{s: s, flow: &s.flow}
		}
		for i, k := range []struct {
			p    *packing
			want protocol.Level
		}{
			{&packing{s: &session{}, flow: new(flow)}, protocol.Raw}, // it reads none
			{&packing{s: &session{peer: certs.Ident{Caps: capPacked}}, flow: new(flow)}, protocol.Fast},
			{line(2 << 20), protocol.Strong},
			{line(100 << 20), protocol.Fast},
			{line(800 << 20), protocol.Raw},
		} {
			if got := k.p.Level(); got != k.want {
				t.Errorf("%d: level %v, want %v", i, got, k.want)
			}
		}
		p := line(100 << 20)
		p.Packed(1<<18, 1<<16, time.Millisecond)
		if got := p.Level(); got != protocol.Fast {
			t.Errorf("after a gain: %v", got)
		}
		for range 4 {
			p.Packed(1<<18, 1<<16, 10*time.Millisecond) // a slow processor: 25 MB/s
		}
		if got := p.Level(); got != protocol.Raw {
			t.Errorf("with a slow compressor: %v", got)
		}
		p = line(2 << 20)
		p.Packed(1<<18, 1<<18, time.Millisecond)
		n := 0
		for p.Level() == protocol.Raw {
			n++
		}
		if n != packTrial>>18 {
			t.Errorf("after none, %d blocks were sent as they are", n)
		}
	})
}

// The time in which several writers wait at once counts once.
func TestFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flow
		if f.rate() != 0 {
			t.Error("something is known")
		}
		for range 5 {
			f.begin()
			f.begin()
			time.Sleep(100 * time.Millisecond)
			f.end(1 << 20)
			f.end(1 << 20)
			time.Sleep(time.Second) // nothing to send: no slower line
		}
		if got := f.rate(); got < 20<<20-1 || got > 20<<20+1 {
			t.Errorf("%v bytes a second", got)
		}
		for range 40 { // the line has become slower
			f.begin()
			time.Sleep(100 * time.Millisecond)
			f.end(1 << 18)
		}
		if got := f.rate(); got > 4<<20 {
			t.Errorf("%v bytes a second, later", got)
		}
	})
}
