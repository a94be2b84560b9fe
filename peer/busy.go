package peer

import "time"

// busyTime is the time in which at least one of several was at work. Whoever has it
// guards it.
type busyTime struct {
	n     int // at work
	since time.Time
	spent time.Duration
}

func (b *busyTime) begin() {
	b.count()
	b.n++
}

func (b *busyTime) end() {
	b.count()
	b.n--
}

// count brings spent up to now.
func (b *busyTime) count() {
	now := time.Now()
	if b.n > 0 {
		b.spent += now.Sub(b.since)
	}
	b.since = now
}
