package peer

import (
	"context"
	"net"
	"net/netip"
	"sync"
)

// TCP is how a node uses TCP, or what stands for it in a test.
type TCP interface {
	net.Listener // on the port of the node's UDP socket
	Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error)
}

// ListenTCP opens a listener at "host:port" for a node, on the port that its UDP
// socket has. Errors are those of [net.Listen].
func ListenTCP(addr string) (TCP, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return tcpSocket{l}, nil
}

// DialTCP is the TCP of a node that cannot listen.
func DialTCP() TCP {
	d := deaf{ended: make(chan struct{})}
	d.close = sync.OnceFunc(func() { close(d.ended) })
	return tcpSocket{d}
}

// tcpSocket is the operating system's TCP.
type tcpSocket struct{ net.Listener }

func (tcpSocket) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", to.String())
}

// deaf is a listener that nobody reaches.
type deaf struct {
	ended chan struct{}
	close func()
}

func (d deaf) Accept() (net.Conn, error) { <-d.ended; return nil, net.ErrClosed }
func (d deaf) Close() error              { d.close(); return nil }
func (d deaf) Addr() net.Addr            { return &net.TCPAddr{} }
