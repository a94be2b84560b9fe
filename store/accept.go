package store

import (
	"fmt"
	"slices"

	"qsync/folder"
)

// NodeID names a peer: a hash of its device key.
type NodeID [16]byte

// Entry is what one replica tells another of a path.
type Entry struct {
	Path     folder.Path
	Register folder.Register
	Have     bool // the teller's disk holds the content
}

// Batch is a stretch of a replica's journal, or of its records in key order.
type Batch struct {
	Snapshot bool
	After    uint64      // journal: the batch covers positions (After, Upto]
	Upto     uint64      // snapshot: in the last batch the position to read on from
	From, To folder.Path // snapshot: the batch covers keys (From, To], To "" is the end
	Complete bool        // the head of the journal was reached in the same read as Context
	Context  folder.Context
	Entries  []Entry
}

// Accept merges a batch that peer sent into the registers and moves the cursor
// into its journal, in one transaction. Batches of one peer come in order. It
// returns how many registers changed. From the first batch of a snapshot until a
// Complete one no other peer's batch may be accepted: what the gaps between its
// paths say is not kept anywhere before the context is adopted. Errors to branch on: [ErrGap] (start over
// from the cursor), [ErrRollback] (rotate, then start over), [ErrForged].
func (s *Store) Accept(peer NodeID, b Batch) (int, error) {
	changed := 0
	err := s.update(func(t *txn) error {
		changed = 0
		p := s.peers.of(peer)
		reached := p.Cursor
		if p.Snapshot {
			reached = p.Reached
		}
		if !b.Snapshot && b.After != reached {
			return fmt.Errorf("%w: after %d, cursor %d", ErrGap, b.After, reached)
		}
		if err := t.checkCounters(b); err != nil {
			return err
		}
		n, err := t.merge(b, p.Number)
		if err != nil {
			return err
		}
		changed = n
		p.Snapshot = p.Snapshot || b.Snapshot
		if b.Complete {
			t.adopt(&p, b.Context)
		}
		if p.Snapshot {
			p.Reached = b.Upto
		} else {
			p.Cursor = b.Upto
		}
		return t.putPeer(p)
	})
	return changed, err
}

// adopt makes the context of peer p, all of whose journal has been merged, part
// of the own. After a snapshot it may speak of paths that have no row in the
// own journal, so whoever reads that journal must take a snapshot as well; only
// news makes it so, which is why this ends.
func (t *txn) adopt(p *Peer, f folder.Context) {
	t.meta.Caught = true
	news := !t.meta.Context.CoversAll(f)
	t.meta.Context = t.meta.Context.Merge(f)
	if p.Snapshot && news {
		t.meta.Seq++
		t.meta.Horizon = t.meta.Seq
	}
	p.Snapshot = false
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

func (t *txn) merge(b Batch, from uint64) (int, error) {
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
	entries := b.Entries
	mine, err := t.keysIn(b.From, b.To)
	if err != nil {
		return 0, err
	}
	for len(mine) > 0 || len(entries) > 0 {
		var err error
		switch {
		case len(entries) == 0 || (len(mine) > 0 && mine[0].Compare(entries[0].Path) < 0):
			err = one(Entry{Path: mine[0]}, true)
			mine = mine[1:]
		default:
			if len(mine) > 0 && mine[0] == entries[0].Path {
				mine = mine[1:]
			}
			err = one(entries[0], false)
			entries = entries[1:]
		}
		if err != nil {
			return 0, err
		}
	}
	return changed, nil
}

// keysIn lists the own paths in (from, to]. It holds them all, so a sender
// keeps its batches small; one that does not only costs this transaction.
func (t *txn) keysIn(from, to folder.Path) ([]folder.Path, error) {
	var out []folder.Path
	c := t.records.Cursor()
	for k, _ := c.Seek(from.Key()); k != nil; k, _ = c.Next() {
		p := folder.PathOfKey(k)
		if p == from {
			continue
		}
		if to != "" && p.Compare(to) > 0 {
			break
		}
		out = append(out, p)
	}
	return out, nil
}

// join merges a peer's register of a path into the own and reports whether it
// changed. In a gap of a snapshot the peer has no record: there the mere growth
// of knowledge is kept but not passed on, because completing the snapshot makes
// every other peer take one too (see Accept).
func (t *txn) join(e Entry, f folder.Context, from uint64, gap bool) (bool, error) {
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
		return false, t.put(old, r, false, 0)
	}
	// A peer that told exactly what we now know need not hear it back.
	echo := from
	if !equal(joined.Trim(f), reg.Trim(f)) {
		echo = 0
	}
	if r.Register.Live() && r.Local.Value.Kind != folder.Absent {
		if sib, ok := showing(r.Register, r.Local.Value, r.Local.Dot); ok {
			r.Local.Dot, r.Local.Implicit = sib.Dot, false
			r.Local.Value = asOnDisk(sib.Value, r.Local.Value)
		}
	}
	return true, t.put(old, r, true, echo)
}

func sameSibs(a, b folder.Register) bool {
	return slices.EqualFunc(a.Sibs, b.Sibs, func(x, y folder.Sibling) bool { return x.Dot == y.Dot })
}

func equal(a, b folder.Register) bool {
	return sameSibs(a, b) && slices.EqualFunc(a.Ctx, b.Ctx, func(x, y folder.Dot) bool {
		return x == y
	})
}
