package web

import (
	"io"
	"net"
	"net/netip"
	"testing"
)

// callers is a listener whose connections come from addresses that a test gives.
type callers struct {
	net.Listener
	from chan string
}

type caller struct {
	net.Conn
	from net.Addr
}

func (c caller) RemoteAddr() net.Addr { return c.from }

func (l callers) Accept() (net.Conn, error) {
	from, ok := <-l.from
	if !ok {
		return nil, io.EOF
	}
	c, _ := net.Pipe()
	return caller{c, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))}, nil
}

// TestOneAddressLeavesRoom: one address takes up half of the connections at most,
// another gets in, and what is closed may come again. This machine is not counted.
func TestOneAddressLeavesRoom(t *testing.T) {
	for _, x := range []struct {
		greedy, same, other string
		bounded             bool
	}{
		{"192.0.2.1:1", "[::ffff:192.0.2.1]:2", "192.0.2.2:1", true},
		{"[2001:db8::1]:1", "[2001:db8::ffff:2]:1", "[2001:db8:0:1::1]:1", true},
		{"[fe80::1%eth0]:1", "[fe80::1%eth1]:1", "192.0.2.1:1", true},
		{"127.0.0.1:1", "127.0.0.2:1", "[::1]:1", false},
	} {
		from := make(chan string, 2*maxConnections)
		l := newFairListener(callers{from: from})
		accept := func() net.Conn {
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		var all []net.Conn
		for range maxOfOne {
			from <- x.greedy
			all = append(all, accept())
		}
		from <- x.same
		from <- x.other
		want := x.other
		if !x.bounded {
			want = x.same
		}
		if got := accept().RemoteAddr().String(); got != net.TCPAddrFromAddrPort(netip.MustParseAddrPort(want)).String() {
			t.Errorf("after %d of %s the next is %s, want %s", maxOfOne, x.greedy, got, want)
		}
		if !x.bounded {
			continue
		}
		_ = all[0].Close()
		_ = all[0].Close() // counted once
		from <- x.same
		from <- x.same
		from <- x.other
		for _, want := range []string{x.same, x.other} {
			if got := accept().RemoteAddr().String(); got != net.TCPAddrFromAddrPort(netip.MustParseAddrPort(want)).String() {
				t.Errorf("after one was closed: %s, want %s", got, want)
			}
		}
	}
}
