package discovery

import (
	"math/rand/v2"
	"time"
)

// What strangers can make one socket do: in each slot so many packets are read
// and so many of those parsed. The kernel drops what is beyond.
const (
	paceSlot   = 100 * time.Millisecond
	paceReads  = 200
	paceParses = 10
)

// pace counts within a slot.
type pace struct {
	slot          time.Time
	reads, parses int
}

// read counts a packet and says how long to wait before the next one is read.
func (p *pace) read(now time.Time) time.Duration {
	if now.Sub(p.slot) >= paceSlot {
		*p = pace{slot: now}
	}
	if p.reads++; p.reads < paceReads {
		return 0
	}
	return p.slot.Add(paceSlot).Sub(now)
}

// parse reports whether there is time for one more packet of ours.
func (p *pace) parse() bool {
	p.parses++
	return p.parses <= paceParses
}

const (
	firstGap    = time.Second
	lastGap     = time.Minute
	answerGap   = time.Second // RFC 6762, section 6
	secondTime  = time.Second // RFC 6762, section 8.3: announced twice
	shortestAge = 20 * time.Minute
	longestAge  = 40 * time.Minute
)

// schedule is when a socket sends. A zero time is never.
type schedule struct {
	ask    time.Time
	gap    time.Duration // before the question after that
	tell   time.Time
	again  bool // an announcement is still to be repeated
	told   time.Time
	change time.Time // of the face
}

// start begins anew: as of now this link knows nothing of us, nor we of it.
func (s *schedule) start(now time.Time) {
	s.gap = firstGap
	s.ask = now.Add(moment())
	s.announce(now)
}

// announce has a new face told soon, and once more.
func (s *schedule) announce(now time.Time) {
	s.tell, s.again = now.Add(moment()), true
	s.change = now.Add(between(shortestAge, longestAge))
}

// asked has the face told, as rarely as RFC 6762, section 6, wants it.
func (s *schedule) asked(now time.Time) {
	at := now.Add(moment())
	if free := s.told.Add(answerGap); at.Before(free) {
		at = free
	}
	if s.tell.IsZero() || at.Before(s.tell) {
		s.tell = at
	}
}

// othersAsk saves a question of ours: its answers come to everybody. Not before
// the quick ones are over, so that nobody can keep us from asking at first.
func (s *schedule) othersAsk(now time.Time) {
	if s.gap == lastGap {
		s.ask = now.Add(between(lastGap, lastGap*5/4))
	}
}

// hasAsked goes on to 1, 2, 4 and so on up to 60 seconds.
func (s *schedule) hasAsked(now time.Time) {
	s.ask = now.Add(between(s.gap*9/10, s.gap*11/10))
	s.gap = min(2*s.gap, lastGap)
}

func (s *schedule) hasTold(now time.Time) {
	s.told, s.tell = now, time.Time{}
	if s.again {
		s.tell, s.again = now.Add(secondTime+moment()), false
	}
}

// moment keeps all nodes of a link from answering at once (RFC 6762, section 6).
func moment() time.Duration { return between(20*time.Millisecond, 120*time.Millisecond) }

func between(least, most time.Duration) time.Duration {
	return least + time.Duration(rand.Int64N(int64(most-least)))
}
