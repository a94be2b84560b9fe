package peer

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// route is the way that one request takes.
type route struct {
	s    *session
	lane *lane // nil over the link
}

// route chooses the way for so many bytes.
func (s *session) route(n int64) route {
	l := s.lanes
	r := route{s: s}
	if n < laneLeast {
		return r
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.prefers() == overLanes {
		r.lane = l.idlest()
	}
	return r
}

// overLanes is the way over a lane as long as there is one, which counts as busy until
// done is called: others are choosing, too.
func (s *session) overLanes() (way route, done func()) {
	l := s.lanes
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.idlest()
	if x == nil {
		return route{s: s}, func() {}
	}
	x.busy++
	return route{s, x}, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		x.busy--
	}
}

// idlest returns the lane with the fewest requests, nil for none. l.mu is held.
func (l *lanes) idlest() (idlest *lane) {
	for _, x := range l.all {
		if !isClosed(x.link.Done()) && (idlest == nil || x.busy < idlest.busy) {
			idlest = x
		}
	}
	return idlest
}

// spreads reports whether several lanes are the better way, so that one file is to
// take all of them.
func (l *lanes) spreads() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all) > 1 && l.prefers() == overLanes
}

func (r route) link() Link {
	if r.lane != nil {
		return r.lane.link
	}
	return r.s.link
}

func (r route) way() int {
	if r.lane != nil {
		return overLanes
	}
	return overLink
}

// stream begins to measure what comes in on st.
func (r route) stream(st Stream) *routed {
	l := r.s.lanes
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(time.Now())
	l.ways[r.way()].active++
	if r.lane != nil {
		r.lane.busy++
	}
	return &routed{Stream: st, route: r}
}

// routed is a stream of which it is measured what comes in.
type routed struct {
	Stream
	route
	once  sync.Once
	since int   // bytes since the last look at the ways
	left  int64 // bytes that are still to come, if they may come in another way; else 0
}

// errMove says that the rest of what was asked for had better take another way.
var errMove = errors.New("another way is better")

// moveLeast is how much must be to come for a change of ways to pay.
const moveLeast = 4 << 20

// lookEvery is how much comes in before the ways are looked at again.
const lookEvery = 1 << 20

func (st *routed) Read(p []byte) (int, error) {
	n, err := st.Stream.Read(p)
	st.left -= int64(n)
	if st.since += n; st.since >= lookEvery {
		st.note()
		if err == nil && st.left >= moveLeast && st.worse() {
			return n, errMove
		}
	}
	return n, st.lost(err)
}

// lost marks the error of a request that can take another way.
func (r route) lost(err error) error {
	if err != nil && r.lane != nil && isClosed(r.lane.link.Done()) {
		return fmt.Errorf("%w: %w", errLane, err)
	}
	return err
}

func (st *routed) note() {
	l := st.s.lanes
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ways[st.way()].bytes += float64(st.since)
	st.since = 0
	l.count(time.Now())
}

func (st *routed) done() {
	st.once.Do(func() {
		st.note()
		l := st.s.lanes
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ways[st.way()].active--
		if st.lane != nil {
			st.lane.busy--
		}
	})
}

func (st *routed) Close() error {
	st.done()
	return st.Stream.Close()
}

func (st *routed) Reset() {
	st.done()
	st.Stream.Reset()
}

// worse reports whether what is still to come had better take another way.
func (st *routed) worse() bool {
	l := st.s.lanes
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.prefers() != st.way()
}

// The ways to a peer.
const (
	overLink = iota
	overLanes
)

// What measurements are worth.
const (
	waySpan  = time.Second // of coming in, after which what was measured before counts half
	wayLeast = 8 << 20     // bytes from which on a measurement says something, or
	wayLong  = 2 * time.Second
	wayFine  = 64 << 20 // bytes a second that come in well enough not to try another way
	wayOld   = 5 * time.Minute
	wayMore  = 1.25 // times as many bytes a second are more
)

// way is what was measured of one of them.
type way struct {
	active int // requests
	bytes  float64
	busy   time.Duration // while some request was under way
	cpu    time.Duration // of this process, while none was on the other way
	alone  float64       // bytes then
	noted  float64       // of bytes, when last counted
	at     time.Time     // when last something came
}

// rate is bytes a second, 0 while unknown.
func (w *way) rate() float64 {
	if w.bytes < wayLeast && w.busy < wayLong {
		return 0
	}
	return w.bytes / max(w.busy.Seconds(), 1e-6)
}

// cost is seconds of this process a byte, 0 while unknown.
func (w *way) cost() float64 {
	if w.alone < wayLeast {
		return 0
	}
	return w.cpu.Seconds() / w.alone
}

// count brings the measurements up to now. l.mu is held.
func (l *lanes) count(now time.Time) {
	since := now.Sub(l.counted)
	if since < 10*time.Millisecond && l.ways[0].active+l.ways[1].active > 0 {
		return
	}
	l.counted = now
	cpu := processTime()
	spent := cpu - l.spent
	l.spent = cpu
	for i := range l.ways {
		w, other := &l.ways[i], &l.ways[1-i]
		came := w.bytes - w.noted
		if w.active > 0 {
			w.busy += since
			if other.active == 0 {
				w.cpu += spent
				w.alone += came
			}
		}
		if came > 0 {
			w.at = now
		}
		if w.busy > 2*waySpan {
			w.bytes, w.busy = w.bytes/2, w.busy/2
		}
		if w.alone > 8*wayLeast {
			w.alone, w.cpu = w.alone/2, w.cpu/2
		}
		w.noted = w.bytes
	}
}

// status describes the ways to the peer, nil if it is in this process.
func (l *lanes) status() *Transport {
	if _, ok := remoteAddr(l.s.link); !ok {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	name := func(tcp bool) string {
		if tcp {
			return "tcp"
		}
		return "quic"
	}
	t := &Transport{Link: name(l.overTCP), Content: name(l.overTCP || l.prefers() == overLanes), Lanes: len(l.all)}
	for way, to := range map[int]*Measured{overLink: &t.QUIC, overLanes: &t.TCP} {
		if way == overLink && l.overTCP {
			continue
		}
		*to = Measured{Rate: int64(l.ways[way].rate()), CPU: l.ways[way].cost() * 1e9}
	}
	return t
}

// prefers chooses between the link and the lanes: what brings more a second, or of
// about equal ones what costs less. What was not measured, or long ago, is tried
// where that might help: the lanes first, the link when they bring little. l.mu is
// held.
func (l *lanes) prefers() int {
	if len(l.all) == 0 {
		return overLink
	}
	link, lanes := &l.ways[overLink], &l.ways[overLanes]
	now := time.Now()
	old := func(w *way) bool { return w.rate() == 0 || now.Sub(w.at) > wayOld }
	switch {
	case l.overTCP: // both are the same
		return overLanes
	case old(lanes):
		return overLanes
	case old(link):
		if lanes.rate() < wayFine && lanes.rate() > 0 {
			return overLink
		}
		return overLanes
	case link.rate() > wayMore*lanes.rate():
		return overLink
	case lanes.rate() > wayMore*link.rate():
		return overLanes
	case link.cost() > 0 && lanes.cost() > 0 && link.cost() < lanes.cost():
		return overLink
	}
	return overLanes
}
