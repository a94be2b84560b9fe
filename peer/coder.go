package peer

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"qsync/protocol"
)

// coding is how many batches of the index are made or merged at the same time.
const coding = 4

// coder turns batches of the index into frames and back. That takes megabytes,
// so sessions do not have one each: they share a few, for as long as it takes
// to read, encode or merge one batch, which waits for no peer.
type coder struct {
	w     *protocol.Writer
	frame []byte
	r     *protocol.Reader
	src   bytes.Reader
}

// coders lends coders. What they have allocated goes with the next collections,
// once nobody asks for them.
type coders struct {
	tokens chan struct{}
	idle   sync.Pool
}

func newCoders() *coders { return &coders{tokens: make(chan struct{}, coding)} }

func (c *coders) take(ctx context.Context) (*coder, error) {
	select {
	case c.tokens <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if x, ok := c.idle.Get().(*coder); ok {
		return x, nil
	}
	x := &coder{}
	x.w = protocol.NewWriter(x)
	x.r = protocol.NewReader(&x.src, protocol.Indexes)
	return x, nil
}

func (c *coders) give(x *coder) {
	x.frame = nil
	x.src.Reset(nil)
	c.idle.Put(x)
	<-c.tokens
}

// Write takes what the coder's own Writer sends, one frame a call.
func (c *coder) Write(p []byte) (int, error) {
	c.frame = slices.Clone(p)
	return len(p), nil
}

// encode returns the frame of a message. It is the caller's.
func (c *coder) encode(m protocol.Message) ([]byte, error) {
	if err := c.w.Write(m); err != nil {
		return nil, err
	}
	return c.frame, nil
}

// decode takes apart a frame of a stream of [protocol.Indexes].
func (c *coder) decode(frame []byte) (protocol.Message, error) {
	c.src.Reset(frame)
	c.r.Reset(&c.src, protocol.Indexes)
	return c.r.Next()
}
