package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Link is an authenticated connection to one peer for one folder: streams in
// both directions and nothing else. It is safe for concurrent use. Once it has
// ended, every call on it and on its streams returns what Err returns.
type Link interface {
	// OpenStream opens a stream, waiting while the peer's limit is reached.
	// The peer may see it only after the first byte was written.
	OpenStream(ctx context.Context) (Stream, error)

	// AcceptStream waits for the next stream that the peer opened.
	AcceptStream(ctx context.Context) (Stream, error)

	// OpenUni opens a stream in one direction. Its Close marks the end; data
	// written before arrives.
	OpenUni(ctx context.Context) (io.WriteCloser, error)

	// AcceptUni waits for the next one-way stream that the peer opened.
	AcceptUni(ctx context.Context) (RecvStream, error)

	// Done is closed when the link has ended, for whatever reason.
	Done() <-chan struct{}

	// Err is nil until Done is closed and then says why: a *[LinkError] when
	// one of the two sides closed it, else what the transport reported.
	Err() error

	// Close ends the link with a Code and a reason for the peer's log. Data
	// that the peer has not read yet may be lost: whoever cares waits for an
	// answer first. Closing an ended link does nothing.
	Close(code uint64, reason string) error

	// Remote is the peer's address, for people.
	Remote() string
}

// Stream is one ordered, reliable conversation of a link. One goroutine may
// read while another one writes. [ErrReset] is what reading returns after the
// peer's Reset, and writing after the peer's Reset or Close.
type Stream interface {
	io.Reader
	io.Writer

	// Close ends the send side, without losing data already written, and
	// releases the receive side: what the peer writes later is dropped. It must
	// not run beside a Write. That the peer wants no more is no error.
	Close() error

	// Reset abandons both directions at once. Data on the way may be lost.
	// After Close it does nothing, so it can be deferred.
	Reset()

	// SetDeadline bounds reads and writes, those under way too. An operation
	// that ran out of time returns an error for which os.ErrDeadlineExceeded
	// matches. The zero time lifts the bound.
	SetDeadline(t time.Time) error
}

// RecvStream is the receiving end of a one-way stream.
type RecvStream interface {
	io.Reader

	// Cancel tells the peer to stop sending. After the end was read it does
	// nothing.
	Cancel()
}

// Close codes: why one side ended a link. They are part of the protocol.
const (
	CodeAuth      uint64 = 1 // the proof failed, or did not come in time
	CodeDuplicate uint64 = 2 // another link between the same two peers stays
	CodeProtocol  uint64 = 3 // the peer broke the protocol
	CodeShutdown  uint64 = 4 // the node is stopping
	CodeSelf      uint64 = 5 // both ends carry the same device identity
	CodeNotHere   uint64 = 6 // the folder is not, or no longer, served here
	CodeVersion   uint64 = 7 // no protocol version in common
	CodeSilent    uint64 = 8 // no sign of life any more; the peer will hardly hear it
)

// ErrReset is what a stream that the peer abandoned returns.
var ErrReset = errors.New("stream abandoned by the peer")

// LinkError is why a link ended when one of its sides closed it.
type LinkError struct {
	Code   uint64 // one of the Code constants, or one of a later version
	Remote bool   // the peer closed it
	Reason string // the words of whoever closed it; the peer's are untrusted
}

// Error implements error. A peer's reason is quoted.
func (e *LinkError) Error() string {
	who := "closed here"
	if e.Remote {
		who = "closed by the peer"
	}
	if e.Reason == "" {
		return who + ": " + codeText(e.Code)
	}
	return fmt.Sprintf("%s: %s: %q", who, codeText(e.Code), e.Reason)
}

func codeText(code uint64) string {
	switch code {
	case CodeAuth:
		return "not authenticated"
	case CodeDuplicate:
		return "duplicate connection"
	case CodeProtocol:
		return "protocol violation"
	case CodeShutdown:
		return "shutting down"
	case CodeSelf:
		return "same device on both ends"
	case CodeNotHere:
		return "folder not served here"
	case CodeVersion:
		return "incompatible version"
	case CodeSilent:
		return "no sign of life"
	}
	return fmt.Sprintf("code %d", code)
}
