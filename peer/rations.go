package peer

import (
	"sync"
	"sync/atomic"
	"time"

	"qsync/folder"
)

// Whom large content is given at the same time. Each of several receivers that all
// had it from here would have a part of the line, and the line would carry all of it
// for each. One that is refused asks those to whom it comes (see [fetchJob.follow]),
// and is not refused for long: it may have no way to them. Nor shall all wait for a
// slow one: who takes much less than another one did has no part in this, and now and
// then one more is given it, to find that out.
const (
	rationLeast = 8 << 20                 // bytes from which on
	rationFew   = 2                       // receivers are given it, where few want it,
	rationMany  = 5                       // and one, where so many do
	rationSlow  = 4                       // times as much another one has to take
	rationWait  = 2 * time.Second         // that one is refused, and
	rationTimes = 4                       // so often at least, if it has nobody else to ask: then
	rationAsks  = 1500 * time.Millisecond // it asks again within so long
	rationSpan  = 10 * time.Second        // after which one more is given it, who is refused can be so again, and who does not ask is forgotten
)

// rations are who is given what.
type rations struct {
	mu sync.Mutex
	m  map[folder.Digest]*ration
}

// ration is one content.
type ration struct {
	given   map[*session]*grant
	asked   map[*session]time.Time // for the last time
	refused map[*session]refusals
	extra   time.Time // when last one more was given it
	best    float64   // bytes a second that somebody took
}

// refusals are those of one session in a row.
type refusals struct {
	since time.Time
	times int
}

// grant is the answers to one session that are under way.
type grant struct {
	answers int
	since   time.Time
	bytes   atomic.Int64
}

// rate is bytes a second, 0 while unknown.
func (g *grant) rate(now time.Time) float64 {
	if took := now.Sub(g.since); took >= time.Second {
		return float64(g.bytes.Load()) / took.Seconds()
	}
	return 0
}

// begin reports whether s is given d now: then it returns where to count the bytes, and
// what to call at the end.
func (r *rations) begin(s *session, d folder.Digest) (g *grant, end func()) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	x := r.m[d]
	if x == nil {
		if r.m == nil {
			r.m = make(map[folder.Digest]*ration)
		}
		x = &ration{make(map[*session]*grant), make(map[*session]time.Time), make(map[*session]refusals), now, 0}
		r.m[d] = x
	}
	if now.Sub(x.asked[s]) > rationAsks {
		delete(x.refused, s) // it has found somebody meanwhile
	}
	x.asked[s] = now
	g = x.given[s]
	if g == nil {
		if x.full(now) && x.refuses(s, now) {
			return nil, nil
		}
		g = &grant{since: now}
		x.given[s] = g
	}
	g.answers++
	return g, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		x.asked[s] = time.Now()
		x.best = max(x.best, g.rate(time.Now()))
		if g.answers--; g.answers == 0 {
			delete(x.given, s)
		}
	}
}

// full reports whether as many are given it as shall be.
func (x *ration) full(now time.Time) bool {
	room := rationFew
	if len(x.asked) >= rationMany {
		room = 1
	}
	for _, g := range x.given {
		x.best = max(x.best, g.rate(now))
	}
	for _, g := range x.given {
		if rate := g.rate(now); rate == 0 && now.Sub(g.since) < time.Second || rate*rationSlow >= x.best {
			room--
		}
	}
	return room <= 0
}

// refuses reports whether s is refused once more.
func (x *ration) refuses(s *session, now time.Time) bool {
	if now.Sub(x.extra) > rationSpan {
		x.extra = now
		return false
	}
	r := x.refused[s]
	if r.times == 0 || now.Sub(r.since) > rationSpan {
		r = refusals{since: now}
	}
	r.times++
	x.refused[s] = r
	return now.Sub(r.since) < rationWait || r.times <= rationTimes
}

// forget drops who has not asked lately and is given nothing. r.mu is held.
func (r *rations) forget(now time.Time) {
	for d, x := range r.m {
		for s, at := range x.asked {
			if x.given[s] == nil && now.Sub(at) > rationSpan {
				delete(x.asked, s)
				delete(x.refused, s)
			}
		}
		if len(x.asked) == 0 {
			delete(r.m, d)
		}
	}
}
