package peer

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"qsync/store"
)

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
		for a.dialer(nowhere(1)).Next < 10 { // the middle of a back-off
			time.Sleep(time.Second)
		}
		if got := a.dialer(nowhere(1)); got.State != "waiting" || got.Result != "no answer" || got.Next > 60 || a.f.Err() != nil {
			c.Errorf("%+v", got)
		}
		before := len(d.at(nowhere(1)))
		a.f.Offer([]netip.AddrPort{nowhere(1)})
		time.Sleep(time.Millisecond)
		if n := len(d.at(nowhere(1))) - before; n != 1 {
			c.Errorf("announced again, and dialled %d times", n)
		}
		time.Sleep(10 * time.Minute) // until the next dial is far away again
		before = len(d.at(nowhere(1)))
		a.node.NetworkChanged()
		time.Sleep(againMin + 10*time.Millisecond) // the limit holds for it too
		if n := len(d.at(nowhere(1))) - before; n != 1 {
			c.Errorf("%d dials after a change of the network", n)
		}
	})
}

// TestStaleNoHindrance: many remembered addresses where nobody is any more do
// not hold up one that was just found, nor the other way round.
func TestStaleNoHindrance(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, b, z := c.nodes[0], c.nodes[1], c.nodes[2]
		c.start()
		a.f.Offer([]netip.AddrPort{b.at()})
		c.linked(a, b, time.Second)
		a.stop()
		b.stop()
		a.withStore(func(s *store.Store) {
			for i := range maxCandidates {
				id := store.NodeID{9, byte(i / 8)}
				at := netip.AddrPortFrom(nowhere(i).Addr(), 1)
				if _, err := s.Greet(store.Peer{ID: id, Replica: 5, Epoch: 1, Addrs: []store.Addr{{At: at, Worked: time.Now()}}}); err != nil {
					c.Fatal(err)
				}
			}
		})
		c.start(a)
		time.Sleep(10 * time.Millisecond)
		a.f.Offer([]netip.AddrPort{z.at()})
		c.linked(a, z, time.Second)
		var many []netip.AddrPort
		for i := range 1000 {
			many = append(many, nowhere(i))
		}
		a.f.Offer(many)
		c.start(b)
		c.linked(a, b, 70*time.Second)
	})
}

// TestSpare: which address makes room for another one.
func TestSpare(t *testing.T) {
	now := time.Now()
	old := now.Add(-time.Hour)
	near, far, away := store.NodeID{1}, store.NodeID{2}, store.NodeID{3}
	connected := live{near: nowhere(1), far: nowhere(2)}
	fill := func(es ...*candidate) *candidates {
		c := newCandidates()
		c.all = es
		for i := 100; len(c.all) < maxCandidates; i++ {
			c.all = append(c.all, &candidate{at: nowhere(i), offered: now}) // to be tried yet
		}
		return c
	}
	stays := []*candidate{
		{at: nowhere(1), node: near, failed: old, began: old},
		{at: nowhere(3), failed: old, began: old, dialing: true},
		{at: nowhere(4), failed: now, began: now},
	}
	spared := []*candidate{ // in the order in which they go
		{at: nowhere(5), failed: old, began: old, node: away},
		{at: nowhere(6), failed: old.Add(time.Second), began: old},
		{at: nowhere(7), node: far, began: old},
		{at: nowhere(8), node: away, remembered: true},
		{at: nowhere(9), node: away, remembered: true},
	}
	slices.Reverse(spared[3:])
	c := fill(slices.Concat([]*candidate{spared[4], spared[3], spared[2], spared[1], spared[0]}, stays)...)
	for i, e := range spared {
		if c.add(nowhere(200+i), connected) == nil || len(c.all) != maxCandidates || c.find(e.at) != nil {
			t.Errorf("%v was to go", e.at)
		}
		for _, later := range slices.Concat(spared[i+1:], stays) {
			if c.find(later.at) == nil {
				t.Errorf("%v went before %v", later.at, e.at)
			}
		}
	}
	if c.add(nowhere(300), connected) != nil || len(c.all) != maxCandidates {
		t.Error("one more than there is room for")
	}
}

// TestJitter: back-offs differ, so that nodes do not dial in step.
func TestJitter(t *testing.T) {
	seen := make(map[time.Duration]bool)
	now := time.Now()
	for range 50 {
		e := candidate{wait: 8 * time.Second}
		e.backOff(now)
		d := e.next.Sub(now)
		if d < 16*time.Second || d >= 20*time.Second {
			t.Error(d)
		}
		seen[d] = true
	}
	if len(seen) < 40 {
		t.Errorf("%d of 50 differ", len(seen))
	}
}
