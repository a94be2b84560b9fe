package disk

import (
	"slices"
	"time"

	"qsync/folder"
)

// How long hints wait for more of the same. A path is given settleQuiet to come
// to rest, which takes a finished file past the reach of [folder.Stat]'s Racy,
// but a hint is never later than settleMost. A file that somebody keeps open
// for writing is hinted at every settleOpen.
const (
	settleQuiet = 12 * time.Millisecond
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
	deep, open bool
	from       folder.Path
	first, due time.Time
}

// add notes that p needs a look. open means that the change may go on: nobody
// closed the file yet.
func (b *burst) add(p folder.Path, now time.Time, deep, open bool) {
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
	if !open {
		if ok && e.due.Sub(e.first) > settleMost {
			e.first = now // it waited for the end of writing, which is now
		}
		e.due = now.Add(settleQuiet)
		if most := e.first.Add(settleMost); e.due.After(most) {
			e.due = most
		}
	}
	e.deep, e.open = e.deep || deep, open
	if b.paths == nil {
		b.paths = make(map[folder.Path]pending)
	}
	b.paths[p] = e
	if b.soonest.IsZero() || e.due.Before(b.soonest) {
		b.soonest = e.due
	}
}

// came notes that what is at p was renamed from there.
func (b *burst) came(p, from folder.Path) {
	if e, ok := b.paths[p]; ok {
		e.from = from
		b.paths[p] = e
	}
}

// lose forgets all paths: everything needs a look.
func (b *burst) lose() { *b = burst{lost: true} }

// take removes and returns what is due, in path order, without what a deep
// hint covers.
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
			all = append(all, Hint{Path: p, Deep: e.deep, From: e.from, Open: e.open})
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
	for _, h := range all {
		if n := len(out); n > 0 && out[n-1].Deep && h.Path.Below(out[n-1].Path) {
			continue
		}
		out = append(out, h)
	}
	return out
}
