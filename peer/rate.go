package peer

import (
	"sync"
	"time"
)

// How a rate is measured: content comes in blocks, so that of a slow line less
// than some seconds say little.
const (
	rateStep = 500 * time.Millisecond // the least time between two samples
	rateSpan = 5 * time.Second        // what a rate is about, at most
)

// rateMeter turns counters into bytes a second. It samples when it is asked, so
// that an idle node needs no timer for it.
type rateMeter struct {
	mu      sync.Mutex
	samples []rateSample // the latest last
	last    Rate
}

type rateSample struct {
	at      time.Time
	in, out int64
}

// measure returns the rates of the last few seconds, or the last result if that is
// less than half a second old. busy says that more is to come: else nothing moves
// any more as soon as nothing has moved for half a second.
func (m *rateMeter) measure(in, out int64, busy bool) Rate {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := rateSample{time.Now(), in, out}
	if n := len(m.samples); n > 0 {
		was := m.samples[n-1]
		switch d := now.at.Sub(was.at); {
		case d < rateStep:
			return m.last
		case d > time.Minute, !busy && was.in == in && was.out == out:
			m.samples = m.samples[:0] // nobody asked, or it is over
		}
	}
	for len(m.samples) > 1 && now.at.Sub(m.samples[0].at) > rateSpan {
		m.samples = m.samples[1:]
	}
	m.samples = append(m.samples, now)
	m.last = Rate{In: m.since(func(s rateSample) int64 { return s.in }), Out: m.since(func(s rateSample) int64 { return s.out })}
	return m.last
}

// since is what a counter gained a second since it began to move.
func (m *rateMeter) since(counter func(rateSample) int64) int64 {
	last := m.samples[len(m.samples)-1]
	for i, s := range m.samples[:len(m.samples)-1] {
		if counter(m.samples[i+1]) != counter(s) {
			return int64(float64(counter(last)-counter(s)) / last.at.Sub(s.at).Seconds())
		}
	}
	return 0
}
