package folder

import (
	"slices"
	"testing"
)

// mutants are deliberate breaks of the rules, of this package or of what store
// and peer promise. The simulation must find each: that shows that it looks.
var mutants = []struct {
	name  string
	limit uint64 // histories within which it is found
	spoil func(*rules)
}{
	{"an edit drops siblings its author never saw", 5000, func(r *rules) {
		r.edit = func(reg Register, _ Local, d Dot, v Value) Register {
			return Register{Ctx: reg.full(), Sibs: []Sibling{{Dot: d, Value: v}}}.Trim(nil)
		}
	}},
	{"an edit supersedes nothing", 5000, func(r *rules) {
		r.edit = func(reg Register, _ Local, d Dot, v Value) Register { return reg.Edit(Local{}, d, v) }
	}},
	{"a delete drops siblings its author never saw", 5000, func(r *rules) {
		r.remove = func(reg Register, _ Local) Register { return Register{Ctx: reg.full()} }
	}},
	{"a delete takes the very dot alone", 20000, func(r *rules) {
		r.remove = func(reg Register, seen Local) Register { return reg.Retire(seen.Dot) }
	}},
	{"a delete forgets what it removed", 5000, func(r *rules) {
		r.remove = func(reg Register, seen Local) Register {
			out := reg.Delete(seen)
			out.Ctx = reg.Ctx
			return out
		}
		r.trim = func(reg Register, own, _ Context) Register { return reg.Trim(own) }
	}},
	{"a delete beats a concurrent edit", 5000, func(r *rules) {
		r.join = func(a Register, fa Context, b Register, fb Context) Register {
			out := Join(a, fa, b, fb)
			if !a.Empty() && !b.Empty() && (!a.Live() || !b.Live()) {
				out.Sibs = nil
			}
			return out
		}
	}},
	{"the last writer wins a join", 5000, func(r *rules) {
		r.join = func(a Register, fa Context, b Register, fb Context) Register {
			out := Join(a, fa, b, fb)
			if out.Live() {
				w := out.Resolve().Winner
				out = Register{Ctx: out.full(), Sibs: []Sibling{w}}.Trim(nil)
			}
			return out
		}
	}},
	{"a join ignores the sender's folder context", 5000, func(r *rules) {
		r.join = func(a Register, fa Context, b Register, _ Context) Register { return Join(a, fa, b, nil) }
	}},
	{"a join ignores the own folder context", 5000, func(r *rules) {
		r.join = func(a Register, _ Context, b Register, fb Context) Register { return Join(a, nil, b, fb) }
	}},
	{"a join keeps whatever either has", 5000, func(r *rules) {
		r.join = func(a Register, fa Context, b Register, fb Context) Register {
			out := Join(a, fa, b, fb)
			for _, s := range a.Sibs {
				if _, ok := out.Has(s.Dot); !ok {
					out.Sibs = append(out.Sibs, s)
				}
			}
			slices.SortFunc(out.Sibs, func(x, y Sibling) int { return x.Dot.Compare(y.Dot) })
			return out
		}
	}},
	{"equal times are decided for the own side", 5000, func(r *rules) {
		r.resolve = func(reg Register, self ReplicaID) Resolution {
			res := reg.Resolve()
			for _, s := range reg.Sibs {
				if s.Dot.Replica == self && s.Value.MTime == res.Winner.Value.MTime && s.Value.Kind != Dir && res.Winner.Value.Kind != Dir {
					res.Winner, res.Value = s, s.Value
				}
			}
			return res
		}
	}},
	{"absorbed writes are not retired", 20000, func(r *rules) {
		r.resolve = func(reg Register, _ ReplicaID) Resolution {
			res := reg.Resolve()
			res.Absorbed = nil
			return res
		}
	}},
	{"losers get no conflict copy", 5000, func(r *rules) { r.noCopy = true }},
	{"the loser is not retired", 5000, func(r *rules) { r.retire = func(reg Register, _ Dot) Register { return reg } }},
	{"a lost index keeps its replica ID", 20000, func(r *rules) { r.keepID = true }},
	{"F adopted with every batch", 5000, func(r *rules) { r.adoptEarly = true }},
	{"F read after the registers", 20000, func(r *rules) { r.lateContext = true }},
	{"tombstones dropped without a horizon", 20000, func(r *rules) { r.noHorizon = true }},
	{"the gaps of a snapshot say nothing", 20000, func(r *rules) { r.noGaps = true }},
	{"a live write found on the disk leaves the one before alive", 20000, func(r *rules) { r.noYield = true }},
	{"apply without looking at the disk", 5000, func(r *rules) { r.noGuard = true }},
	{"tombstones dropped that F does not cover", 20000, func(r *rules) { r.dropUncovered = true }},
	{"tombstones dropped before the disk follows", 20000, func(r *rules) { r.dropUnapplied = true }},
	{"a peer that lost its index is not told again", 20000, func(r *rules) { r.blindEcho = true }},
}

func TestMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			ru := goodRules()
			m.spoil(&ru)
			seed, failure := histories(m.limit, ru)
			if failure == "" {
				t.Fatalf("not found in %d histories", m.limit)
			}
			t.Logf("seed %d: %s", seed, failure)
		})
	}
}
