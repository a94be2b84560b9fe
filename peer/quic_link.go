package peer

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
)

// quicLink is a [Link] over one QUIC connection.
type quicLink struct{ c *quic.Conn }

func newQUICLink(c *quic.Conn) *quicLink { return &quicLink{c} }

func (l *quicLink) OpenStream(ctx context.Context) (Stream, error) {
	s, err := l.c.OpenStreamSync(ctx)
	if err != nil {
		return nil, quicErr(err)
	}
	return &quicStream{s: s}, nil
}

func (l *quicLink) AcceptStream(ctx context.Context) (Stream, error) {
	s, err := l.c.AcceptStream(ctx)
	if err != nil {
		return nil, quicErr(err)
	}
	return &quicStream{s: s}, nil
}

func (l *quicLink) OpenUni(ctx context.Context) (io.WriteCloser, error) {
	s, err := l.c.OpenUniStreamSync(ctx)
	if err != nil {
		return nil, quicErr(err)
	}
	return quicSend{s}, nil
}

func (l *quicLink) AcceptUni(ctx context.Context) (RecvStream, error) {
	s, err := l.c.AcceptUniStream(ctx)
	if err != nil {
		return nil, quicErr(err)
	}
	return quicRecv{s}, nil
}

func (l *quicLink) Done() <-chan struct{} { return l.c.Context().Done() }

func (l *quicLink) Err() error {
	if l.c.Context().Err() == nil {
		return nil
	}
	return quicErr(context.Cause(l.c.Context()))
}

// maxReason keeps a close frame within one packet.
const maxReason = 200

func (l *quicLink) Close(code uint64, reason string) error {
	return l.c.CloseWithError(quic.ApplicationErrorCode(code), reason[:min(len(reason), maxReason)])
}

// Received counts the packets that came from the peer and were its own: it
// grows with every acknowledgement.
func (l *quicLink) Received() uint64 { return l.c.ConnectionStats().PacketsReceived }

func (l *quicLink) Remote() string { return l.c.RemoteAddr().String() }

// quicErr turns the errors of quic-go that sessions branch on into ours.
func quicErr(err error) error {
	var app *quic.ApplicationError
	var reset *quic.StreamError
	switch {
	case err == nil || err == io.EOF:
		return err
	case errors.As(err, &app):
		return &LinkError{Code: uint64(app.ErrorCode), Remote: app.Remote, Reason: app.ErrorMessage}
	case errors.As(err, &reset):
		return ErrReset
	}
	return err
}

type quicStream struct {
	s      *quic.Stream
	closed atomic.Bool
}

func (s *quicStream) Read(b []byte) (int, error) {
	n, err := s.s.Read(b)
	return n, quicErr(err)
}

func (s *quicStream) Write(b []byte) (int, error) {
	n, err := s.s.Write(b)
	return n, quicErr(err)
}

// Close also cancels reading: quic-go's own leaves the receive side open, and
// with it the peer's right to a stream used up. The one error of quic-go's says
// that the peer wants no more, which is as good an end.
func (s *quicStream) Close() error {
	s.closed.Store(true)
	_ = s.s.Close()
	s.s.CancelRead(0)
	return nil
}

func (s *quicStream) Reset() {
	if s.closed.Load() {
		return
	}
	s.s.CancelWrite(0)
	s.s.CancelRead(0)
}

func (s *quicStream) SetDeadline(t time.Time) error { return quicErr(s.s.SetDeadline(t)) }

type quicSend struct{ s *quic.SendStream }

func (s quicSend) Write(b []byte) (int, error) {
	n, err := s.s.Write(b)
	return n, quicErr(err)
}

func (s quicSend) Close() error {
	_ = s.s.Close() // as of quicStream
	return nil
}

type quicRecv struct{ s *quic.ReceiveStream }

func (r quicRecv) Read(b []byte) (int, error) {
	n, err := r.s.Read(b)
	return n, quicErr(err)
}

func (r quicRecv) Cancel() { r.s.CancelRead(0) }
