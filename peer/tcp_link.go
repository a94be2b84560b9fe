package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"

	"qsync/certs"
)

// tcpRate is how many connections a second are let in over TCP, of all sources:
// what a handshake costs is most of what a stranger can make this node spend.
const tcpRate = 100

// acceptTCP takes connections until the listener is closed. Who has not proved
// itself within 5 s is sent away, and so is at once who would be one too many.
func (t *transport) acceptTCP(ctx context.Context, accept func(*authLink)) {
	for {
		c, err := t.cfg.TCP.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many open files, or whoever dialled has gone again
			if !sleep(ctx, 50*time.Millisecond) {
				return
			}
			continue
		}
		place, err := t.limits.enter(c.RemoteAddr())
		if err != nil {
			_ = c.Close()
			continue
		}
		t.guests.Go(func() {
			defer place.free()
			l, err := t.welcomeTCP(ctx, c, place)
			if err != nil {
				_ = c.Close()
			} else if l != nil {
				accept(l)
			}
		})
	}
}

// welcomeTCP lets whoever opened c prove itself: as welcome does, and where that
// fails with nothing but an end. The link of a lane, which it hands to its
// session, is nil.
func (t *transport) welcomeTCP(ctx context.Context, c net.Conn, p *place) (*authLink, error) {
	ctx, cancel := context.WithTimeout(ctx, authTimeout)
	defer cancel()
	raw := &gathered{Conn: c}
	tc := &tcpConn{Conn: tls.Server(raw, t.serverTLS), raw: raw}
	word, peer, share, err := t.verify(ctx, tc)
	if err != nil {
		return nil, err
	}
	p.free()
	lane := word[0] == openLane
	take := func(*muxLink) {}
	if lane {
		take = t.cfg.Lane(&laneOffer{share, peer, [32]byte(word[1:]), tc.ekm})
	}
	if take == nil || !lane && word[0] != openLink {
		return nil, errNoLink
	}
	_ = tc.SetDeadline(time.Now().Add(authTimeout))
	if _, err := tc.Write([]byte{openOK}); err != nil {
		return nil, err
	}
	_ = tc.SetDeadline(time.Time{})
	l := t.newMux(tc, false, lane)
	if lane {
		take(l)
		return nil, nil
	}
	control, err := l.AcceptStream(ctx)
	if err != nil {
		_ = l.Close(CodeAuth, "")
		return nil, nil
	}
	return t.linkTCP(tc, l, authLink{Share: share, Ident: peer, Control: control}), nil
}

// linkTCP completes a link that stands by itself.
func (t *transport) linkTCP(c *tcpConn, l *muxLink, out authLink) *authLink {
	out.Link, out.Rank, out.Token = l, rank(c.ConnectionState()), laneToken(c.ConnectionState())
	t.limits.enrol(l, nil)
	return &out
}

// dialTCP proves to hold keys on c and makes it a link that carries everything.
// Errors are as of dial.
func (t *transport) dialTCP(ctx context.Context, c *tcpConn, keys certs.Keys) (*authLink, error) {
	peer, err := t.prove(ctx, c, keys, func(certs.Ident) (w [openSize]byte, err error) { w[0] = openLink; return w, nil })
	if err != nil {
		return nil, err
	}
	l := t.newMux(c, true, false)
	control, err := l.OpenStream(ctx)
	if err != nil {
		_ = l.Close(CodeAuth, "")
		return nil, err
	}
	return t.linkTCP(c, l, authLink{Share: keys.ShareID(), Ident: peer, Control: control, Dialed: true}), nil
}

// dialLane opens one more connection to the peer of a link, for content.
func (t *transport) dialLane(ctx context.Context, at netip.AddrPort, of *session) (*muxLink, error) {
	c, err := t.connectTCP(ctx, net.TCPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	_, err = t.prove(ctx, c, of.f.keys, func(peer certs.Ident) (w [openSize]byte, err error) {
		if peer.Node != of.peer.Node || peer.Epoch != of.peer.Epoch {
			return w, errOther
		}
		tag := laneTag(of.token, c.ekm)
		w[0] = openLane
		copy(w[1:], tag[:])
		return w, nil
	})
	if err != nil {
		return nil, err
	}
	return t.newMux(c, true, true), nil
}

var errOther = errors.New("somebody else is there")

// newMux starts a link on a connection that has proved itself.
func (t *transport) newMux(c *tcpConn, dialer, lane bool) *muxLink {
	l := newMuxLink(c, dialer, lane, &growth{of: t.limits.grow})
	l.onRTT = func(rtt time.Duration) { tuneTCP(c.raw.Conn, rtt) }
	l.start()
	t.muxes.Go(func() {
		l.gone.Wait()
		t.limits.left(l, nil)
	})
	return l
}

// addrPort is an address of either transport.
func addrPortOf(a net.Addr) (netip.AddrPort, bool) {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.AddrPort(), true
	case *net.TCPAddr:
		return a.AddrPort(), true
	}
	at, err := netip.ParseAddrPort(a.String())
	return at, err == nil
}
