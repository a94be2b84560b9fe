package disk

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
)

// item is something to report: at once, or when a worker has read it.
type item struct {
	found Found
	err   error // a Problem instead
	same  bool  // nothing to report after all

	lv   *level // of an entry to be read, else nil
	name string
	kind folder.Kind
	seen info         // when it was come by
	was  folder.Local // what it seems to be still, under another name
	done chan struct{}
}

func (it *item) ready() bool {
	if it.done == nil {
		return true
	}
	select {
	case <-it.done:
		return true
	default:
		return false
	}
}

// window is how many items may wait for the first of them. It bounds the
// memory and the directories that a scan holds open.
const window = 256

// queue delivers items in the order in which they are pushed, while workers
// read ahead. Only the goroutine that pushes ever delivers.
type queue struct {
	ctx      context.Context
	cancel   context.CancelFunc
	deliver  func(*item) error
	progress func()
	root     *Root // whose buffers are used
	split    func(before folder.Value, size int64) ([]chunk.Part, bool)
	keep     func(size int64) bool

	waiting []*item
	jobs    chan *item
	workers int
	wg      sync.WaitGroup
	failed  bool

	files, bytes atomic.Int64
}

func newQueue(ctx context.Context, deliver func(*item) error, progress func()) *queue {
	q := &queue{deliver: deliver, progress: progress}
	q.ctx, q.cancel = context.WithCancel(ctx)
	return q
}

// push queues it, and first waits for the oldest item if the window is full.
func (q *queue) push(it *item) error {
	for len(q.waiting) >= window {
		if err := q.first(); err != nil {
			if it.lv != nil {
				it.lv.release()
			}
			return err
		}
	}
	if it.lv != nil {
		q.start()
		q.jobs <- it // has room: no more jobs than the window holds
	}
	q.waiting = append(q.waiting, it)
	return q.poll()
}

// start adds a worker until there is one for every processor; a scan of one
// file needs no more than one.
func (q *queue) start() {
	if q.jobs == nil {
		q.jobs = make(chan *item, window)
	}
	if q.workers < runtime.GOMAXPROCS(0) && (q.workers == 0 || len(q.jobs) > 0) {
		q.workers++
		q.wg.Add(1)
		w := &worker{q: q}
		go w.run()
	}
}

// poll delivers what is ready.
func (q *queue) poll() error {
	for len(q.waiting) > 0 && q.waiting[0].ready() {
		if err := q.first(); err != nil {
			return err
		}
	}
	return nil
}

// progressEvery is how often a scan that waits for a large file says so.
const progressEvery = 250 * time.Millisecond

// first waits for the oldest item and delivers it.
func (q *queue) first() error {
	it := q.waiting[0]
	for t := (*time.Ticker)(nil); !it.ready(); {
		if t == nil {
			t = time.NewTicker(progressEvery)
			defer t.Stop()
		}
		select {
		case <-it.done:
		case <-t.C:
			q.progress()
		case <-q.ctx.Done():
			return q.ctx.Err()
		}
	}
	if err := q.ctx.Err(); err != nil {
		return err // what a worker reports now may be our own interruption
	}
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	return q.deliver(it)
}

// fail makes close throw away what is queued.
func (q *queue) fail() { q.failed = true }

// close delivers the rest and returns when all workers have ended.
func (q *queue) close() (err error) {
	for err == nil && !q.failed && len(q.waiting) > 0 {
		err = q.first()
	}
	q.cancel()
	if q.jobs != nil {
		close(q.jobs)
	}
	q.wg.Wait()
	return err
}
