package peer

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
	lane   func(*laneOffer) func(*muxLink)
}

func tcpAddr(l TCP) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}

// start runs a transport on conn until the test ends.
func start(t testing.TB, conn net.PacketConn, shares ...certs.Keys) *end {
	t.Helper()
	return startBoth(t, conn, nil, shares...)
}

// startBoth is start with TCP too; one of the two may be nil.
func startBoth(t testing.TB, conn net.PacketConn, tcp TCP, shares ...certs.Keys) *end {
	t.Helper()
	d, err := certs.NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	e := &end{links: make(chan *authLink, 64), ended: make(chan struct{}), device: d, lane: func(*laneOffer) func(*muxLink) { return nil }}
	var epoch [1]byte
	rand.Read(epoch[:])
	e.transport, err = newTransport(conn, transportConfig{
		ResetKey: [32]byte{1, 2, 3},
		Device:   d,
		Ident:    func() certs.Ident { return certs.Ident{Epoch: uint64(epoch[0]), Name: "node"} },
		Shares:   func() []certs.Keys { return shares },
		TCP:      tcp,
		Lane:     func(o *laneOffer) func(*muxLink) { return e.lane(o) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if e.addr = tcpAddr(tcp); conn != nil {
		e.addr = conn.LocalAddr()
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
