package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"qsync/certs"
)

// Settings of every connection. Windows bound what a peer can make us hold.
const (
	authTimeout  = 5 * time.Second // from the first stream to the proof, on either side
	idleTimeout  = 20 * time.Second
	keepAlive    = 7 * time.Second
	startWindow  = 64 << 10 // of a connection until it is authenticated
	maxWindow    = 16 << 20 // of a connection
	streamWindow = 512 << 10
	maxStream    = 8 << 20
	windowBudget = 256 << 20       // of all connections together
	drainTime    = 2 * time.Second // for sessions to close their links when the node stops
	maxBidi      = 64 + 1          // requests, and the control stream
	maxUni       = 4
)

// transportConfig is what a transport needs to know of its node. The functions
// are called at each handshake, from any goroutine.
type transportConfig struct {
	ResetKey [32]byte     // random, kept by the device, never derived from a sync ID
	Device   certs.Device // this node's identity
	Ident    func() certs.Ident
	Shares   func() []certs.Keys // the folders served now
	TCP      TCP                 // nil for none

	// Lane returns what is to be done with a lane that a peer has opened, nil if it
	// belongs to no link.
	Lane func(*laneOffer) func(*muxLink)
}

// transport is QUIC over one packet connection, and TCP, for all peers of a node.
type transport struct {
	cfg       transportConfig
	serverTLS *tls.Config
	quic      *quic.Transport // nil for none
	listener  *quic.Listener
	limits    *limits
	guests    sync.WaitGroup // who has dialled, and what becomes of them
	muxes     sync.WaitGroup // links over TCP
}

// authLink is a link whose other end has proved to hold the keys of Share.
type authLink struct {
	Link
	Share   certs.ShareID
	Ident   certs.Ident // of the peer
	Control Stream      // the stream of the handshake, free for the session
	Dialed  bool        // this side opened the connection
	Rank    uint64      // random, the same on both sides: which of two links stays
	Token   [32]byte    // what lanes are tied to it by; zeros if they cannot be
}

// ListenUDP opens the socket of a node: "host:port", or ":port" for both
// families, port 0 for any free one. Errors are those of [net.ListenPacket].
func ListenUDP(addr string) (net.PacketConn, error) {
	c, err := net.ListenPacket("udp", addr)
	if err != nil {
		return nil, err
	}
	if u, ok := c.(*net.UDPConn); ok {
		return fastUDP(u), nil
	}
	return c, nil
}

// newTransport starts to listen on conn and cfg.TCP, one of which may be nil. It
// owns them from then on and closes them at the end of run, or in close if it
// never ran.
func newTransport(conn net.PacketConn, cfg transportConfig) (t *transport, err error) {
	t = &transport{cfg: cfg, limits: newLimits()}
	if t.serverTLS, err = certs.ServerTLS(); err != nil {
		return nil, err
	}
	t.serverTLS.DynamicRecordSizingDisabled = true // what is written is large, or done
	if conn == nil {
		return t, nil
	}
	t.quic = &quic.Transport{
		Conn:                             conn,
		ConnectionIDLength:               8,
		StatelessResetKey:                (*quic.StatelessResetKey)(&t.cfg.ResetKey),
		DisableVersionNegotiationPackets: true,
		VerifySourceAddress:              t.limits.mustValidate,
		ConnContext:                      t.limits.admit,
	}
	t.listener, err = t.quic.Listen(t.serverTLS, t.config())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listening: %w", err), t.close())
	}
	return t, nil
}

func (t *transport) config() *quic.Config {
	return &quic.Config{
		Versions:                       []quic.Version{quic.Version1},
		HandshakeIdleTimeout:           authTimeout,
		MaxIdleTimeout:                 idleTimeout,
		KeepAlivePeriod:                keepAlive,
		InitialStreamReceiveWindow:     streamWindow,
		MaxStreamReceiveWindow:         maxStream,
		InitialConnectionReceiveWindow: startWindow,
		MaxConnectionReceiveWindow:     maxWindow,
		AllowConnectionWindowIncrease:  t.limits.allowWindow,
		MaxIncomingStreams:             maxBidi,
		MaxIncomingUniStreams:          maxUni,
	}
}

// run accepts connections until ctx ends, then gives the sessions 2 s to close
// their links, closes the rest with [CodeShutdown] and ends everything. accept
// is called on a goroutine of its own for each peer that has proved itself, and
// run waits for it to return. The error is nil unless the socket failed.
func (t *transport) run(ctx context.Context, accept func(*authLink)) error {
	var failed error
	if t.cfg.TCP != nil {
		stop := context.AfterFunc(ctx, func() { _ = t.cfg.TCP.Close() })
		defer stop()
		t.guests.Go(func() { t.acceptTCP(ctx, accept) })
	}
	if t.quic != nil {
		failed = t.acceptQUIC(ctx, accept)
		if t.cfg.TCP != nil {
			_ = t.cfg.TCP.Close()
		}
	} else {
		<-ctx.Done()
	}
	t.guests.Wait()
	t.limits.drain(drainTime)
	return errors.Join(failed, t.close())
}

func (t *transport) acceptQUIC(ctx context.Context, accept func(*authLink)) error {
	for {
		c, err := t.listener.Accept(ctx)
		if err != nil {
			if ctx.Err() == nil {
				return fmt.Errorf("accepting connections: %w", err)
			}
			return nil
		}
		t.guests.Go(func() {
			if l := t.welcome(ctx, c); l != nil {
				accept(l)
			}
		})
	}
}

// close ends the transport and every connection at once.
func (t *transport) close() error {
	if t.listener != nil {
		_ = t.listener.Close()
	}
	if t.cfg.TCP != nil {
		_ = t.cfg.TCP.Close()
	}
	t.limits.drain(0)
	t.muxes.Wait()
	if t.quic == nil {
		return nil
	}
	err := t.quic.Close()
	if e := t.quic.Conn.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// welcome lets whoever opened c prove itself. It returns nil, with c closed,
// if that fails: in the same way for every reason that a stranger can cause.
func (t *transport) welcome(ctx context.Context, c *quic.Conn) *authLink {
	ctx, cancel := context.WithTimeout(ctx, authTimeout)
	defer cancel()
	l := newQUICLink(c)
	s, err := l.AcceptStream(ctx)
	if err != nil {
		_ = l.Close(CodeAuth, "")
		return nil
	}
	ch, done, err := t.channel(ctx, c, s)
	var peer certs.Ident
	var keys certs.Keys
	if err == nil {
		peer, keys, err = certs.Verify(ch, t.self(), t.cfg.Shares())
	}
	if err = done(err); err != nil {
		refuse(ctx, l, err)
		return nil
	}
	t.limits.enrol(l, c)
	return &authLink{Link: l, Share: keys.ShareID(), Ident: peer, Control: s, Rank: rank(c.ConnectionState().TLS), Token: laneToken(c.ConnectionState().TLS)}
}

// dialQUIC is dial over QUIC.
func (t *transport) dialQUIC(ctx context.Context, addr net.Addr, keys certs.Keys) (*authLink, error) {
	c, err := t.quic.Dial(ctx, addr, certs.ClientTLS(), t.config())
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	ctx, cancel := context.WithTimeout(ctx, authTimeout)
	defer cancel()
	l := newQUICLink(c)
	s, err := l.OpenStream(ctx)
	if err != nil {
		_ = l.Close(CodeAuth, "")
		return nil, fmt.Errorf("authenticating %s: %w", addr, err)
	}
	ch, done, err := t.channel(ctx, c, s)
	var peer certs.Ident
	if err == nil {
		peer, err = certs.Prove(ch, t.self(), keys)
	}
	if err = done(err); err != nil {
		err = refusal(err)
		_ = l.Close(closeCode(err), "")
		return nil, fmt.Errorf("authenticating %s: %w", addr, err)
	}
	t.limits.enrol(l, c)
	return &authLink{Link: l, Share: keys.ShareID(), Ident: peer, Control: s, Dialed: true, Rank: rank(c.ConnectionState().TLS), Token: laneToken(c.ConnectionState().TLS)}, nil
}

func (t *transport) self() certs.Self {
	return certs.Self{Device: t.cfg.Device, Ident: t.cfg.Ident()}
}

// channel prepares a handshake on s that ends with ctx. done is called with
// its error and returns the reason behind it, if that was ctx.
func (t *transport) channel(ctx context.Context, c *quic.Conn, s Stream) (ch certs.Channel, done func(error) error, err error) {
	ekm, err := certs.Exporter(c.ConnectionState().TLS)
	stop := context.AfterFunc(ctx, func() { _ = s.SetDeadline(time.Unix(1, 0)) })
	done = func(err error) error {
		if !stop() && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)) {
			return ctx.Err()
		}
		return err
	}
	return certs.Channel{Stream: s, EKM: ekm}, done, err
}

// refuse ends a connection whose dialer did not prove itself.
func refuse(ctx context.Context, l *quicLink, err error) {
	code := closeCode(err)
	if code != CodeAuth {
		// What the dialer needs to find out by itself is on its way, and a
		// close would overtake it.
		select {
		case <-l.Done():
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	_ = l.Close(code, "")
}

func closeCode(err error) uint64 {
	switch {
	case errors.Is(err, certs.ErrVersion):
		return CodeVersion
	case errors.Is(err, certs.ErrSelf), errors.Is(err, certs.ErrClone):
		return CodeSelf
	}
	return CodeAuth
}

// refusal says what a dialer's failure means when the peer closed the link.
func refusal(err error) error {
	var closed *LinkError
	if errors.As(err, &closed) && closed.Remote {
		switch closed.Code {
		case CodeAuth:
			return fmt.Errorf("%w (%w)", certs.ErrWrongID, err)
		case CodeVersion:
			return fmt.Errorf("%w (%w)", certs.ErrVersion, err)
		}
	}
	return err
}
