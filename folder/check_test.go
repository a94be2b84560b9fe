package folder

// quiesce lets everything arrive everywhere: every replica looks at its whole
// disk, every link is opened anew and read to its head, until nothing changes.
func (w *world) quiesce() {
	for len(w.flight) > 0 && w.r.IntN(2) == 0 {
		w.deliver()
	}
	w.flight = w.flight[:0]
	for _, r := range w.reps {
		for i := range r.peers {
			r.peers[i].snap = false // what was cut shuts nobody out any more
		}
	}
	const rounds = 12
	for round := 0; ; round++ {
		before := w.changes
		for _, r := range w.reps {
			w.scanAll(r)
			w.applyAll(r)
		}
		for _, l := range w.links {
			w.exchange(l[0], l[1], false)
		}
		for _, r := range w.reps {
			w.collect(r)
		}
		if w.changes == before || w.failure != "" {
			w.rounds = max(w.rounds, round)
			return
		}
		if round == rounds {
			w.fail("still changing after %d rounds", rounds)
			return
		}
	}
}

// exchange lets to read from's journal to its head, unless it is cut before.
func (w *world) exchange(from, to int, cut bool) {
	w.open(from, to)
	for n := 0; ; n++ {
		done := w.send(from, to, 1+w.r.IntN(w.batch))
		k := len(w.flight) - 1
		f := w.flight[k]
		w.flight = w.flight[:k]
		w.receive(f)
		if done {
			break
		}
		if cut && w.r.IntN(3) == 0 {
			return
		}
		if cut && w.r.IntN(3) == 0 { // others are at it as well
			if l := w.links[w.r.IntN(len(w.links))]; l[1] == to && l[0] != from {
				w.exchange(l[0], to, false)
			}
		}
		if n > 4*maxPaths {
			w.fail("an exchange does not end")
			return
		}
	}
	w.reps[from].peers[to].confirmed = w.reps[to].peers[from].cursor
}

// deliver takes a batch that is on its way, not always the oldest, not always
// for good.
func (w *world) deliver() {
	k := 0
	if w.r.IntN(4) == 0 {
		k = w.r.IntN(len(w.flight))
	}
	f := w.flight[k]
	if w.r.IntN(6) > 0 {
		w.flight = append(w.flight[:k], w.flight[k+1:]...)
	}
	w.receive(f)
	if s := w.reps[f.from]; w.r.IntN(2) == 0 && s.epoch == w.reps[f.to].peers[f.from].epoch {
		s.peers[f.to].confirmed = w.reps[f.to].peers[f.from].cursor
	}
}

// checkNow holds at every moment: what nobody replaced is on some disk.
func (w *world) checkNow() {
	var have [8][maxContents]bool
	for _, r := range w.reps {
		for i := range w.paths {
			if v := r.disk[i]; v.Kind > Dir {
				c := content(v)
				have[w.root[i]][c] = true
				if w.wrote[w.root[i]][c] == 0 {
					w.fail("%s on %d holds content %d, which nobody wrote there", w.paths[i], r.n, c)
				}
			}
		}
	}
	for root := range basePaths {
		for c := 1; c <= w.contents; c++ {
			if w.wrote[root][c] > 0 && !w.gone[root][c] && !have[root][c] {
				w.fail("content %d of %s is lost", c, w.paths[root])
			}
		}
	}
}

// checkEnd holds when nothing changes any more.
func (w *world) checkEnd() {
	w.checkNow()
	first := w.reps[0]
	for _, r := range w.reps {
		for i := range w.paths {
			w.checkPath(first, r, i)
		}
	}
	for i := range w.paths {
		v := first.disk[i]
		root, c := w.root[i], content(v)
		if i < len(basePaths) && v.Kind != Dir && w.made[i] && !w.undone[i] {
			w.fail("directory %s is lost", w.paths[i])
		}
		// An index that was lost may bring back what it had not told; a path
		// written twice with one content says nothing.
		if i < len(basePaths) && v.Kind > Dir && w.gone[root][c] && w.wrote[root][c] == 1 && !w.lost {
			w.fail("%s: content %d came back", w.paths[i], c)
		}
	}
	if n := len(w.paths) - len(basePaths); n > w.writes {
		w.fail("%d conflict copies of %d writes", n, w.writes)
	}
}

func (w *world) checkPath(first, r *replica, i int) {
	row := &r.rows[i]
	if !sameDots(row.reg, first.rows[i].reg) {
		w.fail("%s: %d knows %s, %d knows %s", w.paths[i], first.n, showRegister(first.rows[i].reg), r.n, showRegister(row.reg))
		return
	}
	if !w.lost {
		for _, s := range row.reg.Sibs {
			if !SameContent(s.Value, r.disk[i]) {
				w.fail("%s: no disk shows the live write %v", w.paths[i], s.Dot)
			}
		}
	}
	implicit := row.reg.Resolve().Winner.Value.Kind != Dir
	if a, b := r.disk[i], first.disk[i]; !SameOnDisk(a, b) && !(a.Kind == Dir && b.Kind == Dir && implicit) {
		w.fail("%s differs: %d has %s, %d has %s", w.paths[i], first.n, show(b), r.n, show(a))
	}
	if exists := row.reg.Live() || w.hasLiveBelow(r, i); exists != (r.disk[i].Kind != Absent) {
		w.fail("%s on %d: exists by the index %v, on disk %s", w.paths[i], r.n, exists, show(r.disk[i]))
	}
	if row.known && !row.reg.Live() && row.local.Value.Kind == Absent && w.coverable(row.reg.Ctx) {
		w.fail("%s on %d: tombstone %v stays", w.paths[i], r.n, row.reg.Ctx)
	}
}

// coverable reports whether some replica's complete knowledge holds c. Events
// of a lost index that was never read to its head are in nobody's.
func (w *world) coverable(c Context) bool {
	var all Context
	for _, r := range w.reps {
		all = all.Merge(r.ctx)
	}
	return all.CoversAll(c)
}
