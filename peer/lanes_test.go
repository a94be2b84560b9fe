package peer

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"
)

// noise is content that does not become less.
func noise(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return string(b)
}

// lanesOf counts the lanes of a machine, and what its sessions are over.
func (m *machine) lanesOf() (lanes, overTCP int) {
	m.f.mu.Lock()
	defer m.f.mu.Unlock()
	for _, s := range m.f.sessions {
		s.lanes.mu.Lock()
		lanes += len(s.lanes.all)
		s.lanes.mu.Unlock()
		if _, ok := s.link.(*muxLink); ok {
			overTCP++
		}
	}
	return lanes, overTCP
}

func (w *wires) bytes() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.moved
}

// TestLanes: large content takes lanes, whichever side has it, small content and
// the index do not, and lanes go when nobody needs them.
func TestLanes(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		c.wires = newWires()
		c.wires.latency = time.Millisecond
		c.line()
		c.start()
		a, b := c.nodes[0], c.nodes[1]
		a.write("small", strings.Repeat("x", 1000))
		c.converged(10 * time.Second)
		if n := c.wires.bytes(); n != 0 {
			c.Errorf("%d bytes over TCP for 1000", n)
		}
		a.write("first", noise(2<<20)) // which asks for a lane
		c.converged(10 * time.Second)
		if n, _ := b.lanesOf(); n != 1 {
			c.Fatalf("%d lanes", n)
		}
		const size = 16 << 20
		for i, m := range []*machine{a, b} {
			before, quic := c.wires.bytes(), c.net.bytes(a)+c.net.bytes(b)
			m.write(fmt.Sprint("large", i), noise(size))
			c.converged(time.Minute)
			tcp, quic := c.wires.bytes()-before, c.net.bytes(a)+c.net.bytes(b)-quic
			if tcp < size || quic > size/4 {
				c.Errorf("from %s %d bytes came over lanes and %d over QUIC", m.name, tcp, quic)
			}
		}
		if n, _ := a.lanesOf(); n != 1 {
			c.Errorf("%d lanes", n)
		}
		time.Sleep(3 * laneIdle)
		if n := c.wires.count(); n != 0 {
			c.Errorf("%d lanes that nobody uses", n)
		}
		if _, tcp := a.lanesOf(); tcp != 0 {
			c.Error("the link is not QUIC")
		}
	})
}

// TestManyLanes: on a long line that is not known to bear losses there are several,
// and no more than a session may have.
func TestManyLanes(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		c.wires = newWires()
		c.wires.latency = 20 * time.Millisecond
		c.full()
		a, b := c.nodes[0], c.nodes[1]
		for _, m := range c.nodes {
			c.net.slow(m, 2<<20) // content is wanted for a while
		}
		for i := range 6 {
			a.write(fmt.Sprint("from a", i), noise(1<<20))
		}
		c.start()
		b.write("from b", noise(8<<20))
		c.converged(time.Minute)
		if n, _ := a.lanesOf(); n != maxLanes {
			c.Errorf("%d lanes", n)
		}
		if n := c.wires.count(); n != maxLanes {
			c.Errorf("%d connections", n)
		}
	})
}

// overLanes brings two nodes together on a long line, where each connection over TCP
// brings so many bytes a second and QUIC little, with a first file of that size.
func (c *cluster) overLanes(rate int64, first int) (a, b *machine) {
	c.Helper()
	c.wires = newWires()
	c.wires.latency, c.wires.rate = 20*time.Millisecond, rate
	c.full()
	a, b = c.nodes[0], c.nodes[1]
	for _, m := range c.nodes {
		c.net.slow(m, 256<<10)
	}
	a.write("first", noise(first)) // which asks for lanes
	c.start()
	c.converged(time.Minute)
	return a, b
}

// TestSpread: where one connection brings little, one file takes all lanes; also when
// one of them breaks meanwhile.
func TestSpread(t *testing.T) {
	t.Parallel()
	for _, breaks := range []bool{false, true} {
		t.Run(fmt.Sprint(breaks), func(t *testing.T) {
			t.Parallel()
			bubble(t, 2, func(c *cluster) {
				a, b := c.overLanes(1<<20, 8<<20)
				if n, _ := b.lanesOf(); n < maxLanes-1 { // it may be in before the last one is
					c.Fatalf("%d lanes", n)
				}
				const size = 16 << 20
				content := noise(size)
				began, most := time.Now(), 8*time.Second
				a.write("large", content)
				if breaks {
					most = 12 * time.Second
					time.Sleep(2 * time.Second)
					c.wires.killOne()
				}
				c.converged(time.Minute)
				if took := time.Since(began); took > most {
					c.Errorf("%v for what one connection brings in 16 s", took)
				}
				if b.read("large") != content {
					c.Error("other content")
				}
				if got := b.f.counts.received.Load(); got > 8<<20+size+4*spreadPart {
					c.Errorf("%d bytes have come", got)
				}
			})
		})
	}
}

// TestSpreadInLittleMemory: parts that come wait for no memory that parts behind them
// hold.
func TestSpreadInLittleMemory(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.overLanes(4<<20, 16<<20)
		mem := b.node.fetching
		mem.b.mu.Lock()
		mem.most = 8 << 20
		mem.b.mu.Unlock()
		c.sync = false
		for i := range fetchers {
			a.write(fmt.Sprint("large", i), noise(6<<20))
		}
		c.converged(time.Minute)
	})
}

// TestLaneLost: a lane that breaks, or goes dark, while content comes over it
// costs a moment and nothing of the content; nobody is told of a lost peer.
func TestLaneLost(t *testing.T) {
	for _, how := range []string{"broken", "dark"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			bubble(t, 2, func(c *cluster) {
				c.wires = newWires()
				a, b := c.nodes[0], c.nodes[1]
				c.net.slow(a, 10<<20) // so that lanes are the better way
				c.line()
				c.start()
				a.write("first", noise(8<<20)) // which asks for a lane
				c.converged(10 * time.Second)
				content := noise(24 << 20)
				a.write("large", content)
				for range 100000 {
					if c.wires.bytes() > 12<<20 {
						break
					}
					time.Sleep(100 * time.Microsecond)
				}
				if n := c.wires.bytes(); n < 12<<20 || n > 28<<20 {
					c.Fatalf("%d bytes over a lane", n)
				}
				began := time.Now()
				c.wires.set(func() { c.wires.dark, c.wires.refuse = how == "dark", true })
				if how == "broken" {
					c.wires.kill()
				}
				c.converged(2 * time.Minute)
				if took := time.Since(began); took > time.Minute {
					c.Errorf("the rest took %v", took)
				}
				if got := b.read("large"); got != content {
					c.Error("other content")
				}
				if n := b.told("peer_lost") + b.told("conflict") + b.told("problem"); n != 0 {
					c.Errorf("told of %d bad things", n)
				}
				c.wires.set(func() { c.wires.dark, c.wires.refuse = false, false })
			})
		})
	}
}

// TestOverTCP: where UDP does not pass, one of the sides has none, or is told to
// use none, everything goes over TCP; where TCP does not pass, over QUIC.
func TestOverTCP(t *testing.T) {
	for name, set := range map[string]func(c *cluster, a, b *machine){
		"udp cut":        func(c *cluster, a, b *machine) { c.net.part(a, b) },
		"dialer has tcp": func(c *cluster, a, b *machine) { b.noUDP = true },
		"both have tcp":  func(c *cluster, a, b *machine) { a.noUDP, b.noUDP = true, true },
		"tcp refused":    func(c *cluster, a, b *machine) { c.wires.refuse = true },
		"tcp dark":       func(c *cluster, a, b *machine) { c.wires.dark = true },
		"old listener":   func(c *cluster, a, b *machine) { a.noTCP = true },
		"old dialer":     func(c *cluster, a, b *machine) { b.noTCP = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, 2, func(c *cluster) {
				c.wires = newWires()
				a, b := c.nodes[0], c.nodes[1]
				c.line() // b dials
				set(c, a, b)
				a.write("d/small", "from a")
				a.write("large", noise(3<<20))
				c.start()
				b.write("other", noise(2<<20))
				for len(b.f.connected()) == 0 {
					time.Sleep(100 * time.Millisecond)
				}
				c.net.join(a, b) // for the harness, which else expects no link
				tcp := strings.Contains(name, "udp") || strings.Contains(name, "have") || strings.Contains(name, "has")
				if tcp && name == "udp cut" {
					c.net.part(a, b)
				}
				for range 600 {
					if b.exists("large") && b.exists("d/small") && a.exists("other") {
						break
					}
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(time.Second)
				c.equal()
				_, n := b.lanesOf()
				if (n == 1) != tcp {
					c.Errorf("%d links over TCP", n)
				}
				b.remove("large")
				a.write("d/small", "edited")
				time.Sleep(5 * time.Second)
				c.equal()
				if n := b.told("peer_lost"); n != 0 {
					c.Errorf("the peer was lost %d times", n)
				}
				c.wires.set(func() { c.wires.dark = false })
				c.net.join(a, b)
			})
		})
	}
}
