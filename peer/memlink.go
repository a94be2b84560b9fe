package peer

import (
	"context"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	memBuffer = 1 << 20 // bytes on the way in one direction of a stream
	memQueue  = 64      // streams opened and not accepted yet
)

// memPair returns the two ends of a link inside this process: for two folders
// of one node, and for tests. Its streams hold at most 1 MiB a direction.
func memPair() (Link, Link) {
	core := &memCore{done: make(chan struct{})}
	a, b := newMemLink(core), newMemLink(core)
	a.peer, b.peer = b, a
	return a, b
}

// memCore is what both ends share: the one end that either of them can make.
type memCore struct {
	mu     sync.Mutex
	done   chan struct{}
	closer *memLink
	code   uint64
	reason string
}

type memLink struct {
	core *memCore
	peer *memLink
	bidi chan *memStream // opened by the peer
	uni  chan *memPipe
}

func newMemLink(core *memCore) *memLink {
	return &memLink{core: core, bidi: make(chan *memStream, memQueue), uni: make(chan *memPipe, memQueue)}
}

func (l *memLink) OpenStream(ctx context.Context) (Stream, error) {
	there, here := newMemPipe(l), newMemPipe(l.peer)
	if err := offer(ctx, l, l.peer.bidi, &memStream{in: there, out: here}); err != nil {
		return nil, err
	}
	return &memStream{in: here, out: there}, nil
}

func (l *memLink) AcceptStream(ctx context.Context) (Stream, error) {
	s, err := take(ctx, l, l.bidi)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (l *memLink) OpenUni(ctx context.Context) (io.WriteCloser, error) {
	p := newMemPipe(l)
	if err := offer(ctx, l, l.peer.uni, p); err != nil {
		return nil, err
	}
	return memSend{p}, nil
}

func (l *memLink) AcceptUni(ctx context.Context) (RecvStream, error) {
	p, err := take(ctx, l, l.uni)
	if err != nil {
		return nil, err
	}
	return memRecv{p}, nil
}

func (l *memLink) Done() <-chan struct{} { return l.core.done }

func (l *memLink) Err() error {
	l.core.mu.Lock()
	defer l.core.mu.Unlock()
	if l.core.closer == nil {
		return nil
	}
	return &LinkError{Code: l.core.code, Remote: l.core.closer != l, Reason: l.core.reason}
}

func (l *memLink) Close(code uint64, reason string) error {
	l.core.mu.Lock()
	defer l.core.mu.Unlock()
	if l.core.closer == nil {
		l.core.closer, l.core.code, l.core.reason = l, code, reason
		close(l.core.done)
	}
	return nil
}

func (l *memLink) Remote() string { return "this process" }

func offer[T any](ctx context.Context, l *memLink, queue chan<- T, v T) error {
	if err := l.Err(); err != nil {
		return err
	}
	select {
	case queue <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.core.done:
		return l.Err()
	}
}

func take[T any](ctx context.Context, l *memLink, queue <-chan T) (v T, err error) {
	if err := l.Err(); err != nil {
		return v, err
	}
	select {
	case v = <-queue:
		return v, nil
	case <-ctx.Done():
		return v, ctx.Err()
	case <-l.core.done:
		return v, l.Err()
	}
}

type memStream struct {
	in, out *memPipe
	closed  atomic.Bool
}

func (s *memStream) Read(b []byte) (int, error)  { return s.in.read(b) }
func (s *memStream) Write(b []byte) (int, error) { return s.out.write(b) }

func (s *memStream) Close() error {
	s.closed.Store(true)
	err := s.out.finish()
	s.in.abandon(readerGone)
	return err
}

func (s *memStream) Reset() {
	if s.closed.Load() {
		return
	}
	s.out.abandon(writerGone)
	s.in.abandon(readerGone)
}

func (s *memStream) SetDeadline(t time.Time) error {
	s.in.setDeadline(&s.in.readBy, t)
	s.out.setDeadline(&s.out.writeBy, t)
	return nil
}

type memSend struct{ p *memPipe }

func (s memSend) Write(b []byte) (int, error) { return s.p.write(b) }
func (s memSend) Close() error                { return s.p.finish() }

type memRecv struct{ p *memPipe }

func (r memRecv) Read(b []byte) (int, error) { return r.p.read(b) }
func (r memRecv) Cancel()                    { r.p.abandon(readerGone) }

// pipeState says how one direction ended.
type pipeState uint8

const (
	flowing    pipeState = iota
	finished             // the writer closed it; what is buffered can be read
	writerGone           // the writer reset it
	readerGone           // the reader wants no more
)

// memPipe is one direction of a stream. It waits on channels rather than on
// a sync.Cond, so that a wait can end with the link or at a deadline too.
type memPipe struct {
	writer *memLink // the end that writes; its peer reads

	mu      sync.Mutex
	buf     []byte
	state   pipeState
	readBy  time.Time
	writeBy time.Time
	changed chan struct{} // closed at the next change of anything above
}

func newMemPipe(writer *memLink) *memPipe {
	return &memPipe{writer: writer, changed: make(chan struct{})}
}

// wake tells whoever waits that something changed. The caller holds mu.
func (p *memPipe) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// wait blocks until a change, the end of the link or the deadline. The caller
// holds mu, which is released meanwhile.
func (p *memPipe) wait(l *memLink, by time.Time) error {
	var timeout <-chan time.Time
	if !by.IsZero() {
		left := time.Until(by)
		if left <= 0 {
			return os.ErrDeadlineExceeded
		}
		timer := time.NewTimer(left)
		defer timer.Stop()
		timeout = timer.C
	}
	changed := p.changed
	p.mu.Unlock()
	defer p.mu.Lock()
	select {
	case <-changed:
	case <-timeout:
	case <-l.core.done:
	}
	return nil
}

func (p *memPipe) read(b []byte) (int, error) {
	l := p.writer.peer
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if err := l.Err(); err != nil {
			return 0, err
		}
		switch {
		case p.state == writerGone || p.state == readerGone:
			return 0, ErrReset
		case len(b) == 0:
			return 0, nil
		case len(p.buf) > 0:
			n := copy(b, p.buf)
			p.buf = p.buf[n:]
			p.wake()
			return n, nil
		case p.state == finished:
			return 0, io.EOF
		}
		if err := p.wait(l, p.readBy); err != nil {
			return 0, err
		}
	}
}

func (p *memPipe) write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if err := p.writer.Err(); err != nil {
			return n, err
		}
		if p.state == finished {
			return n, io.ErrClosedPipe
		}
		if p.state != flowing {
			return n, ErrReset
		}
		if k := min(len(b), memBuffer-len(p.buf)); k > 0 {
			p.buf = append(p.buf, b[:k]...)
			b, n = b[k:], n+k
			p.wake()
		}
		if len(b) == 0 {
			return n, nil
		}
		if err := p.wait(p.writer, p.writeBy); err != nil {
			return n, err
		}
	}
}

// finish ends the direction after what was written.
func (p *memPipe) finish() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == flowing {
		p.state = finished
		p.wake()
	}
	return p.writer.Err()
}

// abandon ends the direction and drops what nobody will read.
func (p *memPipe) abandon(by pipeState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Where everything written was read too, nothing is left to abandon.
	if p.state == writerGone || p.state == readerGone || (p.state == finished && len(p.buf) == 0) {
		return
	}
	p.state, p.buf = by, nil
	p.wake()
}

func (p *memPipe) setDeadline(which *time.Time, t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*which = t
	p.wake()
}
