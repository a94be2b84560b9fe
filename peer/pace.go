package peer

import (
	"sync"
	"time"

	"qsync/protocol"
	"qsync/store"
)

// How fast a peer may tell its index. The first sync of a million files fits
// into what it may say at once; and the rates, at which a flood goes on for ever,
// are what a node here takes in on a third of a core.
const (
	entryRate  = 100_000   // a second
	entryBurst = 2_000_000 // at once
	batchCost  = 100       // entries that a batch counts for beside its own: it is a transaction
	indexRate  = 32 << 20  // bytes a second, as if not compressed
	indexBurst = 640 << 20
	maxPaces   = 1024 // peers that are remembered
)

// paces holds a token bucket for each peer, over its sessions: who comes back
// does not start afresh. The clock is the runtime's, a batch may be larger than
// what is left (the debt is waited for), and a bucket that is full is forgotten.
type paces struct {
	mu sync.Mutex
	m  map[store.NodeID]pace
}

// pace is when the buckets of a peer will be full again.
type pace struct{ entries, bytes time.Time }

// spend counts a batch of peer id, and what came along with it, and returns how long to
// wait before the next.
func (p *paces) spend(id store.NodeID, i *protocol.Index, contents [][]byte) time.Duration {
	bytes := i.Size()
	for _, c := range contents {
		bytes += len(c)
	}
	return p.count(id, len(i.Entries)+batchCost, bytes)
}

// compare is spend for so many registers that a peer had compared: less work than
// merging them.
func (p *paces) compare(id store.NodeID, registers uint64) time.Duration {
	return p.count(id, int(registers/4)+batchCost, 0)
}

func (p *paces) count(id store.NodeID, entries, bytes int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.m == nil {
		p.m = make(map[store.NodeID]pace)
	}
	x, known := p.m[id]
	if !known && len(p.m) >= maxPaces {
		p.forget(now)
	}
	x.entries = after(x.entries, now, float64(entries)/entryRate)
	x.bytes = after(x.bytes, now, float64(bytes)/indexRate)
	p.m[id] = x
	return max(x.entries.Sub(now)-seconds(entryBurst)/entryRate, x.bytes.Sub(now)-seconds(indexBurst)/indexRate)
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// after is full, or now if that is later, moved on by a number of seconds.
func after(full, now time.Time, cost float64) time.Time {
	if full.Before(now) {
		full = now
	}
	return full.Add(seconds(cost))
}

// forget drops the buckets that are full, or the one that is next.
func (p *paces) forget(now time.Time) {
	var next store.NodeID
	var at time.Time
	for id, x := range p.m {
		full := x.entries
		if x.bytes.After(full) {
			full = x.bytes
		}
		if full.Before(now) {
			delete(p.m, id)
		} else if at.IsZero() || full.Before(at) {
			next, at = id, full
		}
	}
	if len(p.m) >= maxPaces {
		delete(p.m, next)
	}
}
