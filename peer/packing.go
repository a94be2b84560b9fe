package peer

import (
	"io"
	"sync"
	"time"

	"qsync/protocol"
)

// Content is compressed where that makes it arrive sooner: where the line is
// slower than the compressor, and the content becomes less by it.
const (
	packAtOnce = 2        // blocks that a node compresses at the same time
	strongRate = 16 << 20 // bytes a second that the line brings below which it pays to try harder
	packRate   = 400 << 20
	packTrial  = 4 << 20         // bytes sent as they are before it is tried again with what did not become less
	packGain   = 0.9             // of its size that a block must have at most to be worth it
	flowSpan   = 1 * time.Second // of sending, after which what was measured before counts half
	flowLeast  = 1 << 20         // bytes from which on a measurement says something
)

// flow measures what the answers to a peer get through the line: the bytes taken
// over the time in which some writer waited for them to be taken.
type flow struct {
	trial   trial
	mu      sync.Mutex
	writing busyTime
	bytes   float64
}

func (f *flow) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writing.begin()
}

func (f *flow) end(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writing.end()
	f.bytes += float64(n)
	if f.writing.spent > 2*flowSpan {
		f.bytes, f.writing.spent = f.bytes/2, f.writing.spent/2
	}
}

// rate returns bytes a second, 0 while nothing is known.
func (f *flow) rate() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bytes < flowLeast || f.writing.spent <= 0 {
		return 0
	}
	return f.bytes / f.writing.spent.Seconds()
}

// timed is a writer whose flow is measured.
type timed struct {
	io.Writer
	flow *flow
}

func (t *timed) Write(p []byte) (int, error) {
	t.flow.begin()
	n, err := t.Writer.Write(p)
	t.flow.end(n)
	t.flow.trial.sent(n)
	return n, err
}

// packing decides how one answer is sent.
type packing struct {
	s     *session
	flow  *flow   // of the way that it takes
	ratio float64 // of the last blocks that were compressed; 0 before the first
	speed float64 // of the compressor, bytes a second; 0 before the first
	plain int     // blocks that are to be sent as they are
}

// Level implements [protocol.Packing]. To send n bytes at rate w takes n/w, to
// compress them first at rate c to a share r of them n/c + r*n/w: that is less
// where w < (1-r)*c. Whether it does bring more is tried out.
func (p *packing) Level() protocol.Level {
	if p.s.peer.Caps&capPacked == 0 {
		return protocol.Raw
	}
	if p.plain > 0 {
		p.plain--
		return protocol.Raw
	}
	rate, ratio, speed := p.flow.rate(), p.ratio, p.speed
	if ratio == 0 {
		ratio, speed = 0.4, packRate
	}
	switch {
	case rate < strongRate && rate > 0:
		return protocol.Strong
	case rate < (1-ratio)*speed && p.flow.trial.pays():
		return protocol.Fast
	}
	return protocol.Raw
}

// Packed implements [protocol.Packing].
func (p *packing) Packed(from, to int, took time.Duration) {
	p.flow.trial.sent(max(from-to, 0)) // the rest is counted where it is written
	ratio := float64(to) / float64(from)
	speed := float64(packRate)
	if took > 0 {
		speed = float64(from) / took.Seconds()
	}
	if p.ratio == 0 {
		p.ratio, p.speed = ratio, speed
	}
	p.ratio, p.speed = (3*p.ratio+ratio)/4, (3*p.speed+speed)/4
	if ratio > packGain {
		p.plain = packTrial / max(from, 1)
		p.ratio = 0 // what comes then may be another file
	}
}
