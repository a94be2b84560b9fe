package store

import (
	"fmt"
	"time"
)

// Whoever holds the sync ID can come as any number of devices, so that only so
// many are remembered.
const (
	maxKnown = 1024
	recent   = 7 * 24 * time.Hour // a peer that was here since then keeps its cursor
)

// Leave notes that a peer that had said hello, see [Store.Greet], is gone.
func (s *Store) Leave(id NodeID) {
	s.peers.mu.Lock()
	defer s.peers.mu.Unlock()
	if s.peers.here[id]--; s.peers.here[id] <= 0 {
		delete(s.peers.here, id)
	}
	if p, ok := s.peers.all[id]; ok {
		p.LastSeen = time.Now()
		s.peers.all[id] = p
		s.peers.dirty[id] = true
	}
}

// arrive counts a session that has begun.
func (c *peerCache) arrive(id NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.here[id]++
}

// makeRoom forgets a peer, if need be, for one that is new.
func (t *txn) makeRoom() error {
	id, full := t.store.peers.least()
	if !full {
		return nil
	}
	if id == (NodeID{}) {
		return fmt.Errorf("%w: %d in the last %.0f days", ErrCrowded, maxKnown, recent.Hours()/24)
	}
	t.forgot = id
	return t.Bucket(bucketPeers).Delete(id[:])
}

// least returns whom it costs least to forget, if too many are known: first who
// has neither given nor taken anything, then who was not seen for longest. None
// who is here, and none with a cursor who was here of late.
func (c *peerCache) least() (id NodeID, full bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) < maxKnown {
		return id, false
	}
	var least *Peer
	for _, p := range c.all {
		if c.here[p.ID] > 0 || p.useful() && time.Since(p.LastSeen) < recent {
			continue
		}
		if least == nil || !p.useful() && least.useful() || p.useful() == least.useful() && p.LastSeen.Before(least.LastSeen) {
			least = &p
		}
	}
	if least != nil {
		id = least.ID
	}
	return id, true
}

// useful reports whether forgetting the peer would cost it or us a repetition.
func (p *Peer) useful() bool { return p.Cursor > 0 || p.Confirmed > 0 || p.Reached > 0 }
