package peer

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"qsync/store"
)

// at is where m listens.
func (m *machine) at() netip.AddrPort { return addrPort(m.addr) }

func addrPort(u *net.UDPAddr) netip.AddrPort {
	a := u.AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// nowhere is an address at which nobody is.
func nowhere(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}), 2121)
}

// dialed counts the first packets of connections that leave for an address.
type dialed struct {
	mu    sync.Mutex
	times map[netip.AddrPort][]time.Time
}

// watch notes every dial from now on.
func (c *cluster) watch() *dialed {
	d := &dialed{times: make(map[netip.AddrPort][]time.Time)}
	seen := make(map[string]bool) // connection IDs
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.net.onSend = func(p simnet.Packet) {
		if len(p.Data) < 1200 || p.Data[0]&0xf0 != 0xc0 { // QUIC Initial, RFC 9000 section 17.2.2
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		source := 7 + int(p.Data[5]) // the dialer's connection ID, the same in all its packets
		conn := string(p.Data[source : source+int(p.Data[source-1])])
		known := seen[conn] || seen[string(p.Data[6:source-1])] // another packet of it, or an answer
		if seen[conn] = true; known {
			return
		}
		a := addrPort(p.To.(*net.UDPAddr))
		d.times[a] = append(d.times[a], time.Now())
	}
	return d
}

func (d *dialed) at(a netip.AddrPort) []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.times[a])
}

// dialer is what m's status says of one address.
func (m *machine) dialer(a netip.AddrPort) Dialer {
	for _, d := range m.f.Status().Dialers {
		if d.Address == a.String() {
			return d
		}
	}
	return Dialer{}
}

// linked waits until a and b are connected and returns how long it took.
func (c *cluster) linked(a, b *machine, bound time.Duration) time.Duration {
	c.Helper()
	began := time.Now()
	for !a.f.connected().has(store.NodeID(b.device.ID())) || !b.f.connected().has(store.NodeID(a.device.ID())) {
		if time.Since(began) > bound {
			c.dump()
			c.Fatalf("%s and %s are not connected after %v: %+v", a.name, b.name, bound, a.f.Status().Dialers)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

// stranger is a node that listens and holds another ID.
func (c *cluster) stranger(host byte) netip.AddrPort {
	c.Helper()
	addr := &net.UDPAddr{IP: net.IPv4(10, 0, 1, host), Port: 2121}
	link := &simnet.SimulatedLink{Latency: time.Millisecond, UploadPacket: c.net}
	conn := simnet.NewBlockingSimConn(addr, link)
	link.Start()
	c.net.AddNode(addr, link)
	c.Cleanup(func() { link.Close() })
	_, other := testKeys(c.T, 2)
	start(c.T, conn, other)
	return addrPort(addr)
}

// TestManyAddresses: of a node with several addresses one link stays, whichever
// of them answers first here and there, and the other addresses rest as long as
// it does (F78).
func TestManyAddresses(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		bubble(t, 2, func(c *cluster) {
			a, b := c.nodes[0], c.nodes[1]
			c.net.random = rand.New(rand.NewPCG(seed, 0))
			c.start()
			all := []netip.AddrPort{b.at()}
			for i := range 5 {
				other := &net.UDPAddr{IP: net.IPv4(10, 0, 2, byte(i+1)), Port: 2121}
				c.net.alias(b, other)
				all = append(all, addrPort(other))
			}
			a.f.Offer(all)
			c.linked(a, b, 2*time.Second)
			apart := 0
			for range 2000 {
				time.Sleep(10 * time.Millisecond)
				if len(a.f.connected()) == 0 || len(b.f.connected()) == 0 {
					apart++
				}
			}
			if apart > 50 { // the sides disagreed and gave up both links
				c.Errorf("seed %d: %d0 ms without a link after the first", seed, apart)
			}
			c.linked(a, b, time.Millisecond)
			connects := a.links()
			d := c.watch()
			for range 10 {
				a.f.Offer(all)
				time.Sleep(time.Minute)
			}
			if len(d.times) != 0 || a.links() != connects || connects > len(all) || b.told("peer_connected") > len(all) {
				c.Errorf("seed %d: dials %v, connected %d times, then %d", seed, d.times, connects, a.links())
			}
			for _, at := range all {
				if got := a.dialer(at); got.State != "resting" || got.Node != b.device.ID().String() {
					c.Errorf("seed %d: %+v", seed, got)
				}
			}
		})
	}
}

// TestRemembered: a pair that met once finds itself again without anybody's
// help, whichever of the two restarts, and forgets what never works.
func TestRemembered(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.start()
		b.f.Offer([]netip.AddrPort{a.at()})
		c.linked(a, b, time.Second)
		for _, m := range []*machine{a, b, a} {
			m.stop()
			time.Sleep(time.Minute)
			c.start(m)
			c.linked(a, b, 2*time.Second)
		}
		a.stop()
		b.stop()
		c.start(b)
		time.Sleep(10 * time.Minute)
		if got := b.dialer(a.at()); got.Source != "remembered" || got.Node != a.device.ID().String() || b.f.Err() != nil {
			c.Errorf("%+v %v", got, b.f.Err())
		}
		c.start(a)
		c.linked(a, b, 2*time.Second)
		c.converged(10 * time.Second)
		b.stop()
		a.stop()
		time.Sleep(91 * 24 * time.Hour)
		c.start()
		time.Sleep(time.Minute)
		if n := len(a.f.connected()) + len(a.f.Status().Dialers) + len(b.f.Status().Dialers); n != 0 {
			c.Errorf("after 91 days: %+v", a.f.Status().Dialers)
		}
	})
}

// TestLongSession: the address of a link that stood for a year is not old.
func TestLongSession(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.cfg.Rescan, b.cfg.Rescan = 1000*time.Hour, 1000*time.Hour
		c.start()
		b.f.Offer([]netip.AddrPort{a.at()})
		c.linked(a, b, time.Second)
		long := time.Now()
		time.Sleep(2 * time.Hour)
		for _, m := range c.nodes {
			if got := m.f.store.Addrs(); len(got) != 1 || got[0].Worked.Sub(long) < time.Hour {
				c.Error(got)
			}
		}
	})
}

// TestFifty: nodes that are all told of each other at the same moment end with
// one link each pair, and it stays. QSYNC_PEER_NODES says how many; fifty take long.
func TestFifty(t *testing.T) {
	t.Parallel()
	n := 16
	if v, err := strconv.Atoi(os.Getenv("QSYNC_PEER_NODES")); err == nil {
		n = v
	} else if testing.Short() {
		n = 10
	}
	bubble(t, n, func(c *cluster) {
		c.start()
		var all []netip.AddrPort
		for _, m := range c.nodes {
			all = append(all, m.at())
		}
		for _, m := range c.nodes {
			m.f.Offer(all)
		}
		time.Sleep(time.Minute)
		before := make(map[*machine]int)
		for _, m := range c.nodes {
			if got := len(m.f.connected()); got != n-1 {
				c.Errorf("%s has %d peers", m.name, got)
			}
			before[m] = m.links()
		}
		time.Sleep(time.Minute)
		for _, m := range c.nodes {
			if got := m.links(); got != before[m] {
				c.Errorf("%s: %d connections, %d before", m.name, got, before[m])
			}
			l := m.node.transport.limits
			l.mu.Lock()
			if len(l.links) != n-1 {
				c.Errorf("%s has %d links", m.name, len(l.links))
			}
			l.mu.Unlock()
		}
	})
}
