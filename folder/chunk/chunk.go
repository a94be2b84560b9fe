// Package chunk says what a file's bytes are: the digest of the whole, and the
// chunks it consists of, by which two files show what they have in common.
//
// It is pure: it reads from an io.Reader and knows neither disk nor network.
// The digest is BLAKE3 with 32 bytes of output in its default hash mode
// (https://github.com/BLAKE3-team/BLAKE3-specs, section 2).
package chunk

import (
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/blake3"

	"qsync/folder"
)

// Hasher computes the digest of what is written to it. One goroutine at a time
// may use it.
type Hasher struct {
	h *blake3.Hasher
}

// New returns a Hasher that has seen no bytes.
func New() *Hasher { return &Hasher{blake3.New()} }

// NewKeyed returns a Hasher whose digests nobody can foresee without the key.
func NewKeyed(key [32]byte) *Hasher {
	h, err := blake3.NewKeyed(key[:])
	if err != nil {
		panic(err) // only for a key of another size
	}
	return &Hasher{h}
}

// Write adds p to the content; it takes all of it and never fails.
func (h *Hasher) Write(p []byte) (int, error) { return h.h.Write(p) }

// Sum returns the digest of what was written so far; writing may go on.
func (h *Hasher) Sum() folder.Digest {
	var d folder.Digest
	h.h.Sum(d[:0])
	return d
}

// Reset forgets what was written, and keeps the key.
func (h *Hasher) Reset() { h.h.Reset() }

// Sum reads r to its end through buf, which must not be empty, and returns the
// digest and the number of bytes read. Its error is the reader's.
func Sum(r io.Reader, buf []byte) (folder.Digest, int64, error) {
	h := New()
	var size int64
	for {
		n, err := r.Read(buf)
		h.Write(buf[:n])
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return h.Sum(), size, nil
		}
		if err != nil {
			return folder.Digest{}, size, fmt.Errorf("hash: %w", err)
		}
	}
}
