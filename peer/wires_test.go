package peer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// wires is TCP among the machines of a test: what is sent arrives after a while,
// in order, and while the way is cut it waits.
type wires struct {
	mu      sync.Mutex
	latency time.Duration
	rate    int64 // bytes a second of each connection, each way; 0 is no limit
	at      map[netip.AddrPort]*wireEnd
	refuse  bool                   // nobody listens
	dark    bool                   // nothing arrives, new connections neither
	conns   []*wireConn            // of dialers
	moved   int64                  // bytes that were sent
	dials   map[netip.AddrPort]int // attempts, by where to
}

func newWires() *wires {
	return &wires{latency: 5 * time.Millisecond, at: make(map[netip.AddrPort]*wireEnd), dials: make(map[netip.AddrPort]int)}
}

// wireEnd implements [TCP] for one machine.
type wireEnd struct {
	w     *wires
	addr  netip.AddrPort
	queue chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (w *wires) listen(addr netip.AddrPort) *wireEnd {
	addr = plainAddr(addr)
	e := &wireEnd{w: w, addr: addr, queue: make(chan net.Conn, 128), done: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at[addr] = e
	return e
}

func plainAddr(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func (e *wireEnd) Accept() (net.Conn, error) {
	select {
	case c := <-e.queue:
		return c, nil
	case <-e.done:
		return nil, net.ErrClosed
	}
}

func (e *wireEnd) Close() error {
	e.once.Do(func() {
		close(e.done)
		e.w.mu.Lock()
		defer e.w.mu.Unlock()
		if e.w.at[e.addr] == e {
			delete(e.w.at, e.addr)
		}
	})
	return nil
}

func (e *wireEnd) Addr() net.Addr { return net.TCPAddrFromAddrPort(e.addr) }

func (e *wireEnd) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	w := e.w
	w.mu.Lock()
	to = plainAddr(to)
	there, refuse, dark := w.at[to], w.refuse, w.dark
	w.dials[to]++
	w.mu.Unlock()
	if dark {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	time.Sleep(w.latency)
	if there == nil || refuse {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	out, in := newWire(w), newWire(w)
	here := &wireConn{in: in, out: out, local: e.Addr(), remote: there.Addr()}
	w.mu.Lock()
	w.conns = append(w.conns, here)
	w.mu.Unlock()
	there.queue <- &wireConn{in: out, out: in, local: there.Addr(), remote: e.Addr()}
	return here, nil
}

// count returns how many connections are open.
func (w *wires) count() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		if !c.in.is(&c.in.gone) && !c.out.is(&c.out.gone) {
			n++
		}
	}
	return n
}

// kill breaks every connection that is open.
func (w *wires) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.Close()
	}
}

// killOne breaks one of them.
func (w *wires) killOne() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		if !c.in.is(&c.in.gone) {
			c.Close()
			return
		}
	}
}

// set changes how the network behaves.
func (w *wires) set(fn func()) {
	w.mu.Lock()
	fn()
	all := w.conns
	w.mu.Unlock()
	for _, c := range all {
		c.in.wake()
		c.out.wake()
	}
}

type wireConn struct {
	in, out       *wire
	local, remote net.Addr
}

func (c *wireConn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *wireConn) Write(b []byte) (int, error) { return c.out.write(b) }
func (c *wireConn) LocalAddr() net.Addr         { return c.local }
func (c *wireConn) RemoteAddr() net.Addr        { return c.remote }
func (c *wireConn) CloseWrite() error           { c.out.end(&c.out.ended); return nil }
func (c *wireConn) Close() error {
	c.out.end(&c.out.ended)
	c.in.end(&c.in.gone)
	return nil
}
func (c *wireConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}
func (c *wireConn) SetReadDeadline(t time.Time) error  { c.in.by(&c.in.readBy, t); return nil }
func (c *wireConn) SetWriteDeadline(t time.Time) error { c.out.by(&c.out.writeBy, t); return nil }

// wire is one direction of a connection.
type wire struct {
	w       *wires
	mu      sync.Mutex
	parts   []wirePart
	size    int
	sent    time.Time // when all of them are on their way, at a limited rate
	ended   bool      // by the writer
	gone    bool      // the reader
	readBy  time.Time
	writeBy time.Time
	changed chan struct{}
}

type wirePart struct {
	b  []byte
	at time.Time
}

const wireBuffer = 4 << 20

func newWire(w *wires) *wire { return &wire{w: w, changed: make(chan struct{})} }

func (p *wire) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wakeLocked()
}

func (p *wire) wakeLocked() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *wire) end(which *bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*which = true
	p.wakeLocked()
}

func (p *wire) is(which *bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return *which
}

func (p *wire) by(which *time.Time, t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*which = t
	p.wakeLocked()
}

// wait blocks until something changes, until a deadline, or until at.
func (p *wire) wait(by, at time.Time) error {
	wait := time.Hour
	if !by.IsZero() {
		if wait = time.Until(by); wait <= 0 {
			return os.ErrDeadlineExceeded
		}
	}
	if !at.IsZero() {
		wait = min(wait, time.Until(at))
	}
	changed := p.changed
	p.mu.Unlock()
	defer p.mu.Lock()
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	}
	return nil
}

func (p *wire) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		p.mu.Unlock()
		p.w.mu.Lock()
		dark := p.w.dark
		p.w.mu.Unlock()
		p.mu.Lock()
		var at time.Time
		switch {
		case p.gone:
			return 0, net.ErrClosed
		case dark:
		case len(p.parts) > 0:
			if at = p.parts[0].at; time.Now().Before(at) {
				break
			}
			n := copy(b, p.parts[0].b)
			if p.parts[0].b = p.parts[0].b[n:]; len(p.parts[0].b) == 0 {
				p.parts = p.parts[1:]
			}
			p.size -= n
			p.wakeLocked()
			return n, nil
		case p.ended:
			return 0, io.EOF
		}
		if err := p.wait(p.readBy, at); err != nil {
			return 0, err
		}
	}
}

func (p *wire) write(b []byte) (n int, err error) {
	p.w.mu.Lock()
	latency, rate := p.w.latency, p.w.rate
	p.w.moved += int64(len(b))
	p.w.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	at := time.Now()
	if rate > 0 {
		at = later(at, p.sent).Add(time.Duration(len(b)) * time.Second / time.Duration(rate))
		p.sent = at
	}
	at = at.Add(latency)
	for len(b) > 0 {
		switch {
		case p.ended:
			return n, net.ErrClosed
		case p.gone:
			return n, errors.New("connection reset by peer")
		case p.size < wireBuffer:
			k := min(len(b), wireBuffer-p.size)
			p.parts = append(p.parts, wirePart{append([]byte(nil), b[:k]...), at})
			p.size += k
			b, n = b[k:], n+k
			p.wakeLocked()
			continue
		}
		if err := p.wait(p.writeBy, time.Time{}); err != nil {
			return n, err
		}
	}
	return n, nil
}
