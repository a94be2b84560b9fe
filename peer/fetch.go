package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/folder/fault"
	"qsync/protocol"
	"qsync/store"
)

// How content is asked for.
const (
	fetchers   = 4         // jobs at the same time
	smallFile  = 128 << 10 // up to here many files go into one request
	jobFiles   = 256
	jobBytes   = 4 << 20
	spareMin   = 64 << 20 // bytes that a transfer leaves free on the disk, or 1 %, and 5 % of a small one
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

// fetchOrder is a job: files, and whether they come into place together, or not
// at all, when away is gone.
type fetchOrder struct {
	files []want
	whole bool
	away  []store.Record
}

// fetcher brings content: from here if it is here under another name, from the
// other directory of a pair, else from the peers.
type fetcher struct {
	ctx   context.Context
	f     *Folder
	place *placer
	jobs  chan fetchOrder
	small []want
	bytes int64
	wg    sync.WaitGroup

	mu   sync.Mutex
	err  error
	turn int
}

func newFetcher(ctx context.Context, f *Folder, place *placer) *fetcher {
	x := &fetcher{ctx: ctx, f: f, place: place, jobs: make(chan fetchOrder, fetchQueue)}
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
		x.jobs <- fetchOrder{files: []want{w}}
		return nil
	}
	if x.small == nil {
		x.small = make([]want, 0, jobFiles)
	}
	x.small = append(x.small, w)
	x.bytes += w.size()
	if len(x.small) >= jobFiles || x.bytes >= jobBytes {
		x.jobs <- fetchOrder{files: x.small}
		x.small, x.bytes = nil, 0
	}
	return nil
}

// finish waits for all that was queued.
func (x *fetcher) finish() error {
	if len(x.small) > 0 {
		x.jobs <- fetchOrder{files: x.small}
		x.small = nil
	}
	close(x.jobs)
	x.wg.Wait()
	return x.err
}

// do brings the files of one job and hands them to the placer.
func (x *fetcher) do(job fetchOrder) error {
	if x.ctx.Err() != nil {
		return nil
	}
	if job.whole {
		return x.whole(job)
	}
	j := &fetchJob{fetcher: x, since: time.Now()}
	defer j.handOver()
	return j.run(job.files)
}

// handOverAfter is how long staged files wait for more of their job.
const handOverAfter = 50 * time.Millisecond

// fetchJob is one job under way; its staged files go to the placer together.
type fetchJob struct {
	*fetcher
	ready    []stagedFile
	since    time.Time
	patience time.Duration        // for the first word of an answer
	lost     map[folder.Path]bool // whose author has it no more
	whole    bool                 // nothing is handed over before all is there
	leader   *session             // who was followed last, if that was quick
	turns    int                  // so often
	best     float64              // bytes a second that somebody gave of a large file
}

func (x *fetchJob) handOver() {
	if len(x.ready) > 0 {
		x.place.put(x.ready)
	}
	x.ready, x.since = nil, time.Now()
}

func (x *fetchJob) run(job []want) error {
	todo := make([]want, 0, len(job))
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
	todo, err := x.fromFellows(todo)
	if err != nil {
		return nil // the node ends
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
		todo = x.askOne(s, todo)
	}
	for _, w := range todo {
		if !x.lost[w.rec.Path] {
			x.f.parked.park(w.rec.Path, "")
		} else if x.f.parked.lose(w.rec.Path, w.digest()) {
			x.f.wakeSyncer() // which then counts it no more
		}
	}
	return nil
}

// askOne asks one peer for files and returns those that it did not give.
func (x *fetchJob) askOne(s *session, todo []want) (left []want) {
	left, err := x.from(s, todo)
	x.kept(s, err)
	if err != nil && x.ctx.Err() == nil {
		x.f.node.cfg.Log.Debug("fetching", "folder", x.f.Dir(), "peer", s.peer.Name, "error", err)
	}
	return left
}

// kept notes that s kept us waiting, if that is what err says.
func (x *fetchJob) kept(s *session, err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		x.f.mu.Lock()
		s.slow = time.Now().Add(slowTime)
		x.f.mu.Unlock()
	}
}

// isSlow reports whether s kept us waiting lately.
func (f *Folder) isSlow(s *session) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Before(s.slow)
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
	if done, err := x.broughtAlong(w); done || err != nil {
		return done, err
	}
	if from := w.res.Value.Origin; w.size() < copyFrom {
		return from != "" && x.copyFrom(w, x.f, from) == nil, nil
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
	if w.size() > smallFile { // a long copy ends with the node
		defer context.AfterFunc(x.ctx, func() { file.Close() })()
	}
	s, err := x.f.root.Stage()
	if err == nil {
		if err = s.CopySized(file, w.size()); err != nil {
			s.Discard()
		}
	}
	if err == nil {
		err = x.finished(w, s)
	}
	if err != nil && !errors.Is(err, disk.ErrContent) {
		return fmt.Errorf("%w: %w", errStaging, err)
	}
	return err
}

// finished verifies a staged file and hands it on.
func (x *fetchJob) finished(w want, s *disk.Staged) error {
	if err := s.Finish(w.res.Value); err != nil {
		s.Discard()
		return err
	}
	if !x.f.files.takeNow(1) {
		if !x.whole {
			x.handOver() // else all could be waiting for each other's
		}
		if err := x.f.files.take(x.ctx, 1); err != nil {
			s.Discard()
			return err
		}
	}
	fault.Point("fetched")
	path := string(w.rec.Path)
	x.f.counts.current.Store(&path)
	if x.ready == nil {
		x.ready = make([]stagedFile, 0, jobFiles/4)
	}
	x.ready = append(x.ready, stagedFile{want: w, staged: s})
	if !x.whole && time.Since(x.since) > handOverAfter {
		x.handOver()
	}
	return nil
}

// sources returns the sessions that may be asked, a different one first each
// time, so that several peers share the work; of what a fellow has it has told, so
// those that still want something themselves come later, and those last that kept
// us waiting.
func (x *fetcher) sources() []*session {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	var out, fellows, slow []*session
	for _, s := range x.f.sessions {
		switch {
		case time.Now().Before(s.slow):
			slow = append(slow, s)
		case s.wants.Load():
			fellows = append(fellows, s)
		default:
			out = append(out, s)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(out) > 1 {
		x.turn++
		k := x.turn % len(out)
		out = append(out[k:], out[:k]...)
	}
	return slices.Concat(out, fellows, slow)
}

// from asks one peer for the files and returns those it could not give.
func (x *fetchJob) from(s *session, todo []want) (left []want, err error) {
	if t := x.f.twin; t != nil {
		for _, w := range todo {
			switch err := x.copyFrom(w, t, w.rec.Path); {
			case errors.Is(err, errStaging) && x.ctx.Err() == nil:
				if err := x.stuck([]want{w}, err); err != nil {
					return left, err
				}
			case err != nil:
				left = append(left, w)
				x.away(s, w, protocol.NotHere)
			}
			x.f.counts.received.Add(w.size())
		}
		return left, nil
	}
	for {
		if len(todo) == 1 && todo[0].size() > smallFile {
			left, err = x.large(s, todo[0])
		} else {
			left, err = x.many(s, todo)
		}
		// Each time there is one lane less.
		if !errors.Is(err, errLane) || x.ctx.Err() != nil || isClosed(s.link.Done()) {
			return left, err
		}
		todo = left
	}
}
