package peer

import (
	"sync"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/protocol"
)

// Content of a small file that a look has just read goes out with the index entry
// that tells of it: over a long link the file is there one way later, and not after
// two ways more; over a short one neither side handles a request for it, and it is
// not read a second time. Both ends keep such content in memory for a moment, and
// little of it: what there was no room for is asked for as ever. So the first look at
// a large folder is not held up by anybody, and what comes with it is mostly asked for.
const (
	freshRoom     = 4 << 20 // bytes of a folder that wait to be told of
	freshTime     = 2 * time.Second
	deliveredRoom = 8 << 20 // bytes of a node that have come and not been wanted yet
	deliveredTime = 10 * time.Second
	pocketMost    = 4096 // contents, whatever their size
)

// pocket keeps contents by their digests for some time. What is in it stays to the
// end of that, or until so many have taken it as it was put there for: so one that
// does not keep up finds no room, and never throws out what is needed next.
type pocket struct {
	room int64
	span time.Duration

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
	return p.bytes+size <= p.room && len(p.m) < pocketMost
}

// put adds content, which is the pocket's from now on, for so many takers.
func (p *pocket) put(d folder.Digest, content []byte, takers int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bytes+int64(len(content)) > p.room || len(p.m) >= pocketMost || p.m[d] != nil || takers <= 0 {
		return
	}
	if p.m == nil {
		p.m = make(map[folder.Digest]*pocketed)
	}
	p.m[d] = &pocketed{content, time.Now(), takers}
	p.bytes += int64(len(content))
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
	if x.takers--; x.takers == 0 {
		p.drop(d, x)
	}
	return x.content
}

func (p *pocket) drop(d folder.Digest, x *pocketed) {
	delete(p.m, d)
	p.bytes -= int64(len(x.content))
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

// takesContent reports whether the peer has use for content that comes with the index.
func (s *session) takesContent() bool {
	return s.peer.Caps&capDelivers != 0 && !s.observer && s.f.twin == nil && modeOf(s.hello.Mode).applies()
}

// keepsFresh reports whether the content of a file that is being looked at is to be
// kept for the peers.
func (f *Folder) keepsFresh(size int64) bool {
	return size <= protocol.MaxContent && f.takers.Load() > 0 && f.Mode().announces() && f.fresh.fits(size)
}

// deliver returns the message that tells of i: with the content that has just been
// read of its files, if the peer takes it.
func (s *session) deliver(i *protocol.Index) protocol.Message {
	if !s.taker || !s.f.fresh.holds() {
		return i
	}
	d := &protocol.Delivery{Index: *i}
	room := i.ContentRoom()
	for k := range i.Entries {
		e := &i.Entries[k]
		if !e.Have || !e.Register.Live() {
			continue
		}
		v := e.Register.Resolve().Value
		if v.Kind != folder.File || v.Size == 0 || v.Size > protocol.MaxContent || v.Origin != "" {
			continue // of what has another name now the peer has the content
		}
		content := s.f.fresh.take(v.Digest)
		cost := len(content) + protocol.ContentCost
		if content == nil || cost > room {
			continue
		}
		room -= cost
		d.Contents = append(d.Contents, content)
		s.f.counts.sent.Add(int64(len(content)))
	}
	if len(d.Contents) == 0 {
		return i
	}
	return d
}

// delivered keeps what came with an index for those who will want it.
func (s *session) delivered(d *protocol.Delivery) {
	if !s.f.Mode().applies() || s.f.cfg.Plan != nil {
		return
	}
	h := chunk.New()
	for _, content := range d.Contents {
		h.Reset()
		h.Write(content)
		s.f.node.delivered.put(h.Sum(), content, 1)
	}
}

// broughtAlong makes the file from what came with the index, if it did.
func (x *fetchJob) broughtAlong(w want) (bool, error) {
	if w.size() > protocol.MaxContent {
		return false, nil
	}
	content := x.f.node.delivered.take(w.digest())
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
	x.f.counts.received.Add(w.size())
	return true, x.finished(w, s)
}
