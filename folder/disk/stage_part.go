package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"qsync/folder/chunk"
	"qsync/folder/fault"
)

// Split has the content written to sp as well. It reports false, and does not,
// where there is some already.
func (s *Staged) Split(sp *chunk.Splitter) bool {
	if s.size > 0 {
		return false
	}
	s.split = sp
	return true
}

// cut takes content into the recipe.
func (s *Staged) cut(p []byte) error {
	if s.split != nil {
		s.split.Write(p)
	}
	return nil
}

// digest takes content into the digest.
func (s *Staged) digest(p []byte) error {
	s.hash.Write(p)
	return nil
}

// doneStep is how much is read before the system is told that it is done with.
const doneStep = 4 << 20

// begin keeps the first bytes of the content, of which p comes next.
func (s *Staged) begin(p []byte) {
	if s.size == int64(s.heads) {
		s.heads += copy(s.head[s.heads:], p)
	}
}

// stretch is n bytes of a file.
type stretch struct {
	f         *os.File
	offset, n int64
}

// relayMin is from how many bytes on it pays to copy on several cores.
const relayMin = 4 * copyBuffer

// CopyPart appends n bytes of f, from byte offset on. The error wraps
// io.ErrUnexpectedEOF where f does not give them.
//
// Blocks are shared where the file system can and the part lies in both files alike
// (what was inserted in front of it is of whole blocks). What is digested is then read
// where it is now.
//
// Else what is digested are the bytes that are written: the kernel's copy_file_range
// would leave it open which ones those were if f is written to meanwhile. The memory
// in which the system holds what was read of f is given up: f is about to become an
// old version, and a page that was just freed is written to sooner than one that
// the system has to find.
func (s *Staged) CopyPart(f *os.File, offset, n int64) error {
	if s.ready || s.failed {
		return fmt.Errorf("copy to staged file: %w", fs.ErrClosed)
	}
	if err := s.endDirect(); err != nil {
		return fmt.Errorf("write staged file: %w", err)
	}
	if n >= relayMin && (offset-s.size)%holeBlock == 0 && !s.r.noClone.Load() {
		first := (holeBlock - offset%holeBlock) % holeBlock
		if err := s.copyHere(io.NewSectionReader(f, offset, first), first); err != nil {
			return err
		}
		offset, n = offset+first, n-first
		shared := n &^ (holeBlock - 1)
		if s.mayClone(cloneRange(s.f, s.size, stretch{f, offset, shared})) {
			if err := s.readShared(shared); err != nil {
				return err
			}
			offset, n = offset+shared, n-shared
		} else if !s.r.noClone.Load() {
			if err := s.truncate(s.size); err != nil { // some of it may have come
				s.failed = true
				return fmt.Errorf("write staged file: %w", err)
			}
		}
	}
	from := fault.Reader(io.NewSectionReader(f, offset, n))
	if n < relayMin {
		return s.copyHere(from, n)
	}
	l := s.r.newRelay(s.digest, s.append, s.cut)
	read := &doneWith{Reader: from, f: f, at: offset, done: offset}
	left, err := s.pass(read, n, l)
	read.tell()
	if werr := l.end(s.r); werr != nil {
		s.failed = true // what is on the disk is unknown now
		return fmt.Errorf("write staged file: %w", werr)
	}
	if left > 0 {
		return fmt.Errorf("copy to staged file: %w: %w", io.ErrUnexpectedEOF, err)
	}
	return nil
}

// pass reads n bytes and hands them on. It ends early, with the number
// of bytes that are left, when from does or l has failed.
func (s *Staged) pass(from io.Reader, n int64, l *relay) (left int64, err error) {
	for n > 0 && err == nil && l.failed() == nil {
		b := l.buffer()
		var got int
		got, err = from.Read(b[:min(int64(len(b)), n)])
		l.send(b[:got])
		n -= int64(got)
	}
	return n, err
}

// doneWith tells the system of what was read of f that it is done with.
type doneWith struct {
	io.Reader
	f        *os.File
	at, done int64
}

func (d *doneWith) Read(p []byte) (int, error) {
	if d.at-d.done >= doneStep {
		d.tell()
	}
	n, err := d.Reader.Read(p)
	d.at += int64(n)
	return n, err
}

func (d *doneWith) tell() {
	if d.at > d.done { // no bytes would be all to the end
		doneReading(d.f, d.done, d.at-d.done)
		d.done = d.at
	}
}

// readShared takes the n bytes behind the content, which have come there without
// being written, into that.
func (s *Staged) readShared(n int64) error {
	s.zeros = 0 // a hole now, whatever its length
	from := fault.Reader(io.NewSectionReader(s.f, s.size, n))
	l := s.r.newRelay(s.digest, func(p []byte) error { s.begin(p); s.size += int64(len(p)); return s.cut(p) })
	n, err := s.pass(from, n, l)
	if lerr := l.end(s.r); n > 0 || lerr != nil {
		s.failed = true
		return fmt.Errorf("read staged file: %w", errors.Join(err, lerr))
	}
	s.begun = s.size
	fault.Point("part-read")
	return nil
}

// append writes p alone: somebody else takes it into the digest and the recipe.
func (s *Staged) append(p []byte) error {
	if err := s.write(p); err != nil {
		return err
	}
	s.begin(p)
	s.size += int64(len(p))
	fault.Point("part-written")
	return nil
}

// copyHere does everything in turn.
func (s *Staged) copyHere(from io.Reader, n int64) error {
	buf := s.r.buffer()
	defer s.r.buffers.Put(buf)
	for n > 0 {
		got, err := from.Read(buf[:min(copyBuffer, n)])
		if _, werr := s.Write(buf[:got]); werr != nil {
			return werr
		}
		if n -= int64(got); err != nil && n > 0 {
			return fmt.Errorf("copy to staged file: %w: %w", io.ErrUnexpectedEOF, err)
		}
	}
	return nil
}
