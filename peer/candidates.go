package peer

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"qsync/certs"
	"qsync/store"
)

// The policy for addresses that nobody typed: a member may lie about them and
// anybody may repeat an old advert, so what they can make this node send is bounded.
const (
	maxCandidates = 64                // of one folder
	maxInFlight   = 4                 // dials of one folder
	againMin      = time.Second       // between two dials of one address, whatever is offered
	againMax      = time.Minute       // the longest back-off, jitter included
	jitterPart    = 4                 // a back-off is up to a quarter longer than its nominal time
	staleAfter    = time.Hour         // without an offer: forgotten, if nobody ever answered there
	never         = time.Duration(-1) // nothing to wait for but being woken
)

// candidate is one address at which a member of the folder may be reached.
type candidate struct {
	at         netip.AddrPort
	node       store.NodeID // who answered there last, zero if nobody
	remembered bool         // from an earlier run
	offered    time.Time    // last
	began      time.Time    // of the last dial
	failed     time.Time    // when it failed, zero if it did not
	next       time.Time    // not dialled before
	wait       time.Duration
	dialing    bool
	err        error // of the last dial
}

// candidates knows which addresses may be dialled, and when. It does not dial.
type candidates struct {
	mu    sync.Mutex
	all   []*candidate // in the order of their arrival
	self  []netip.AddrPort
	typed map[string][]netip.AddrPort // what the remotes, which have dialers of their own, resolve to
	wake  chan struct{}
}

func newCandidates() *candidates {
	return &candidates{typed: make(map[string][]netip.AddrPort), wake: make(chan struct{}, 1)}
}

// dialable returns the address in its one form, or false for what cannot be a
// node's.
func dialable(a netip.AddrPort) (netip.AddrPort, bool) {
	ip := a.Addr().Unmap()
	switch {
	case !ip.IsValid(), a.Port() == 0, ip.IsUnspecified(), ip.IsMulticast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return a, false
	case ip.Is6() && ip.IsLinkLocalUnicast() && ip.Zone() == "":
		return a, false // nowhere in particular
	}
	return netip.AddrPortFrom(ip, a.Port()), true
}

// offer takes in addresses that somebody says are a member's. One that is known
// is tried again as soon as it may be: it was perhaps announced anew.
func (c *candidates) offer(addrs []netip.AddrPort, connected live) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range addrs {
		a, ok := dialable(a)
		if !ok || slices.Contains(c.self, a) {
			continue
		}
		e := c.find(a)
		if e == nil {
			e = c.add(a, connected)
		}
		if e == nil {
			continue
		}
		e.offered = now
		e.soon(now)
	}
	c.poke()
}

// soon lifts the back-off. One dial a second remains the bound.
func (e *candidate) soon(now time.Time) {
	e.wait = 0
	if e.next = now; e.began.Add(againMin).After(now) {
		e.next = e.began.Add(againMin)
	}
}

// backOff puts the next dial off, each time for twice as long.
func (e *candidate) backOff(now time.Time) {
	const longest = againMax * jitterPart / (jitterPart + 1)
	e.wait = min(max(2*e.wait, againMin), longest)
	e.next = now.Add(e.wait + rand.N(e.wait/jitterPart))
}

func (c *candidates) find(a netip.AddrPort) *candidate {
	i := slices.IndexFunc(c.all, func(e *candidate) bool { return e.at == a })
	if i < 0 {
		return nil
	}
	return c.all[i]
}

// remember takes in what the store knows from earlier runs, the latest first.
func (c *candidates) remember(known []store.PeerAddr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range known {
		if a, ok := dialable(k.At); ok && c.find(a) == nil {
			if e := c.add(a, nil); e != nil {
				e.node, e.remembered = k.Node, true
			}
		}
	}
}

// learn notes that a connection with a node stands at an address.
func (c *candidates) learn(a netip.AddrPort, id store.NodeID, connected live) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := dialable(a)
	if !ok || slices.Contains(c.self, a) {
		return
	}
	e := c.find(a)
	if e == nil {
		e = c.add(a, connected)
	}
	if e != nil {
		e.node, e.err, e.failed = id, nil, time.Time{}
	}
}

// types notes what a typed remote resolves to: its own dialer tries that.
func (c *candidates) types(remote string, addrs []netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.typed[remote] = addrs
}

// isTyped reports whether a typed remote resolves to the address.
func (c *candidates) isTyped(a netip.AddrPort) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.typedLocked(a)
}

func (c *candidates) typedLocked(a netip.AddrPort) bool {
	for _, addrs := range c.typed {
		if slices.Contains(addrs, a) {
			return true
		}
	}
	return false
}

// take returns the address to dial now and counts it as being dialled, or how
// long to wait: [never] is until woken. Addresses of connected nodes rest.
//
// Addresses at which somebody was met and others do not hold each other up: of
// the dials at a time one is left to each kind, however many wait of the other.
func (c *candidates) take(connected live) (a netip.AddrPort, wait time.Duration) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	flying := make(map[bool]int)
	for _, e := range c.all {
		if e.dialing {
			flying[e.met()]++
		}
	}
	var first *candidate
	for _, e := range c.all {
		if e.dialing || connected.has(e.node) || c.typedLocked(e.at) || flying[e.met()] >= maxInFlight-1 {
			continue
		}
		if first == nil || e.next.Before(first.next) {
			first = e
		}
	}
	switch {
	case first == nil, flying[true]+flying[false] >= maxInFlight:
		return a, never
	case first.next.After(now):
		return a, first.next.Sub(now)
	}
	first.dialing, first.began = true, now
	return first.at, 0
}

// met reports whether somebody was ever reached there.
func (e *candidate) met() bool { return e.node != (store.NodeID{}) }

// done notes what came of a dial: who answered, or why nobody did. moved says
// that it was broken off because the network changed, which is no failure. It
// reports whether the address turned out to be this node's own.
func (c *candidates) done(a netip.AddrPort, id store.NodeID, err error, moved bool) (self bool) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.poke()
	e := c.find(a) // what is dialled stays
	e.dialing, e.err = false, err
	switch {
	case errors.Is(err, certs.ErrSelf) && len(c.self) < maxCandidates:
		c.drop(e)
		c.self = append(c.self, a)
		return true
	case err == nil:
		// It rests while the session lasts. How long that lived decides on the
		// back-off, see lost, which may have been told already.
		e.node, e.failed = id, time.Time{}
		if soon := now.Add(againMin); e.next.Before(soon) {
			e.next = soon
		}
	case moved:
		e.soon(now)
	default:
		e.failed = now
		e.backOff(now)
		if !e.met() && now.Sub(e.offered) > staleAfter {
			c.drop(e)
		}
	}
	return false
}

func (c *candidates) drop(e *candidate) {
	c.all = slices.DeleteFunc(c.all, func(o *candidate) bool { return o == e })
}

// lost notes the end of a session with a node that lived so long. Its addresses
// are tried at once, or after a moment for the other side to be first.
func (c *candidates) lost(id store.NodeID, lived, moment time.Duration) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.all {
		if e.node != id {
			continue
		}
		if lived < dialMax {
			e.backOff(now)
			continue
		}
		e.soon(now.Add(moment))
	}
	c.poke()
}

// reset lifts every back-off: the network is another one. What was this node's
// own address may now be somebody else's.
func (c *candidates) reset() {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.self = nil
	for _, e := range c.all {
		e.soon(now)
	}
	c.poke()
}

// poke wakes whoever waits for an address to dial.
func (c *candidates) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
