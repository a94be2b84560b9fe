package protocol

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// MaxPacked is how many bytes of frames one packed frame holds at most.
const MaxPacked = 512 << 10

// gather is how many bytes of small frames a Packer keeps for one block.
const gather = 64 << 10

// Level says how hard a [Packer] tries.
type Level int

// The levels of packing.
const (
	Raw    Level = iota // not at all
	Fast                // zstd at its fastest
	Strong              // zstd as it is by default
)

// Encoders compress blocks for any number of goroutines, a few at the same time.
// What they hold goes with the next collections once nobody uses them. They
// belong to a node rather than to the process, for the reason of packer's.
type Encoders struct {
	tokens chan struct{}
	idle   [Strong + 1]sync.Pool // of *zstd.Encoder
}

// NewEncoders returns encoders that work on so many blocks at a time.
func NewEncoders(atOnce int) *Encoders { return &Encoders{tokens: make(chan struct{}, atOnce)} }

// encode appends b, compressed, to dst.
func (e *Encoders) encode(level Level, b, dst []byte) ([]byte, error) {
	e.tokens <- struct{}{}
	defer func() { <-e.tokens }()
	z, _ := e.idle[level].Get().(*zstd.Encoder)
	if z == nil {
		speed := zstd.SpeedFastest
		if level == Strong {
			speed = zstd.SpeedDefault
		}
		var err error
		z, err = zstd.NewWriter(nil,
			zstd.WithEncoderLevel(speed),
			zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(MaxPacked),
			zstd.WithLowerEncoderMem(true),
			zstd.WithEncoderCRC(false),
			zstd.WithSingleSegment(true), // a frame that always states its size
		)
		if err != nil {
			return nil, fmt.Errorf("compression: %w", err)
		}
	}
	defer e.idle[level].Put(z)
	return z.EncodeAll(b, dst), nil
}

// Packing decides about the blocks of an answer.
type Packing interface {
	// Level says how to send the next block.
	Level() Level
	// Packed tells how that went: so many bytes became so many, in that time.
	Packed(from, to int, took time.Duration)
}

// Packer is the target of a [Writer] of answers. It sends small frames together,
// and packs what is worth it. One goroutine at a time may use it.
type Packer struct {
	to   io.Writer
	by   Packing
	e    *Encoders
	buf  []byte
	sent []byte
}

// NewPacker returns a Packer that sends to a stream. Where the other end does not
// read packed frames, by never says anything but Raw.
func NewPacker(to io.Writer, by Packing, e *Encoders) *Packer {
	return &Packer{to: to, by: by, e: e, buf: make([]byte, 0, gather)}
}

// Write takes one whole frame. The errors are those of the target.
func (p *Packer) Write(frame []byte) (int, error) {
	if len(p.buf)+len(frame) > gather {
		if err := p.Flush(); err != nil {
			return 0, err
		}
	}
	if len(frame) > gather {
		return len(frame), p.block(frame)
	}
	p.buf = append(p.buf, frame...)
	return len(frame), nil
}

// Flush sends what was gathered.
func (p *Packer) Flush() error {
	if len(p.buf) == 0 {
		return nil
	}
	err := p.block(p.buf)
	p.buf = p.buf[:0]
	return err
}

func (p *Packer) block(b []byte) error {
	if level := p.by.Level(); level != Raw && len(b) > minPack && len(b) <= MaxPacked {
		began, err := time.Now(), error(nil)
		if p.sent, err = p.e.encode(level, b, append(p.sent[:0], make([]byte, headerSize)...)); err != nil {
			return err
		}
		p.by.Packed(len(b), len(p.sent), time.Since(began))
		if len(p.sent) < len(b) {
			binary.BigEndian.PutUint32(p.sent, uint32(len(p.sent)-4))
			p.sent[4] = byte(kindPacked)
			b = p.sent
		}
	}
	_, err := p.to.Write(b)
	return err
}

// unpackFrames decompresses the payload of a packed frame: whole frames, none of
// them packed.
func (u *unpacker) unpackFrames(payload []byte) ([]byte, error) {
	b, err := u.decompress(payload, MaxPacked)
	if err != nil {
		return nil, fmt.Errorf("%w: %v: %w", ErrProtocol, kindPacked, err)
	}
	return b, nil
}

// inner takes the next frame off those of a packed one.
func (r *Reader) inner() (kind, []byte, error) {
	if len(r.frames) < headerSize {
		return 0, nil, fmt.Errorf("%w: half a frame in a packed one", ErrProtocol)
	}
	copy(r.head[:], r.frames)
	k, n, err := r.checkHead()
	if err == nil && k == kindPacked {
		err = fmt.Errorf("%w: a packed frame in a packed one", ErrProtocol)
	}
	if err == nil && n > len(r.frames)-headerSize {
		err = fmt.Errorf("%w: half a frame in a packed one", ErrProtocol)
	}
	if err != nil {
		return 0, nil, err
	}
	payload := r.frames[headerSize : headerSize+n : headerSize+n]
	r.frames = r.frames[headerSize+n:]
	return k, payload, nil
}

// outer reads the next frame of the stream, the first one in it where it is packed.
func (r *Reader) outer() (kind, []byte, error) {
	k, n, err := r.header()
	if err != nil {
		return 0, nil, err
	}
	payload, err := r.payload(n)
	if err != nil || k != kindPacked {
		return k, payload, err
	}
	if r.frames, err = r.unpacker.unpackFrames(payload); err != nil {
		return 0, nil, err
	}
	return r.inner()
}
