package peer

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"qsync/protocol"
)

// muxStream is a stream of a muxLink, of either kind.
type muxStream struct {
	l  *muxLink
	id uint32

	mu    sync.Mutex
	cond  *sync.Cond
	by    time.Time // deadline of both directions
	wakes time.Time // when timer does, zero if it does not
	timer *time.Timer

	// What comes in.
	ring    ring
	window  int       // bytes that the peer may have sent and we not have read
	grown   int       // of window, from the budget
	allowed int       // of window, that the peer may still send
	eaten   int       // read since the last credit
	fed     time.Time // when that was
	inDone  bool      // the peer has ended, or never had, its direction
	lost    bool      // by a reset
	stopped bool      // we want no more
	reading bool      // somebody is filling the ring

	// What goes out.
	credit  int
	waiting bool // for somebody here to accept the stream
	outDone bool // the direction has ended here; of one that the peer opened in one way: we are through
	refused bool // the peer wants no more
}

func newMuxStream(l *muxLink, id uint32) *muxStream {
	s := &muxStream{l: l, id: id}
	s.cond = sync.NewCond(&s.mu)
	return s
}

// wake makes whoever waits look again.
func (s *muxStream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cond.Broadcast()
}

// over is why nobody should wait any longer: the link's end or the deadline.
func (s *muxStream) over() error {
	select {
	case <-s.l.ended:
		return s.l.Err()
	default:
	}
	if !s.by.IsZero() && !time.Now().Before(s.by) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// arm sees to it that somebody is woken at the deadline.
func (s *muxStream) arm() {
	if s.by.IsZero() || !s.wakes.IsZero() && !s.wakes.After(s.by) {
		return
	}
	s.wakes = s.by
	if s.timer == nil {
		s.timer = time.AfterFunc(time.Until(s.by), s.late)
	} else {
		s.timer.Reset(time.Until(s.by))
	}
}

func (s *muxStream) late() {
	s.mu.Lock()
	s.wakes = time.Time{}
	s.cond.Broadcast()
	s.mu.Unlock()
	s.l.out.wake()
}

func (s *muxStream) SetDeadline(t time.Time) error {
	s.mu.Lock()
	sooner := s.by.IsZero() && !t.IsZero() || t.Before(s.by) && !t.IsZero()
	s.by = t
	if sooner {
		s.cond.Broadcast()
	}
	s.mu.Unlock()
	if sooner {
		s.l.out.wake()
	}
	return nil
}

func (s *muxStream) Read(b []byte) (int, error) {
	s.mu.Lock()
	n, ate, err := s.take(b)
	s.mu.Unlock()
	if ate > 0 {
		_ = s.l.out.frame(muxCredit, s.id, uint32(ate))
	}
	if err == io.EOF && s.receives() {
		s.finish(muxEnd)
	}
	return n, err
}

// take reads with mu held, and returns what the peer is to be credited.
func (s *muxStream) take(b []byte) (n, ate int, err error) {
	for {
		if err := s.over(); err != nil {
			return 0, 0, err
		}
		switch {
		case s.stopped, s.lost:
			return 0, 0, ErrReset
		case len(b) == 0:
			return 0, 0, nil
		case s.ring.len() > 0:
			n = s.ring.read(b)
			return n, s.ate(n), nil
		case s.inDone:
			return 0, 0, io.EOF
		}
		s.arm()
		s.cond.Wait()
	}
}

// ate counts what was read and returns a credit when half a window has been.
// A window that was used up within two round trips is the bound of what comes:
// it is doubled, if the budget allows.
func (s *muxStream) ate(n int) int {
	s.eaten += n
	if s.eaten < s.window/2 || s.inDone {
		return 0
	}
	now, rtt := time.Now(), time.Duration(s.l.rtt.Load())
	more := 0
	if rtt > 0 && now.Sub(s.fed) < 2*rtt && s.window < muxGrown && s.l.grow.take(s.window) {
		more = s.window
		s.grown += more
		s.window += more
	}
	s.fed = now
	give := s.eaten + more
	s.eaten = 0
	s.allowed += give
	return give
}

// fill takes n bytes of content off the connection.
func (s *muxStream) fill(n int) error {
	s.mu.Lock()
	if s.inDone || n > s.allowed {
		s.mu.Unlock()
		return fmt.Errorf("%w: content beyond the window or the end", protocol.ErrProtocol)
	}
	s.allowed -= n
	for n > 0 {
		if s.stopped {
			s.mu.Unlock()
			_, err := io.CopyN(io.Discard, s.l.conn, int64(n))
			return err
		}
		space := s.ring.space(n)
		s.reading = true
		s.mu.Unlock()
		k, err := s.l.conn.Read(space)
		s.mu.Lock()
		s.reading = false
		if err != nil {
			s.mu.Unlock()
			return err
		}
		if s.stopped {
			s.ring.free()
		} else {
			s.ring.wrote(k)
			s.cond.Broadcast()
		}
		n -= k
	}
	s.mu.Unlock()
	return nil
}

func (s *muxStream) Write(p []byte) (n int, err error) {
	for n < len(p) {
		s.mu.Lock()
		k, err := s.afford(len(p) - n)
		s.mu.Unlock()
		if err != nil {
			return n, err
		}
		if err := s.l.out.data(s.id, p[n:n+k], s.cannot); err != nil {
			return n, err
		}
		n += k
	}
	return n, nil
}

// afford waits for credit and uses up to n bytes of it.
func (s *muxStream) afford(n int) (int, error) {
	for {
		if err := s.over(); err != nil {
			return 0, err
		}
		switch {
		case s.refused:
			return 0, ErrReset
		case s.outDone:
			return 0, io.ErrClosedPipe
		case s.credit > 0:
			k := min(n, s.credit, muxFrame)
			s.credit -= k
			return k, nil
		}
		s.arm()
		s.cond.Wait()
	}
}

// cannot is why a write is not to wait for the connection any longer.
func (s *muxStream) cannot() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.over(); err != nil {
		return err
	}
	if s.refused {
		return ErrReset
	}
	s.arm()
	return nil
}

func (s *muxStream) credited(n uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > 2*muxGrown || s.credit+int(n) > 2*muxGrown {
		return fmt.Errorf("%w: credit of %d bytes", protocol.ErrProtocol, n)
	}
	s.credit += int(n)
	s.cond.Broadcast()
	return nil
}

// peerEnds notes that the peer's direction has ended.
func (s *muxStream) peerEnds(lost bool) error {
	s.mu.Lock()
	s.inDone = true
	if lost {
		s.lost = true
		s.drop()
	}
	s.cond.Broadcast()
	done := s.outDone
	s.mu.Unlock()
	if done {
		s.l.release(s)
	}
	return nil
}

// peerStops notes that the peer wants no more. What it has sent before is for who
// accepts the stream, unless the peer took that back too.
func (s *muxStream) peerStops() {
	s.mu.Lock()
	s.refused = true
	s.cond.Broadcast()
	stays := s.waiting && !s.lost
	s.mu.Unlock()
	s.l.out.wake()
	if !stays {
		s.finish(muxReset)
	}
}

// taken notes that somebody here has accepted the stream.
func (s *muxStream) taken() {
	s.mu.Lock()
	s.waiting = false
	refused := s.refused
	s.mu.Unlock()
	if refused {
		s.finish(muxReset)
	}
}

// receives reports whether the stream is one-way and comes from the peer.
func (s *muxStream) receives() bool { return kindOf(s.id) == 1 && !s.l.own(s.id) }

// finish ends the own direction, by an end or a reset.
func (s *muxStream) finish(kind byte) {
	s.mu.Lock()
	was, done := s.outDone, s.inDone
	s.outDone = true
	s.cond.Broadcast()
	if !was {
		_ = s.l.out.frame(kind, s.id, 0) // before the number is free again
	}
	s.mu.Unlock()
	if done && !was {
		s.l.release(s)
	}
}

// Cancel tells the peer that no more is wanted.
func (s *muxStream) Cancel() {
	s.stop()
	if s.receives() {
		s.finish(muxEnd)
	}
}

func (s *muxStream) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	s.stopped = true
	s.drop()
	if !s.inDone && (kindOf(s.id) == 0 || s.receives()) {
		_ = s.l.out.frame(muxStop, s.id, 0)
	}
	s.cond.Broadcast()
}

// drop forgets what nobody will read. A ring that is being filled goes after that.
func (s *muxStream) drop() {
	s.l.grow.give(s.grown)
	s.window -= s.grown
	s.grown = 0
	if !s.reading {
		s.ring.free()
	}
}

// Close implements [Stream]; of a one-way stream it marks the end.
func (s *muxStream) Close() error {
	s.finish(muxEnd)
	s.stop()
	return nil
}

// Reset implements [Stream].
func (s *muxStream) Reset() {
	s.finish(muxReset)
	s.stop()
}
