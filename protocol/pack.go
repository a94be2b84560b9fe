package protocol

import (
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// The byte before the msgpack of an Index.
const (
	plain  = 0
	packed = 1
)

// minPack is the size from which an Index is worth compressing.
const minPack = 512

// packer compresses the batches of one stream. It belongs to a Writer, rather
// than to a pool of the process, because the library's encoder holds a channel:
// one that came from another testing/synctest bubble would be unusable.
type packer struct {
	z   *zstd.Encoder
	buf []byte
}

// pack returns an Index frame, header and flag included, in its shorter form.
// The result aliases frame or p's buffer.
func (p *packer) pack(frame []byte) ([]byte, error) {
	body := frame[headerSize+1:]
	if len(body) <= minPack {
		// A small batch is a live change: the bulk is over, its memory can go.
		*p = packer{}
		return frame, nil
	}
	if p.z == nil {
		z, err := zstd.NewWriter(nil,
			zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(MaxIndex),
			zstd.WithEncoderCRC(false),
		)
		if err != nil {
			return nil, fmt.Errorf("compression: %w", err)
		}
		p.z = z
	}
	p.buf = append(append(p.buf[:0], frame[:headerSize]...), packed)
	p.buf = p.z.EncodeAll(body, p.buf)
	if len(p.buf) < len(frame) {
		return p.buf, nil
	}
	return frame, nil
}

// unpacker is the other end of a packer.
type unpacker struct {
	z   *zstd.Decoder
	buf []byte
}

// unpack returns the msgpack of an Index from what follows its type. The
// result aliases payload or u's buffer.
func (u *unpacker) unpack(payload []byte) ([]byte, error) {
	if len(payload) == 0 || payload[0] > packed {
		return nil, errors.New("no compression flag")
	}
	body := payload[1:]
	if payload[0] == plain {
		if len(body) <= minPack {
			*u = unpacker{}
		}
		return body, nil
	}
	return u.decompress(body, MaxIndex)
}

// decompress returns the content of a zstd frame that states its size, at most
// limit, in u's buffer.
func (u *unpacker) decompress(body []byte, limit uint64) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(body); err != nil {
		return nil, err
	}
	if h.Skippable || !h.HasFCS || h.FrameContentSize > limit {
		return nil, fmt.Errorf("compressed frame that states no size up to %d", limit)
	}
	if err := u.prepare(); err != nil {
		return nil, err
	}
	u.buf = slices.Grow(u.buf[:0], int(h.FrameContentSize))
	// The capacity handed over is the limit of what the library may write.
	n := int(h.FrameContentSize)
	out, err := u.z.DecodeAll(body, u.buf[:0:n])
	if err == nil && len(out) != n {
		err = fmt.Errorf("%d bytes decompressed, not %d", len(out), n)
	}
	return out, err
}

func (u *unpacker) prepare() error {
	if u.z != nil {
		return nil
	}
	z, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(MaxIndex),
		zstd.WithDecoderMaxWindow(MaxIndex),
		zstd.WithDecodeAllCapLimit(true),
	)
	if err != nil {
		return fmt.Errorf("decompression: %w", err)
	}
	u.z = z
	return nil
}
