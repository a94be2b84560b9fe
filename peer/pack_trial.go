package peer

import (
	"sync"
	"time"
)

// How it is found out whether compressing brings more through.
const (
	trialSpan = 300 * time.Millisecond // of answering, each way in turn
	trialGain = 1.05                   // what it must bring at least
	trialRest = 16                     // spans between one comparison and the next
)

// trial compares what gets through with and without compression. The time in which
// a writer waits does not tell it: where the other side is busy with what it gets,
// or both with compressing, fewer bytes on the line bring nothing sooner.
type trial struct {
	mu      sync.Mutex
	answers busyTime   // of this span
	content int64      // bytes of this span, before compression
	plain   bool       // this span does not compress
	rate    [2]float64 // of the last span without and with it, bytes a second; 0 if there was none
	rest    int        // spans until the next comparison
}

// enter and leave stand around an answer.
func (t *trial) enter() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers.begin()
}

func (t *trial) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers.end()
}

// sent counts content.
func (t *trial) sent(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.content += int64(n)
}

// pays reports whether the next block is to be compressed, of which the line and
// the compressor say that it may pay.
func (t *trial) pays() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers.count()
	if t.answers.spent >= trialSpan {
		t.next()
	}
	return !t.plain
}

// next ends a span and decides about the one after it.
func (t *trial) next() {
	side := 1
	if t.plain {
		side = 0
	}
	t.rate[side] = float64(t.content) / t.answers.spent.Seconds()
	t.answers.spent, t.content = 0, 0
	if t.rest > 0 {
		if t.rest--; t.rest == 0 {
			t.rate[1-side], t.plain = 0, !t.plain
		}
		return
	}
	if t.rate[1-side] == 0 {
		t.plain = !t.plain
		return
	}
	t.plain, t.rest = t.rate[1] <= trialGain*t.rate[0], trialRest
}
