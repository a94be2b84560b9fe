package peer

import (
	"encoding/binary"
	"errors"
	"sync"
)

const (
	outGather = 128 << 10 // bytes that wait for the connection before content has to
	outMost   = 1 << 20   // bytes of frames that wait at most: more is a peer that asks and does not read
)

// muxOut are the frames of a link that wait to be written.
type muxOut struct {
	mu    sync.Mutex
	buf   []byte // nil while nothing waits
	room  *sync.Cond
	some  *sync.Cond
	woken int  // counts the calls of wake
	ended bool // no more may come
}

var errBacklog = errors.New("the peer takes nothing")

// outPool lends buffers, so that an idle link has none.
var outPool = sync.Pool{New: func() any { b := make([]byte, 0, outGather+muxFrame+muxHeader); return &b }}

func (o *muxOut) init() {
	o.room, o.some = sync.NewCond(&o.mu), sync.NewCond(&o.mu)
}

// frame adds one without content. It does not block.
func (o *muxOut) frame(kind byte, id, value uint32) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return nil // nobody will read it
	}
	if len(o.buf) > outMost {
		return errBacklog
	}
	o.add(kind, id, value)
	return nil
}

func (o *muxOut) add(kind byte, id, value uint32) {
	if o.buf == nil {
		o.buf = *outPool.Get().(*[]byte)
		o.some.Signal()
	}
	o.buf = append(o.buf, kind)
	o.buf = binary.BigEndian.AppendUint32(o.buf, id)
	o.buf = binary.BigEndian.AppendUint32(o.buf, value)
}

// data adds content when there is room. cannot says why not to wait for that any
// longer; it is asked again after every wake.
func (o *muxOut) data(id uint32, p []byte, cannot func() error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.buf) >= outGather || o.ended {
		woken := o.woken
		o.mu.Unlock()
		err := cannot()
		o.mu.Lock()
		if err != nil {
			return err
		}
		if woken == o.woken && len(o.buf) >= outGather {
			o.room.Wait()
		}
	}
	o.add(muxData, id, uint32(len(p)))
	o.buf = append(o.buf, p...)
	return nil
}

// last drops what waits, but for a word to the peer.
func (o *muxOut) last(why *LinkError) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.buf = o.buf[:0]
	if why != nil {
		o.add(muxClose, uint32(why.Code), uint32(len(why.Reason)))
		o.buf = append(o.buf, why.Reason...)
	}
	o.woken++
	o.some.Signal()
	o.room.Broadcast()
}

func (o *muxOut) wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.woken++
	o.room.Broadcast()
}

// take waits for frames. With the last ones it returns false.
func (o *muxOut) take() ([]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.buf == nil && !o.ended {
		o.some.Wait()
	}
	b := o.buf
	o.buf = nil
	o.room.Broadcast()
	return b, !o.ended
}

// write sends frames until the link ends, and closes the connection.
func (l *muxLink) write() {
	defer l.conn.Close()
	for more := true; more; {
		var b []byte
		b, more = l.out.take()
		err := l.send(b)
		if b != nil && cap(b) <= 2*outGather {
			b = b[:0]
			outPool.Put(&b)
		}
		if err != nil {
			l.end(err)
			return
		}
	}
	if c, ok := l.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
		<-l.unread // within muxLast
	}
}

func (l *muxLink) send(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if l.gather != nil {
		l.gather.Gather()
	}
	_, err := l.conn.Write(b)
	if l.gather != nil && err == nil {
		err = l.gather.Flush()
	}
	return err
}
