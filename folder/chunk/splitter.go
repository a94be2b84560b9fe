package chunk

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/zeebo/xxh3"
)

// Splitter makes the recipe of what is written to it. One goroutine at a time may
// use it.
//
// Where a chunk ends its bytes alone decide, so what is known of a similar file is
// a guide: behind a chunk that is the same there comes most likely the one that
// came there, and to find that it does is ten times as fast as to look for its end.
type Splitter struct {
	bits  int
	out   []Part
	buf   []byte
	have  int   // bytes in buf that are in no chunk yet
	size  int64 // bytes in chunks
	guide []Part
	next  int // of the guide, what is expected next; len(guide) for nothing
	index map[uint64]int32
}

// NewSplitter returns a Splitter for chunks of an average of 1<<bits bytes. The
// guide may be nil; its chunks must have been cut with the same bits. Of what is
// wrong in it nothing gets into the recipe but where chunks end.
func NewSplitter(bits int, guide []Part) *Splitter {
	return &Splitter{bits: bits, guide: guide, out: make([]Part, 0, len(guide)+len(guide)/64)}
}

// Write adds p to the content; it takes all of it and never fails.
func (s *Splitter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := copy(s.space(), p)
		s.took(k, false)
		p = p[k:]
	}
	return n, nil
}

// Recipe ends the content and returns its recipe. It is called once.
func (s *Splitter) Recipe() *Recipe {
	s.took(0, true)
	return NewRecipe(s.bits, s.out)
}

// space is where the next bytes go.
func (s *Splitter) space() []byte {
	if s.buf == nil {
		s.buf = make([]byte, max(8<<s.bits, 512<<10))
	}
	return s.buf[s.have:]
}

// took takes n bytes of space; these are the last if end is set.
func (s *Splitter) took(n int, end bool) {
	s.have += n
	if !end && s.have < len(s.buf) {
		return // moving what is left costs less the seldomer it is done
	}
	done, longest := 0, 4<<s.bits
	for s.have-done >= longest || end && done < s.have {
		p := s.first(s.buf[done:s.have])
		s.out = append(s.out, p)
		done += int(p.Length)
	}
	s.size += int64(done)
	s.have = copy(s.buf, s.buf[done:s.have])
}

// first returns the first chunk of b, of which there is enough for [cut].
func (s *Splitter) first(b []byte) Part {
	if s.expects() {
		p := s.guide[s.next]
		if p.Length <= int64(len(b)) && xxh3.Hash128(b[:p.Length]).Bytes() == p.Sum {
			s.next++
			return p
		}
	}
	n := cut(b, s.bits)
	p := Part{Length: int64(n), Sum: xxh3.Hash128(b[:n]).Bytes()}
	if s.guide != nil {
		s.next = s.find(p)
	}
	return p
}

// expects reports whether the guide says what comes next. Its last chunk ended with
// its file and need not end here.
func (s *Splitter) expects() bool {
	if s.next+1 >= len(s.guide) {
		return false
	}
	n := s.guide[s.next].Length
	return n > 1<<s.bits/2 && n <= 4<<s.bits
}

// find returns what comes in the guide behind a chunk like p.
func (s *Splitter) find(p Part) int {
	if s.next+1 < len(s.guide) && s.guide[s.next+1] == p {
		return s.next + 2 // one was changed in place
	}
	if s.index == nil {
		s.index = make(map[uint64]int32, len(s.guide))
		for i := range s.guide {
			s.index[s.guide[i].key()] = int32(i)
		}
	}
	if i, ok := s.index[p.key()]; ok && s.guide[i] == p {
		return int(i) + 1
	}
	return len(s.guide)
}

// Split reads r to its end and returns its recipe, with chunks of an average of
// 1<<bits bytes. Its error is the reader's.
func Split(r io.Reader, bits int) (*Recipe, error) {
	s := NewSplitter(bits, nil)
	if _, err := s.read(r, 1<<62); err != nil {
		return nil, err
	}
	return s.Recipe(), nil
}

// read splits r until it ends or what is split reaches the offset stop.
func (s *Splitter) read(r io.Reader, stop int64) (end bool, err error) {
	for s.size < stop {
		n, err := r.Read(s.space())
		s.took(n, false)
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("split: %w", err)
		}
	}
	return false, nil
}

// segmentMin is how much of a file is worth a goroutine.
const segmentMin = 16 << 20

// SplitAt is [Split] for the first size bytes of r, by up to so many goroutines
// at the same time.
//
// Each begins somewhere in the middle, where a chunk need not begin. But once one
// ends where one of the others' ends, they go on alike: most often after a few.
func SplitAt(r io.ReaderAt, size int64, bits, atOnce int) (*Recipe, error) {
	return splitBy(r, size, bits, max(min(int64(atOnce), size/segmentMin), 1))
}

// splitBy splits in k segments.
func splitBy(r io.ReaderAt, size int64, bits int, k int64) (*Recipe, error) {
	all := make([]segment, k)
	var wg sync.WaitGroup
	for i := range all {
		g := &all[i]
		g.from, g.upto = size/k*int64(i), size/k*int64(i+1)
		if int64(i) == k-1 {
			g.upto = size
		}
		wg.Go(func() { g.split(r, size, bits) })
	}
	wg.Wait()
	out := &Recipe{Bits: bits}
	at, buf := int64(0), []byte(nil)
	for i := range all {
		g := &all[i]
		if g.err != nil {
			return nil, g.err
		}
		for at < g.upto {
			if j, ok := slices.BinarySearch(g.offsets, at); ok {
				out.Chunks = append(out.Chunks, g.parts[j:]...)
				at = g.end()
				break
			}
			if buf == nil {
				buf = make([]byte, 4<<bits)
			}
			b := buf[:min(int64(len(buf)), size-at)]
			if n, err := r.ReadAt(b, at); n < len(b) {
				return nil, fmt.Errorf("split: %w", cmp.Or(err, io.ErrUnexpectedEOF))
			}
			n := cut(b, bits)
			out.Chunks = append(out.Chunks, Part{Length: int64(n), Sum: xxh3.Hash128(b[:n]).Bytes()})
			at += int64(n)
		}
	}
	out.group()
	return out, nil
}

// segment is a stretch of a file, cut as if a chunk began at its start; the last
// chunk is the one that reaches its end.
type segment struct {
	from, upto int64
	parts      []Part
	offsets    []int64 // of the parts
	err        error
}

func (g *segment) split(r io.ReaderAt, size int64, bits int) {
	s := NewSplitter(bits, nil)
	end, err := s.read(io.NewSectionReader(r, g.from, size-g.from), g.upto-g.from)
	if g.err = err; err != nil {
		return
	}
	if end {
		s.took(0, true)
	}
	g.parts = s.out
	for at, n := g.from, 0; n < len(g.parts); n++ { // what it read beyond its end is the next one's
		if at >= g.upto {
			g.parts = g.parts[:n]
		} else {
			g.offsets = append(g.offsets, at)
			at += g.parts[n].Length
		}
	}
}

// end is the offset behind the last part.
func (g *segment) end() int64 {
	n := len(g.parts) - 1
	return g.offsets[n] + g.parts[n].Length
}
