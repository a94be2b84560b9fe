package peer

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"qsync/certs"
)

// What follows the handshake on a connection over TCP, from its dialer: one byte
// of these and a tag.
const (
	openLink = 1 // it stands by itself; the tag is zeros
	openLane = 2 // beside the link between the same two, which the tag is made from
	openSize = 1 + sha256.Size
	openOK   = 1 // what the listener answers, one byte
)

// Labels of what both ends find in a TLS session (RFC 8446 section 7.5), and
// nobody can choose alone.
const (
	rankLabel = "EXPERIMENTAL qsync/1 rank"
	laneLabel = "EXPERIMENTAL qsync/1 lane"
)

// rank decides which of two links stays.
func rank(s tls.ConnectionState) uint64 {
	b, err := s.ExportKeyingMaterial(rankLabel, nil, 8)
	if err != nil {
		return 0 // the handshake has used another export of this session
	}
	return binary.BigEndian.Uint64(b)
}

// laneToken ties lanes to a link: its two ends know it and nobody else.
func laneToken(s tls.ConnectionState) (token [32]byte) {
	b, err := s.ExportKeyingMaterial(laneLabel, nil, len(token))
	if err == nil {
		copy(token[:], b)
	}
	return token
}

// laneTag shows on another connection, whose exporter gives ekm, that its dialer
// knows the token. On any third one it is worth nothing.
func laneTag(token, ekm [32]byte) (tag [sha256.Size]byte) {
	m := hmac.New(sha256.New, token[:])
	m.Write([]byte("qsync/1 lane"))
	m.Write(ekm[:])
	m.Sum(tag[:0])
	return tag
}

// laneOffer is a lane whose dialer has proved to hold the keys of Share.
type laneOffer struct {
	Share certs.ShareID
	Ident certs.Ident
	tag   [sha256.Size]byte
	ekm   [32]byte
}

// of reports whether it belongs to the link with that token.
func (o *laneOffer) of(token [32]byte) bool {
	want := laneTag(token, o.ekm)
	return token != [32]byte{} && hmac.Equal(want[:], o.tag[:])
}

// tcpConn is a connection over TCP before it becomes a link.
type tcpConn struct {
	*tls.Conn
	raw *gathered
	ekm [32]byte
}

// bound lets every step on c end with ctx. The function that it returns tells
// from a step's error why it failed, and is called once.
func (c *tcpConn) bound(ctx context.Context) func(error) error {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	return func(err error) error {
		if !stop() && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)) {
			return ctx.Err()
		}
		return err
	}
}

// shake makes the TLS handshake.
func (c *tcpConn) shake() (err error) {
	if err = c.Handshake(); err == nil {
		c.ekm, err = certs.Exporter(c.ConnectionState())
	}
	return err
}

func (c *tcpConn) channel() certs.Channel { return certs.Channel{Stream: c, EKM: c.ekm} }

// Gather and Flush implement [gatherer].
func (c *tcpConn) Gather()      { c.raw.Gather() }
func (c *tcpConn) Flush() error { return c.raw.Flush() }

// connectTCP opens a connection to addr, up to the end of the TLS handshake.
func (t *transport) connectTCP(ctx context.Context, addr net.Addr) (*tcpConn, error) {
	at, ok := addrPortOf(addr)
	if !ok {
		return nil, fmt.Errorf("connecting to %s over TCP: no such address", addr)
	}
	c, err := t.cfg.TCP.Dial(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s over TCP: %w", addr, err)
	}
	raw := &gathered{Conn: c}
	out := &tcpConn{Conn: tls.Client(raw, certs.ClientTLS()), raw: raw}
	ctx, cancel := context.WithTimeout(ctx, authTimeout)
	defer cancel()
	done := out.bound(ctx)
	if err := done(out.shake()); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("connecting to %s over TCP: %w", addr, err)
	}
	return out, nil
}

// prove is the dialer's part on c: that it holds keys, and what the connection is
// for. tag is asked for who is there.
func (t *transport) prove(ctx context.Context, c *tcpConn, keys certs.Keys, open func(certs.Ident) ([openSize]byte, error)) (certs.Ident, error) {
	ctx, cancel := context.WithTimeout(ctx, authTimeout)
	defer cancel()
	done := c.bound(ctx)
	peer, err := certs.Prove(c.channel(), t.self(), keys)
	var word [openSize]byte
	if err == nil {
		word, err = open(peer)
	}
	if err == nil {
		_, err = c.Write(word[:])
	}
	var answer [1]byte
	if err == nil {
		_, err = io.ReadFull(c, answer[:])
	}
	if err == nil && answer[0] != openOK {
		err = errNoLink
	}
	if err = done(err); err != nil {
		_ = c.Close()
		return peer, fmt.Errorf("authenticating %s over TCP: %w", c.RemoteAddr(), err)
	}
	return peer, nil
}

var errNoLink = errors.New("neither a link nor a lane of one")

// verify is the listener's part on c. It returns what the dialer wants.
func (t *transport) verify(ctx context.Context, c *tcpConn) (word [openSize]byte, peer certs.Ident, share certs.ShareID, err error) {
	done := c.bound(ctx)
	var keys certs.Keys
	if err = c.shake(); err == nil {
		peer, keys, err = certs.Verify(c.channel(), t.self(), t.cfg.Shares())
	}
	if err == nil {
		_, err = io.ReadFull(c, word[:])
	}
	if err = done(err); err != nil {
		return word, peer, share, err
	}
	return word, peer, keys.ShareID(), nil
}
