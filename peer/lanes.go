package peer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"qsync/store"
)

// When lanes are opened, and closed again.
const (
	maxLanes  = 4         // of one session
	laneLeast = 128 << 10 // bytes from which on what is asked for may take a lane
	laneWorth = 1 << 20   // bytes that one of the two wants, for a lane to be opened
	laneIdle  = time.Minute
	laneLater = 2 * time.Second // that who was dialled waits for the other one to open it
	laneMin   = 5 * time.Second // between two attempts that failed, twice as long each time
	laneMax   = 5 * time.Minute
)

// errLane says that a lane has ended: what was asked for on it can be asked for
// in another way.
var errLane = errors.New("a lane has ended")

// lanes are connections over TCP beside the link of a session. Content takes them
// where that is the better way; without them it goes over the link, as all else.
// Whoever wants content opens a stream on one, whichever side has opened the lane.
type lanes struct {
	s    *session
	came chan *lane // opened by the peer

	mu      sync.Mutex
	all     []*lane
	ended   bool
	wanted  time.Time // since when, zero if not
	failed  time.Time
	wait    time.Duration // after failed
	ways    [2]way        // over the link, over lanes
	counted time.Time     // when ways was last brought up to date
	spent   time.Duration // processor time then
	overTCP bool          // the link is no other way than the lanes
}

// lane is one of them.
type lane struct {
	link *muxLink
	ours bool // opened here
	flow flow // of answers
	used time.Time
	busy int // requests of ours on it
}

func newLanes(s *session) *lanes {
	_, tcp := s.link.(*muxLink)
	return &lanes{s: s, came: make(chan *lane, maxLanes), overTCP: tcp}
}

// possible reports whether the two ends can have lanes.
func (l *lanes) possible() bool {
	s := l.s
	return s.f.node.cfg.TCP != nil && s.peer.Caps&capLanes != 0 && s.token != [32]byte{} && !s.observer && s.f.cfg.Plan == nil
}

// lane finds the session that a lane belongs to.
func (n *Node) lane(o *laneOffer) func(*muxLink) {
	for _, f := range n.Folders() {
		if f.twin != nil || f.keys.ShareID() != o.Share {
			continue
		}
		f.mu.Lock()
		s := f.sessions[store.NodeID(o.Ident.Node)]
		f.mu.Unlock()
		if s != nil && s.peer.Epoch == o.Ident.Epoch && o.of(s.token) && s.lanes.possible() && s.lanes.room() {
			return s.lanes.take
		}
	}
	return nil
}

func (l *lanes) room() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.ended && len(l.all) < maxLanes
}

func (l *lanes) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// take gives a lane that the peer has opened to the session, or ends it.
func (l *lanes) take(m *muxLink) {
	if x := l.add(m, false); x != nil {
		l.came <- x // never full: all has no more
	}
}

// add enters a lane, nil if it is one too many.
func (l *lanes) add(m *muxLink, ours bool) *lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || len(l.all) >= maxLanes {
		_ = m.Close(CodeDuplicate, "")
		return nil
	}
	x := &lane{link: m, ours: ours, used: time.Now()}
	l.all = append(l.all, x)
	return x
}

// end closes all lanes, with the link.
func (l *lanes) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	for _, x := range l.all {
		_ = x.link.Close(CodeShutdown, "")
	}
}

// keepLanes opens lanes while content is wanted, and serves what is asked for on
// them.
func (s *session) keepLanes(ctx context.Context, slots chan struct{}) error {
	if !s.lanes.possible() {
		return nil
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		change := s.f.changes()
		wait := s.lanes.due(s.wantsContent())
		if wait == 0 {
			s.openLane(ctx, slots)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return nil
		case x := <-s.lanes.came:
			s.serveLane(ctx, x, slots)
			continue
		case <-change:
		case <-timer.C:
		}
		if !sleep(ctx, progressWait) {
			return nil
		}
	}
	return nil
}

// wantsContent reports whether one of the two wants so much that a lane pays.
func (s *session) wantsContent() bool {
	s.mu.Lock()
	theirs := s.heard.WantBytes
	s.mu.Unlock()
	return theirs >= laneWorth || s.f.settles() && s.f.want().Bytes >= laneWorth
}

// due returns how long it is until a lane is to be opened, or looked after.
func (l *lanes) due(wanted bool) time.Duration {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeIdle(now, wanted)
	if !wanted {
		l.wanted = time.Time{}
		return laneIdle
	}
	if l.wanted.IsZero() {
		l.wanted = now
	}
	if len(l.all) >= l.enough() {
		return laneIdle
	}
	at := l.failed.Add(l.wait)
	if !l.s.dialer {
		at = later(at, l.wanted.Add(laneLater))
	}
	return max(at.Sub(now), 0)
}

// enough is how many lanes are worth having: several where one connection takes
// every lost packet for a full line.
func (l *lanes) enough() int {
	for _, x := range l.all {
		if rtt := x.link.rtt.Load(); rtt >= int64(longLine) && x.link.cautious() {
			return maxLanes
		}
	}
	return 1
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// closeIdle closes what was opened here and is not used any more.
func (l *lanes) closeIdle(now time.Time, wanted bool) {
	for _, x := range l.all {
		if wanted || x.busy > 0 || x.link.inUse() {
			x.used = now
		} else if x.ours && now.Sub(x.used) >= laneIdle {
			_ = x.link.Close(CodeShutdown, "")
		}
	}
}

// openLane opens one.
func (s *session) openLane(ctx context.Context, slots chan struct{}) {
	dctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	at, ok := remoteAddr(s.link)
	var m *muxLink
	err := errNoLink
	if ok {
		m, err = s.f.node.transport.dialLane(dctx, at, s)
	}
	l := s.lanes
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.failed, l.wait = time.Now(), min(max(2*l.wait, laneMin), laneMax)
		s.f.node.cfg.Log.Debug("no lane", "folder", s.f.Dir(), "peer", s.peer.Name, "error", err)
		return
	}
	if x := l.add(m, true); x != nil {
		s.serveLane(ctx, x, slots)
	}
}

// serveLane answers what the peer asks for on a lane, until that ends.
func (s *session) serveLane(ctx context.Context, x *lane, slots chan struct{}) {
	s.waits.Add(1)
	go func() {
		defer s.waits.Done()
		began := time.Now()
		_ = s.answersOn(ctx, x.link, &x.flow, slots)
		s.lanes.lost(x, time.Since(began))
		if violation(x.link.Err()) {
			s.link.Close(CodeProtocol, "")
		}
	}()
}

// lost takes out a lane that has ended. One that did not live long is not opened
// again at once.
func (l *lanes) lost(x *lane, lived time.Duration) {
	_ = x.link.Close(CodeShutdown, "")
	l.mu.Lock()
	l.all = slices.DeleteFunc(l.all, func(o *lane) bool { return o == x })
	if l.wait = min(max(2*l.wait, laneMin), laneMax); lived > l.wait {
		l.wait = 0
	}
	l.failed = time.Now()
	l.mu.Unlock()
	l.s.f.changed() // the next one may be due
}
