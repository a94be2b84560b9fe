package web

import (
	"net"
	"net/netip"
	"sync"
)

// maxOfOne is how many connections one address may have: some are left for others.
// Behind a proxy all may come from one.
const maxOfOne = maxConnections / 2

// fairListener ends connections of an address that has too many, as soon as they
// are accepted. This machine's own addresses are not counted: whoever is on it needs
// no connection to take something up, and a proxy may be there.
type fairListener struct {
	net.Listener

	mu   sync.Mutex
	open map[netip.Prefix]int
}

func newFairListener(l net.Listener) *fairListener {
	return &fairListener{Listener: l, open: map[netip.Prefix]int{}}
}

// Accept is net.Listener's.
func (l *fairListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, counted := network(c.RemoteAddr())
		if !counted {
			return c, nil
		}
		if l.take(from) {
			return &fairConn{Conn: c, over: sync.OnceFunc(func() { l.free(from) })}, nil
		}
		_ = c.Close()
	}
}

func (l *fairListener) take(from netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from] >= maxOfOne {
		return false
	}
	l.open[from]++
	return true
}

func (l *fairListener) free(from netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from]--; l.open[from] <= 0 {
		delete(l.open, from)
	}
}

// network is what is counted as one address: of IPv6 what one line has.
func network(a net.Addr) (_ netip.Prefix, counted bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}, false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	if !ip.IsValid() || ip.IsLoopback() {
		return netip.Prefix{}, false
	}
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	return p, err == nil
}

// fairConn is a connection that is counted until it is closed.
type fairConn struct {
	net.Conn
	over func()
}

// Close is net.Conn's.
func (c *fairConn) Close() error {
	defer c.over()
	return c.Conn.Close()
}
