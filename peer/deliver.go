package peer

import (
	"sync"
	"sync/atomic"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/protocol"
)

// Content of a small file that a look has just read goes out with the index entry
// that tells of it: over a long link the file is there one way later, and not after
// two ways more; over a short one neither side handles a request for it, and it is
// not read a second time. Both ends keep such content in memory for a moment, and
// little of it: what there was no room for is asked for as ever. Of many changes at
// once none goes along, nor of what a look at everything finds: a request for many
// costs each of them little, and who has the content already need not get it again.
const (
	deliverMost = 64      // entries of an index that brings content, and that the peer may be behind
	pocketRoom  = 2 << 20 // bytes of a folder, to be told of or to be wanted
	pocketMost  = 256     // contents
	larderRoom  = 4 << 20 // bytes of all folders of a node, of either sort
	freshTime   = 2 * time.Second
	giftTime    = 10 * time.Second
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
		x.at = time.Now()
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

// take returns the content of that digest, nil if it is not there.
func (p *pocket) take(d folder.Digest) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.m[d]
	if x == nil {
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

// takesContent reports whether the peer has use for content that comes with the index.
func (s *session) takesContent() bool {
	return s.peer.Caps&capDelivers != 0 && !s.observer && s.f.twin == nil && modeOf(s.hello.Mode).applies()
}

// keepsFresh says which content of files that a look has changed is to be kept for the
// peers, nil for none.
func (s *scan) keepsFresh() func(size int64) bool {
	f := s.f
	if s.whole || f.cfg.Plan != nil || f.takers.Load() == 0 || !f.Mode().announces() {
		return nil
	}
	return func(size int64) bool { return size <= protocol.MaxContent && f.fresh.fits(size) }
}

// deliver returns the message that tells of i: with the content that has just been
// read of its files, if the peer takes it. Who is behind has an order of its own for
// what it wants, or does not want it at all.
func (s *session) deliver(i *protocol.Index) protocol.Message {
	if !s.taker.Load() || len(i.Entries) > deliverMost || !s.f.fresh.holds() || s.isBehind() {
		return i
	}
	d := &protocol.Delivery{Index: *i}
	room := i.ContentRoom()
	goes := make(map[folder.Digest]bool)
	for k := range i.Entries {
		digest, size := small(&i.Entries[k])
		if cost := int(size) + protocol.ContentCost; size == 0 || cost > room || goes[digest] {
			continue
		}
		content := s.f.fresh.take(digest)
		if int64(len(content)) != size {
			continue
		}
		goes[digest] = true
		room -= len(content) + protocol.ContentCost
		d.Contents = append(d.Contents, content)
		s.f.counts.sent.Add(size)
	}
	if len(d.Contents) == 0 {
		return i
	}
	return d
}

// small returns digest and size of the file that an entry is about, if its content may
// go along with it, else 0. Of what has another name now the peer has the content.
func small(e *protocol.Entry) (folder.Digest, int64) {
	if !e.Have || !e.Register.Live() {
		return folder.Digest{}, 0
	}
	v := e.Register.Resolve().Value
	if v.Kind != folder.File || v.Size > protocol.MaxContent || v.Origin != "" {
		return folder.Digest{}, 0
	}
	return v.Digest, v.Size
}

// isBehind reports whether the peer still wants more than it is told of at once.
func (s *session) isBehind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard.WantEntries > deliverMost
}

// opened returns the index that a message is, and what came along with it: apart, for an
// index is kept where maps are compared, and many of them.
func opened(m protocol.Message) (protocol.Message, [][]byte) {
	d, ok := m.(*protocol.Delivery)
	if !ok {
		return m, nil
	}
	i := d.Index
	return &i, d.Contents
}

// delivered keeps what came with an index for as many as it is for.
func (s *session) delivered(d *protocol.Delivery) {
	if !s.f.Mode().applies() || s.f.cfg.Plan != nil {
		return
	}
	files := make(map[folder.Digest]int)
	for k := range d.Index.Entries {
		if digest, size := small(&d.Index.Entries[k]); size > 0 {
			files[digest]++
		}
	}
	h := chunk.New()
	for _, content := range d.Contents {
		h.Reset()
		h.Write(content)
		digest := h.Sum()
		s.f.gifts.put(digest, content, files[digest])
	}
}

// broughtAlong makes the file from what came with the index, if it did.
func (x *fetchJob) broughtAlong(w want) (bool, error) {
	if w.size() > protocol.MaxContent {
		return false, nil
	}
	content := x.f.gifts.take(w.digest())
	if int64(len(content)) != w.size() {
		return false, nil
	}
	s, err := x.f.root.Stage()
	if err != nil {
		return false, err
	}
	if _, err := s.Write(content); err != nil {
		s.Discard()
		return false, err
	}
	if err := x.finished(w, s); err != nil {
		return false, err
	}
	x.f.counts.received.Add(w.size())
	return true, nil
}
