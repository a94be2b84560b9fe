package peer

import (
	"sync"
	"sync/atomic"
	"time"

	"qsync/folder"
)

// What pockets hold at most.
const (
	pocketRoom = 512 << 10 // bytes of a folder, of either sort
	pocketMost = 256       // contents
	larderRoom = 4 << 20   // bytes of all folders of a node, of either sort
)

// larder is what the pockets of a node hold together.
type larder struct{ bytes atomic.Int64 }

func (l *larder) fits(n int64) bool { return l.bytes.Load()+n <= larderRoom }

// pocket keeps contents by their digests for a span or two. What is in it stays to the
// end of that, or until so many have taken it as it was put there for: so one that
// does not keep up finds no room, and never throws out what is needed next. It belongs
// to one folder: what came by one ID is nothing for those who hold another one.
type pocket struct {
	larder *larder
	span   time.Duration

	mu    sync.Mutex
	m     map[folder.Digest]*pocketed
	bytes int64
	sweep *time.Timer // nil while there is nothing
}

type pocketed struct {
	content []byte
	at      time.Time
	takers  int
}

// fits reports whether there is room for so many bytes.
func (p *pocket) fits(size int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hasRoom(size)
}

func (p *pocket) hasRoom(size int64) bool {
	return p.bytes+size <= pocketRoom && len(p.m) < pocketMost && p.larder.fits(size)
}

// put adds content, which is the pocket's from now on, for so many takers.
func (p *pocket) put(d folder.Digest, content []byte, takers int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if x := p.m[d]; x != nil {
		x.takers += takers
		return
	}
	if takers <= 0 || !p.hasRoom(int64(len(content))) {
		return
	}
	if p.m == nil {
		p.m = make(map[folder.Digest]*pocketed)
	}
	p.m[d] = &pocketed{content, time.Now(), takers}
	p.count(len(content))
	if p.sweep == nil {
		p.sweep = time.AfterFunc(p.span, p.expire)
	}
}

// take returns the content of that digest, nil if it is not there or of another size.
func (p *pocket) take(d folder.Digest, size int64) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.m[d]
	if x == nil || int64(len(x.content)) != size {
		return nil
	}
	if x.takers--; x.takers <= 0 {
		p.drop(d, x)
	}
	return x.content
}

func (p *pocket) drop(d folder.Digest, x *pocketed) {
	delete(p.m, d)
	p.count(-len(x.content))
}

func (p *pocket) count(n int) {
	p.bytes += int64(n)
	p.larder.bytes.Add(int64(n))
}

// holds reports whether there is anything.
func (p *pocket) holds() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.m) > 0
}

// expire drops what has been there for long.
func (p *pocket) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sweep == nil {
		return // cleared meanwhile
	}
	for d, x := range p.m {
		if time.Since(x.at) >= p.span {
			p.drop(d, x)
		}
	}
	if len(p.m) == 0 {
		p.m, p.sweep = nil, nil
		return
	}
	p.sweep.Reset(p.span)
}

// clear drops everything: the folder ends.
func (p *pocket) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count(-int(p.bytes))
	if p.m = nil; p.sweep != nil {
		p.sweep.Stop()
		p.sweep = nil
	}
}
