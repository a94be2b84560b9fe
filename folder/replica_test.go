package folder

// scan compares what r's disk holds at path i with the index and records the
// difference as a write of r.
func (w *world) scan(r *replica, i int) {
	row, now := &r.rows[i], r.disk[i]
	seen := row.local
	if SameOnDisk(now, seen.Value) {
		return
	}
	w.touch(r)
	if now.Kind == Absent {
		before := len(row.reg.Sibs)
		row.reg = w.rules.remove(row.reg, seen).Trim(r.ctx)
		row.local = Local{}
		if len(row.reg.Sibs) != before {
			w.journal(r, i, -1)
		}
		w.log(r, "scan: gone", i)
		return
	}
	if sib, ok := findOnDisk(row.reg, now); ok {
		// Somebody else made the same of what was seen: no write of our own,
		// but what was seen is superseded.
		reg := row.reg
		if !SameContent(seen.Value, now) && !w.rules.noYield {
			reg = w.rules.remove(row.reg, seen)
		}
		if _, still := reg.Has(sib.Dot); still {
			if len(reg.Sibs) != len(row.reg.Sibs) {
				row.reg = reg.Trim(r.ctx)
				w.journal(r, i, -1)
			}
			row.local = Local{Value: now, Dot: sib.Dot}
			return
		}
	}
	v := now
	if seen.Value.Kind == File && v.Kind == File {
		v.Base = Base{seen.Value.ContentID(), seen.Value.Mode}
	}
	r.counter++
	d := Dot{r.id, r.counter}
	r.ctx = r.ctx.With(d)
	row.reg = w.rules.edit(row.reg, seen, d, v).Trim(r.ctx)
	row.local = Local{Value: v, Dot: d}
	w.journal(r, i, -1)
	w.log(r, "scan: write", i)
}

// findOnDisk returns the live write that looks like v, the winner first.
func findOnDisk(reg Register, v Value) (Sibling, bool) {
	if !reg.Live() {
		return Sibling{}, false
	}
	if res := reg.Resolve(); SameOnDisk(res.Value, v) {
		return res.Winner, true
	}
	for _, s := range reg.Sibs {
		if SameOnDisk(s.Value, v) {
			return s, true
		}
	}
	return Sibling{}, false
}

// scanned scans i and returns how many writes r has made then.
func (w *world) scanned(r *replica, i int) uint64 {
	w.scan(r, i)
	return r.counter
}

func (w *world) journal(r *replica, i, from int) {
	r.head++
	row := &r.rows[i]
	row.known, row.pos, row.from = true, r.head, from
	w.touch(r)
}

func (w *world) scanAll(r *replica) {
	if r.settled == r.version {
		return
	}
	for k := 0; k < len(w.order); k++ {
		w.scan(r, w.order[k])
	}
}

func (w *world) scanBelow(r *replica, i int) {
	w.below(i, func(j int) {
		w.scan(r, j)
		w.scanBelow(r, j)
	})
}

// apply makes r's disk show at path i what the index says. It looks at the
// disk first, for what a user did there meanwhile is a write to be kept.
func (w *world) apply(r *replica, i int) {
	if !w.rules.noGuard {
		for p := w.parent[i]; p >= 0; p = w.parent[p] {
			w.scan(r, p)
		}
		w.scan(r, i)
		w.scanBelow(r, i)
	}
	w.settle(r, i)
}

func (w *world) applyAll(r *replica) {
	if r.settled == r.version {
		return
	}
	before := r.version
	for k := 0; k < len(w.order); k++ {
		w.apply(r, w.order[k])
	}
	for k := len(w.order) - 1; k >= 0; k-- {
		w.apply(r, w.order[k])
	}
	if r.version == before {
		r.settled = before
	}
}

// wanted is what path i is to show on r, with the writes whose content must be
// kept beside it.
func (w *world) wanted(r *replica, i int) (Local, Resolution) {
	reg := r.rows[i].reg
	res := w.rules.resolve(reg, r.id)
	if res.Winner.Value.Kind == Dir || !w.hasLiveBelow(r, i) {
		return Local{Value: res.Value, Dot: res.Winner.Dot}, res
	}
	v := Value{Kind: Dir, Mode: 0o755}
	if r.disk[i].Kind == Dir {
		v = r.disk[i] // nobody's write says otherwise
	}
	for _, s := range reg.Sibs {
		if SameContent(s.Value, res.Winner.Value) {
			res.Losers = append(res.Losers, s)
		}
	}
	return Local{Value: v, Implicit: true}, res
}

func (w *world) settle(r *replica, i int) {
	row, par := &r.rows[i], w.parent[i]
	want, res := w.wanted(r, i)
	if want.Value.Kind != Absent && par >= 0 && r.disk[par].Kind != Dir {
		if w.settle(r, par); r.disk[par].Kind != Dir {
			return
		}
	}
	have := r.disk[i]
	if SameOnDisk(have, want.Value) {
		if row.local != want {
			row.local = want
			w.touch(r)
		}
		return
	}
	if have.Kind == Dir && want.Value.Kind != Dir {
		for j := range w.paths {
			if w.parent[j] == i && r.disk[j].Kind != Absent {
				if w.settle(r, j); r.disk[j].Kind != Absent {
					return
				}
			}
		}
	}
	absorbed := w.retire(r, i, res.Absorbed, have)
	if !w.rules.noCopy {
		w.keepLosers(r, i, res.Losers)
	}
	w.set(r, i, want.Value)
	row.local = want
	w.log(r, "applied", i)
	if absorbed && want.Value.Kind == File {
		row.local.Value = res.Winner.Value
		if own := r.counter; own < w.scanned(r, i) {
			w.remember(i, r.disk[i]) // as if that chmod had been made here
		}
	}
}

// retire takes the writes of list out of the register that made what was on
// r's disk.
func (w *world) retire(r *replica, i int, list []Sibling, was Value) bool {
	any := false
	for _, s := range list {
		if SameContent(s.Value, was) {
			r.rows[i].reg = w.rules.retire(r.rows[i].reg, s.Dot).Trim(r.ctx)
			any = true
		}
	}
	if any {
		w.journal(r, i, -1)
	}
	return any
}

// keepLosers makes the conflict copy that is r's to make: of the losing live
// content that its disk holds. Only then the losing writes are retired.
func (w *world) keepLosers(r *replica, i int, losers []Sibling) {
	at := -1
	for k, s := range losers {
		if s.Dot == r.rows[i].local.Dot || (at < 0 && SameContent(s.Value, r.disk[i])) {
			at = k
		}
	}
	if at < 0 {
		return
	}
	w.keepCopy(r, i, losers[at].Value)
	w.retire(r, i, losers, losers[at].Value)
}

// keepCopy creates the conflict copy of v beside path i, unless it is there.
func (w *world) keepCopy(r *replica, i int, v Value) {
	v.Base, v.Origin = Base{}, ""
	for width := HashWidth; ; width += 4 {
		k := w.intern(ConflictName(w.paths[i], v, width))
		w.scan(r, k)
		if r.disk[k].Kind != Absent {
			if SameContent(r.disk[k], v) {
				return
			}
			continue
		}
		if reg := r.rows[k].reg; reg.Live() && !SameContent(reg.Resolve().Value, v) {
			continue
		}
		w.copies++
		w.set(r, k, v)
		w.scan(r, k)
		w.log(r, "kept a conflict copy", k)
		return
	}
}

// collect drops the tombstones that every known peer has confirmed.
func (w *world) collect(r *replica) {
	upto := r.head
	for i := range r.peers {
		if p := &r.peers[i]; p.known {
			upto = min(upto, p.confirmed)
		}
	}
	for i := range w.paths {
		row := &r.rows[i]
		if !row.known || row.reg.Live() || row.pos > upto {
			continue
		}
		if (row.local.Value.Kind != Absent && !w.rules.dropUnapplied) || (!r.ctx.CoversAll(row.reg.Ctx) && !w.rules.dropUncovered) {
			continue
		}
		if !w.rules.noHorizon {
			r.horizon = max(r.horizon, row.pos)
		}
		*row = rowZero
		w.touch(r)
		w.log(r, "dropped the tombstone", i)
	}
}

var rowZero row

// loseIndex is what happens when the database is gone: the disk stays.
func (w *world) loseIndex(r *replica) {
	w.lost = true
	w.birth(r)
	w.log(r, "lost its index", 0)
}
