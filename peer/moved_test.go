package peer

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// TestAddressChange: a node that gets another address is in sync again within
// 5 s, whoever had dialled, whose ID is smaller, and whether or not the other
// side hears that the old link is given up (F76, F80).
func TestAddressChange(t *testing.T) {
	for _, dialed := range []bool{true, false} {
		for _, smaller := range []bool{true, false} {
			for _, heard := range []bool{true, false} {
				t.Run(fmt.Sprintf("dialed=%v,smaller=%v,heard=%v", dialed, smaller, heard), func(t *testing.T) {
					t.Parallel()
					bubble(t, 2, func(c *cluster) {
						mover, other := c.nodes[0], c.nodes[1]
						if (mover.device.ID().Compare(other.device.ID()) < 0) != smaller {
							mover, other = other, mover
						}
						c.start()
						if dialed {
							mover.f.Offer([]netip.AddrPort{other.at()})
						} else {
							other.f.Offer([]netip.AddrPort{mover.at()})
						}
						c.linked(mover, other, time.Second)
						c.converged(10 * time.Second)
						c.wander(mover, other, heard)
					})
				})
			}
		}
	}
}

// wander moves a machine about, and looks each time whether it is in sync with
// the other one after 5 s.
func (c *cluster) wander(mover, other *machine, heard bool) {
	c.Helper()
	for i := range 5 {
		time.Sleep(time.Minute)
		c.net.move(mover, &net.UDPAddr{IP: net.IPv4(10, 1, 0, byte(i+1)), Port: 2121})
		if !heard {
			c.net.mute(mover, probeWait+probeStep)
		}
		mover.write("here", fmt.Sprint("from the one that moved ", i))
		other.write("there", fmt.Sprint("from the other one ", i))
		mover.node.NetworkChanged()
		time.Sleep(5 * time.Second)
		if mover.read("there") != other.read("there") || mover.read("here") != other.read("here") {
			c.dump()
			c.Fatalf("move %d: not in sync after 5 s", i)
		}
		if p := other.f.Status().Peers; len(p) != 1 || p[0].Address != mover.addr.String() {
			c.Errorf("move %d: the status says %+v, the peer is at %s", i, p, mover.addr)
		}
	}
	time.Sleep(time.Minute)
	if n := other.links(); n > 1+2*5 {
		c.Errorf("%d connections for 5 moves", n)
	}
}

// TestNetworkChanged: links that work are left alone, however often it is said.
func TestNetworkChanged(t *testing.T) {
	t.Parallel()
	bubble(t, 4, func(c *cluster) {
		c.start()
		var all []netip.AddrPort
		for _, m := range c.nodes {
			all = append(all, m.at())
		}
		c.net.latency = 150 * time.Millisecond
		c.nodes[0].f.Offer(all)
		c.nodes[1].f.Offer(all)
		time.Sleep(time.Minute)
		before := make(map[*machine]int)
		for _, m := range c.nodes {
			before[m] = m.links()
		}
		for range 1000 {
			for _, m := range c.nodes {
				m.node.NetworkChanged()
			}
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		for _, m := range c.nodes {
			if n := m.links(); n != before[m] || n < 2 {
				c.Errorf("%s: %d connections, %d before", m.name, n, before[m])
			}
		}
	})
}

// TestSilent: after a change of the network a peer that does not answer is given
// up within 2 s and not after the idle time-out, and is found again.
func TestSilent(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.start()
		a.f.Offer([]netip.AddrPort{b.at()})
		c.linked(a, b, time.Second)
		time.Sleep(time.Minute)
		c.net.part(a, b)
		a.node.NetworkChanged()
		time.Sleep(probeWait + time.Millisecond*100)
		if len(a.f.connected()) != 0 {
			c.Error("a dead link counts as one")
		}
		time.Sleep(5 * time.Minute)
		c.net.join(a, b)
		a.node.NetworkChanged()
		c.linked(a, b, 2*time.Second)
	})
}

// TestSleep: a machine that slept looks after its links as if the network had
// changed; a clock that is set back is no sleep.
func TestSleep(t *testing.T) {
	t.Parallel()
	for _, gap := range []time.Duration{time.Hour, 10 * time.Second, 0, -time.Hour} {
		bubble(t, 2, func(c *cluster) {
			a, b := c.nodes[0], c.nodes[1]
			var slept atomic.Int64
			a.wall = func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
			c.start()
			a.f.Offer([]netip.AddrPort{b.at()})
			c.linked(a, b, time.Second)
			time.Sleep(time.Minute)
			c.net.part(a, b)
			slept.Store(int64(gap))
			time.Sleep(clockStep + probeWait + 100*time.Millisecond)
			if noticed := len(a.f.connected()) == 0; noticed != (gap > sleepGap) {
				c.Errorf("after %v: noticed %v", gap, noticed)
			}
			c.net.join(a, b)
		})
	}
}

// TestRank: both ends of a connection find the same number, and of every
// connection another one.
func TestRank(t *testing.T) {
	_, k := testKeys(t, 1)
	a, b := start(t, udp(t)), start(t, udp(t), k)
	seen := make(map[uint64]bool)
	for range 4 {
		dialed, accepted := join(t, a, b, k)
		if dialed.Rank != accepted.Rank || seen[dialed.Rank] || dialed.Rank == 0 {
			t.Errorf("%x and %x, after %v", dialed.Rank, accepted.Rank, seen)
		}
		seen[dialed.Rank] = true
	}
}
