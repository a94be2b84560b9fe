package disk

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/folder/fault"
)

// Names in the staging directory. A name with swapPrefix may hold what a user
// had: it is never simply removed.
const (
	newPrefix  = "new-"
	swapPrefix = "swap-"
	partSuffix = ".part"
)

const copyBuffer = 256 << 10

// Staged is a file being written beside the tree, to be put in place whole. It
// holds one descriptor until it is put or discarded. One goroutine at a time
// may use it.
type Staged struct {
	r      *Root
	dir    *dir   // where it is
	name   string // "" while it has none
	f      *os.File
	hash   *chunk.Hasher
	split  *chunk.Splitter // nil where no recipe is wanted
	size   int64           // bytes of content so far
	landed atomic.Int64    // of them, from the start, can be read, see Coming
	zeros  int64           // zero bytes at the end of it that are not written yet
	begun  int64           // up to there the system has been asked to write it to the disk
	part   string          // its name as a resumable file, claimed until close
	ready  bool            // finished: value and info are set
	synced bool            // flushed by itself
	linked bool            // made without a name
	past   bool            // written past the system's memory, as asked for
	direct *direct         // that does it, nil before the first bytes
	head   [headSize]byte
	heads  int // bytes of head that are the first ones of the content
	failed bool
	value  folder.Value
	info   info
	from   folder.Path  // of what is moved, see [Root.StageMove]
	was    folder.Local // what is there
}

// Stage starts a new file. Call [Staged.Discard] when done with it, in any case.
func (r *Root) Stage() (*Staged, error) {
	var s *Staged
	err := r.inWork(func(w *work) error {
		f, name, err := r.newFile(w.tmp)
		if err == nil {
			s = &Staged{r: r, dir: w.tmp, name: name, f: f, hash: r.hasher(), linked: name == ""}
			fault.Point("stage-made")
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	return s, nil
}

// newFile makes an empty file, without a name where the file system can: to put
// that in place costs one change of a directory instead of three, staging does
// not wait for the lock of the staging directory, and a crash leaves nothing
// behind.
func (r *Root) newFile(tmp *dir) (f *os.File, name string, err error) {
	if r.namelessFiles(tmp) {
		if f, err = tmp.createNameless(); err == nil {
			return f, "", nil
		}
	}
	name = newPrefix + rand.Text()
	f, err = tmp.create(name, 0o600)
	return f, name, err
}

// StagePart starts, or goes on with, a file of which digest and size are known,
// and returns how many of its bytes are here already; they are read again, so
// that what an interruption did to them is found at the end. While another
// Staged of the same content is open, it starts a file that cannot be resumed.
func (r *Root) StagePart(d folder.Digest, size int64) (*Staged, int64, error) {
	name := hex.EncodeToString(d[:]) + partSuffix
	if !r.claim(name) {
		s, err := r.Stage()
		return s, 0, err
	}
	s := &Staged{r: r, name: name, hash: r.hasher(), part: name}
	err := r.inWork(func(w *work) error {
		s.dir = w.tmp
		return s.openPart()
	})
	if err == nil {
		err = s.readPart(size)
	}
	if err != nil {
		s.close()
		return nil, 0, fmt.Errorf("stage: %w", err)
	}
	return s, s.size, nil
}

func (r *Root) claim(part string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.parts[part] {
		return false
	}
	r.parts[part] = true
	return true
}

func (s *Staged) openPart() (err error) {
	s.f, _, err = s.dir.reopen(s.name)
	if errors.Is(err, fs.ErrNotExist) {
		s.f, err = s.dir.create(s.name, 0o600)
	}
	return err
}

// readPart hashes what an earlier attempt left of a file of that size.
func (s *Staged) readPart(size int64) error {
	n, err := io.CopyBuffer(s.hash, fault.Reader(onlyReader{s.f}), make([]byte, copyBuffer))
	if err != nil {
		return err
	}
	if n > size {
		s.hash.Reset()
		n = 0
		if err := s.truncate(0); err != nil {
			return err
		}
	}
	s.size = n
	s.landed.Store(n)
	fault.Point("part-reread")
	return nil
}

// onlyReader hides the methods by which io.Copy would not use its buffer.
type onlyReader struct{ io.Reader }

// Write appends p to the content. Long runs of zeros become holes.
func (s *Staged) Write(p []byte) (int, error) {
	if s.ready || s.failed {
		return 0, fmt.Errorf("write staged file: %w", fs.ErrClosed)
	}
	digests := s.direct != nil
	if err := s.write(p); err != nil {
		s.failed = true // what is on the disk is unknown now
		return 0, fmt.Errorf("write staged file: %w", err)
	}
	if !digests {
		s.hash.Write(p)
		if s.direct != nil { // from here on
			s.direct.digests(s.hash, s.size+int64(len(p)))
		}
	}
	s.begin(p)
	s.cut(p)
	s.size += int64(len(p))
	fault.Point("stage-written")
	return len(p), nil
}

// CopyFrom makes the content that of f from its start to its end, see [Staged.CopySized].
func (s *Staged) CopyFrom(f *os.File) error {
	fi, err := f.Stat()
	if err != nil {
		return fmt.Errorf("copy to staged file: %w", err)
	}
	return s.CopySized(f, fi.Size())
}

// CopySized makes the content the first size bytes of f, all of it as far as the
// caller knows, instead of writing it. Blocks are shared where the file system can; then the content is
// read once for its digest, otherwise it is hashed while it is copied. (The
// kernel's copy_file_range would need that second reading too.)
func (s *Staged) CopySized(f *os.File, size int64) error {
	if s.size != 0 || s.ready || s.failed {
		return fmt.Errorf("copy to staged file: %w", fs.ErrInvalid)
	}
	buf := s.r.buffer()
	defer s.r.buffers.Put(buf)
	if s.clone(f) {
		n, err := io.CopyBuffer(s.hash, fault.Reader(onlyReader{io.NewSectionReader(s.f, 0, size)}), buf[:])
		s.size, s.failed = n, err != nil
		if err != nil {
			return fmt.Errorf("copy to staged file: %w", err)
		}
		return nil
	}
	from := fault.Reader(io.NewSectionReader(f, 0, size))
	for s.size < size { // what comes at the end need not be asked for
		n, err := from.Read(buf[:])
		if _, werr := s.Write(buf[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			return nil // if it shrank, its digest will say so
		}
		if err != nil {
			return fmt.Errorf("copy to staged file: %w", err)
		}
	}
	return nil
}

// buffer returns one to copy with; they go from one file to the next.
func (r *Root) buffer() *[copyBuffer]byte {
	if b, ok := r.buffers.Get().(*[copyBuffer]byte); ok {
		return b
	}
	return new([copyBuffer]byte)
}

// hasher returns one that has seen nothing; they are large, and staged files
// many, so they go from one to the next.
func (r *Root) hasher() *chunk.Hasher {
	if h, ok := r.hashers.Get().(*chunk.Hasher); ok {
		h.Reset()
		return h
	}
	return chunk.New()
}

// doneHashing gives the hasher back: the content is complete, or given up.
func (s *Staged) doneHashing() {
	if s.hash != nil {
		s.r.hashers.Put(s.hash)
		s.hash = nil
	}
}

// clone shares f's blocks if the file system can. One that said no is not asked
// again: the question costs as much as copying a small file.
func (s *Staged) clone(f *os.File) bool {
	if s.r.noClone.Load() {
		return false
	}
	return s.mayClone(cloneFile(s.f, f))
}

// mayClone reports whether cloning succeeded, and notes whether it ever can.
func (s *Staged) mayClone(err error) bool {
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.ENOTTY) {
		s.r.noClone.Store(true)
	}
	return err == nil
}

// Finish ends the content and gives the file v's mode and modification time.
// It returns [ErrContent], and the file is gone, if size or digest are not v's.
func (s *Staged) Finish(v folder.Value) error {
	if s.ready || s.failed || v.Kind != folder.File {
		return fmt.Errorf("finish staged file: %w", fs.ErrInvalid)
	}
	if err := s.endDirect(); err != nil {
		return fmt.Errorf("finish staged file: %w", err)
	}
	if s.size != v.Size || s.hash.Sum() != v.Digest {
		s.Discard()
		return fmt.Errorf("finish staged file: %w", ErrContent)
	}
	var err error
	if s.zeros > 0 { // a hole at the end
		err = s.truncate(s.size)
	}
	if err == nil {
		s.info, err = s.dir.setFileMeta(s.f, s.name, v.Mode, v.MTime)
	}
	if err != nil {
		s.failed = true
		return fmt.Errorf("finish staged file: %w", err)
	}
	s.landed.Store(s.size)
	s.value, s.ready = v, true
	s.doneHashing()
	fault.Point("stage-finished")
	return nil
}

// Digest returns the digest of what was written so far.
func (s *Staged) Digest() (folder.Digest, int64, error) {
	if s.ready || s.failed || s.hash == nil {
		return folder.Digest{}, 0, fmt.Errorf("staged file: %w", fs.ErrInvalid)
	}
	past := s.past
	if err := s.endDirect(); err != nil {
		return folder.Digest{}, 0, fmt.Errorf("staged file: %w", err)
	}
	s.past = past
	return s.hash.Sum(), s.size, nil
}

// Sync makes the content durable. After an error the file must be discarded:
// a second attempt could succeed without having written anything.
func (s *Staged) Sync() error {
	if s.f == nil && s.from == "" || s.failed {
		return fmt.Errorf("sync staged file: %w", fs.ErrClosed)
	}
	flush := s.flush
	if s.from != "" {
		flush = s.syncMoved
	}
	if err := flush(); err != nil {
		s.failed = true
		return fmt.Errorf("sync staged file: %w", err)
	}
	s.synced = true
	fault.Point("stage-synced")
	return nil
}

func (s *Staged) flush() error {
	if err := fault.File("sync"); err != nil {
		return err
	}
	return s.f.Sync()
}

func (s *Staged) truncate(size int64) error {
	if err := fault.File("truncate"); err != nil {
		return err
	}
	return s.f.Truncate(size)
}

// Discard removes the file unless it was put in place or parked. It may be
// called at any time and more than once.
func (s *Staged) Discard() {
	if s.f == nil {
		return
	}
	s.close()
	if s.name != "" {
		// A file that stays behind is removed by the next PrepareReserved.
		_ = s.dir.unlink(s.name)
	}
}

// Park keeps what was written so far for a later [Root.StagePart] of the same
// content. A file that did not come from there, or failed, is discarded.
func (s *Staged) Park() {
	if s.part == "" || s.failed || s.ready || s.endDirect() != nil {
		s.Discard()
		return
	}
	s.close()
}

// close gives up the descriptor and the claim to the part.
func (s *Staged) close() {
	s.drop() // which digests
	s.doneHashing()
	if s.f != nil {
		s.f.Close()
		s.f = nil
	}
	if s.part != "" {
		s.r.mu.Lock()
		delete(s.r.parts, s.part)
		s.r.mu.Unlock()
		s.part = ""
	}
}
