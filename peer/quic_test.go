package peer

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/testutils/simnet"

	"qsync/certs"
)

func testKeys(t testing.TB, n byte) (certs.SyncID, certs.Keys) {
	t.Helper()
	var id certs.SyncID
	for i := range id {
		id[i] = byte(i) * n
	}
	k, err := certs.Derive(id)
	if err != nil {
		t.Fatal(err)
	}
	return id, k
}

func udp(t testing.TB) net.PacketConn {
	t.Helper()
	c, err := ListenUDP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// end is one running transport of a test.
type end struct {
	*transport
	addr   net.Addr
	links  chan *authLink
	stop   context.CancelFunc
	ended  chan struct{}
	device certs.Device
	crash  atomic.Bool // run is meant to fail
}

// start runs a transport on conn until the test ends.
func start(t testing.TB, conn net.PacketConn, shares ...certs.Keys) *end {
	t.Helper()
	d, err := certs.NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	e := &end{addr: conn.LocalAddr(), links: make(chan *authLink, 64), ended: make(chan struct{}), device: d}
	var epoch [1]byte
	rand.Read(epoch[:])
	e.transport, err = newTransport(conn, transportConfig{
		ResetKey: [32]byte{1, 2, 3},
		Device:   d,
		Ident:    func() certs.Ident { return certs.Ident{Epoch: uint64(epoch[0]), Name: "node"} },
		Shares:   func() []certs.Keys { return shares },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	e.stop = func() { cancel(); <-e.ended }
	go func() {
		defer close(e.ended)
		if err := e.run(ctx, func(l *authLink) { e.links <- l }); err != nil && !e.crash.Load() {
			t.Errorf("run: %v", err)
		}
	}()
	t.Cleanup(e.stop)
	return e
}

// join dials from a to b and returns both ends of the link.
func join(t testing.TB, a, b *end, k certs.Keys) (dialed, accepted *authLink) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	dialed, err := a.dial(ctx, b.addr, k)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case accepted = <-b.links:
	case <-ctx.Done():
		t.Fatal("the listener did not accept")
	}
	return dialed, accepted
}

// noLeaks fails the test if goroutines are left after its cleanups.
func noLeaks(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for range 100 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
	})
}

func TestLinkUDP(t *testing.T) {
	noLeaks(t)
	_, k := testKeys(t, 1)
	_, other := testKeys(t, 2)
	a, b := start(t, udp(t)), start(t, udp(t), other, k)
	dialed, accepted := join(t, a, b, k)
	if !dialed.Dialed || accepted.Dialed || dialed.Share != k.ShareID() || accepted.Share != k.ShareID() {
		t.Error("who dialed, or which share, is wrong")
	}
	if dialed.Ident.Node != b.device.ID() || accepted.Ident.Node != a.device.ID() || !accepted.Ident.Writer {
		t.Errorf("identities: %v, %v", dialed.Ident, accepted.Ident)
	}
	exchange(t, dialed.Control, accepted.Control)
	checkLink(t, dialed.Link, accepted.Link)
}

func TestLinkMemory(t *testing.T) {
	noLeaks(t)
	a, b := memPair()
	checkLink(t, a, b)
}

// sim makes a simulated network of n nodes inside a bubble. Packets of a pair
// for which cut returns true are lost.
func sim(t *testing.T, n int, cut func() bool) []net.PacketConn {
	network := &simnet.Simnet{Router: &lossyRouter{cut: cut}}
	conns := make([]net.PacketConn, n)
	for i := range conns {
		addr := &net.UDPAddr{IP: net.IPv4(10, 0, 0, byte(i+1)), Port: 2121}
		conns[i] = network.NewEndpoint(addr, simnet.NodeBiDiLinkSettings{Latency: 5 * time.Millisecond})
	}
	if err := network.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	return conns
}

type lossyRouter struct {
	simnet.PerfectRouter
	cut func() bool
}

func (r *lossyRouter) SendPacket(p simnet.Packet) error {
	if r.cut != nil && r.cut() {
		return nil
	}
	return r.PerfectRouter.SendPacket(p)
}

func TestLinkSimulated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := testKeys(t, 1)
		conns := sim(t, 2, nil)
		a, b := start(t, conns[0]), start(t, conns[1], k)
		dialed, accepted := join(t, a, b, k)
		exchange(t, dialed.Control, accepted.Control)
		time.Sleep(time.Hour) // kept alive
		checkLink(t, dialed.Link, accepted.Link)
	})
	synctest.Test(t, func(t *testing.T) {
		a, b := memPair()
		checkLink(t, a, b)
	})
}

// exchange sends a line each way.
func exchange(t testing.TB, a, b Stream) {
	t.Helper()
	for _, dir := range [][2]Stream{{a, b}, {b, a}} {
		if _, err := dir[0].Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(dir[1], got); err != nil || string(got) != "hello" {
			t.Fatal(string(got), err)
		}
	}
}

// openBoth opens a stream from a to b, with one byte through it.
func openBoth(t testing.TB, a, b Link) (here, there Stream) {
	t.Helper()
	here, err := a.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := here.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if there, err = b.AcceptStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(there, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return here, there
}

// checkLink holds both kinds of link to their contract, then closes a.
func checkLink(t testing.TB, a, b Link) {
	t.Helper()
	checkBulk(t, a, b)
	checkReset(t, a, b)
	checkDeadline(t, a, b)
	checkUni(t, a, b)
	if a.Err() != nil || a.Remote() == "" {
		t.Error("open, but", a.Err(), a.Remote())
	}
	here, there := openBoth(t, a, b)
	if err := a.Close(CodeNotHere, "gone"); err != nil {
		t.Error("Close:", err)
	}
	<-a.Done()
	<-b.Done()
	var la, lb *LinkError
	if !errors.As(a.Err(), &la) || *la != (LinkError{CodeNotHere, false, "gone"}) {
		t.Error("closing side:", a.Err())
	}
	if !errors.As(b.Err(), &lb) || *lb != (LinkError{CodeNotHere, true, "gone"}) || !strings.Contains(lb.Error(), `"gone"`) {
		t.Error("other side:", b.Err())
	}
	_, errRead := there.Read(make([]byte, 1))
	_, errWrite := here.Write([]byte("x"))
	_, errOpen := b.OpenStream(t.Context())
	_, errAccept := b.AcceptStream(t.Context())
	for _, err := range []error{errRead, errWrite, errOpen, errAccept} {
		if !errors.As(err, new(*LinkError)) {
			t.Error("after the end:", err)
		}
	}
}

// checkBulk moves more than any buffer holds, with an answer the other way.
func checkBulk(t testing.TB, a, b Link) {
	t.Helper()
	here, there := openBoth(t, a, b)
	sent := make([]byte, 5<<20)
	rand.Read(sent)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := here.Write(sent); err != nil {
			t.Error("writing:", err)
		}
		if got, err := io.ReadAll(here); err != nil || string(got) != "thanks" {
			t.Errorf("answer %q, %v", got, err)
		}
		if err := here.Close(); err != nil {
			t.Error("Close after the peer's:", err)
		}
		here.Reset()
	})
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(there, got); err != nil || !bytes.Equal(got, sent) {
		t.Error("content differs:", err)
	}
	if _, err := there.Write([]byte("thanks")); err != nil {
		t.Error(err)
	}
	if err := there.Close(); err != nil {
		t.Error("Close:", err)
	}
	there.Reset() // must not take back what Close promised
	wg.Wait()
}

func checkReset(t testing.TB, a, b Link) {
	t.Helper()
	here, there := openBoth(t, a, b)
	here.Reset()
	if _, err := io.ReadAll(there); !errors.Is(err, ErrReset) {
		t.Error("reading a reset stream:", err)
	}
	for {
		if _, err := there.Write(make([]byte, 1000)); err != nil {
			if !errors.Is(err, ErrReset) {
				t.Error("writing a reset stream:", err)
			}
			break
		}
	}
	there.Reset()
}

func checkDeadline(t testing.TB, a, b Link) {
	t.Helper()
	here, there := openBoth(t, a, b)
	start := time.Now()
	time.AfterFunc(20*time.Millisecond, func() { here.SetDeadline(start) })
	if _, err := here.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("deadline set while reading:", err)
	}
	here.SetDeadline(time.Now().Add(20 * time.Millisecond))
	for {
		if _, err := here.Write(make([]byte, 1<<20)); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("deadline while writing:", err)
			}
			break
		}
	}
	here.Reset()
	there.Reset()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := b.AcceptStream(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("accepting nothing:", err)
	}
}

func checkUni(t testing.TB, a, b Link) {
	t.Helper()
	for range 3 * maxUni { // more than may be open at a time
		w, err := a.OpenUni(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("index")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := b.AcceptUni(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != "index" {
			t.Errorf("%q, %v", got, err)
		}
		r.Cancel()
	}
	w, err := a.OpenUni(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("index")); err != nil {
		t.Fatal(err)
	}
	r, err := b.AcceptUni(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.Cancel()
	for err == nil {
		_, err = w.Write(make([]byte, 1000))
	}
	if !errors.Is(err, ErrReset) {
		t.Error("writing to who cancelled:", err)
	}
	w.Close()
}

// TestRefused: the reasons that a dialer can tell apart.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := testKeys(t, 1)
		_, other := testKeys(t, 2)
		conns := sim(t, 2, nil)
		a, b := start(t, conns[0], k), start(t, conns[1], other)
		began := time.Now()
		if _, err := a.dial(t.Context(), b.addr, k); !errors.Is(err, certs.ErrWrongID) {
			t.Error("wrong ID:", err)
		}
		if took := time.Since(began); took < certs.FailDelay || took > time.Second {
			t.Error("refused after", took)
		}
		if _, err := a.dial(t.Context(), a.addr, k); !errors.Is(err, certs.ErrSelf) {
			t.Error("self:", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		nobody := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 9), Port: 1}
		if _, err := a.dial(ctx, nobody, k); !errors.Is(err, context.DeadlineExceeded) {
			t.Error("nobody there:", err)
		}
		if len(b.links) != 0 {
			t.Error("a stranger was let in")
		}
	})
}

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

// TestPeerVanishes: a partition ends the link after the idle time-out (F75).
func TestPeerVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := testKeys(t, 1)
		var mu sync.Mutex
		var down bool
		conns := sim(t, 2, func() bool { mu.Lock(); defer mu.Unlock(); return down })
		a, b := start(t, conns[0]), start(t, conns[1], k)
		dialed, accepted := join(t, a, b, k)
		mu.Lock()
		down = true
		mu.Unlock()
		began := time.Now()
		<-dialed.Done()
		<-accepted.Done()
		if took := time.Since(began); took > idleTimeout+keepAlive {
			t.Error("noticed after", took)
		}
		if errors.As(dialed.Err(), new(*LinkError)) || dialed.Err() == nil {
			t.Error("why:", dialed.Err())
		}
	})
}

// TestStatelessReset: a restarted peer is noticed at the next packet (F75).
func TestStatelessReset(t *testing.T) {
	_, k := testKeys(t, 1)
	conn := udp(t)
	addr := conn.LocalAddr().String()
	a, b := start(t, udp(t)), start(t, conn, k)
	dialed, _ := join(t, a, b, k)
	b.crash.Store(true)
	b.quic.Close() // as a crash does, without a word
	b.quic.Conn.Close()
	<-b.ended
	again, err := ListenUDP(addr)
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, again, k)
	dialed.Control.Write(make([]byte, 100))
	select {
	case <-dialed.Done():
	case <-time.After(5 * time.Second):
		t.Error("the restart was not noticed")
	}
	l, _ := join(t, a, c, k)
	l.Close(CodeShutdown, "")
}

// TestDualStack moves data over both families of one socket each.
func TestDualStack(t *testing.T) {
	_, k := testKeys(t, 1)
	listen := func() net.PacketConn {
		c, err := ListenUDP(":0")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := start(t, listen()), start(t, listen(), k)
	port := b.addr.(*net.UDPAddr).Port
	hosts := []net.IP{net.IPv4(127, 0, 0, 1)}
	if c, err := net.ListenPacket("udp6", "[::1]:0"); err == nil {
		c.Close()
		hosts = append(hosts, net.IPv6loopback)
	}
	for _, ip := range hosts {
		b.addr = &net.UDPAddr{IP: ip, Port: port}
		dialed, accepted := join(t, a, b, k)
		checkBulk(t, dialed, accepted)
		dialed.Close(CodeShutdown, "")
	}
}

// TestShutdown: peers are told when a node stops, and run waits for accept.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := testKeys(t, 1)
		conns := sim(t, 2, nil)
		a, b := start(t, conns[0]), start(t, conns[1], k)
		dialed, _ := join(t, a, b, k)
		b.stop()
		<-dialed.Done()
		var closed *LinkError
		if !errors.As(dialed.Err(), &closed) || closed.Code != CodeShutdown || !closed.Remote {
			t.Error("why:", dialed.Err())
		}
		if _, err := b.dial(t.Context(), a.addr, k); err == nil {
			t.Error("a stopped transport dials")
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

// BenchmarkBulk measures one stream between two sockets of this machine.
func BenchmarkBulk(b *testing.B) {
	_, k := testKeys(b, 1)
	from, to := start(b, udp(b)), start(b, udp(b), k)
	dialed, accepted := join(b, from, to, k)
	defer dialed.Close(CodeShutdown, "")
	here, there := openBoth(b, dialed, accepted)
	block := make([]byte, 1<<20)
	b.SetBytes(int64(len(block)))
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := io.CopyN(io.Discard, there, int64(b.N)*int64(len(block))); err != nil {
			b.Error(err)
		}
	})
	b.ResetTimer()
	for range b.N {
		if _, err := here.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	wg.Wait()
}
