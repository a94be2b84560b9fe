package peer

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"qsync/certs"
)

// TestProber: whoever knows no key gets the same answer from every node.
func TestProber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := testKeys(t, 1)
		conns := sim(t, 3, nil)
		with, without := start(t, conns[0], k), start(t, conns[1])
		prober := &quic.Transport{Conn: conns[2]}
		defer conns[2].Close()
		defer prober.Close()
		for _, node := range []*end{with, without} {
			for _, flight := range []int{0, 50, 92, 60000} {
				began := time.Now()
				c, err := prober.Dial(t.Context(), node.addr, certs.ClientTLS(), &quic.Config{})
				if err != nil {
					t.Fatal(err)
				}
				s, err := c.OpenStream()
				if err != nil {
					t.Fatal(err)
				}
				s.Write(make([]byte, flight))
				got, err := io.ReadAll(s)
				var app *quic.ApplicationError
				if len(got) != 0 || !errors.As(err, &app) || app.ErrorCode != quic.ApplicationErrorCode(CodeAuth) || app.ErrorMessage != "" {
					t.Errorf("probe of %d bytes: %q, %v", flight, got, err)
				}
				if took := time.Since(began); took > authTimeout+time.Second {
					t.Errorf("probe of %d bytes held its place for %v", flight, took)
				}
			}
		}
	})
}

// TestCrowd: strangers who never prove themselves fill their own places, and
// nobody else's (F97).
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := testKeys(t, 1)
		conns := sim(t, 3, nil)
		honest, node := start(t, conns[0]), start(t, conns[1], k)
		crowd := &quic.Transport{Conn: conns[2]}
		defer conns[2].Close()
		defer crowd.Close()
		knock := func() int {
			in := 0
			for range 40 {
				if _, err := crowd.Dial(t.Context(), node.addr, certs.ClientTLS(), &quic.Config{}); err == nil {
					in++
				}
			}
			return in
		}
		if in := knock(); in != maxOpenSource {
			t.Errorf("%d of one source were let in", in)
		}
		began := time.Now()
		join(t, honest, node, k)
		if took := time.Since(began); took > 2*time.Second {
			t.Error("an honest peer waited", took)
		}
		time.Sleep(authTimeout + time.Second)
		if in := knock(); in != maxOpenSource {
			t.Errorf("after 5 s %d of one source were let in", in)
		}
		time.Sleep(authTimeout + time.Second)
		node.limits.mu.Lock()
		defer node.limits.mu.Unlock()
		if node.limits.total != 0 || len(node.limits.open) != 0 || len(node.limits.links) != 1 {
			t.Errorf("places lost: %d, %v", node.limits.total, node.limits.open)
		}
	})
}

// TestRelay: an attacker ends TLS on both sides and passes everything on.
func TestRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := testKeys(t, 1)
		conns := sim(t, 3, nil)
		a, b := start(t, conns[0]), start(t, conns[1], k)
		mallory := &quic.Transport{Conn: conns[2]}
		defer conns[2].Close()
		defer mallory.Close()
		serverTLS, err := certs.ServerTLS()
		if err != nil {
			t.Fatal(err)
		}
		l, err := mallory.Listen(serverTLS, &quic.Config{})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			in, err := l.Accept(t.Context())
			if err != nil {
				return
			}
			out, err := mallory.Dial(t.Context(), b.addr, certs.ClientTLS(), &quic.Config{})
			if err != nil {
				return
			}
			from, err1 := in.AcceptStream(t.Context())
			to, err2 := out.OpenStream()
			if err1 != nil || err2 != nil {
				return
			}
			go func() { io.Copy(to, from) }()
			io.Copy(from, to)
			in.CloseWithError(quic.ApplicationErrorCode(CodeAuth), "")
		}()
		if _, err := a.dial(t.Context(), conns[2].LocalAddr(), k); !errors.Is(err, certs.ErrWrongID) {
			t.Error("through a relay:", err)
		}
		if len(b.links) != 0 {
			t.Error("the listener let the relay in")
		}
	})
}

// recorder keeps every datagram that is written.
type recorder struct {
	net.PacketConn
	mu  sync.Mutex
	all []byte
}

func (r *recorder) WriteTo(b []byte, to net.Addr) (int, error) {
	r.mu.Lock()
	r.all = append(r.all, b...)
	r.mu.Unlock()
	return r.PacketConn.WriteTo(b, to)
}

// TestNothingOnTheWire looks for the secrets in all packets of a connection.
func TestNothingOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id, k := testKeys(t, 1)
		conns := sim(t, 2, nil)
		ra, rb := &recorder{PacketConn: conns[0]}, &recorder{PacketConn: conns[1]}
		a, b := start(t, ra), start(t, rb, k)
		dialed, accepted := join(t, a, b, k)
		exchange(t, dialed.Control, accepted.Control)
		a.stop()
		b.stop()
		reader, storer, disc, share := k.ReaderToken(), k.StorerToken(), k.Discovery(), k.ShareID()
		wire := append(ra.all, rb.all...)
		for i, s := range [][]byte{id[:], reader[:32], reader[32:], storer[:32], disc[:], share[:], a.device.Marshal()[15:47], []byte("hello")} {
			if bytes.Contains(wire, s) || bytes.Contains(wire, []byte(hex.EncodeToString(s))) || bytes.Contains(wire, []byte(base64.RawStdEncoding.EncodeToString(s))) {
				t.Errorf("secret %d is on the wire", i)
			}
		}
		if len(wire) < 4000 {
			t.Error("nothing was recorded")
		}
	})
}

// TestWindows: no window grows before authentication, and all together stay
// within the budget.
func TestWindows(t *testing.T) {
	l := newLimits()
	var a, b quic.Conn
	if l.allowWindow(&a, 1) {
		t.Error("an unauthenticated window grew")
	}
	l.windows[&a], l.windows[&b] = 0, 0
	if !l.allowWindow(&a, windowBudget-10) || l.allowWindow(&b, 11) || !l.allowWindow(&b, 10) || l.allowWindow(&a, 1) {
		t.Error("the budget is not kept")
	}
}

func TestSource(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"1.2.3.4", "1.2.3.4", true}, {"1.2.3.4", "1.2.3.5", false}, {"::ffff:1.2.3.4", "1.2.3.4", true},
		{"2001:db8::1", "2001:db8::ffff:1", true}, {"2001:db8::1", "2001:db8:0:1::1", false},
	} {
		x, y := &net.UDPAddr{IP: net.ParseIP(c.a), Port: 1}, &net.UDPAddr{IP: net.ParseIP(c.b), Port: 2}
		if (source(x) == source(y)) != c.same {
			t.Errorf("%s and %s: %v, %v", c.a, c.b, source(x), source(y))
		}
	}
}
