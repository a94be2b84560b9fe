package disk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/folder/fault"
)

// unchanged reports that an entry is as it was, as far as a stat can tell. Any
// change moves the ctime, so where there is one it speaks for a symlink, whose
// time on disk need not be the one it should have.
func unchanged(in info, l *folder.Local) bool {
	v := &l.Value
	if in.Kind != v.Kind || l.Stat.Racy || l.Ignored || in.Inode != l.Stat.Inode || in.CTime != l.Stat.CTime {
		return false
	}
	if in.Kind == folder.Symlink {
		return in.CTime != 0 || in.MTime == v.MTime
	}
	return in.Mode == v.Mode && in.MTime == v.MTime && in.Size == v.Size
}

// clockSkew is how far ahead of our clock that of a file server may run.
const clockSkew = time.Minute

// racy reports that a write after now could leave the very same stat (F32): the
// last one is no older than a tick of the file system's clock. Stamps that are
// all multiples of 10 ms are taken for those of a coarse clock. A stamp far
// ahead of now is not one that the next write would get. Where the clock that
// gives the stamps can be read, it need not be guessed how far it has come.
func racy(in info, now instant) bool {
	tick := fineTick
	if in.MTime%int64(fineTick) == 0 && in.CTime%int64(fineTick) == 0 {
		tick = coarseTick
	}
	from := now.at - int64(tick)
	if tick == fineTick && now.stamp != 0 {
		from = now.stamp
	}
	near := func(t int64) bool { return t >= from && t <= now.at+int64(clockSkew) }
	return near(in.MTime) || near(in.CTime)
}

// Reading is tried this often, with a pause before each further try.
const (
	readTries = 4
	readPause = 10 * time.Millisecond
)

// worker reads files; its buffer and hash state live from one to the next.
type worker struct {
	q   *queue
	buf []byte
	h   *chunk.Hasher

	database bool          // what was read last begins as one
	recipe   *chunk.Recipe // of what was read last, nil if it was not wanted
	content  []byte        // the same in full, of w.buf, where one read has brought all of it
}

func (w *worker) run() {
	defer w.q.wg.Done()
	for it := range w.q.jobs {
		it.err = w.look(it)
		it.lv.release()
		close(it.done)
	}
}

// look finds out what it holds; its error becomes a Problem.
func (w *worker) look(it *item) error {
	err := error(ErrChanging)
	for try := 0; try < readTries && errors.Is(err, ErrChanging); try++ {
		if err := w.q.sleep(try); err != nil {
			return err
		}
		err = w.tryLook(it, try)
	}
	if err != nil && !errors.Is(err, ErrChanging) {
		return w.replaced(it, err)
	}
	return err
}

// tryLook reads the entry once; [ErrChanging] if what it read may be a mixture. At
// first the stat by which it was found out to be looked at will do.
func (w *worker) tryLook(it *item, try int) error {
	in := it.seen
	if try > 0 {
		var err error
		if in, err = it.lv.d.stat(it.name); err != nil {
			return err
		}
	}
	if err := w.outwait(in); err != nil {
		return err
	}
	now := w.q.root.now()
	v, before, err := w.read(it)
	if err != nil {
		return err
	}
	after, err := it.lv.d.stat(it.name)
	if err != nil {
		return err
	}
	if after != before || (before != in && racy(before, now)) {
		return ErrChanging
	}
	it.found.After = folder.Local{Value: v, Stat: folder.Stat{
		Inode: before.Inode, CTime: before.CTime, Racy: racy(before, now)}}
	it.found.Database = w.database && v.Kind == folder.File
	it.found.Recipe = w.recipe
	b := it.found.Before
	it.same = folder.SameOnDisk(b.Value, v) && b.Stat == it.found.After.Stat && !b.Ignored
	if keep := w.q.keep; keep != nil && len(w.content) > 0 && v.Digest != b.Value.Digest && keep(v.Size) {
		it.found.Content = bytes.Clone(w.content) // its digest is of these very bytes
	}
	return nil
}

// MaxKeep is the size up to which a scan can hand content on.
const MaxKeep = minBuf

// outwait lets the tick of a fine clock pass in which the entry was last
// written: only then does a write during the read show in the stat. A live
// change has mostly come to rest for longer before its hint is sent.
func (w *worker) outwait(in info) error {
	for {
		age := time.Duration(time.Now().UnixNano() - max(in.MTime, in.CTime))
		if age < 0 || age > fineTick || !racy(in, w.q.root.now()) {
			return nil
		}
		wait := fineTick - age + time.Microsecond
		if w.q.root.stamps {
			wait = min(wait, time.Millisecond)
		}
		if err := w.q.pause(wait); err != nil {
			return err
		}
	}
}

// replaced tells why an entry that was just there could not be read.
func (w *worker) replaced(it *item, err error) error {
	in, serr := it.lv.d.stat(it.name)
	switch {
	case errors.Is(serr, fs.ErrNotExist):
		it.same = it.found.Before.Value.Kind == folder.Absent
		return nil
	case serr == nil && in.Kind != it.kind:
		return ErrChanging
	}
	return err
}

// read returns what the entry holds and its stat from before it was read.
func (w *worker) read(it *item) (folder.Value, info, error) {
	d := it.lv.d
	w.recipe, w.content = nil, nil
	if it.kind == folder.Symlink {
		in, err := d.stat(it.name)
		if err != nil {
			return folder.Value{}, in, err
		}
		if in.Kind != folder.Symlink {
			return folder.Value{}, in, ErrChanging
		}
		target, err := d.readlink(it.name)
		return folder.Value{Kind: folder.Symlink, MTime: in.MTime, Target: target}, in, err
	}
	f, in, err := d.openContent(it.name)
	if err != nil {
		return folder.Value{}, in, err
	}
	defer f.Close()
	v := folder.Value{Kind: folder.File, Mode: in.Mode, MTime: in.MTime, Size: in.Size}
	if it.was.Value.Kind == folder.File && unchanged(in, &it.was) {
		v.Digest = it.was.Value.Digest
		w.database = sqliteOf(fault.Reader(f)) == Database
		return v, in, nil
	}
	var sp *chunk.Splitter
	if split := w.q.split; split != nil && in.Size >= relayMin {
		if guide, ok := split(it.found.Before.Value, in.Size); ok {
			sp = chunk.NewSplitter(chunk.Bits(in.Size), guide)
		}
	}
	switch {
	case sp != nil || in.Size >= aheadMin:
		v.Digest, err = w.hashAhead(f, in.Size, sp)
	default:
		v.Digest, err = w.hash(f, in.Size)
	}
	return v, in, err
}

// aheadMin is from how many bytes on it pays to read a file on one core while it is
// digested on another. In a scan of many files all cores have their own anyway.
const aheadMin = 16 << 20

// hashAhead is hash with a core, if there is one, for each: reading, digesting, and
// making the recipe where sp is given.
func (w *worker) hashAhead(f io.Reader, size int64, sp *chunk.Splitter) (folder.Digest, error) {
	stages := []func([]byte) error{func(p []byte) error { _, err := w.h.Write(p); return err }}
	if sp != nil {
		stages = append(stages, func(p []byte) error { _, err := sp.Write(p); return err })
	}
	w.reset()
	l := w.q.root.newRelay(stages...)
	err := w.readAll(f, size, l.buffer, l.send)
	if err = errors.Join(err, l.end(w.q.root)); err != nil {
		return folder.Digest{}, err
	}
	if sp != nil {
		w.recipe = sp.Recipe()
	}
	return w.h.Sum(), nil
}

// Buffers fit the file, between these sizes.
const (
	minBuf = 16 << 10
	maxBuf = 256 << 10
)

// hash reads and digests all of f.
func (w *worker) hash(f io.Reader, size int64) (folder.Digest, error) {
	if want := int(min(max(size+1, minBuf), maxBuf)); len(w.buf) < want {
		w.buf = make([]byte, want)
	}
	w.reset()
	err := w.readAll(f, size, func() []byte { return w.buf }, func(p []byte) { w.h.Write(p) })
	if err != nil {
		return folder.Digest{}, err
	}
	return w.h.Sum(), nil
}

// reset makes the hasher one that has seen nothing.
func (w *worker) reset() {
	if w.h == nil {
		w.h = chunk.New()
	}
	w.h.Reset()
}

// readAll reads all of f into the buffers that it is given, and hands them on. A file
// that does not end where its stat said is being written to, and read no further.
func (w *worker) readAll(f io.Reader, size int64, buffer func() []byte, take func([]byte)) error {
	w.q.files.Add(1)
	total := int64(0)
	r := fault.Reader(f)
	for {
		buf := buffer()
		n, err := r.Read(buf)
		if total == 0 {
			w.database = bytes.HasPrefix(buf[:n], databaseHeader)
		}
		w.content = nil
		if total == 0 && int64(n) == size && n <= MaxKeep {
			w.content = buf[:n]
		}
		take(buf[:n])
		w.q.bytes.Add(int64(n))
		total += int64(n)
		switch {
		case total == size && size > 0: // more of it would show in the stat
			return nil
		case err == io.EOF && total == size:
			return nil
		case err == io.EOF || total > size:
			return ErrChanging
		case err != nil:
			return err
		}
		if err := w.q.ctx.Err(); err != nil {
			return err
		}
	}
}

// sleep waits before try number n, the longer the later.
func (q *queue) sleep(n int) error {
	if n == 0 {
		return q.ctx.Err()
	}
	return q.pause(readPause << (2 * (n - 1)))
}

func (q *queue) pause(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-q.ctx.Done():
		return context.Cause(q.ctx)
	}
}
