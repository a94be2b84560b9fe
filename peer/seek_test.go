package peer

import (
	"net"
	"net/netip"
	"slices"
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
	last := make(map[string]bool)
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.net.onSend = func(p simnet.Packet) {
		if len(p.Data) < 1200 || p.Data[0]&0xf0 != 0xc0 { // QUIC Initial, RFC 9000 section 17.2.2
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		source := 7 + int(p.Data[5]) // the dialer's connection ID, the same in all its packets
		to, conn := string(p.Data[6:source-1]), string(p.Data[source:source+int(p.Data[source-1])])
		known := last[conn] || last[to] // another packet of it, or an answer
		if last[conn] = true; known {
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
	for !a.f.connected()[store.NodeID(b.device.ID())] || !b.f.connected()[store.NodeID(a.device.ID())] {
		if time.Since(began) > bound {
			c.dump()
			c.Fatalf("%s and %s are not connected after %v: %+v", a.name, b.name, bound, a.f.Status().Dialers)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

// TestOffer: a pair that nobody told of each other syncs once one is offered
// the other's address, and knows it from then on.
func TestOffer(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.write("x", "from a")
		c.start()
		time.Sleep(time.Minute)
		if len(a.f.connected()) != 0 || len(a.f.Status().Dialers) != 0 {
			c.Fatal("connected by themselves")
		}
		b.f.Offer([]netip.AddrPort{a.at()})
		c.linked(a, b, time.Second)
		c.converged(10 * time.Second)
		if b.read("x") != "from a" {
			c.Error(b.tree())
		}
		want := Dialer{Address: a.at().String(), Source: "found", State: "resting", Result: "answered", Node: a.device.ID().String()}
		if got := b.dialer(a.at()); got != want {
			c.Errorf("%+v, want %+v", got, want)
		}
		// The other side has learned where b listens.
		if got := a.dialer(b.at()); got.State != "resting" || got.Node != b.device.ID().String() {
			c.Errorf("%+v", got)
		}
		if p := a.f.Status().Peers; len(p) != 1 || !slices.Equal(p[0].Addresses, []string{b.at().String()}) {
			c.Errorf("%+v", p)
		}
	})
}

// TestOfferNothing: what cannot be a node's address is not dialled.
func TestOfferNothing(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		c.start()
		d := c.watch()
		var none []netip.AddrPort
		for _, s := range []string{"0.0.0.0:2121", "[::]:2121", "224.0.0.251:5353", "[ff02::fb]:5353", "255.255.255.255:1", "10.0.0.2:0", "[fe80::1]:2121"} {
			none = append(none, netip.MustParseAddrPort(s))
		}
		c.nodes[0].f.Offer(append(none, netip.AddrPort{}))
		c.nodes[0].f.Offer(nil)
		time.Sleep(time.Hour)
		if got := c.nodes[0].f.Status().Dialers; len(got) != 0 || len(d.times) != 0 {
			c.Error(got, d.times)
		}
		c.nodes[0].f.Offer([]netip.AddrPort{netip.MustParseAddrPort("[::ffff:10.9.0.1]:2121")})
		if got := c.nodes[0].dialer(nowhere(1)); got.Source != "found" {
			c.Errorf("%+v", c.nodes[0].f.Status().Dialers)
		}
	})
}

// TestBackOff: an address where nobody is is dialled after 1 s, 2 s and so on
// up to a minute, and one offered again at once, but not twice in a second.
func TestBackOff(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		a := c.nodes[0]
		c.start()
		d := c.watch()
		a.f.Offer([]netip.AddrPort{nowhere(1)})
		time.Sleep(20 * time.Minute)
		times := d.at(nowhere(1))
		nominal := againMin
		for i := 1; i < len(times); i++ {
			// A dial takes up to dialWait before it counts as failed.
			gap := times[i].Sub(times[i-1])
			if gap < nominal || gap > min(nominal*5/4, againMax)+dialWait+time.Second/10 {
				c.Errorf("dial %d after %v, nominal %v", i, gap, nominal)
			}
			nominal = min(2*nominal, againMax*4/5)
		}
		if n := len(times); n < 20 || n > 30 {
			c.Errorf("%d dials in 20 minutes", n)
		}
		if got := a.dialer(nowhere(1)); got.State != "waiting" || got.Result != "no answer" || got.Next > 60 || a.f.Err() != nil {
			c.Errorf("%+v", got)
		}
		time.Sleep(20 * time.Second) // let the last dial be over
		now := time.Now()
		a.f.Offer([]netip.AddrPort{nowhere(1)})
		time.Sleep(time.Millisecond)
		times = d.at(nowhere(1))
		if last := times[len(times)-1]; last.Sub(now) < 0 && now.Sub(last) > dialWait+time.Second {
			c.Errorf("announced again, and last dialled %v before", now.Sub(last))
		}
	})
}

// TestOfferFlood: whoever repeats adverts, or invents addresses, makes us dial
// no more than the limits, and remember no more.
func TestOfferFlood(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.start()
		a.f.Offer([]netip.AddrPort{b.at()})
		c.linked(a, b, time.Second)
		d := c.watch()
		refuses := c.stranger(7) // at once, so that it could be dialled often
		for range 60_000 {       // a minute
			a.f.Offer([]netip.AddrPort{refuses, b.at()})
			time.Sleep(time.Millisecond)
		}
		if n := len(d.at(refuses)); n < 50 || n > 61 {
			c.Errorf("%d dials to one address in a minute", n)
		}
		began := time.Now()
		for i := range 60_000 {
			a.f.Offer([]netip.AddrPort{nowhere(i), refuses, b.at()})
			time.Sleep(time.Millisecond)
		}
		st := a.f.Status().Dialers
		if len(st) != maxCandidates || a.dialer(b.at()).State != "resting" {
			c.Errorf("%d candidates: %+v", len(st), st)
		}
		d.mu.Lock()
		total := 0
		for at, times := range d.times {
			for _, t := range times {
				if t.After(began) {
					total++
				}
			}
			for i := 1; i < len(times); i++ {
				if gap := times[i].Sub(times[i-1]); gap < againMin {
					c.Errorf("%v dialled after %v", at, gap)
				}
			}
		}
		d.mu.Unlock()
		// Four at a time, and each of those that answer nothing takes dialWait.
		if most := 60 + 4*(60/int(dialWait.Seconds())+1); total > most {
			c.Errorf("%d dials in a minute, at most %d expected", total, most)
		}
		a.write("x", "still at work")
		c.converged(10 * time.Second)
	})
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

// TestOfferWrongID: whoever is found under an offered address without holding
// the ID stops nothing, and the next owner of the address is met.
func TestOfferWrongID(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.dials(b) // where nobody is yet
		c.start(a)
		at := c.stranger(7)
		a.f.Offer([]netip.AddrPort{at})
		time.Sleep(time.Hour)
		if a.f.Err() != nil {
			c.Fatal(a.f.Err())
		}
		if got := a.dialer(at); got.Result != "somebody is there who does not hold this sync ID" || got.State != "waiting" {
			c.Errorf("%+v", got)
		}
		c.start(b)
		c.converged(20 * time.Second)
	})
}

// TestOfferSelf: an address that leads back to us is dialled once.
func TestOfferSelf(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		a := c.nodes[0]
		c.start()
		d := c.watch()
		for range 100 {
			a.f.Offer([]netip.AddrPort{a.at()})
			time.Sleep(time.Minute)
		}
		if n := len(d.at(a.at())); n != 1 {
			c.Errorf("%d dials to ourselves", n)
		}
		if got := a.dialer(a.at()); got.Result != "this node itself" || got.State != "resting" {
			c.Errorf("%+v", got)
		}
		a.node.NetworkChanged() // the address may be another machine's now
		a.f.Offer([]netip.AddrPort{a.at()})
		time.Sleep(time.Hour)
		if n := len(d.at(a.at())); n != 2 {
			c.Errorf("%d dials to ourselves", n)
		}
	})
}

// TestManyAddresses: of a node with several addresses one link stays, and the
// other addresses rest as long as it does.
func TestManyAddresses(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.start()
		all := []netip.AddrPort{b.at()}
		for i := range 5 {
			other := &net.UDPAddr{IP: net.IPv4(10, 0, 2, byte(i+1)), Port: 2121}
			c.net.alias(b, other)
			all = append(all, addrPort(other))
		}
		a.f.Offer(all)
		time.Sleep(10 * time.Second)
		c.linked(a, b, time.Second)
		connects := a.told("peer_connected")
		d := c.watch()
		for range 10 {
			a.f.Offer(all)
			time.Sleep(time.Minute)
		}
		if len(d.times) != 0 || a.told("peer_connected") != connects || connects > len(all) || b.told("peer_connected") > len(all) {
			c.Errorf("dials %v, connected %d times, then %d", d.times, connects, a.told("peer_connected"))
		}
		for _, at := range all {
			if got := a.dialer(at); got.State != "resting" || got.Node != b.device.ID().String() {
				c.Errorf("%+v", got)
			}
		}
	})
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
// one link each pair, and it stays.
func TestFifty(t *testing.T) {
	t.Parallel()
	n := 50
	if testing.Short() {
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
			before[m] = m.told("peer_connected")
		}
		time.Sleep(time.Minute)
		for _, m := range c.nodes {
			if got := m.told("peer_connected"); got != before[m] {
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
