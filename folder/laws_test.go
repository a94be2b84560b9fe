package folder

import (
	"testing"

	"pgregory.net/rapid"
)

// state is a replica reduced to one path: the register and the context of a
// folder that holds nothing else.
type state struct {
	reg Register
	ctx Context
}

func joinStates(a, b state) state {
	ctx := a.ctx.Merge(b.ctx)
	return state{Join(a.reg, a.ctx, b.reg, b.ctx), ctx}
}

// knowledge is all that a state knows, however it is divided.
func (s state) knowledge() Context { return s.reg.full().Merge(s.ctx) }

func same(a, b state) bool {
	return sameDots(a.reg, b.reg) && sameRegister(Register{Ctx: a.knowledge()}, Register{Ctx: b.knowledge()})
}

func genValue(t *rapid.T) Value {
	v := Value{Kind: File, Mode: rapid.SampledFrom([]uint16{0o644, 0o755}).Draw(t, "mode"), MTime: rapid.Int64Range(0, 3).Draw(t, "mtime")}
	v.Digest = digests[rapid.IntRange(1, 4).Draw(t, "content")]
	if rapid.IntRange(0, 5).Draw(t, "dir") == 0 {
		return Value{Kind: Dir, Mode: v.Mode}
	}
	return v
}

// genStates lets a few replicas edit, delete, retire and merge, and returns what
// they have then: only such states are bound by the laws. Other paths, whose
// events the folder contexts hold too, are the skipped counters.
func genStates(t *rapid.T, n int) []state {
	states := make([]state, n)
	counters := make([]uint64, n)
	for range rapid.IntRange(0, 14).Draw(t, "steps") {
		i := rapid.IntRange(0, n-1).Draw(t, "replica")
		s := &states[i]
		res := s.reg.Resolve()
		seen := Local{Value: res.Value, Dot: res.Winner.Dot}
		if k := len(s.reg.Sibs); k > 0 && rapid.Bool().Draw(t, "sees a loser") {
			x := s.reg.Sibs[rapid.IntRange(0, k-1).Draw(t, "which")]
			seen = Local{Value: x.Value, Dot: x.Dot}
		}
		switch rapid.IntRange(0, 6).Draw(t, "step") {
		case 0, 1:
			counters[i] += uint64(rapid.IntRange(1, 2).Draw(t, "skip"))
			d := Dot{ReplicaID(i + 1), counters[i]}
			v := genValue(t)
			if seen.Value.Kind == File && v.Kind == File {
				v.Base = Base{seen.Value.ContentID(), seen.Value.Mode}
			}
			s.ctx = s.ctx.With(d)
			s.reg = s.reg.Edit(seen, d, v)
		case 2:
			s.reg = s.reg.Delete(seen)
		case 3:
			if len(res.Losers) > 0 {
				s.reg = s.reg.Retire(res.Losers[0].Dot)
			}
		default:
			o := states[rapid.IntRange(0, n-1).Draw(t, "from")]
			s.reg = Join(s.reg, s.ctx, o.reg, o.ctx)
			if rapid.Bool().Draw(t, "complete") {
				s.ctx = s.ctx.Merge(o.ctx)
			}
		}
		if rapid.Bool().Draw(t, "trim") {
			s.reg = s.reg.Trim(s.ctx)
		}
	}
	return states
}

func TestJoinLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := genStates(t, 3)
		a, b, c := s[0], s[1], s[2]
		if !same(joinStates(a, b), joinStates(b, a)) {
			t.Fatalf("not commutative: %v, %v", a, b)
		}
		if !same(joinStates(joinStates(a, b), c), joinStates(a, joinStates(b, c))) {
			t.Fatalf("not associative: %v, %v, %v", a, b, c)
		}
		if !same(joinStates(a, a), a) || !same(joinStates(joinStates(a, b), b), joinStates(a, b)) {
			t.Fatalf("not idempotent: %v, %v", a, b)
		}
		if j := joinStates(a, b); !j.knowledge().CoversAll(a.knowledge()) || !j.knowledge().CoversAll(b.knowledge()) {
			t.Fatalf("knowledge lost: %v, %v", a, b)
		}
		// Without adopting a context, and whatever it was trimmed by, a register
		// says the same.
		one := Join(a.reg, a.ctx, b.reg, b.ctx)
		trimmed := Join(a.reg.Trim(a.ctx), a.ctx, b.reg.Trim(b.ctx), b.ctx)
		if !sameRegister(one, trimmed) {
			t.Fatalf("trimming changed %s to %s", showRegister(one), showRegister(trimmed))
		}
		kept := state{one.Trim(a.ctx), a.ctx}
		if !same(joinStates(kept, c), joinStates(state{one, a.ctx}, c)) {
			t.Fatalf("the result of a join is not to be trimmed: %s under %v", showRegister(one), a.ctx)
		}
	})
}

func TestWritesOnlyAddKnowledge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genStates(t, 3)[0].reg
		seen := Local{}
		if len(r.Sibs) > 0 && rapid.Bool().Draw(t, "sees") {
			x := r.Sibs[rapid.IntRange(0, len(r.Sibs)-1).Draw(t, "which")]
			seen = Local{Value: x.Value, Dot: x.Dot}
		}
		d := Dot{9, 1}
		after := r.Edit(seen, d, genValue(t))
		gone := r.Delete(seen)
		for _, out := range []Register{after, gone} {
			if !out.full().CoversAll(r.full()) {
				t.Fatalf("%s forgot: %s", showRegister(r), showRegister(out))
			}
		}
		if _, ok := after.Has(d); !ok || len(after.Sibs) != len(gone.Sibs)+1 {
			t.Fatalf("edit made %s, delete %s", showRegister(after), showRegister(gone))
		}
		for _, s := range r.Sibs {
			_, kept := gone.Has(s.Dot)
			saw := seen.Value.Kind != Absent && (s.Dot == seen.Dot || SameContent(s.Value, seen.Value))
			if saw && kept {
				t.Fatalf("%v was seen and stays", s.Dot)
			}
			if !saw && !kept && s.Value.Base.Content != s.Value.ContentID() {
				t.Fatalf("%v was never seen and is gone", s.Dot)
			}
		}
	})
}

// In whatever order the writes of a path come in, it shows the same.
func TestResolveIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		states := genStates(t, 4)
		var r, again Register
		for _, s := range states {
			r = Join(r, nil, s.reg, nil)
		}
		for _, i := range rapid.Permutation([]int{0, 1, 2, 3}).Draw(t, "order") {
			again = Join(again, nil, states[i].reg, nil)
		}
		if !sameRegister(r, again) {
			t.Fatalf("joined to %s and %s", showRegister(r), showRegister(again))
		}
		mixed := Register{Ctx: r.Ctx, Sibs: rapid.Permutation(r.Sibs).Draw(t, "siblings")}
		a, b := r.Resolve(), mixed.Resolve()
		if a.Winner != b.Winner || a.Value != b.Value || len(a.Losers) != len(b.Losers) || len(a.Absorbed) != len(b.Absorbed) {
			t.Fatalf("%s resolves to %v or %v", showRegister(r), a, b)
		}
		if n := len(a.Losers) + len(a.Absorbed); r.Live() && n >= len(r.Sibs) {
			t.Fatalf("%s: nobody wins", showRegister(r))
		}
		for _, s := range a.Losers {
			if SameContent(s.Value, a.Value) || beats(s, a.Winner) {
				t.Fatalf("%v is no loser", s.Dot)
			}
		}
	})
}

// genContext draws any context, reachable or not.
func genContext(t *rapid.T) Context {
	var c Context
	for range rapid.IntRange(0, 5).Draw(t, "n") {
		c = c.With(Dot{ReplicaID(rapid.IntRange(1, 5).Draw(t, "replica")), rapid.Uint64Range(1, 4).Draw(t, "counter")})
	}
	return c
}

func TestContextSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genContext(t), genContext(t)
		sum, less := a.Merge(b), a.Minus(b)
		for r := ReplicaID(1); r <= 5; r++ {
			for n := uint64(1); n <= 5; n++ {
				d := Dot{r, n}
				if sum.Covers(d) != (a.Covers(d) || b.Covers(d)) {
					t.Fatalf("%v merged with %v is %v", a, b, sum)
				}
				if less.Merge(b).Covers(d) != sum.Covers(d) {
					t.Fatalf("%v minus %v is %v", a, b, less)
				}
				if !a.With(d).Covers(d) || !a.With(d).CoversAll(a) {
					t.Fatalf("%v with %v is %v", a, d, a.With(d))
				}
			}
		}
		for _, d := range less {
			if b.Covers(d) {
				t.Fatalf("%v minus %v is %v", a, b, less)
			}
		}
		for i := 1; i < len(sum); i++ {
			if sum[i-1].Replica >= sum[i].Replica {
				t.Fatalf("%v is not sorted", sum)
			}
		}
		if sum.CoversAll(a) != true || a.CoversAll(sum) != a.CoversAll(b) {
			t.Fatalf("%v and %v", a, b)
		}
		got, rest, err := DecodeContext(AppendContext(nil, sum), MaxContext)
		if err != nil || len(rest) != 0 || !sameRegister(Register{Ctx: got}, Register{Ctx: sum}) {
			t.Fatalf("%v came back as %v, %v", sum, got, err)
		}
	})
}
