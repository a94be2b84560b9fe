package store

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Bounds of what is remembered of addresses.
const (
	addrsOfPeer = 8
	addrsInAll  = 64
	addrAge     = 90 * 24 * time.Hour // without a connection
)

// Addr is an address of a peer: one at which it was reached, or from which it
// reached this node. Nodes dial and listen on one socket, so either can be dialled.
type Addr struct {
	At     netip.AddrPort
	Worked time.Time // when a connection with it last stood
}

// PeerAddr is an address together with the node that was there.
type PeerAddr struct {
	Addr
	Node NodeID
}

// Addrs returns the addresses at which peers were found, the latest first: at
// most 64, at most 8 of one peer, none older than 90 days.
func (s *Store) Addrs() []PeerAddr {
	s.peers.mu.Lock()
	defer s.peers.mu.Unlock()
	return s.peers.addrs()
}

// Reached notes that there is, or was until now, a connection with a known peer
// at an address. It is written with [Store.SavePeers] or at close; [Store.Greet]
// is what makes a new address durable.
func (s *Store) Reached(id NodeID, at netip.AddrPort) {
	s.peers.mu.Lock()
	defer s.peers.mu.Unlock()
	p, ok := s.peers.all[id]
	if !ok || !at.IsValid() {
		return
	}
	p.Addrs = joinAddrs(p.Addrs, []Addr{{at, time.Now()}})
	s.peers.all[id] = p
	s.peers.dirty[id] = true
	s.peers.trim()
}

// addrs lists the addresses of all peers, the latest first. c.mu is held.
func (c *peerCache) addrs() []PeerAddr {
	var out []PeerAddr
	for id, p := range c.all {
		for _, a := range p.Addrs {
			out = append(out, PeerAddr{a, id})
		}
	}
	slices.SortFunc(out, func(a, b PeerAddr) int {
		return cmp.Or(b.Worked.Compare(a.Worked), slices.Compare(a.Node[:], b.Node[:]), a.At.Compare(b.At))
	})
	return out
}

// trim forgets the oldest addresses of all where there are too many. c.mu is held.
func (c *peerCache) trim() {
	all := c.addrs()
	for _, old := range all[min(len(all), addrsInAll):] {
		p := c.all[old.Node]
		p.Addrs = slices.DeleteFunc(slices.Clone(p.Addrs), func(a Addr) bool { return a.At == old.At })
		c.all[old.Node] = p
		c.dirty[old.Node] = true
	}
}

// joinAddrs merges two lists into a new one, the latest first: each address
// once, none that is too old, and no more than are kept of one peer.
func joinAddrs(a, b []Addr) []Addr {
	now := time.Now().UTC().Truncate(time.Second)
	latest := make(map[netip.AddrPort]time.Time)
	for _, x := range slices.Concat(a, b) {
		x.Worked = x.Worked.UTC().Truncate(time.Second)
		if x.Worked.After(now) { // the clock was set back; it would never age
			x.Worked = now
		}
		if now.Sub(x.Worked) <= addrAge && !x.Worked.Before(latest[x.At]) {
			latest[x.At] = x.Worked
		}
	}
	var out []Addr
	for at, worked := range latest {
		out = append(out, Addr{at, worked})
	}
	slices.SortFunc(out, func(a, b Addr) int {
		return cmp.Or(b.Worked.Compare(a.Worked), a.At.Compare(b.At))
	})
	return out[:min(len(out), addrsOfPeer)]
}

// checkAddrs verifies the bounds of what is remembered of one peer.
func checkAddrs(p Peer) error {
	if len(p.Addrs) > addrsOfPeer {
		return fmt.Errorf("check: %d addresses of peer %x", len(p.Addrs), p.ID)
	}
	seen := make(map[netip.AddrPort]bool)
	for _, a := range p.Addrs {
		if !a.At.IsValid() || seen[a.At] || a.Worked.IsZero() {
			return fmt.Errorf("check: address %v of peer %x", a, p.ID)
		}
		seen[a.At] = true
	}
	return nil
}
