package peer

import (
	"sync"
	"time"
)

// rateWindow is the least time between two samples of a rate.
const rateWindow = 500 * time.Millisecond

// rateMeter turns counters into bytes a second. It samples when it is asked, so
// that an idle node needs no timer for it.
type rateMeter struct {
	mu      sync.Mutex
	at      time.Time
	in, out int64
	last    Rate
}

// measure returns the rates since the sample before, which is at least half a
// second old, or the last result.
func (m *rateMeter) measure(in, out int64) Rate {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	d := now.Sub(m.at)
	if d < rateWindow {
		return m.last
	}
	if !m.at.IsZero() && d < time.Minute {
		m.last = Rate{In: perSecond(in-m.in, d), Out: perSecond(out-m.out, d)}
	} else {
		m.last = Rate{}
	}
	m.at, m.in, m.out = now, in, out
	return m.last
}

func perSecond(n int64, d time.Duration) int64 {
	return int64(float64(n) / d.Seconds())
}
