package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"qsync/certs"
)

func wireAt(w *wires, n byte) (TCP, netip.AddrPort) {
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, n}), 2121)
	return w.listen(at), at
}

// TestTCPRefused: over TCP too, who does not hold the ID is refused in the one way
// that says nothing, and nobody is told apart by what went wrong.
func TestTCPRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := testKeys(t, 1)
		_, other := testKeys(t, 2)
		w := newWires()
		la, _ := wireAt(w, 1)
		lb, _ := wireAt(w, 2)
		a, b := startTCP(t, la), startTCP(t, lb, k)
		join(t, a, b, k)
		began := time.Now()
		if _, err := a.dial(t.Context(), b.addr, other); !errors.Is(err, certs.ErrWrongID) {
			t.Error("another ID:", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Error("a refusal took", took)
		}
		if _, err := b.dial(t.Context(), b.addr, k); !errors.Is(err, certs.ErrSelf) {
			t.Error("itself:", err)
		}
	})
}

// TestTCPFlood: who connects and says nothing, half of it, or something else has a
// place for five seconds, eight a source at most; others get in meanwhile.
func TestTCPFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := testKeys(t, 1)
		w := newWires()
		la, _ := wireAt(w, 1)
		lb, at := wireAt(w, 2)
		lx, _ := wireAt(w, 66)
		a, b := startTCP(t, la), startTCP(t, lb, k)
		var all []net.Conn
		for i := range 60 {
			c, err := lx.Dial(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
			switch i % 3 {
			case 1:
				_, _ = c.Write([]byte("GET / HTTP/1.1\r\n"))
			case 2: // TLS, then half a proof
				go func() {
					s := tls.Client(c, certs.ClientTLS())
					if s.Handshake() == nil {
						_, _ = s.Write(make([]byte, 40))
					}
				}()
			}
		}
		time.Sleep(100 * time.Millisecond)
		b.limits.mu.Lock()
		if n := b.limits.total; n == 0 || n > maxOpenSource {
			t.Errorf("%d of one source have a place", n)
		}
		b.limits.mu.Unlock()
		began := time.Now()
		join(t, a, b, k)
		if took := time.Since(began); took > time.Second {
			t.Error("an honest peer waited", took)
		}
		time.Sleep(authTimeout + time.Second)
		b.limits.mu.Lock()
		if b.limits.total != 0 || len(b.limits.open) != 0 || len(b.limits.links) != 1 {
			t.Errorf("places lost: %d, %v, %d links", b.limits.total, b.limits.open, len(b.limits.links))
		}
		b.limits.mu.Unlock()
		for _, c := range all {
			c.Close()
		}
		// More than a hundred a second are sent away, wherever they come from.
		time.Sleep(time.Second)
		for i := range tcpRate + 1 {
			p, err := b.limits.enter(&net.TCPAddr{IP: net.IPv4(10, 1, 0, byte(i))})
			if many := i == tcpRate; errors.Is(err, errTooMany) != many {
				t.Errorf("number %d: %v", i, err)
			}
			if err == nil {
				p.free()
			}
		}
	})
}

// TestLaneTokens: a lane belongs to the link whose two ends know its token. One of
// another link, of another node, or made for another connection is turned away.
func TestLaneTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := testKeys(t, 1)
		w := newWires()
		la, _ := wireAt(w, 1)
		lb, _ := wireAt(w, 2)
		lc, _ := wireAt(w, 3)
		a, b, c := startTCP(t, la), startTCP(t, lb, k), startTCP(t, lc)
		one, at := join(t, a, b, k)
		two, _ := join(t, c, b, k)
		if one.Token != at.Token || one.Token == two.Token || one.Token == [32]byte{} {
			t.Fatal("tokens")
		}
		var taken []*muxLink
		b.lane = func(o *laneOffer) func(*muxLink) {
			if o.Ident.Node != a.device.ID() || !o.of(at.Token) {
				return nil
			}
			return func(m *muxLink) { taken = append(taken, m) }
		}
		lane := func(from *end, peer certs.Ident, token [32]byte) error {
			s := &session{f: &Folder{keys: k}, peer: peer, token: token}
			m, err := from.dialLane(t.Context(), mustAddr(b.addr), s)
			if err == nil {
				defer m.Close(CodeShutdown, "")
			}
			return err
		}
		if err := lane(a, one.Ident, one.Token); err != nil {
			t.Error("the right one:", err)
		}
		if err := lane(a, one.Ident, two.Token); err == nil {
			t.Error("a token of another link")
		}
		if err := lane(c, two.Ident, one.Token); err == nil {
			t.Error("another node with it")
		}
		if err := lane(a, one.Ident, [32]byte{}); err == nil {
			t.Error("no token")
		}
		if err := lane(a, certs.Ident{Node: c.device.ID(), Epoch: 1}, one.Token); !errors.Is(err, errOther) {
			t.Error("somebody else answers:", err)
		}
		var o laneOffer
		o.tag = laneTag(one.Token, [32]byte{1})
		if o.ekm = [32]byte{2}; o.of(one.Token) {
			t.Error("a tag that was made for another connection")
		}
		if len(taken) != 1 {
			t.Errorf("%d lanes were let in", len(taken))
		}
		// Neither a link nor a lane.
		conn, err := a.connectTCP(t.Context(), b.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.prove(t.Context(), conn, k, func(certs.Ident) (word [openSize]byte, err error) { word[0] = 3; return word, nil }); err == nil {
			t.Error("a connection for nothing")
		}
	})
}

func mustAddr(a net.Addr) netip.AddrPort {
	at, _ := addrPortOf(a)
	return at
}

// TestTCPRelay: who ends TLS in the middle and passes everything on gets nobody in.
func TestTCPRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := testKeys(t, 1)
		w := newWires()
		la, _ := wireAt(w, 1)
		lb, at := wireAt(w, 2)
		lm, middle := wireAt(w, 9)
		a, b := startTCP(t, la), startTCP(t, lb, k)
		own, err := certs.ServerTLS()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			in, err := lm.Accept()
			if err != nil {
				return
			}
			out, err := lm.Dial(context.Background(), at)
			if err != nil {
				return
			}
			x, y := tls.Server(in, own), tls.Client(out, certs.ClientTLS())
			if x.Handshake() != nil || y.Handshake() != nil {
				return
			}
			go func() { _, _ = io.Copy(y, x); y.Close() }()
			_, _ = io.Copy(x, y)
			x.Close()
		}()
		if _, err := a.dial(t.Context(), net.TCPAddrFromAddrPort(middle), k); !errors.Is(err, certs.ErrWrongID) {
			t.Error(err)
		}
		time.Sleep(authTimeout)
		if len(b.links) != 0 {
			t.Error("the listener let it in")
		}
	})
}

// TestLinkTCP holds a link over TCP to its contract, over the loopback.
func TestLinkTCP(t *testing.T) {
	noLeaks(t)
	_, k := testKeys(t, 1)
	a, b := startTCP(t, loopback(t)), startTCP(t, loopback(t), k)
	dialed, accepted := join(t, a, b, k)
	if dialed.Ident.Node != b.device.ID() || accepted.Ident.Node != a.device.ID() || dialed.Rank != accepted.Rank {
		t.Errorf("identities: %v, %v", dialed.Ident, accepted.Ident)
	}
	exchange(t, dialed.Control, accepted.Control)
	checkLink(t, dialed.Link, accepted.Link)
}
