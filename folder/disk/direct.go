package disk

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"qsync/folder/chunk"
)

// Direct writing: offsets, lengths and memory are multiples of directBlock, which
// is what the strictest of the usual disks asks for.
const (
	directBlock  = 4 << 10
	directBuffer = 1 << 20
	directCount  = 3 // buffers: one is filled while the others are written
)

// direct writes a file past the memory in which the system holds files, a buffer at
// a time and in order, while the next is filled. That costs a tenth of the processor's
// time, leaves that memory to what others read, and the flush at the end has nothing
// to wait for. It digests what it writes, too: with two cores the content comes
// meanwhile.
type direct struct {
	f    *os.File
	to   *Staged       // that what has landed is told to
	hash *chunk.Hasher // what it digests with; nil until [direct.digests]
	upto int64         // the content that has been digested; the writer's, like hash
	buf  []byte        // of what comes next: cap is directBuffer
	off  int64         // where it belongs, a multiple of directBlock
	full chan directPart
	free chan directPart // empty again
	done chan struct{}   // closed when the writer has ended
	err  error           // its first one; to be read when it has ended
}

type directPart struct {
	b   []byte
	off int64
	err error // the writer's first one

	hash *chunk.Hasher // instead of content: what comes from off on is digested with it
}

// Bypass has the content written past the memory in which the system holds files,
// where the file system can: for a file so large that it would drive out what else
// is there. What it is and how it ends are the same.
func (s *Staged) Bypass() {
	if !s.ready && !s.failed {
		s.past = true
	}
}

// LargeForMemory is from which size on in bytes a file is too large a part of this
// machine's memory to be held in it without being asked for.
func LargeForMemory() int64 { return max(memory()/8, directLeast) }

// directLeast is below which no file is large, however little memory there is.
const directLeast = 64 << 20

// straight is writeAt for a file that goes past the memory.
func (s *Staged) straight(p []byte, off int64) error {
	if s.direct == nil {
		// What an earlier attempt left may end anywhere.
		head := min(int64(len(p)), -off&(directBlock-1))
		if err := s.through(p[:head], off); err != nil || head == int64(len(p)) {
			return err
		}
		p, off = p[head:], off+head
		if s.direct = newDirect(s); s.direct == nil {
			s.past = false
			return s.through(p, off)
		}
	}
	return s.direct.write(p, off)
}

// endDirect brings what is in the buffers to the file, which is written as any other
// from here on.
func (s *Staged) endDirect() error {
	d := s.direct
	s.past, s.direct = false, nil
	if d == nil {
		return nil
	}
	rest, off, err := d.end()
	if err == nil {
		s.begun = off
		err = s.through(rest, off) // no whole block
	}
	if d.hash != nil {
		d.digest(rest, off)
		d.zeros(s.size) // which are not written yet, or never
	}
	if err != nil {
		s.failed = true // what is on the disk is unknown now
	}
	return err
}

// newDirect returns nil where the file system cannot.
func newDirect(s *Staged) *direct {
	if setDirect(s.f, true) != nil {
		return nil
	}
	d := &direct{f: s.f, to: s, full: make(chan directPart, directCount+1), free: make(chan directPart, directCount), done: make(chan struct{})}
	for range directCount {
		d.free <- directPart{b: aligned()}
	}
	go d.run()
	return d
}

// aligned is an empty buffer that begins at a multiple of directBlock in memory.
func aligned() []byte {
	b := make([]byte, directBuffer+directBlock)
	at := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) % directBlock
	return b[at : at : at+directBuffer]
}

// run writes what comes. After an error the rest is left.
func (d *direct) run() {
	defer close(d.done)
	for p := range d.full {
		if p.hash != nil {
			d.hash, d.upto = p.hash, p.off
			continue
		}
		if d.hash != nil {
			d.digest(p.b, p.off)
		}
		if d.err == nil {
			_, d.err = d.f.WriteAt(p.b, p.off)
			if errors.Is(d.err, syscall.EINVAL) { // stricter than it said
				if d.err = setDirect(d.f, false); d.err == nil {
					_, d.err = d.f.WriteAt(p.b, p.off)
				}
			}
			if d.err == nil {
				d.to.landed.Store(p.off + int64(len(p.b)))
			}
		}
		d.free <- directPart{b: p.b[:0], err: d.err}
	}
}

// digest takes into the digest what is at off and has not been in it yet.
func (d *direct) digest(b []byte, off int64) {
	d.zeros(off)
	if old := d.upto - off; old < int64(len(b)) {
		d.hash.Write(b[old:])
		d.upto = off + int64(len(b))
	}
}

// zeros takes a hole that ends at byte off into the digest.
func (d *direct) zeros(off int64) {
	for d.upto < off {
		n := min(off-d.upto, minHole)
		d.hash.Write(zeroBlock[:n])
		d.upto += n
	}
}

// digests has the writer digest what comes from byte off on; what is before that is
// in h already.
func (d *direct) digests(h *chunk.Hasher, off int64) { d.full <- directPart{hash: h, off: off} }

// write takes p, which belongs at off: behind what was written, or after a hole of
// minHole at least.
func (d *direct) write(p []byte, off int64) error {
	if len(d.buf) > 0 && off != d.off+int64(len(d.buf)) {
		d.pad(-int64(len(d.buf)) & (directBlock - 1)) // the hole begins in this block
		d.submit()
	}
	for len(p) > 0 {
		if len(d.buf) == 0 {
			if d.buf == nil {
				empty := <-d.free
				if empty.err != nil {
					return empty.err
				}
				d.buf = empty.b
			}
			d.off = off &^ (directBlock - 1)
			d.pad(off - d.off) // the hole ends in this block
		}
		n := min(len(p), directBuffer-len(d.buf))
		d.buf = append(d.buf, p[:n]...)
		p, off = p[n:], off+int64(n)
		if len(d.buf) == directBuffer {
			d.submit()
		}
	}
	return nil
}

// pad appends n zeros, which the hole beside them would read as anyway.
func (d *direct) pad(n int64) { d.buf = append(d.buf, zeroBlock[:n]...) }

// submit hands the buffer to the writer.
func (d *direct) submit() {
	d.full <- directPart{b: d.buf, off: d.off}
	d.buf = nil
}

// end waits for the writer and returns what is left: less than a block, at off.
func (d *direct) end() (rest []byte, off int64, err error) {
	rest, off = d.buf, d.off
	if n := len(rest) &^ (directBlock - 1); n > 0 {
		d.full <- directPart{b: rest[:n], off: off}
		rest, off = append([]byte(nil), rest[n:]...), off+int64(n)
	}
	close(d.full)
	<-d.done
	if err = d.err; err == nil {
		err = setDirect(d.f, false)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("write past the memory: %w", err)
	}
	return rest, off, nil
}

// drop ends the writer of a file that is given up.
func (s *Staged) drop() {
	if s.direct != nil {
		close(s.direct.full)
		<-s.direct.done
		s.direct = nil
	}
}
