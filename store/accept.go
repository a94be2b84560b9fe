package store

import (
	"fmt"
	"slices"

	"qsync/folder"
)

// Accept merges a batch that peer sent into the registers and moves the cursor
// into its journal, in one transaction. Batches of one peer come in order. It
// returns how many registers changed. From the first batch of a snapshot until a
// Complete one no other peer's batch should be accepted: what the gaps between
// its paths say is not kept anywhere before the context is adopted, so one that
// changes something breaks the snapshot off. Errors to branch on: [ErrGap] (start
// over from the cursor), [ErrRollback] (rotate, then start over), [ErrForged].
func (s *Store) Accept(peer NodeID, b Batch) (int, error) { return s.AcceptAll(peer, []Batch{b}) }

// AcceptAll is [Store.Accept] of several batches, in order, in one transaction.
func (s *Store) AcceptAll(peer NodeID, batches []Batch) (int, error) {
	changed := 0
	err := s.update(func(t *txn) error {
		changed = 0
		p := s.peers.of(peer)
		for i := range batches {
			n, err := t.accept(&p, batches[i])
			if err != nil {
				return err
			}
			changed += n
		}
		return t.putPeer(p)
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}

func (t *txn) accept(p *Peer, b Batch) (changed int, err error) {
	if err := b.check(); err != nil {
		return 0, err
	}
	if err := p.follows(b); err != nil {
		return 0, err
	}
	if err := t.checkCounters(b); err != nil {
		return 0, err
	}
	if !b.Same {
		changed, err = t.merge(b, origin{p.Number, p.Turn, 0}.in(b))
		if err != nil {
			return 0, err
		}
	}
	if changed > 0 {
		if err := t.breakOff(p.ID); err != nil {
			return 0, err
		}
	}
	p.advance(b)
	if p.knew.Epoch == t.meta.Epoch {
		p.Agreed = p.knew
	}
	if b.Complete {
		return changed, t.adopt(p, b)
	}
	return changed, nil
}

// breakOff ends the snapshots under way from anybody but peer: registers have
// changed, perhaps in gaps that were passed already.
func (t *txn) breakOff(peer NodeID) error {
	for _, q := range t.store.peers.walking(peer) {
		q.Snapshot, q.walking = false, false
		if err := t.putPeer(q); err != nil {
			return err
		}
	}
	return nil
}

// adopt makes the context that came with the last batch of peer p, all of whose
// journal has been merged, part of the own. After a snapshot it may speak of
// paths that have no row in the own journal, so whoever reads that journal,
// except p who knows them all, must take a snapshot as well; only news makes it
// so, which is why this ends.
func (t *txn) adopt(p *Peer, b Batch) error {
	t.meta.Caught = true
	news := !t.meta.Context.CoversAll(b.Context)
	t.meta.Context = t.meta.Context.Merge(b.Context)
	if len(t.meta.Context) > folder.MaxFolderContext {
		return fmt.Errorf("%w: more than %d replicas", ErrForged, folder.MaxFolderContext)
	}
	if !p.Snapshot {
		if news && t.meta.Seq == t.store.now().Seq {
			t.meta.Seq++ // a position without a row: our own peers want to know the context
		}
		return nil
	}
	p.Snapshot, p.Cursor = false, b.Upto
	if news {
		if t.meta.NewsFrom != p.Number {
			t.meta.Horizon = max(t.meta.Horizon, t.meta.News)
		}
		t.meta.Seq++
		t.meta.News, t.meta.NewsFrom = t.meta.Seq, p.Number
	}
	return nil
}

// horizon is the position behind which the cursor of the peer called number
// must stand, lest the journal hide something from it.
func (m *meta) horizon(number uint64) uint64 {
	if number != 0 && number == m.NewsFrom {
		return m.Horizon
	}
	return max(m.Horizon, m.News)
}

// checkCounters refuses events of this replica that it never issued, and
// counters that jump further than any honest history.
func (t *txn) checkCounters(b Batch) error {
	check := func(d folder.Dot) error {
		if d.Replica == t.meta.Replica && d.Counter > t.meta.Counter {
			return ErrRollback
		}
		if d.Counter > t.meta.Context.Counter(d.Replica)+maxJump {
			return fmt.Errorf("%w: %d", ErrForged, d.Counter)
		}
		return nil
	}
	for _, d := range b.Context {
		if err := check(d); err != nil {
			return err
		}
	}
	for _, e := range b.Entries {
		for _, d := range e.Register.Ctx {
			if err := check(d); err != nil {
				return err
			}
		}
		for _, s := range e.Register.Sibs {
			if err := check(s.Dot); err != nil {
				return err
			}
		}
	}
	return nil
}

// origin is who told a batch: the peer's number and, if its session is still the
// latest one, that and how far it had sent our journal.
type origin struct {
	number, turn, sent uint64
}

func (o origin) in(b Batch) origin {
	if b.Turn != o.turn {
		o.turn = 0
	}
	if b.Sent != nil {
		o.sent = b.Sent() // in this transaction: what it is past has not moved since
	}
	return o
}

func (t *txn) merge(b Batch, from origin) (int, error) {
	changed := 0
	one := func(e Entry, gap bool) error {
		did, err := t.join(e, b.Context, from, gap)
		if did {
			changed++
		}
		return err
	}
	if !b.Snapshot {
		for _, e := range b.Entries {
			if err := one(e, false); err != nil {
				return 0, err
			}
		}
		return changed, nil
	}
	// Between two paths of a snapshot the sender has nothing: what it has heard
	// of there (its context) it knows to be dead.
	mine := t.ownPaths(b.From, b.To)
	for p, e := mine(), b.Entries; p != "" || len(e) > 0; {
		var err error
		if len(e) == 0 || (p != "" && p.Compare(e[0].Path) < 0) {
			err = one(Entry{Path: p}, true)
			p = mine()
		} else {
			if p == e[0].Path {
				p = mine()
			}
			err = one(e[0], false)
			e = e[1:]
		}
		if err != nil {
			return 0, err
		}
	}
	return changed, nil
}

// ownPaths returns a function that yields the own paths in (from, to], then "".
// It reads them in pages: they may be all there are, and a cursor does not
// survive the changes that are made on the way.
func (t *txn) ownPaths(from, to folder.Path) func() folder.Path {
	var ahead []folder.Path
	more := true
	return func() folder.Path {
		if len(ahead) == 0 && more {
			more = false
			c := t.records.Cursor()
			for k, _ := c.Seek(from.Key()); k != nil; k, _ = c.Next() {
				p := folder.PathOfKey(k)
				if p == from {
					continue
				}
				if to != "" && p.Compare(to) > 0 {
					break
				}
				if len(ahead) == page {
					more = true
					break
				}
				ahead = append(ahead, p)
			}
		}
		if len(ahead) == 0 {
			return ""
		}
		from, ahead = ahead[0], ahead[1:]
		return from
	}
}

// join merges a peer's register of a path into the own and reports whether it
// changed. In a gap of a snapshot the peer has no record: there the mere growth
// of knowledge is not kept. Were it kept and not passed on, a register could
// later seem to hold no news to those who must hear of it; and the context that
// is adopted at the end says it all (see Accept).
//
// Whoever told exactly what is now known need not hear it back. Nor need a peer
// whose write and ours crossed: what it told has come beside what was here, and
// that has been sent to it already, in the session in which the answer came. The
// row bears the number of that session then, not of the peer: if the session ends
// before the peer has stored what was sent, the next one sends it again. Without
// this, two machines that have the same files tell each other everything twice.
func (t *txn) join(e Entry, f folder.Context, from origin, gap bool) (bool, error) {
	p, reg := e.Path, e.Register
	old, err := t.record(p)
	if err != nil {
		return false, err
	}
	r := old
	joined := folder.Join(old.Register, t.meta.Context, reg, f)
	r.Register = joined.Trim(t.meta.Context)
	// Knowledge of dead writes alone is news too: a third replica may still
	// have them live, and will adopt our context on the strength of the journal.
	if equal(old.Register.Trim(t.meta.Context), r.Register) {
		return false, nil
	}
	if gap && sameSibs(old.Register, r.Register) {
		return false, nil
	}
	echo := from.number
	if !equal(joined.Trim(f), reg.Trim(f)) {
		echo = 0
		sent := old.Seq != 0 && old.Seq <= from.sent
		if sent && len(reg.Sibs) > 0 && allOf(old.Register, r.Register) && allOf(reg, r.Register) {
			echo = from.turn
		}
	}
	if r.Register.Live() && r.Local.Value.Kind != folder.Absent {
		was, is := old.Register.Resolve(), r.Register.Resolve()
		if r.Local.Dot == is.Winner.Dot && was.Winner.Dot == is.Winner.Dot && was.Value.Mode != is.Value.Mode {
			r.Local.Dot = folder.Dot{} // the same write asks for another mode than the one put there
		}
		if sib, ok := showing(r.Register, r.Local.Value, r.Local.Dot); ok {
			r.Local.Dot, r.Local.Implicit = sib.Dot, false
			r.Local.Value = asOnDisk(sib.Value, r.Local.Value)
			r.Aside = nil
		}
	}
	t.away(&r)
	return true, t.put(old, r, true, echo)
}

// allOf reports whether no write of a is missing in b.
func allOf(a, b folder.Register) bool {
	return !slices.ContainsFunc(a.Sibs, func(s folder.Sibling) bool { _, ok := b.Has(s.Dot); return !ok })
}

func sameSibs(a, b folder.Register) bool {
	return slices.EqualFunc(a.Sibs, b.Sibs, func(x, y folder.Sibling) bool { return x.Dot == y.Dot })
}

func equal(a, b folder.Register) bool {
	return sameSibs(a, b) && slices.EqualFunc(a.Ctx, b.Ctx, func(x, y folder.Dot) bool {
		return x == y
	})
}
