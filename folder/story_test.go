package folder

import "testing"

// Stories are histories that need so many steps in just this order that chance
// hardly tells them. Each runs with the right rules, and some with the one rule
// broken that it is about.

func tell(t *testing.T, n int, chain bool, story func(w *world, reps []*replica), spoil func(*rules)) {
	t.Helper()
	play := func(ru rules) string {
		w := newWorld(ru)
		w.reset(1)
		w.collide = false
		w.begin(n, chain)
		for _, r := range w.reps {
			r.skew = 0
		}
		w.batch = 1
		story(w, w.reps)
		w.quiesce()
		w.checkEnd()
		return w.failure
	}
	if f := play(goodRules()); f != "" {
		t.Error(f)
	}
	if spoil != nil {
		ru := goodRules()
		spoil(&ru)
		if play(ru) == "" {
			t.Error("the broken rule made no difference")
		}
	}
}

// write has the user of r write path i.
func (w *world) write(r *replica, i int) {
	w.contents++
	w.now += 3
	w.userWrite(r, i, Value{Kind: File, Mode: 0o644, MTime: w.clock(r), Digest: digests[w.contents]})
	w.scan(r, i)
}

func (w *world) erase(r *replica, i int) {
	w.userRemove(r, i)
	w.scanAll(r)
}

func (w *world) chmod(r *replica, i int, mode uint16) {
	v := r.disk[i]
	v.Mode, v.Base = mode, Base{}
	w.remember(i, v)
	w.set(r, i, v)
	w.scan(r, i)
}

// pass exchanges from's news to each of to in turn, each telling the next, and
// each applies what it hears.
func (w *world) pass(from int, to ...int) {
	for _, n := range to {
		w.exchange(from, n, false)
		w.applyAll(w.reps[n])
		from = n
	}
}

const pathA, pathD, pathE = 0, 2, 4

// A replica that took a snapshot knows of deletions that are nowhere in its
// journal. If others read on from their cursors, they would adopt its context
// and keep what it speaks dead.
func TestSnapshotLeavesHorizon(t *testing.T) {
	tell(t, 3, true, func(w *world, reps []*replica) {
		w.write(reps[0], pathA)
		w.pass(0, 1, 2)
		w.erase(reps[2], pathA)
		w.pass(2, 1)
		w.collect(reps[2])
		w.loseIndex(reps[1])
		w.pass(1, 0)
		w.pass(2, 1)
		w.pass(1, 0)
	}, func(r *rules) { r.noRaise = true })
}

// receiveOne passes one batch of from's session with to.
func (w *world) receiveOne(from, to int) (done bool) {
	done = w.send(from, to, 1)
	f := w.flight[0]
	w.flight = w.flight[:0]
	w.receive(f)
	return done
}

// leave has replica 2 tell 0 what it knows, between two batches of 1, and then
// go for good: nobody else will ever mend what 0 made of it.
func (w *world) leave() {
	w.exchange(2, 0, false)
	for !w.receiveOne(1, 0) {
	}
	for _, r := range w.reps {
		r.peers[2].known = false
	}
	w.reps = w.reps[:2]
	w.links = [][2]int{{0, 1}, {1, 0}}
}

// What the gaps of a snapshot said is kept nowhere until its end: a third
// replica's news in between would bring a dead write back for good.
func TestSnapshotShutsOthersOut(t *testing.T) {
	tell(t, 3, false, func(w *world, reps []*replica) {
		w.write(reps[2], pathA)
		w.pass(2, 1)
		w.write(reps[1], pathD)
		w.write(reps[1], pathE)
		w.erase(reps[1], pathA)
		reps[1].peers[2].known = false
		w.collect(reps[1])
		w.open(1, 0)
		w.receiveOne(1, 0)
		w.leave()
	}, func(r *rules) { r.noLock = true })
}

// A register may be trimmed by the own folder context alone. What the sender's
// says of it must stand in the register until that context is adopted.
func TestTrimByOwnContext(t *testing.T) {
	tell(t, 3, false, func(w *world, reps []*replica) {
		w.write(reps[2], pathA)
		w.pass(2, 1)
		w.erase(reps[1], pathA)
		w.write(reps[1], pathD)
		w.open(1, 0)
		w.receiveOne(1, 0)
		w.leave()
	}, func(r *rules) {
		r.trim = func(reg Register, own, sender Context) Register { return reg.Trim(own.Merge(sender)) }
	})
}

// A chmod meets an edit of the same file: the edit stands with the new mode,
// and goes on having it when its author, who has not heard of the chmod, saves
// once more. Without the write that announces the merged mode the chmod would
// be a write that no disk shows, and come to light when the path is deleted.
func TestChmodMeetsEdits(t *testing.T) {
	tell(t, 2, false, func(w *world, reps []*replica) {
		w.write(reps[0], pathA)
		w.pass(0, 1)
		w.pass(1, 0)
		w.chmod(reps[0], pathA, 0o755)
		w.write(reps[1], pathA)
		w.pass(1, 0)
		w.write(reps[1], pathA)
		w.pass(0, 1)
		w.pass(1, 0)
		w.quiesce()
		for _, r := range reps {
			if v := r.disk[pathA]; v.Mode != 0o755 || content(v) != 3 {
				w.fail("%d has %s", r.n, show(v))
			}
		}
		if w.copies > 0 {
			w.fail("a chmod made a conflict copy")
		}
		w.erase(reps[1], pathA)
		w.quiesce()
		if v := reps[0].disk[pathA]; v.Kind != Absent {
			w.fail("%s is back", show(v))
		}
	}, func(r *rules) {
		r.resolve = func(reg Register, _ ReplicaID) Resolution {
			res := reg.Resolve()
			res.Absorbed = nil
			return res
		}
	})
}

// A loser's conflict copy is made and the loser retired; what the loser had
// absorbed must go with it (found by history 23992 of an earlier generator).
func TestRetiredTakesAbsorbedAlong(t *testing.T) {
	v := func(c int, mtime int64, base int) Value {
		out := Value{Kind: File, Mode: 0o644, MTime: mtime, Digest: digests[c]}
		if base > 0 {
			out.Base = Base{Content: Value{Kind: File, Digest: digests[base]}.ContentID(), Mode: 0o644}
		}
		return out
	}
	r := Register{Sibs: []Sibling{
		{Dot: Dot{1, 1}, Value: v(2, 5, 1)}, // an edit of content 1
		{Dot: Dot{2, 1}, Value: v(1, 6, 1)}, // a touch of content 1
		{Dot: Dot{3, 1}, Value: v(3, 7, 0)}, // something else
	}}
	res := r.Resolve()
	if res.Winner.Dot.Replica != 3 || len(res.Losers) != 1 || len(res.Absorbed) != 1 {
		t.Fatalf("resolved to %+v", res)
	}
	if out := r.Retire(Dot{1, 1}); len(out.Sibs) != 1 || !out.Knows(Dot{2, 1}) {
		t.Fatalf("left %s", showRegister(out))
	}
	if out := r.Retire(Dot{2, 1}); len(out.Sibs) != 2 {
		t.Fatalf("left %s", showRegister(out))
	}
}

// Two replicas resolve one conflict at once: one copy, the same name.
func TestConflictResolvedTwice(t *testing.T) {
	tell(t, 4, false, func(w *world, reps []*replica) {
		w.write(reps[0], pathA)
		w.pass(0, 2)
		w.write(reps[1], pathA)
		w.pass(1, 3)
		w.exchange(1, 0, false)
		w.exchange(1, 2, false)
		w.applyAll(reps[0])
		w.applyAll(reps[2])
		w.quiesce()
		if n := len(w.paths) - len(basePaths); n != 1 {
			w.fail("%d conflict copies", n)
		}
	}, nil)
}

// The name of a conflict copy is taken by other content with the same start of
// its hash: a longer hash, nothing overwritten.
func TestConflictNameTaken(t *testing.T) {
	tell(t, 2, false, func(w *world, reps []*replica) {
		for n, r := range reps {
			v := Value{Kind: File, Mode: 0o644, MTime: int64(n) * 1e9, Digest: twins[n+1]}
			w.contents = 5
			w.userWrite(r, pathA, v)
			w.scan(r, pathA)
			v.Digest = twins[n+3]
			w.userWrite(r, w.intern(ConflictName("a", Value{Kind: File, Digest: twins[1]}, HashWidth)), v)
			w.scanAll(r)
		}
		w.quiesce()
	}, nil)
}
