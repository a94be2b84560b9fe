package protocol

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// readAhead is what a Reader asks its stream for when a frame is short.
	readAhead = 8 << 10

	// firstRead is how much of a frame is allocated on the word of its header;
	// from there the buffer grows only with what has really arrived.
	firstRead = 16 << 10
)

// Reader receives messages from a stream that it alone reads. It is not safe
// for concurrent use. How long a message may take is the caller's to bound, by
// a deadline of the stream.
type Reader struct {
	r        *bufio.Reader
	limits   Limits
	head     [headerSize]byte
	buf      []byte
	d        decoder
	unpacker unpacker
	frames   []byte // of a packed one, still to come
	response Response
	data     Data
	err      error
}

// NewReader returns a Reader of the messages that limits allows: [Control],
// [Indexes], [Requests], [Answers] or [Recipes].
func NewReader(r io.Reader, limits Limits) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, readAhead), limits: limits}
}

// Reset makes r receive from another stream and keeps its buffers.
func (r *Reader) Reset(from io.Reader, limits Limits) {
	r.r.Reset(from)
	r.limits, r.frames, r.err = limits, nil, nil
}

// Next returns the next message. A *[Data] and a *[Response] are the Reader's
// own and valid until the next call; every other message is the caller's.
//
// io.EOF is the end of the stream between two frames, io.ErrUnexpectedEOF
// within one; other errors of the stream are passed on as they are. What the
// peer may not send wraps [ErrProtocol]. After an error Next returns it again.
func (r *Reader) Next() (Message, error) {
	if r.err != nil {
		return nil, r.err
	}
	m, err := r.next()
	if err != nil {
		r.err = err
		return nil, err
	}
	return m, nil
}

// Frame returns the next message as it came, for another Reader to decode, so
// that a stream that only waits holds no buffers. It calls admit when a message
// has begun and before anything is allocated for it; the error of that, and
// others as of Next, end the Reader.
func (r *Reader) Frame(admit func() error) ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	frame, err := r.frame(admit)
	r.err = err
	return frame, err
}

func (r *Reader) frame(admit func() error) ([]byte, error) {
	_, n, err := r.header()
	if err == nil {
		err = admit()
	}
	if err != nil {
		return nil, err
	}
	frame := make([]byte, headerSize+n)
	copy(frame, r.head[:])
	if _, err := io.ReadFull(r.r, frame[headerSize:]); err != nil {
		return nil, within(err)
	}
	return frame, nil
}

// header reads the header of a frame and returns how many bytes follow.
func (r *Reader) header() (kind, int, error) {
	if _, err := io.ReadFull(r.r, r.head[:]); err != nil {
		return 0, 0, err
	}
	return r.checkHead()
}

// checkHead takes the header apart that was read last.
func (r *Reader) checkHead() (kind, int, error) {
	size, k := binary.BigEndian.Uint32(r.head[:]), kind(r.head[4])
	if k >= kinds || r.limits[k] == 0 {
		return 0, 0, fmt.Errorf("%w: unexpected %v", ErrProtocol, k)
	}
	if size == 0 || size-1 > uint32(r.limits[k]) {
		return 0, 0, fmt.Errorf("%w: %v of %d bytes", ErrProtocol, k, size)
	}
	return k, int(size - 1), nil
}

// within makes the end of the stream, met in a frame, an unexpected one.
func within(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (r *Reader) next() (Message, error) {
	read := r.outer
	if len(r.frames) > 0 {
		read = r.inner
	}
	k, payload, err := read()
	if err != nil {
		return nil, err
	}
	m, err := r.decode(k, payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %v: %w", ErrProtocol, k, err)
	}
	return m, nil
}

// payload reads n bytes into the buffer that the last frame left.
func (r *Reader) payload(n int) ([]byte, error) {
	for have := 0; ; {
		if cap(r.buf) < n && have == cap(r.buf) {
			grown := make([]byte, min(n, max(2*have, firstRead)))
			copy(grown, r.buf[:have])
			r.buf = grown
		}
		upto := min(n, cap(r.buf))
		if _, err := io.ReadFull(r.r, r.buf[have:upto]); err != nil {
			return nil, within(err)
		}
		if have = upto; have == n {
			return r.buf[:n], nil
		}
	}
}

func (r *Reader) decode(k kind, payload []byte) (Message, error) {
	m := r.message(k)
	if k.batched() {
		if len(payload) <= minPack && cap(r.buf) > firstRead {
			r.buf = nil // the bulk is over: an idle stream holds no large buffer
		}
		var err error
		if payload, err = r.unpacker.unpack(payload); err != nil {
			return nil, err
		}
		defer r.d.reset(nil)
	}
	if k == kindHello && cap(r.buf) > firstRead {
		defer func() { r.buf = nil }() // the only large one of its stream
	}
	r.d.reset(payload)
	m.decode(&r.d)
	if err := r.d.done(); err != nil {
		return nil, err
	}
	return m, m.check()
}

func (r *Reader) message(k kind) Message {
	switch k {
	case kindHello:
		return new(Hello)
	case kindResume:
		return new(Resume)
	case kindProgress:
		return new(Progress)
	case kindIndex:
		return new(Index)
	case kindRequest:
		return new(Request)
	case kindResponse:
		return &r.response
	case kindData:
		return &r.data
	case kindRecipeRequest:
		return new(RecipeRequest)
	case kindRecipe:
		return new(Recipe)
	case kindRanges:
		return new(Ranges)
	case kindVerdicts:
		return new(Verdicts)
	case kindDelivery:
		return new(Delivery)
	default:
		return new(Abort)
	}
}
