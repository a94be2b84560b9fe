package folder

// batch is a stretch of a journal, or of the records in key order.
type batch struct {
	epoch       uint32 // of the sender's journal
	readerEpoch uint32 // the index it was made for
	snap        bool
	after, upto uint64 // journal: covers (after, upto]; snapshot: read on from upto
	from, to    int    // snapshot: covers the paths between, -1 is the beginning and the end
	complete    bool
	ctx         Context
	entries     []batchEntry
}

type batchEntry struct {
	path int
	reg  Register
}

type flight struct {
	from, to, session int
	b                 batch
}

// open begins a session in which from tells to what to has missed.
func (w *world) open(from, to int) {
	s, r := w.reps[from], w.reps[to]
	w.sessions++
	in, out := &r.peers[from], &s.peers[to]
	if in.epoch != s.epoch {
		in.epoch, in.cursor = s.epoch, 0
	}
	in.known, in.session, in.snap, in.walked, in.key = true, w.sessions, false, false, -1
	out.known, out.confirmed, out.readEpoch = true, in.cursor, r.epoch
	out.out = stream{session: w.sessions, pos: in.cursor, key: -1}
}

// send puts the next batch of at most k registers into flight; it reports
// whether that reached the head.
func (w *world) send(from, to, k int) bool {
	s := w.reps[from]
	out := &s.peers[to].out
	if out.session == 0 {
		return true
	}
	if !out.walking && out.pos < s.horizon {
		out.walking, out.key, out.start = true, -1, s.head
	}
	b := batch{epoch: s.epoch, readerEpoch: s.peers[to].readEpoch, ctx: s.ctx}
	if out.walking {
		w.snapshot(s, out, k, &b)
	} else {
		w.since(s, to, k, &b)
	}
	w.flight = append(w.flight, flight{from, to, out.session, b})
	return b.complete
}

func (w *world) since(s *replica, to, k int, b *batch) {
	out := &s.peers[to].out
	b.after, b.upto = out.pos, out.pos
	for {
		next := -1
		for i := range w.paths {
			if row := &s.rows[i]; row.known && row.pos > b.upto && (next < 0 || row.pos < s.rows[next].pos) {
				next = i
			}
		}
		if next < 0 {
			b.upto, b.complete = s.head, true
			break
		}
		row := &s.rows[next]
		if row.from != to || (row.epoch != s.peers[to].readEpoch && !w.rules.blindEcho) {
			if len(b.entries) == k {
				break
			}
			b.entries = append(b.entries, batchEntry{next, row.reg.Trim(s.ctx)})
		}
		b.upto = row.pos
	}
	out.pos = b.upto
}

func (w *world) snapshot(s *replica, out *stream, k int, b *batch) {
	b.snap, b.from, b.to, b.upto = true, out.key, -1, out.start
	for _, i := range w.order {
		if (out.key >= 0 && w.paths[i].Compare(w.paths[out.key]) <= 0) || !s.rows[i].known || s.rows[i].pos == 0 {
			continue
		}
		if len(b.entries) == k {
			b.to = b.entries[k-1].path
			break
		}
		b.entries = append(b.entries, batchEntry{i, s.rows[i].reg.Trim(s.ctx)})
	}
	out.key = b.to
	if b.to < 0 {
		out.walking, out.pos = false, out.start
	}
}

// receive merges a batch. Out of its order it is merely joined, which is
// harmless; only in order it moves the cursor and may complete a context.
func (w *world) receive(f flight) {
	s, r, b := w.reps[f.from], w.reps[f.to], &f.b
	p := &r.peers[f.from]
	if w.rules.lateContext {
		b.ctx = s.ctx
	}
	inOrder := f.session == p.session && p.epoch == b.epoch && b.readerEpoch == r.epoch
	switch {
	case b.snap:
		inOrder = inOrder && !p.walked && b.from == p.key && (p.snap || b.from < 0)
	case p.snap:
		inOrder = inOrder && p.walked && b.after == p.reached
	default:
		inOrder = inOrder && b.after == p.cursor
	}
	// What the gaps of a snapshot said is kept nowhere before it is complete.
	if !w.rules.noLock {
		for i := range r.peers {
			if r.peers[i].snap && (i != f.from || !inOrder) {
				return
			}
		}
	}
	w.merge(r, f.from, b)
	if w.rules.adoptEarly && !b.complete {
		w.adopt(r, b.ctx, false)
	}
	if !inOrder {
		return
	}
	if b.snap {
		p.snap, p.key, p.walked, p.reached = true, b.to, b.to < 0, b.upto
		return
	}
	if b.complete {
		w.adopt(r, b.ctx, p.snap)
		p.snap, p.walked, p.key = false, false, -1
	}
	if p.snap {
		p.reached = b.upto
	} else {
		p.cursor = b.upto
	}
}

func (w *world) adopt(r *replica, f Context, snap bool) {
	if r.ctx.CoversAll(f) {
		return
	}
	w.touch(r)
	r.ctx = r.ctx.Merge(f)
	if snap && !w.rules.noRaise {
		r.head++
		r.horizon = r.head
	}
}

func (w *world) merge(r *replica, from int, b *batch) {
	for _, e := range b.entries {
		w.join(r, from, e.path, e.reg, b, false)
	}
	if !b.snap || w.rules.noGaps {
		return
	}
	for i := range w.paths {
		if !r.rows[i].known || (b.from >= 0 && w.paths[i].Compare(w.paths[b.from]) <= 0) || (b.to >= 0 && w.paths[i].Compare(w.paths[b.to]) > 0) {
			continue
		}
		told := false
		for _, e := range b.entries {
			told = told || e.path == i
		}
		if !told {
			w.join(r, from, i, Register{}, b, true)
		}
	}
}

func (w *world) join(r *replica, from, i int, reg Register, b *batch, gap bool) {
	row := &r.rows[i]
	all := w.rules.join(row.reg, r.ctx, reg, b.ctx)
	now := w.rules.trim(all, r.ctx, b.ctx)
	if sameRegister(now, row.reg.Trim(r.ctx)) {
		return
	}
	sibs := sameDots(now, row.reg)
	row.reg = now
	w.touch(r)
	if gap && sibs {
		return
	}
	// Who told exactly this need not hear it again, unless it forgets.
	if !sameRegister(all.Trim(b.ctx), reg) {
		from = -1
	}
	w.journal(r, i, from)
	row.epoch = b.epoch
	w.log(r, "merged", i)
}

func sameDots(a, b Register) bool {
	if len(a.Sibs) != len(b.Sibs) {
		return false
	}
	for i := range a.Sibs {
		if a.Sibs[i].Dot != b.Sibs[i].Dot {
			return false
		}
	}
	return true
}

func sameRegister(a, b Register) bool {
	if !sameDots(a, b) || len(a.Ctx) != len(b.Ctx) {
		return false
	}
	for i := range a.Ctx {
		if a.Ctx[i] != b.Ctx[i] {
			return false
		}
	}
	return true
}
