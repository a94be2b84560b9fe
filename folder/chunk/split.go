package chunk

import (
	"encoding/binary"
	"math/bits"

	"github.com/zeebo/blake3"
	"github.com/zeebo/xxh3"
)

// Chunks are cut where the content says so, by FastCDC (Xia et al., USENIX ATC
// 2016, and IEEE TPDS 31(9), 2020) with normalised chunking and cut-point
// skipping: an insertion moves the chunks behind it and changes none of them.
// Their average length is a power of two that depends on the size of the file
// and is between 2^MinBits and 2^MaxBits; none is shorter than half of it, but
// the last of a file, and none longer than four times.
const (
	MinBits = 14 // 16 KiB
	MaxBits = 20 // 1 MiB

	manyChunks = 18 // 2^18 chunks are more than enough of a file
)

// MaxSplit is the size up to which a file has a recipe, in bytes: beyond it there
// would be too many chunks to remember.
const MaxSplit = 1 << (manyChunks + MaxBits)

// Bits returns the binary logarithm of the average chunk of a file of that size.
func Bits(size int64) int {
	return min(max(bits.Len64(uint64(max(size-1, 0)))-manyChunks, MinBits), MaxBits)
}

// gear has a random number for each byte: the first 8 bytes, little-endian, of
// the BLAKE3 digest of "qsync gear" and that byte.
var gear = func() (t [256]uint64) {
	for i := range t {
		d := blake3.Sum256(append([]byte("qsync gear"), byte(i)))
		t[i] = binary.LittleEndian.Uint64(d[:])
	}
	return t
}()

// cut returns the length of the first chunk of b, which is at least the longest
// there may be, or all that is left. The fingerprint is h = 2h + gear[byte] over
// the bytes from half of the average on; a chunk ends behind the byte that makes
// its top bits zero: two more of them than the average has before the average,
// two fewer after it.
func cut(b []byte, bits int) int {
	avg := 1 << bits
	if len(b) <= avg/2 {
		return len(b)
	}
	b = b[:min(len(b), 4*avg)]
	var h uint64
	i := avg / 2
	if n := roll(&h, b[i:min(avg, len(b))], 1<<(64-bits-2)); n >= 0 {
		return i + n
	}
	i = min(avg, len(b))
	if n := roll(&h, b[i:], 1<<(64-bits+2)); n >= 0 {
		return i + n
	}
	return len(b)
}

// roll takes bytes into the fingerprint until it is below the bound, and returns
// how many; -1 if that does not come to pass.
func roll(fingerprint *uint64, b []byte, bound uint64) int {
	h := *fingerprint
	for i, c := range b {
		if h = h<<1 + gear[c]; h < bound {
			return i + 1
		}
	}
	*fingerprint = h
	return -1
}

// Part is a stretch of a file: its length in bytes and the 128-bit XXH3 of them
// (https://github.com/Cyan4973/xxHash, seed 0, canonical form). That is enough to
// find it by and no proof: whoever puts a file together by its parts checks the
// digest of the whole.
type Part struct {
	Length int64
	Sum    [16]byte
}

// Recipe is what a file consists of. Group i are the chunks from Ends[i-1] up to
// but not including Ends[i]: a group ends behind a chunk the last byte of whose
// Sum has six zero bits at its low end, and with the 256th.
type Recipe struct {
	Bits   int
	Chunks []Part
	Ends   []int
}

const (
	groupMask = 63
	// MaxGroup is how many chunks a group has at most.
	MaxGroup = 256
)

// NewRecipe returns the recipe of these chunks, of 2^bits bytes on average.
func NewRecipe(bits int, chunks []Part) *Recipe {
	r := &Recipe{Bits: bits, Chunks: chunks}
	r.group()
	return r
}

// group finds the ends of the groups.
func (r *Recipe) group() {
	first := 0
	for i := range r.Chunks {
		if r.Chunks[i].Sum[15]&groupMask == 0 || i+1-first == MaxGroup || i+1 == len(r.Chunks) {
			r.Ends, first = append(r.Ends, i+1), i+1
		}
	}
}

// Group returns the chunks of group i.
func (r *Recipe) Group(i int) []Part {
	first := 0
	if i > 0 {
		first = r.Ends[i-1]
	}
	return r.Chunks[first:r.Ends[i]]
}

// Outline returns the groups as parts: the length of each, and the Sum of its
// chunks' lengths (8 bytes, big-endian) and Sums one after the other.
func (r *Recipe) Outline() []Part {
	out := make([]Part, len(r.Ends))
	for i := range out {
		out[i] = groupOf(r.Group(i))
	}
	return out
}

// groupOf returns the group of these chunks as a part.
func groupOf(chunks []Part) Part {
	var g Part
	text := make([]byte, 0, MaxGroup*24)
	for i := range chunks {
		text = binary.BigEndian.AppendUint64(text, uint64(chunks[i].Length))
		text = append(text, chunks[i].Sum[:]...)
		g.Length += chunks[i].Length
	}
	g.Sum = xxh3.Hash128(text).Bytes()
	return g
}
