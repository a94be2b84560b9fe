package main

import (
	"sync"

	"qsync/peer"
)

// burst is the work that a folder is at, or all of a run: from when something is wanted
// until nothing is. Whoever looks at it, from wherever and since whenever, sees the same
// of it.
type burst struct {
	mu    sync.Mutex
	begun bool
	start int64       // bytes that had come before it
	whole peer.Amount // the most there was to get
}

// read takes one look: what is wanted, and how many bytes have come in this run. It
// returns what the burst is about as a whole, nothing if there is none.
func (b *burst) read(want peer.Amount, came int64) peer.Amount {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch busy := want != (peer.Amount{}); {
	case !busy:
		b.begun, b.whole = false, peer.Amount{}
		return b.whole
	case !b.begun:
		b.begun, b.start = true, came
	}
	b.whole.Bytes = max(b.whole.Bytes, max(came-b.start, 0)+want.Bytes) // came may be from just before it began
	b.whole.Entries = max(b.whole.Entries, want.Entries)
	return b.whole
}

// measure has the bursts of the folders known though nobody looks at them.
func (g *manager) measure() {
	for _, m := range g.running() {
		m.burst.read(m.Work())
	}
}
