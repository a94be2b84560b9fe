package store

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
)

// Peer is what is remembered of another node.
type Peer struct {
	ID       NodeID
	Number   uint64 // names it, in its present epoch, in journal rows
	Turn     uint64 // names its latest session there, see join
	Replica  folder.ReplicaID
	Epoch    uint64 // of its journal
	Cursor   uint64 // how far its journal has been merged here
	Snapshot bool   // a snapshot of it is under way: it counts when it is complete
	Reached  uint64 // while it is: how far the journal behind it was merged

	OurEpoch  uint64 // the epoch of ours that Confirmed counts in
	Confirmed uint64 // how far it has made our journal durable

	// Agreed is the last moment of which it is sure that the peer knew our
	// whole journal and nothing else of us, see [Store.Rotate].
	Agreed   Moment
	knew     Moment // such a moment, not sure before its next batch
	Want     Want   // what it still had to fetch or apply when last heard
	Name     string
	Address  string
	Addrs    []Addr // where it was found, the latest first; never changed in place
	Mode     uint8
	LastSeen time.Time

	// Of a snapshot under way; lost with the process, it then starts over.
	walking bool        // its last batch is still to come
	walked  folder.Path // where its next batch begins
}

// Moment is a state of the own journal: position and own counter in an epoch.
type Moment struct {
	Epoch, Seq, Own uint64
}

type peerCache struct {
	mu    sync.Mutex
	all   map[NodeID]Peer
	dirty map[NodeID]bool
	here  map[NodeID]int // sessions under way
}

func (c *peerCache) of(id NodeID) Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.all[id]
	p.ID = id
	return p
}

func (c *peerCache) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

// walking lists the peers but one of whom a snapshot is under way.
func (c *peerCache) walking(but NodeID) []Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Peer
	for id, p := range c.all {
		if p.Snapshot && id != but {
			out = append(out, p)
		}
	}
	return out
}

// commit takes over what a transaction, durable by now, made of its peers.
func (c *peerCache) commit(t *txn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.saved {
		clear(c.dirty)
	}
	if t.forgot != (NodeID{}) {
		delete(c.all, t.forgot)
		delete(c.dirty, t.forgot)
	}
	for _, p := range t.peers {
		// What the peer confirmed meanwhile is newer than what the caller
		// read, unless it belongs to a state that the peer has lost.
		if now, ok := c.all[p.ID]; ok && now.Epoch == p.Epoch {
			p.OurEpoch, p.Confirmed, p.Want = now.OurEpoch, now.Confirmed, now.Want
			p.knew = now.knew
			if now.LastSeen.After(p.LastSeen) {
				p.LastSeen = now.LastSeen
			}
		}
		known := c.all[p.ID].Addrs
		p.Addrs = joinAddrs(p.Addrs, known)
		c.all[p.ID] = p
		if len(p.Addrs) > len(known) {
			c.trim()
		}
	}
}

// putPeer writes p with the transaction.
func (t *txn) putPeer(p Peer) error {
	t.peers = append(t.peers, p)
	return t.store.peers.write(t.Tx, p)
}

func (c *peerCache) write(tx *bolt.Tx, p Peer) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return tx.Bucket(bucketPeers).Put(p.ID[:], b)
}

func (c *peerCache) load(tx *bolt.Tx) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all, c.dirty, c.here = make(map[NodeID]Peer), make(map[NodeID]bool), make(map[NodeID]int)
	defer c.trim()
	return tx.Bucket(bucketPeers).ForEach(func(_, v []byte) error {
		var p Peer
		if err := json.Unmarshal(v, &p); err != nil {
			return damaged("peer: %v", err)
		}
		p.Snapshot = false
		p.Addrs = joinAddrs(p.Addrs, nil)
		c.all[p.ID] = p
		return nil
	})
}

func (c *peerCache) save(t *txn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.dirty {
		if err := c.write(t.Tx, c.all[id]); err != nil {
			return err
		}
	}
	t.saved = true
	return nil
}

// Peers returns all nodes this folder was ever shared with, by ID.
func (s *Store) Peers() []Peer {
	s.peers.mu.Lock()
	defer s.peers.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.peers.all), func(a, b Peer) int {
		return slices.Compare(a.ID[:], b.ID[:])
	})
}

// Peer returns what is remembered of one node; of an unknown one, just its ID.
func (s *Store) Peer(id NodeID) Peer { return s.peers.of(id) }

// Greet records that peer id said hello with this replica and epoch, and
// returns what to resume from: its journal from Cursor on. A new epoch is a new
// journal and starts over. The addresses in hello are added to those known. The
// peer counts as being here until as many calls of [Store.Leave]; its Turn names
// this session and no other, ever. Of many peers
// those that matter least are forgotten; ErrCrowded means that none may be.
func (s *Store) Greet(hello Peer) (Peer, error) {
	var p Peer
	err := s.update(func(t *txn) error {
		p = s.peers.of(hello.ID)
		if p.Number == 0 {
			if err := t.makeRoom(); err != nil {
				return err
			}
		}
		if p.Number == 0 || p.Epoch != hello.Epoch {
			t.meta.Peers++
			p.Number = t.meta.Peers
			p.Epoch, p.Cursor = hello.Epoch, 0
			// It has perhaps lost what it confirmed; it will say so again.
			p.OurEpoch, p.Confirmed, p.Want = 0, 0, Want{}
			p.Agreed, p.knew = Moment{}, Moment{}
		}
		t.meta.Peers++
		p.Turn = t.meta.Peers
		p.Snapshot, p.walking = false, false
		p.Replica, p.Name, p.Address, p.Mode = hello.Replica, hello.Name, hello.Address, hello.Mode
		p.Addrs = joinAddrs(p.Addrs, hello.Addrs)
		p.LastSeen = time.Now()
		return t.putPeer(p)
	})
	if err == nil {
		s.peers.arrive(hello.ID)
	}
	return p, err
}

// Confirm notes that a peer has made our journal of epoch durable up to cursor,
// and what it still wants. It is written with the next transaction or at close:
// losing it repeats a few entries.
func (s *Store) Confirm(id NodeID, epoch, cursor uint64, w Want) {
	s.peers.mu.Lock()
	defer s.peers.mu.Unlock()
	p, ok := s.peers.all[id]
	if !ok {
		return
	}
	p.OurEpoch, p.Confirmed, p.Want, p.LastSeen = epoch, cursor, w, time.Now()
	if m := s.now(); epoch == m.Epoch && cursor == m.Seq {
		p.knew = Moment{m.Epoch, m.Seq, m.Counter}
	}
	s.peers.all[id] = p
	s.peers.dirty[id] = true
}

// Forget removes a peer that will not come back, so that it no longer keeps
// tombstones alive. Its writes stay valid.
func (s *Store) Forget(id NodeID) error {
	return s.update(func(t *txn) error {
		t.forgot = id
		return t.Bucket(bucketPeers).Delete(id[:])
	})
}

// SavePeers writes what [Store.Confirm] noted.
func (s *Store) SavePeers() error {
	return s.update(func(t *txn) error { return s.peers.save(t) })
}
