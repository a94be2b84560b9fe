package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/protocol"
	"qsync/store"
)

// How content is asked for.
const (
	fetchers   = 4         // jobs at the same time
	smallFile  = 128 << 10 // up to here many files go into one request
	jobFiles   = 256
	jobBytes   = 4 << 20
	spareMin   = 64 << 20 // bytes that a transfer leaves free on the disk, or 1 %
	maxParked  = 20000    // so many paths without a source, and a round gives up asking for more
	copyFrom   = 4 << 10  // from this size on content is looked for here first
	fetchQueue = 2 * fetchers

	// A peer that vanished is known to be gone only after idleTimeout: while
	// another one can be asked, the first word of an answer may take so long.
	answerWait = 3 * time.Second
	slowTime   = 30 * time.Second // and then it is asked last
)

// want is one file whose content is needed.
type want struct {
	rec store.Record
	res folder.Resolution
}

func (w *want) digest() folder.Digest { return w.res.Value.Digest }
func (w *want) size() int64           { return w.res.Value.Size }

// fetcher brings content: from here if it is here under another name, from the
// other directory of a pair, else from the peers.
type fetcher struct {
	ctx   context.Context
	f     *Folder
	place *placer
	jobs  chan []want
	small []want
	bytes int64
	wg    sync.WaitGroup

	mu   sync.Mutex
	err  error
	turn int
}

func newFetcher(ctx context.Context, f *Folder, place *placer) *fetcher {
	x := &fetcher{ctx: ctx, f: f, place: place, jobs: make(chan []want, fetchQueue)}
	for range fetchers {
		x.wg.Add(1)
		f.group.Go(func() error {
			defer x.wg.Done()
			for job := range x.jobs {
				if err := x.do(job); err != nil {
					x.fail(err)
				}
			}
			return nil
		})
	}
	return x
}

func (x *fetcher) fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.err = errors.Join(x.err, err)
}

// add queues one file; it blocks while enough is under way.
func (x *fetcher) add(w want) error {
	if w.size() > smallFile {
		x.jobs <- []want{w}
		return nil
	}
	x.small = append(x.small, w)
	x.bytes += w.size()
	if len(x.small) >= jobFiles || x.bytes >= jobBytes {
		x.jobs <- x.small
		x.small, x.bytes = nil, 0
	}
	return nil
}

// finish waits for all that was queued.
func (x *fetcher) finish() error {
	if len(x.small) > 0 {
		x.jobs <- x.small
		x.small = nil
	}
	close(x.jobs)
	x.wg.Wait()
	return x.err
}

// do brings the files of one job and hands them to the placer.
func (x *fetcher) do(job []want) error {
	if x.ctx.Err() != nil {
		return nil
	}
	j := &fetchJob{fetcher: x, since: time.Now()}
	defer j.handOver()
	return j.run(job)
}

// handOverAfter is how long staged files wait for more of their job.
const handOverAfter = 50 * time.Millisecond

// fetchJob is one job under way; its staged files go to the placer together.
type fetchJob struct {
	*fetcher
	ready    []stagedFile
	since    time.Time
	patience time.Duration // for the first word of an answer
}

func (x *fetchJob) handOver() {
	if len(x.ready) > 0 {
		x.place.put(x.ready)
	}
	x.ready, x.since = nil, time.Now()
}

func (x *fetchJob) run(job []want) error {
	todo := job[:0:0]
	for _, w := range job {
		done, err := x.here(w)
		if err != nil {
			if err := x.f.pathFailed(w.rec.Path, err); err != nil {
				return err
			}
			continue
		}
		if !done {
			todo = append(todo, w)
		}
	}
	sources := x.sources()
	for i, s := range sources {
		if len(todo) == 0 {
			return nil
		}
		x.patience = requestWait
		if i < len(sources)-1 {
			x.patience = answerWait
		}
		left, err := x.from(s, todo)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			x.f.mu.Lock()
			s.slow = time.Now().Add(slowTime)
			x.f.mu.Unlock()
		}
		if err != nil && x.ctx.Err() == nil {
			x.f.node.cfg.Log.Debug("fetching", "folder", x.f.Dir(), "peer", s.peer.Name, "error", err)
		}
		todo = left
	}
	for _, w := range todo {
		x.f.parked.park(w.rec.Path, "")
	}
	return nil
}

// here makes the file from what this machine holds already.
func (x *fetchJob) here(w want) (bool, error) {
	if w.size() > 0 {
		if err := x.f.room(w.size()); err != nil {
			return false, err
		}
	}
	if w.size() == 0 {
		s, err := x.f.root.Stage()
		if err != nil {
			return false, err
		}
		return true, x.finished(w, s)
	}
	if w.size() < copyFrom {
		return false, nil
	}
	held, err := x.f.store.Holding(w.digest(), 4)
	if err != nil {
		return false, err
	}
	for _, r := range held {
		if x.copyFrom(w, x.f, r.Path) == nil {
			return true, nil
		}
	}
	return false, nil
}

// copyFrom stages w from a file of a folder on this machine.
func (x *fetchJob) copyFrom(w want, from *Folder, p folder.Path) error {
	file, _, status := from.content(p, w.digest())
	if status != protocol.OK {
		return errors.New(status.String())
	}
	defer file.Close()
	s, err := x.f.root.Stage()
	if err != nil {
		return err
	}
	if err := s.CopyFrom(file); err != nil {
		s.Discard()
		return err
	}
	return x.finished(w, s)
}

// finished verifies a staged file and hands it on.
func (x *fetchJob) finished(w want, s *disk.Staged) error {
	if err := s.Finish(w.res.Value); err != nil {
		s.Discard()
		return err
	}
	path := string(w.rec.Path)
	x.f.counts.current.Store(&path)
	x.ready = append(x.ready, stagedFile{w, s})
	if time.Since(x.since) > handOverAfter {
		x.handOver()
	}
	return nil
}

// sources returns the sessions that may be asked, a different one first each
// time, so that several peers share the work; those last that kept us waiting.
func (x *fetcher) sources() []*session {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	var out, slow []*session
	for _, s := range x.f.sessions {
		if time.Now().After(s.slow) {
			out = append(out, s)
		} else {
			slow = append(slow, s)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(out) > 1 {
		x.turn++
		k := x.turn % len(out)
		out = append(out[k:], out[:k]...)
	}
	return append(out, slow...)
}

// from asks one peer for the files and returns those it could not give.
func (x *fetchJob) from(s *session, todo []want) (left []want, err error) {
	if t := x.f.twin; t != nil {
		for _, w := range todo {
			if err := x.copyFrom(w, t, w.rec.Path); err != nil {
				left = append(left, w)
			}
			x.f.counts.received.Add(w.size())
		}
		return left, nil
	}
	if len(todo) == 1 && todo[0].size() > smallFile {
		return x.large(s, todo[0])
	}
	return x.many(s, todo)
}

// ask opens a stream and sends a request on it.
func (x *fetchJob) ask(s *session, items []protocol.Item) (Stream, *protocol.Reader, error) {
	st, err := s.link.OpenStream(x.ctx)
	if err != nil {
		return nil, nil, err
	}
	st.SetDeadline(time.Now().Add(requestWait))
	if err := protocol.Write(st, &protocol.Request{Items: items}); err != nil {
		st.Reset()
		return nil, nil, err
	}
	st.SetDeadline(time.Now().Add(x.patience))
	return st, protocol.NewReader(st, protocol.Answers), nil
}

// many asks for small files, all in as few requests as the protocol allows.
func (x *fetchJob) many(s *session, todo []want) (left []want, err error) {
	for len(todo) > 0 {
		var items []protocol.Item
		room := 0
		for i := range todo {
			w := &todo[i]
			it := protocol.Item{Path: w.rec.Path, Digest: w.digest(), Size: w.size(), Length: w.size()}
			if room += it.Cost(); room > protocol.MaxRequest || len(items) == protocol.MaxItems {
				break
			}
			items = append(items, it)
		}
		part := todo[:len(items)]
		todo = todo[len(items):]
		missing, err := x.manyOf(s, items, part)
		left = append(left, missing...)
		if err != nil {
			return append(left, todo...), err
		}
	}
	return left, nil
}

func (x *fetchJob) manyOf(s *session, items []protocol.Item, part []want) (left []want, err error) {
	st, r, err := x.ask(s, items)
	if err != nil {
		return part, err
	}
	for i := range part {
		if i > 0 {
			st.SetDeadline(time.Now().Add(requestWait))
		}
		staged, err := x.f.root.Stage()
		if err != nil {
			st.Reset()
			return append(left, part[i:]...), x.f.pathFailed(part[i].rec.Path, err)
		}
		ok, err := x.receive(st, r, staged, part[i].size())
		if err != nil {
			staged.Discard()
			st.Reset()
			return append(left, part[i:]...), x.broken(s, err)
		}
		if ok {
			ok = x.finished(part[i], staged) == nil
		} else {
			staged.Discard()
		}
		if !ok {
			left = append(left, part[i])
		}
	}
	return left, st.Close()
}

// receive writes the answer to one item into staged. It reports false if the
// peer does not have it after all.
func (x *fetcher) receive(st Stream, r *protocol.Reader, staged io.Writer, length int64) (bool, error) {
	m, err := r.Next()
	if err != nil {
		return false, err
	}
	resp, ok := m.(*protocol.Response)
	if !ok {
		return false, fmt.Errorf("%w: an answer without its beginning", protocol.ErrProtocol)
	}
	if resp.Status != protocol.OK {
		return false, nil
	}
	if resp.Length != length {
		return false, fmt.Errorf("%w: %d bytes for %d asked", protocol.ErrProtocol, resp.Length, length)
	}
	got := int64(0)
	for data := resp.Data; ; {
		if _, err := staged.Write(data); err != nil {
			return false, fmt.Errorf("staging: %w", err)
		}
		got += int64(len(data))
		x.f.counts.received.Add(int64(len(data)))
		if got >= length {
			break
		}
		st.SetDeadline(time.Now().Add(requestWait))
		m, err := r.Next()
		if err != nil {
			return false, err
		}
		switch m := m.(type) {
		case *protocol.Data:
			data = m.Bytes
		case *protocol.Abort:
			return false, nil
		default:
			return false, fmt.Errorf("%w: content expected", protocol.ErrProtocol)
		}
	}
	if got != length {
		return false, fmt.Errorf("%w: more content than asked for", protocol.ErrProtocol)
	}
	return true, nil
}

// broken ends the link of a peer that broke the protocol.
func (x *fetcher) broken(s *session, err error) error {
	if errors.Is(err, protocol.ErrProtocol) {
		s.link.Close(CodeProtocol, "")
	}
	return err
}

// large brings one file, going on where an earlier attempt was cut off.
func (x *fetchJob) large(s *session, w want) (left []want, err error) {
	again := []want{w}
	path := string(w.rec.Path)
	x.f.counts.current.Store(&path)
	staged, have, err := x.f.root.StagePart(w.digest(), w.size())
	if err != nil {
		return nil, x.f.pathFailed(w.rec.Path, err)
	}
	if have < w.size() {
		st, r, err := x.ask(s, []protocol.Item{{Path: w.rec.Path, Digest: w.digest(), Size: w.size(), Offset: have, Length: w.size() - have}})
		if err != nil {
			staged.Park()
			return again, err
		}
		ok, err := x.receive(st, r, staged, w.size()-have)
		if err != nil || !ok {
			staged.Park()
			st.Reset()
			return again, x.broken(s, err)
		}
		st.Close()
	}
	if err := x.finished(w, staged); err != nil {
		if errors.Is(err, disk.ErrContent) {
			return again, err
		}
		return nil, x.f.pathFailed(w.rec.Path, err)
	}
	return nil, nil
}

// room reports whether a file of size bytes may be fetched without filling the
// disk.
func (f *Folder) room(size int64) error {
	free, total, err := f.space.measure(f.root, size)
	if err != nil {
		return nil // unknown here: the write itself will tell
	}
	if spare := max(total/100, spareMin); free-size < spare {
		return fmt.Errorf("not enough space on the disk: %d bytes free, %d needed and %d kept free", free, size, spare)
	}
	return nil
}

// spaceFor is how long a look at the free space is good for.
const spaceFor = time.Second

// spaceMeter asks the file system for its free space now and then, and counts
// down in between.
type spaceMeter struct {
	mu          sync.Mutex
	at          time.Time
	free, total int64
}

func (m *spaceMeter) measure(root *disk.Root, size int64) (free, total int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.at) > spaceFor {
		if m.free, m.total, err = root.FreeSpace(); err != nil {
			return 0, 0, err
		}
		m.at = time.Now()
	}
	free = m.free
	m.free -= size
	return free, m.total, nil
}
