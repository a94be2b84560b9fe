package disk

import (
	"slices"
	"time"

	"qsync/folder"
)

// How long hints wait for more of the same. A path whose change seems to be over
// is given settleQuiet to come to rest, which as a rule takes a finished file past
// the reach of [folder.Stat]'s Racy, and settleMore where something is likely to
// follow, but a hint is never later than settleMost. A file that somebody keeps
// open for writing is hinted at every settleOpen.
const (
	settleQuiet = 5 * time.Millisecond
	settleMore  = 12 * time.Millisecond
	settleMost  = 20 * time.Millisecond
	settleOpen  = time.Second
	settleStep  = 2 * time.Millisecond // between two looks at what is due
)

// maxBurst is how many paths may wait; beyond, they become one Lost.
const maxBurst = 4096

// burst gathers hints until they are due. Its memory is bounded: what does not
// fit any more is one Lost.
type burst struct {
	paths   map[folder.Path]pending
	lost    bool
	soonest time.Time // nothing is due before; zero when nothing is waiting
}

type pending struct {
	deep, open, wrote bool
	from              folder.Path
	first, due        time.Time
}

// sign is what an event says about whether the change is over.
type sign uint8

const (
	over  sign = iota // closed, renamed, given another mode: most likely all of it
	begun             // created or removed: the content, or another entry, may follow
	going             // written to, and nobody closed the file yet
)

// add notes that p needs a look.
func (b *burst) add(p folder.Path, now time.Time, deep bool, s sign) {
	if b.lost {
		return
	}
	e, ok := b.paths[p]
	if !ok {
		if len(b.paths) >= maxBurst {
			b.lose()
			return
		}
		e = pending{first: now, due: now.Add(settleOpen)}
	}
	if s != going {
		if ok && e.due.Sub(e.first) > settleMost {
			e.first = now // it waited for the end of writing, which is now
		}
		e.due = now.Add(settleQuiet)
		if s == begun {
			e.due = now.Add(settleMore)
		}
		if most := e.first.Add(settleMost); e.due.After(most) {
			e.due = most
		}
	}
	e.deep, e.open = e.deep || deep, s == going
	if b.paths == nil {
		b.paths = make(map[folder.Path]pending)
	}
	b.paths[p] = e
	if b.soonest.IsZero() || e.due.Before(b.soonest) {
		b.soonest = e.due
	}
}

// join has dir, if it waits, hinted at together with what is at p.
func (b *burst) join(dir, p folder.Path) {
	if e, ok := b.paths[dir]; ok && b.paths[p].due.Before(e.due) {
		e.due = b.paths[p].due
		b.paths[dir] = e
	}
}

// came notes that what is at p was renamed from there.
func (b *burst) came(p, from folder.Path) {
	if e, ok := b.paths[p]; ok {
		e.from = from
		b.paths[p] = e
	}
}

// wrote notes that somebody has written to p. A write is stamped as it begins, and
// told of when it is over: who reads p in between may have read a mixture, of which
// no stamp tells.
func (b *burst) wrote(p folder.Path) {
	if e, ok := b.paths[p]; ok {
		e.wrote = true
		b.paths[p] = e
	}
}

// lose forgets all paths: everything needs a look.
func (b *burst) lose() { *b = burst{lost: true} }

// take removes and returns what is due, in path order, without what a deep
// hint covers; what was written to is told of nevertheless.
func (b *burst) take(now time.Time) []Hint {
	if b.lost {
		b.lost = false
		return []Hint{{Lost: true}}
	}
	if b.soonest.IsZero() || now.Before(b.soonest) {
		return nil
	}
	var all []Hint
	b.soonest = time.Time{}
	for p, e := range b.paths {
		if !e.due.After(now) {
			all = append(all, Hint{Path: p, Deep: e.deep, From: e.from, Open: e.open, Wrote: e.wrote})
			delete(b.paths, p)
		} else if b.soonest.IsZero() || e.due.Before(b.soonest) {
			b.soonest = e.due
		}
	}
	if least := now.Add(settleStep); !b.soonest.IsZero() && b.soonest.Before(least) {
		b.soonest = least
	}
	slices.SortFunc(all, func(x, y Hint) int { return x.Path.Compare(y.Path) })
	out := all[:0]
	covered, under := false, folder.Path("")
	for _, h := range all {
		if covered && h.Path.Below(under) && !h.Wrote {
			continue
		}
		if h.Deep {
			covered, under = true, h.Path
		}
		out = append(out, h)
	}
	return out
}
