package peer

import (
	"context"
	"slices"
	"sync"
	"time"

	"qsync/protocol"
)

// Memory that a node holds on behalf of its peers, in bytes.
const (
	memory     = 256 << 20                                // all of it
	coderRoom  = 8 << 20                                  // for one batch of the index that is being made or merged
	bufferRoom = memory - coding*coderRoom - 2*larderRoom // for all that comes from peers, or waits for them
	peerRoom   = 8 << 20                                  // of that for one peer at most
	fetchRoom  = bufferRoom / 2                           // of that for content that is being received

	frameRoom  = protocol.MaxIndex + 64                         // a batch of the index on its way
	answerRoom = 960 << 10                                      // a request and the buffers of its answer
	askRoom    = protocol.MaxData + protocol.MaxPacked + 64<<10 // what reads an answer
)

// stallWait is how long something may take that holds memory others wait for.
const stallWait = time.Minute

// budget shares out memory among accounts. Nobody waits for it for ever, nor in
// a circle, because whoever takes from it holds nothing of it yet for the same
// purpose, and what it then waits for comes without more of it: the disk; the
// merge token, whose holder has its memory already; or a peer, which is given a
// deadline or, see [stall], until others are in need. That peer may itself wait
// for memory, to answer what we are fetching; but fetchers never have more than
// half, so that answers go on at both ends.
type budget struct {
	mu      sync.Mutex
	total   int64
	free    int64
	users   int64 // accounts that hold something, or wait
	waiting []*claim
	short   bool // somebody waits because too little is free
}

// account is what one user of a budget holds.
type account struct {
	b      *budget
	most   int64
	held   int64
	claims int
}

// claim is one wait for memory.
type claim struct {
	a     *account
	n     int64
	ready chan struct{} // closed when it is granted
}

func newBudget(total int64) *budget { return &budget{total: total, free: total} }

// account opens an account that holds up to most bytes.
func (b *budget) account(most int64) *account { return &account{b: b, most: min(most, b.total)} }

// take waits until n bytes, no more than the account may hold, are there for
// it. Who holds least goes first, so that nobody gains by asking for much.
func (a *account) take(ctx context.Context, n int64) error {
	if a.takeNow(n) {
		return nil
	}
	b := a.b
	b.mu.Lock()
	c := b.queue(a, n)
	b.grant()
	b.mu.Unlock()
	select {
	case <-c.ready:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if isClosed(c.ready) {
		b.hold(a, -n)
	} else {
		b.drop(c)
	}
	b.grant()
	return ctx.Err()
}

// takeNow takes n bytes if they are there, and nobody waits.
func (a *account) takeNow(n int64) bool {
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	if len(a.b.waiting) > 0 || !a.b.fits(a, n) {
		return false
	}
	a.b.hold(a, n)
	return true
}

// give returns n bytes of what was taken.
func (a *account) give(n int64) {
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	a.b.hold(a, -n)
	a.b.grant()
}

// greedy reports whether others wait while this account holds more than would
// be its part.
func (a *account) greedy() bool {
	a.b.mu.Lock()
	defer a.b.mu.Unlock()
	return a.b.short && a.held > a.b.total/a.b.users
}

// crowded reports whether somebody waits because too little is free.
func (b *budget) crowded() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.short
}

// The following are called with b.mu held.

func (b *budget) fits(a *account, n int64) bool { return n <= b.free && a.held+n <= a.most }

// hold moves n bytes to a, or back.
func (b *budget) hold(a *account, n int64) {
	defer b.count(a, a.active())
	a.held += n
	b.free -= n
}

func (b *budget) queue(a *account, n int64) *claim {
	defer b.count(a, a.active())
	c := &claim{a, n, make(chan struct{})}
	b.waiting = append(b.waiting, c)
	a.claims++
	return c
}

func (b *budget) drop(c *claim) {
	defer b.count(c.a, c.a.active())
	b.waiting = slices.DeleteFunc(b.waiting, func(d *claim) bool { return d == c })
	c.a.claims--
}

func (a *account) active() bool { return a.held > 0 || a.claims > 0 }

// count keeps users right after a change of a, which was in use before or not.
func (b *budget) count(a *account, was bool) {
	switch now := a.active(); {
	case now && !was:
		b.users++
	case was && !now:
		b.users--
	}
}

// grant serves the claims that can be, and stops at one for which too little is
// free: later ones must not starve it by being small.
func (b *budget) grant() {
	for {
		c := b.next()
		if b.short = c != nil && c.n > b.free; c == nil || b.short {
			return
		}
		b.drop(c)
		b.hold(c.a, c.n)
		close(c.ready)
	}
}

// next is the first claim of those who hold least, and may have more.
func (b *budget) next() (next *claim) {
	for _, c := range b.waiting {
		if c.a.held+c.n <= c.a.most && (next == nil || c.a.held < next.a.held) {
			next = c
		}
	}
	return next
}

// stall ends what holds memory and gets nowhere, once others wait for memory.
type stall struct {
	b     *budget
	end   func()
	mu    sync.Mutex
	on    bool
	timer *time.Timer
}

func newStall(b *budget, end func()) *stall { return &stall{b: b, end: end} }

// begin starts the clock, done stops it.
func (s *stall) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on = true
	if s.timer == nil {
		s.timer = time.AfterFunc(stallWait, s.late)
	} else {
		s.timer.Reset(stallWait)
	}
}

func (s *stall) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on = false; s.timer != nil {
		s.timer.Stop()
	}
}

func (s *stall) late() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.on:
	case s.b.crowded():
		s.end()
	default:
		s.timer.Reset(stallWait)
	}
}
