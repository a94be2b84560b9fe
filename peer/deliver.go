package peer

import (
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/protocol"
)

// Content of a small file that a look has just read goes out with the index entry
// that tells of it: over a long link the file is there one way later, and not after
// two ways more; over a short one neither side handles a request for it, and it is
// not read a second time. It does so only where all of the content that an index tells
// of goes along and is little: an edit, not a burst. So what is told next does not wait
// behind it on a slow line, several receivers do not cost their source much more than
// one, and what was changed together comes in the same way. Both ends keep such content
// in memory for a moment, and what there was no room for is asked for as ever.
const (
	deliverMost  = 64       // entries of an index that brings content, and that the peer may be behind
	deliverBytes = 32 << 10 // of content to all peers together
	freshTime    = 2 * time.Second
	giftTime     = 10 * time.Second
	everybody    = 1 << 30 // takers: as many as there are
)

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
	return func(size int64) bool {
		// What is kept waits for its turn to be told, behind what is still being read.
		return size <= protocol.MaxContent && s.kept.Add(size) <= deliverBytes && f.fresh.fits(size)
	}
}

// deliver returns the message that tells of i: with the content of its files, if the
// peer takes it, and all of it has just been read and is little. Who is behind has an
// order of its own for what it wants, or does not want it at all.
func (s *session) deliver(i *protocol.Index) protocol.Message {
	if !s.taker.Load() || len(i.Entries) > deliverMost || !s.f.fresh.holds() || s.isBehind() {
		return i
	}
	d := &protocol.Delivery{Index: *i}
	room := min(int64(i.ContentRoom()), deliverBytes/max(int64(s.f.takers.Load()), 1))
	goes := make(map[folder.Digest]bool)
	for k := range i.Entries {
		digest, size, asked := content(&i.Entries[k])
		if size == 0 || goes[digest] {
			continue
		}
		room -= size + protocol.ContentCost
		if asked || room < 0 {
			return i
		}
		c := s.f.fresh.take(digest, size)
		if c == nil {
			return i
		}
		goes[digest] = true
		d.Contents = append(d.Contents, c)
	}
	if len(d.Contents) == 0 {
		return i
	}
	for _, c := range d.Contents {
		s.f.counts.sent.Add(int64(len(c)))
	}
	return d
}

// content returns digest and size of the content that an entry tells of, if there is
// any that a peer may lack, and whether it can only be asked for. Of what has another
// name now the peer has the content.
func content(e *protocol.Entry) (d folder.Digest, size int64, asked bool) {
	if !e.Register.Live() {
		return d, 0, false
	}
	v := e.Register.Resolve().Value
	if v.Kind != folder.File || v.Origin != "" {
		return d, 0, false
	}
	return v.Digest, v.Size, !e.Have || v.Size > protocol.MaxContent
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
		if digest, size, asked := content(&d.Index.Entries[k]); size > 0 && !asked {
			files[digest]++
		}
	}
	h := chunk.New()
	for _, c := range d.Contents {
		h.Reset()
		h.Write(c)
		digest := h.Sum()
		s.f.gifts.put(digest, c, files[digest])
	}
}

// broughtAlong makes the file from what came with the index, if it did.
func (x *fetchJob) broughtAlong(w want) (bool, error) {
	if w.size() > protocol.MaxContent {
		return false, nil
	}
	c := x.f.gifts.take(w.digest(), w.size())
	if c == nil {
		return false, nil
	}
	s, err := x.f.root.Stage()
	if err != nil {
		return false, err
	}
	if _, err := s.Write(c); err != nil {
		s.Discard()
		return false, err
	}
	if err := x.finished(w, s); err != nil {
		return false, err
	}
	x.f.counts.received.Add(w.size())
	return true, nil
}
