package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// headerSize is the length of a frame and its type.
const headerSize = 4 + 1

// Write sends one message. Whoever sends more than one keeps a [Writer].
func Write(w io.Writer, m Message) error { return NewWriter(w).Write(m) }

// Writer sends messages, each with one call to Write of its target, from a
// buffer that it keeps. It is not safe for concurrent use, and after an error
// the stream is of no more use.
type Writer struct {
	w      io.Writer
	e      encoder
	packer packer
}

// NewWriter returns a Writer that sends to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Reset makes w send to another stream and keeps its buffers.
func (w *Writer) Reset(to io.Writer) { w.w = to }

// Write sends m. A message that the other end would refuse is an error and
// nothing is sent. The errors of the target are passed on as they are.
func (w *Writer) Write(m Message) error {
	if d, ok := m.(*Data); ok {
		return w.Data(d.Bytes)
	}
	if err := m.check(); err != nil {
		return refused(m, err)
	}
	w.e.reset(append(w.e.b[:0], make([]byte, headerSize)...))
	if m.kind().batched() {
		return w.index(m)
	}
	m.encode(&w.e)
	return w.send(m.kind(), w.e.b)
}

func (w *Writer) index(m Message) error {
	w.e.b = append(w.e.b, plain)
	m.encode(&w.e)
	if err := inRange("bytes", len(w.e.b)-headerSize-1, 0, MaxIndex); err != nil {
		return refused(m, err)
	}
	frame, err := w.packer.pack(w.e.b)
	if err != nil {
		return refused(m, err)
	}
	if len(frame) <= minPack && cap(w.e.b) > firstRead {
		w.e.b, w.e.tmp = nil, nil // as at the other end
	}
	return w.send(m.kind(), frame)
}

func refused(m Message, err error) error { return fmt.Errorf("%v cannot be sent: %w", m.kind(), err) }

// Space returns n bytes, at most [MaxData], of the next frame: content that is
// read into them and handed to [Writer.Data] is not copied again. They stay
// valid until the next call of another method.
func (w *Writer) Space(n int) []byte {
	w.e.b = slices.Grow(w.e.b[:0], headerSize+n)
	return w.e.b[headerSize : headerSize+n : headerSize+n]
}

// Data sends p, 1 to [MaxData] bytes, as one [Data] frame.
func (w *Writer) Data(p []byte) error {
	if len(p) == 0 || len(p) > MaxData {
		return errors.New("data cannot be sent: more than a frame holds, or nothing")
	}
	space := w.Space(len(p))
	if &space[0] != &p[0] {
		copy(space, p)
	}
	return w.send(kindData, w.e.b[:headerSize+len(p)])
}

// send completes the header of frame and writes it.
func (w *Writer) send(k kind, frame []byte) error {
	if n := len(frame) - headerSize; n > frames[k] {
		return fmt.Errorf("%v cannot be sent: %d bytes, at most %d", k, n, frames[k])
	}
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	frame[4] = byte(k)
	_, err := w.w.Write(frame)
	return err
}
