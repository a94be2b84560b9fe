package peer

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

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

// TestOfferOtherPath: a peer that nobody typed and that shares another path than
// the typed one must have is not synced with, and stops nothing.
func TestOfferOtherPath(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, b, z := c.nodes[0], c.nodes[1], c.nodes[2]
		a.dials(b)
		a.cfg.Expect = b.dir
		a.write("x", "x")
		c.start()
		a.f.Offer([]netip.AddrPort{z.at()})
		z.f.Offer([]netip.AddrPort{a.at()})
		time.Sleep(10 * time.Minute)
		c.linked(a, b, time.Second)
		if a.f.Err() != nil || z.f.Err() != nil || len(a.f.connected()) != 1 || z.exists("x") || b.read("x") != "x" {
			c.Error(a.f.Err(), z.f.Err(), a.f.connected(), z.tree())
		}
		if n := z.links(); n > 40 {
			c.Errorf("%d connections in ten minutes", n)
		}
	})
}
