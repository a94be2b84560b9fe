package peer

import (
	"context"
	"errors"
	"net"
	"time"

	"qsync/certs"
)

// A peer is dialled over QUIC, and a moment later over TCP as well: whatever
// stands in the way of UDP, it does not say so (as of RFC 8305, between families).
const (
	tcpAfter = 700 * time.Millisecond  // without an answer over QUIC TCP is tried too
	tcpTakes = 1500 * time.Millisecond // and taken
)

// dial opens a connection and proves to hold keys. It gives up when ctx ends,
// and on a peer that does not prove itself within 5 s. Errors to branch on:
// certs.ErrWrongID, ErrVersion, ErrSelf, ErrClone and ErrIdent.
func (t *transport) dial(ctx context.Context, addr net.Addr, keys certs.Keys) (*authLink, error) {
	switch {
	case t.cfg.TCP == nil:
		return t.dialQUIC(ctx, addr, keys)
	case t.quic == nil:
		c, err := t.connectTCP(ctx, addr)
		if err != nil {
			return nil, err
		}
		return t.dialTCP(ctx, c, keys)
	}
	return t.dialBoth(ctx, addr, keys)
}

// attempt is what came of dialling in one way: over QUIC a link, over TCP a
// connection that has not proved itself.
type attempt struct {
	link *authLink
	conn *tcpConn
	err  error
}

// dialBoth takes the first way that gets through, QUIC if both do. The proof
// over TCP begins when QUIC has been given up, so that the peer sees one link.
func (t *transport) dialBoth(ctx context.Context, addr net.Addr, keys certs.Keys) (*authLink, error) {
	qctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	quic, tcp := make(chan attempt, 1), make(chan attempt, 1)
	go func() {
		l, err := t.dialQUIC(qctx, addr, keys)
		quic <- attempt{link: l, err: err}
	}()
	began := time.Now()
	after := time.NewTimer(tcpAfter)
	defer after.Stop()
	var first attempt
	select {
	case first = <-quic:
		if first.link != nil || somebody(first.err) || ctx.Err() != nil {
			return first.link, first.err
		}
		quic <- first
	case <-after.C:
	}
	tctx, drop := context.WithCancel(ctx)
	defer drop()
	go func() {
		c, err := t.connectTCP(tctx, addr)
		tcp <- attempt{conn: c, err: err}
	}()
	return t.choose(ctx, dialing{quic, tcp, giveUp, drop, began, keys})
}

// dialing is a dial in both ways that is under way.
type dialing struct {
	quic, tcp    chan attempt
	giveUp, drop context.CancelFunc
	began        time.Time
	keys         certs.Keys
}

func (t *transport) choose(ctx context.Context, d dialing) (*authLink, error) {
	var q, c attempt
	select {
	case q = <-d.quic:
		if q.link != nil || somebody(q.err) {
			d.drop()
		}
		c = <-d.tcp
	case c = <-d.tcp:
		if c.err == nil {
			late := time.AfterFunc(time.Until(d.began.Add(tcpTakes)), d.giveUp)
			defer late.Stop()
		}
		q = <-d.quic
	}
	switch {
	case q.link == nil && !somebody(q.err) && c.err == nil:
		return t.dialTCP(ctx, c.conn, d.keys)
	case c.err == nil:
		_ = c.conn.Close()
	case q.link == nil && !somebody(q.err):
		return nil, errors.Join(q.err, c.err)
	}
	return q.link, q.err
}

// somebody reports whether somebody was there.
func somebody(err error) bool {
	for _, e := range []error{certs.ErrWrongID, certs.ErrVersion, certs.ErrSelf, certs.ErrClone, certs.ErrIdent} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
