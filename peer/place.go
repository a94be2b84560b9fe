package peer

import (
	"maps"
	"sync/atomic"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// Bounds of a batch that is made durable together.
const (
	placeFiles = 1000 // at most, and a quarter of those that may be staged
	placeBytes = 64 << 20
	batchBytes = 16 << 20 // enough, as are half of the files, to hand a batch on when nothing is being flushed

	placeIdle = 100 * time.Millisecond // an unfinished batch waits no longer
	fewFiles  = 8                      // up to here each is flushed by itself, beyond the whole file system is
)

// placer puts staged files in place and tells the map, in the order that makes
// every power cut harmless: content durable, swap, directory durable, map.
//
// A collector gathers a batch while the one before is flushed and swapped, so
// that staging never waits for the disk's flushes; the slower they are, the
// larger the batches become. One flush of the file system serves three batches:
// it makes the content of one durable and the directories of the second last,
// and while it runs the one in between is swapped in.
type placer struct {
	f       *Folder
	ops     chan placeOp
	batches chan *placeBatch
	ended   chan struct{}
	placed  atomic.Int64
	most    int // files of a batch

	// Of the flushing side alone:
	durable []stagedFile // flushed, not swapped in yet
	pendingChanges
	committed time.Time // when all that was in place last went to the map
	broken    bool      // a flush failed
	err       error
}

// pendingChanges are on disk, but not yet durable there.
type pendingChanges struct {
	pending []store.Change
	dirs    map[folder.Path]bool // that hold them
	all     bool                 // they need a flush of everything
}

func (p *pendingChanges) takePending() pendingChanges {
	taken := *p
	*p = pendingChanges{dirs: make(map[folder.Path]bool)}
	return taken
}

// restore puts back what was taken.
func (p *pendingChanges) restore(c pendingChanges) {
	p.pending = append(c.pending, p.pending...)
	maps.Copy(p.dirs, c.dirs)
	p.all = p.all || c.all
}

// placeOp is one thing handed over: staged files, or changes done already.
type placeOp struct {
	files   []stagedFile
	changes []store.Change
	extra   folder.Path // a file that was moved aside: look at it
	meta    bool
	flush   chan error
}

type stagedFile struct {
	want   want
	staged *disk.Staged
	with   []stagedFile   // come into place with it, see [placer.swapWhole]
	away   []store.Record // what they take the place of, or is to go
	from   *store.Record  // where it is, if it is to be moved: see [round.move]
}

// stagedFiles is how many files a node may have staged at a time, each of which
// holds a descriptor, where a process may have so many open: the rest is for what
// is read, watched and served meanwhile.
func stagedFiles(open int64) int64 { return max(open*3/8, 32) }

// discard gives staged files up.
func (p *placer) discard(files []stagedFile) {
	for i := range files {
		p.release(&files[i])
		p.f.underway.end(files[i].want.rec.Path)
	}
}

// release gives back the descriptors of a staged file, and what is not in place.
func (p *placer) release(f *stagedFile) {
	f.staged.Discard()
	for _, s := range f.with {
		s.staged.Discard()
	}
	p.f.files.give(1 + int64(len(f.with)))
}

type placeBatch struct {
	most    int
	staged  []stagedFile
	bytes   int64
	changes []store.Change
	meta    bool
	due     bool
	flush   chan error // answered when all up to here is in the map
}

func (b *placeBatch) full() bool {
	return len(b.staged) >= b.most || b.bytes >= placeBytes || len(b.changes) >= 2*placeFiles || b.flush != nil
}

func (b *placeBatch) ready() bool {
	return b.due || b.full() || len(b.staged) >= b.most/2 || b.bytes >= batchBytes
}

func newPlacer(f *Folder) *placer {
	p := &placer{
		committed: time.Now(),
		f:         f, ops: make(chan placeOp, 64), batches: make(chan *placeBatch), ended: make(chan struct{}),
		most: int(min(placeFiles, f.files.most/4)),
	}
	p.takePending()
	f.group.Go(func() error { p.collect(); return nil })
	f.group.Go(func() error { p.work(); return nil })
	return p
}

// put takes over staged and verified files, one descriptor each of the folder's
// account.
func (p *placer) put(files []stagedFile) { p.ops <- placeOp{files: files} }

// add takes changes that are on disk already.
func (p *placer) add(c []store.Change, displaced folder.Path) error {
	p.ops <- placeOp{changes: c, extra: displaced}
	return nil
}

// meta notes that metadata was set, which only a flush of everything secures.
func (p *placer) meta() { p.ops <- placeOp{meta: true} }

// finish returns when all that was handed over is durable and in the map.
func (p *placer) finish() error {
	done := make(chan error)
	p.ops <- placeOp{flush: done}
	return <-done
}

// close ends the placer; nothing may be handed over any more.
func (p *placer) close() {
	close(p.ops)
	<-p.ended
}

// collect gathers batches and hands them on.
func (p *placer) collect() {
	defer close(p.batches)
	idle := time.NewTimer(placeIdle)
	defer idle.Stop()
	cur := &placeBatch{most: p.most}
	for {
		in, out := p.ops, p.batches
		if cur.full() {
			in = nil
		}
		if !cur.ready() {
			out = nil
		}
		select {
		case op, ok := <-in:
			if !ok {
				p.discard(cur.staged)
				p.leave(cur.changes)
				return
			}
			empty := len(cur.staged) == 0
			if p.take(cur, op); empty && len(cur.staged) > 0 {
				idle.Reset(placeIdle)
			}
		case out <- cur:
			cur = &placeBatch{most: p.most}
		case <-idle.C:
			cur.due = len(cur.staged) > 0
		}
	}
}

func (p *placer) take(b *placeBatch, op placeOp) {
	if op.extra != "" {
		p.f.look.add(op.extra, false)
	}
	b.meta = b.meta || op.meta
	b.changes = append(b.changes, op.changes...)
	b.staged = append(b.staged, op.files...)
	for i := range op.files {
		b.bytes += op.files[i].want.size()
		for j := range op.files[i].with {
			b.bytes += op.files[i].with[j].want.size()
		}
	}
	if op.flush != nil {
		b.flush = op.flush
	}
}
