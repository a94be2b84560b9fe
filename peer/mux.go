package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"qsync/protocol"
)

// Sizes of a link over TCP; what they bound is held for the peer.
const (
	muxFrame   = 64 << 10    // bytes of a data frame at most
	muxWindow  = 64 << 10    // that the opener of a stream may send before the first credit
	muxAnswers = 512 << 10   // that the other side may send before: who opens asks for something
	muxGrown   = 8 << 20     // a window at most
	muxReason  = 200         // bytes of the words at the end
	muxLast    = time.Second // for the last word to be sent
	laneSilent = 5 * time.Second
	linkPing   = keepAlive
	longLine   = 5 * time.Millisecond // a round trip from which on a line is no local network
	notSent    = 256 << 10            // bytes that the system holds back of what a connection is to send
	lanePing   = 2 * time.Second      // while something is asked on it
)

// Types of frames. Package protocol has what they mean.
const (
	muxOpen = 1 + iota
	muxData
	muxEnd
	muxReset
	muxStop
	muxCredit
	muxPing
	muxPong
	muxClose
	muxHeader = 9
)

// Bits of a stream's number.
const (
	muxByListener = 1
	muxOneWay     = 2
	muxStep       = 4
)

// muxLink is a [Link] over one ordered connection, TLS over TCP. One goroutine
// reads and one writes; streams meet them in buffers that their windows bound.
type muxLink struct {
	conn   net.Conn
	gather gatherer // conn as one, nil if it is none
	dialer bool
	lane   bool // beside another link to the same peer: given up sooner
	grow   *growth
	out    muxOut
	ended  chan struct{}
	unread chan struct{}  // closed when nobody reads any more
	gone   sync.WaitGroup // its goroutines

	received atomic.Uint64 // frames
	heard    atomic.Int64  // when the last came, in nanoseconds since began
	began    time.Time
	rtt      atomic.Int64 // shortest so far, nanoseconds; 0 while unknown
	tick     *time.Timer
	onRTT    func(time.Duration) // called once, when the first is known

	// Of two locks the one that stands first here is taken first: a stream's mu,
	// this one, that of out.
	mu      sync.Mutex
	err     error
	streams map[uint32]*muxStream
	next    [2]uint32       // number of the next stream opened here, by kind: two-way, one-way
	expect  [2]uint32       // and there
	mine    [2]int          // open ones that were opened here
	theirs  [2]int          // and there
	asked   time.Duration   // since when mine[0] is not 0, as heard
	queue   [2][]*muxStream // opened there and not accepted yet
	moved   *sync.Cond      // any of the above
}

// newMuxLink starts a link on a connection whose ends have proved themselves.
func newMuxLink(conn net.Conn, dialer, lane bool, grow *growth) *muxLink {
	l := &muxLink{
		conn: conn, dialer: dialer, lane: lane, grow: grow, ended: make(chan struct{}), began: time.Now(),
		streams: make(map[uint32]*muxStream), unread: make(chan struct{}),
	}
	l.gather, _ = conn.(gatherer)
	l.moved = sync.NewCond(&l.mu)
	l.out.init()
	for k := range l.next {
		l.next[k], l.expect[k] = streamBits(k, dialer), streamBits(k, !dialer)
	}
	return l
}

// start begins to read and write.
func (l *muxLink) start() {
	l.gone.Add(2)
	go func() {
		defer l.gone.Done()
		defer close(l.unread)
		l.end(l.read())
		_, _ = io.Copy(io.Discard, l.conn) // so that closing does not overtake the last word
	}()
	go func() {
		defer l.gone.Done()
		l.write()
	}()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tick = time.AfterFunc(linkPing, l.watch)
	l.Ping()
}

func streamBits(kind int, dialer bool) (id uint32) {
	if !dialer {
		id |= muxByListener
	}
	if kind == 1 {
		id |= muxOneWay
	}
	return id
}

func kindOf(id uint32) int { return int(id & muxOneWay >> 1) }

// own reports whether a stream of that number was opened here.
func (l *muxLink) own(id uint32) bool { return (id&muxByListener == 0) == l.dialer }

func (l *muxLink) Done() <-chan struct{} { return l.ended }

func (l *muxLink) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *muxLink) Remote() string { return l.conn.RemoteAddr().String() }

// cautious reports whether the connection is under a control that a long line with
// losses slows down.
func (l *muxLink) cautious() bool {
	c, ok := l.conn.(*tcpConn)
	return !ok || controlOf(c.raw.Conn) != "bbr"
}

// inUse reports whether content is asked for on it, by either side.
func (l *muxLink) inUse() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.streams) > 0
}

// Received counts the frames that came from the peer.
func (l *muxLink) Received() uint64 { return l.received.Load() }

// Ping asks the peer's end for a sign of life.
func (l *muxLink) Ping() {
	_ = l.out.frame(muxPing, 0, uint32(time.Since(l.began)/time.Microsecond))
}

func (l *muxLink) Close(code uint64, reason string) error {
	l.end(&LinkError{Code: code, Reason: reason[:min(len(reason), muxReason)]})
	return nil
}

// end ends the link once. Whoever closed it here has a last word for the peer.
func (l *muxLink) end(err error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	var word *LinkError
	if errors.As(err, &word) && word.Remote {
		word = nil
	} else if errors.Is(err, protocol.ErrProtocol) {
		word = &LinkError{Code: CodeProtocol, Reason: err.Error()}
		word.Reason = word.Reason[:min(len(word.Reason), muxReason)]
		err = word
	}
	l.err = err
	l.out.last(word)
	close(l.ended)
	l.tick.Stop()
	l.moved.Broadcast()
	streams := slices.Collect(maps.Values(l.streams))
	l.mu.Unlock()
	l.grow.end()
	_ = l.conn.SetDeadline(time.Now().Add(muxLast))
	for _, s := range streams {
		s.wake()
	}
}

// watch keeps the link alive, and ends it when the peer's end is silent.
func (l *muxLink) watch() {
	now := time.Since(l.began)
	l.mu.Lock()
	asks := l.lane && l.mine[0] > 0
	silent := now - time.Duration(l.heard.Load())
	if silent > idleTimeout || asks && min(silent, now-l.asked) > laneSilent {
		l.mu.Unlock()
		l.end(errSilent)
		return
	}
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	if !asks || silent >= lanePing/2 {
		l.Ping()
	}
	if asks {
		l.tick.Reset(lanePing)
	} else {
		l.tick.Reset(linkPing)
	}
}

var errSilent = errors.New("no sign of life from the peer")

// read takes the peer's frames until the link ends, and returns why.
func (l *muxLink) read() error {
	var h [muxHeader]byte
	for !isClosed(l.ended) {
		if _, err := io.ReadFull(l.conn, h[:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		l.received.Add(1)
		l.heard.Store(int64(time.Since(l.began)))
		id, value := binary.BigEndian.Uint32(h[1:]), binary.BigEndian.Uint32(h[5:])
		if err := l.frame(h[0], id, value); err != nil {
			return err
		}
	}
	return nil
}

func (l *muxLink) frame(kind byte, id, value uint32) error {
	switch kind {
	case muxOpen:
		return l.opened(id, value)
	case muxPing:
		return l.out.frame(muxPong, 0, value)
	case muxPong:
		l.pong(value)
		return nil
	case muxClose:
		return l.closed(id, value)
	}
	s, known := l.find(id)
	if !known {
		return fmt.Errorf("%w: a frame of a stream that is not open", protocol.ErrProtocol)
	}
	switch {
	case kind == muxData:
		return l.data(s, value)
	case s == nil: // it was on its way when the stream ended
		return nil
	case kind == muxCredit:
		return s.credited(value)
	case kind == muxEnd || kind == muxReset:
		return s.peerEnds(kind == muxReset)
	case kind == muxStop:
		s.peerStops()
		return nil
	}
	return fmt.Errorf("%w: frame of type %d", protocol.ErrProtocol, kind)
}

// find returns the stream, nil if it has ended, false if it never was.
func (l *muxLink) find(id uint32) (*muxStream, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.streams[id]; s != nil {
		return s, true
	}
	if l.own(id) {
		return nil, id < l.next[kindOf(id)]
	}
	return nil, id < l.expect[kindOf(id)]
}

func (l *muxLink) opened(id, window uint32) error {
	kind := kindOf(id)
	most := [2]int{maxBidi, maxUni}[kind]
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.own(id) || id != l.expect[kind] || l.theirs[kind] >= most || window > muxGrown {
		return fmt.Errorf("%w: a stream that may not be opened", protocol.ErrProtocol)
	}
	l.expect[kind] += muxStep
	l.theirs[kind]++
	s := newMuxStream(l, id)
	s.credit, s.window, s.allowed = int(window), muxWindow, muxWindow
	s.waiting = true
	l.streams[id] = s
	l.queue[kind] = append(l.queue[kind], s)
	l.moved.Broadcast()
	return nil
}

// data reads the content of a data frame into the stream's buffer.
func (l *muxLink) data(s *muxStream, n uint32) error {
	if n == 0 || n > muxFrame {
		return fmt.Errorf("%w: data frame of %d bytes", protocol.ErrProtocol, n)
	}
	if s == nil {
		_, err := io.CopyN(io.Discard, l.conn, int64(n))
		return err
	}
	return s.fill(int(n))
}

func (l *muxLink) pong(sent uint32) {
	took := time.Duration(uint32(time.Since(l.began)/time.Microsecond)-sent) * time.Microsecond
	took = max(took, time.Microsecond)
	was := l.rtt.Load()
	if was == 0 || int64(took) < was {
		l.rtt.Store(int64(took))
	}
	if was == 0 && l.onRTT != nil {
		l.onRTT(took)
	}
}

func (l *muxLink) closed(code, n uint32) error {
	if n > muxReason {
		return fmt.Errorf("%w: long words at the end", protocol.ErrProtocol)
	}
	reason := make([]byte, n)
	if _, err := io.ReadFull(l.conn, reason); err != nil {
		return err
	}
	return &LinkError{Code: uint64(code), Remote: true, Reason: string(reason)}
}
