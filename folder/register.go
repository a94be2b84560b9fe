package folder

import (
	"slices"
)

// Sibling is one live write of a path: the event, what it wrote, and the slot
// for the writer's signature (empty among full members).
type Sibling struct {
	Dot   Dot
	Value Value
	Sig   string
}

// Register is all that a replica knows of one path: the writes that are live
// (Sibs, sorted by dot) and, in Ctx, those it knows to be superseded.
// A register without siblings but with a context is a tombstone.
//
// Ctx is kept short: what the siblings themselves imply (all earlier events of
// their replicas) is left out, and so is what the folder context of the
// replica covers. The full knowledge is therefore Ctx, the dots, and the
// folder context together; [Join] takes all three.
type Register struct {
	Ctx  Context
	Sibs []Sibling
}

// Live reports whether the path exists.
func (r Register) Live() bool { return len(r.Sibs) > 0 }

// Empty reports whether nothing at all is known of the path.
func (r Register) Empty() bool { return len(r.Sibs) == 0 && len(r.Ctx) == 0 }

// Knows reports whether r itself tells the fate of event d: live or superseded.
func (r Register) Knows(d Dot) bool {
	if r.Ctx.Covers(d) {
		return true
	}
	for i := range r.Sibs {
		if s := r.Sibs[i].Dot; s.Replica == d.Replica && d.Counter <= s.Counter {
			return true
		}
	}
	return false
}

// Has returns the sibling written by event d.
func (r Register) Has(d Dot) (Sibling, bool) {
	i, ok := slices.BinarySearchFunc(r.Sibs, d, func(s Sibling, d Dot) int { return s.Dot.Compare(d) })
	if !ok {
		return Sibling{}, false
	}
	return r.Sibs[i], true
}

// full returns the context of r with what its siblings imply.
func (r Register) full() Context {
	c := r.Ctx
	for i := range r.Sibs {
		c = c.With(r.Sibs[i].Dot)
	}
	return c
}

// Trim returns r without the context entries that its siblings imply or that
// the folder context f covers. It is the form in which registers are kept.
func (r Register) Trim(f Context) Register {
	c := r.Ctx.Minus(f)
	out := c[:0:0]
	for _, d := range c {
		if !slices.ContainsFunc(r.Sibs, func(s Sibling) bool {
			return s.Dot.Replica == d.Replica && s.Dot.Counter >= d.Counter
		}) {
			out = append(out, d)
		}
	}
	if len(out) == 0 {
		out = nil
	}
	r.Ctx = out
	return r
}

// Join merges what two replicas know of one path; fa and fb are their folder
// contexts. A write stays live if both have it live, or one has it and the
// other has never heard of it. Join is commutative, associative and idempotent
// (the optimised OR-set of Bieniusa et al. 2012, here as a multi-value
// register), so order, repetition and gaps in delivery do no harm. The result
// holds all knowledge of both; the caller trims it by the folder context it
// stores it under.
func Join(a Register, fa Context, b Register, fb Context) Register {
	out := Register{Sibs: make([]Sibling, 0, max(len(a.Sibs), len(b.Sibs)))}
	keep := func(from, other Register, f Context, both bool) {
		for _, s := range from.Sibs {
			if _, ok := other.Has(s.Dot); ok {
				if both {
					out.Sibs = append(out.Sibs, s)
				}
			} else if !f.Covers(s.Dot) && !other.Knows(s.Dot) {
				out.Sibs = append(out.Sibs, s)
			}
		}
	}
	keep(a, b, fb, true)
	keep(b, a, fa, false)
	slices.SortFunc(out.Sibs, func(x, y Sibling) int { return x.Dot.Compare(y.Dot) })
	if len(out.Sibs) == 0 {
		out.Sibs = nil
	}
	out.Ctx = a.full().Merge(b.full()).Merge(fa).Merge(fb)
	return out.Trim(nil)
}

// Edit returns r after a local write d of value v by someone who saw seen on
// disk (zero if nothing was there). The write supersedes exactly what its
// author saw, no more.
func (r Register) Edit(seen Local, d Dot, v Value) Register {
	out := r.Delete(seen)
	i, _ := slices.BinarySearchFunc(out.Sibs, d, func(s Sibling, d Dot) int { return s.Dot.Compare(d) })
	out.Sibs = slices.Insert(out.Sibs, i, Sibling{Dot: d, Value: v})
	return out.Trim(nil)
}

// Delete returns r after a local removal by someone who saw seen on disk. A
// write that they did not see stays, so an edit always survives a delete that
// is concurrent with it.
func (r Register) Delete(seen Local) Register {
	if seen.Value.Kind == Absent {
		return Register{Ctx: r.Ctx, Sibs: slices.Clone(r.Sibs)}
	}
	saw := func(s Sibling) bool {
		return (!s.Dot.IsZero() && s.Dot == seen.Dot) || SameContent(s.Value, seen.Value)
	}
	out := Register{Ctx: r.full()}
	for _, s := range r.Sibs {
		// Who saw a content edit saw what it subsumes as well.
		if saw(s) || slices.ContainsFunc(r.Sibs, func(t Sibling) bool { return saw(t) && subsumes(t.Value, s.Value) }) {
			continue
		}
		out.Sibs = append(out.Sibs, s)
	}
	return out.Trim(nil)
}

// Retire returns r without the write d, which the context goes on covering: the
// last step of keeping a conflict's loser under another name. What d subsumes
// goes with it, else it would come to light as a write that no disk shows.
func (r Register) Retire(d Dot) Register {
	out := Register{Ctx: r.full()}
	gone, _ := r.Has(d)
	for _, s := range r.Sibs {
		if s.Dot != d && !subsumes(gone.Value, s.Value) {
			out.Sibs = append(out.Sibs, s)
		}
	}
	return out.Trim(nil)
}

// subsumes reports whether content edit s was made by someone who saw the very
// content of which m changed only the metadata: then s is the whole result.
func subsumes(s, m Value) bool {
	return m.metaOnly() && s.Kind == File && !s.metaOnly() && s.Base.Content == m.ContentID()
}

// Resolution is how a register appears on every machine.
type Resolution struct {
	Winner Sibling   // zero when the path does not exist
	Value  Value     // what the path shows: the winner's value, mode merged
	Losers []Sibling // writes whose content needs a conflict copy

	// Absorbed are writes that changed only the metadata of what another write
	// replaced. They need no copy, but who replaces such content on its disk
	// must [Register.Retire] them, as with a loser: once no disk shows them and
	// the write that absorbs them is superseded by someone who never saw them,
	// they would be back. If Value.Mode is then not the winner's, the merged
	// mode is announced as an own write, a chmod of the winner.
	Absorbed []Sibling
}

// Resolve decides what a path shows, the same on every replica. The winner is
// the greatest by (directory or not, mtime, replica, counter) among the writes
// that no other subsumes, where the log of a database has the time of that first; causality is already settled by [Join], so any total
// order is correct and this one is a courtesy. Equal content is no conflict.
func (r Register) Resolve() Resolution {
	var res Resolution
	for _, s := range r.Sibs {
		if r.subsumed(s) {
			continue
		}
		if res.Winner.Dot.IsZero() || beats(s, res.Winner) {
			res.Winner = s
		}
	}
	if res.Winner.Dot.IsZero() {
		return res
	}
	res.Value = res.Winner.Value
	for _, s := range r.Sibs {
		switch {
		case SameContent(s.Value, res.Winner.Value):
		case r.subsumed(s):
			res.Absorbed = append(res.Absorbed, s)
		default:
			res.Losers = append(res.Losers, s)
		}
	}
	res.Value.Mode = r.mode(res.Winner)
	return res
}

func (r Register) subsumed(m Sibling) bool {
	return slices.ContainsFunc(r.Sibs, func(s Sibling) bool { return subsumes(s.Value, m.Value) })
}

// mode merges permission bits: where the winner left them as they were and a
// write that lost nothing else changed them, the change stands.
func (r Register) mode(w Sibling) uint16 {
	if w.Value.Base.Content == 0 || w.Value.Mode != w.Value.Base.Mode {
		return w.Value.Mode
	}
	best, mode := Sibling{}, w.Value.Mode
	for _, s := range r.Sibs {
		v := s.Value
		changed := v.Base.Content != 0 && v.Mode != v.Base.Mode && v.Base.Mode == w.Value.Base.Mode
		if !changed || !(SameContent(v, w.Value) || r.subsumed(s)) {
			continue
		}
		if best.Dot.IsZero() || beats(s, best) {
			best, mode = s, v.Mode
		}
	}
	return mode
}

func beats(a, b Sibling) bool {
	if d := a.Value.Kind == Dir; d != (b.Value.Kind == Dir) {
		return d
	}
	if x, y := rank(a.Value), rank(b.Value); x != y {
		return x > y
	}
	if a.Value.MTime != b.Value.MTime {
		return a.Value.MTime > b.Value.MTime
	}
	return a.Dot.Compare(b.Dot) > 0
}

// rank is the time by which v wins. What stands beside a database wins with it.
func rank(v Value) int64 {
	if b, ok := BesideOf(v); ok {
		return b.MTime
	}
	return v.MTime
}
