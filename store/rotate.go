package store

import (
	"encoding/binary"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
)

// Rotate takes a new replica ID and a new journal epoch. If the map is an older
// state of itself that has been written on (a virtual machine set back), some
// of its latest events bear names under which others know different ones. So
// the old replica counts as known only as far as every peer surely agreed on
// it. What it wrote behind that and still has is written again under the new
// ID, and what others have of it is taken for news. The worst that does is a
// conflict copy, or a deletion that has to be repeated.
func (s *Store) Rotate() error {
	var old folder.Dot
	for after, first := uint64(0), true; first || after != 0; first = false {
		from := after
		err := s.update(func(t *txn) (err error) {
			if first {
				old.Replica = t.meta.Replica
				from, old.Counter = t.sure()
				t.meta.Context = t.meta.Context.Minus(folder.Context{{Replica: old.Replica, Counter: t.meta.Counter}})
				if old.Counter != 0 {
					t.meta.Context = t.meta.Context.With(old)
				}
				t.rotate()
			}
			after, err = t.rewrite(old, from)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Witness compares what the caller has kept outside of the map since the last
// call, "" if nothing, with what the map gave out then, and takes a new replica
// ID if they differ: the map is an older state of itself, or somebody else has
// worked with it since. It returns what to keep from now on, before the map is
// given anything. A crash between the two costs a new identity, which is safe.
func (s *Store) Witness(kept string) (next string, err error) {
	err = s.update(func(t *txn) error {
		if t.meta.Witness != "" && t.meta.Witness != kept {
			t.rotate()
		}
		next = strconv.FormatUint(s.random(), 16)
		t.meta.Witness = next
		return nil
	})
	return next, err
}

// Witnessed reports whether kept is what Witness gave out last.
func (s *Store) Witnessed(kept string) (is bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		m, err := metaOf(tx)
		is = m.Witness == "" || m.Witness == kept
		return err
	})
	return is, err
}

func (t *txn) rotate() {
	t.meta.Replica = folder.ReplicaID(t.store.random())
	t.meta.Counter = 0
	t.meta.Epoch = t.store.random()
}

// sure returns a journal position and an own counter up to which every peer
// agreed with this replica about its writes: each has confirmed them, and then
// proved to know no more of this replica than there is. What is confirmed to an
// old map without that proof may have been taken for something else.
func (t *txn) sure() (position, own uint64) {
	position, own = t.meta.Seq, t.meta.Counter
	for _, p := range t.store.Peers() {
		if time.Since(p.LastSeen) >= retired {
			continue
		}
		if p.Agreed.Epoch != t.meta.Epoch {
			return 0, 0
		}
		position, own = min(position, p.Agreed.Seq), min(own, p.Agreed.Own)
	}
	return position, own
}

// rewrite issues anew what replica old wrote behind event old and still is on
// the disk, in a stretch of the journal behind after. It returns where to go on,
// 0 if that was all.
func (t *txn) rewrite(old folder.Dot, after uint64) (uint64, error) {
	var keys [][]byte
	c := t.journal.Cursor()
	k, v := c.Seek(seqKey(after + 1))
	for ; k != nil && len(keys) < 10*page; k, v = c.Next() {
		row, err := decodeRow(v)
		if err != nil {
			return 0, err
		}
		keys = append(keys, append([]byte(nil), row.key...))
		after = binary.BigEndian.Uint64(k)
	}
	more := k != nil
	for _, k := range keys {
		was, err := t.record(folder.PathOfKey(k))
		if err != nil {
			return 0, err
		}
		sib, ok := was.Register.Has(was.Local.Dot)
		if !ok || sib.Dot.Replica != old.Replica || sib.Dot.Counter <= old.Counter {
			continue
		}
		r := was
		r.Local.Dot = t.issue()
		r.Register = was.Register.Edit(was.Local, r.Local.Dot, sib.Value)
		if err := t.put(was, r, true, 0); err != nil {
			return 0, err
		}
	}
	if !more {
		return 0, nil
	}
	return after, nil
}

// issue makes the next own event.
func (t *txn) issue() folder.Dot {
	t.meta.Counter++
	d := folder.Dot{Replica: t.meta.Replica, Counter: t.meta.Counter}
	t.meta.Context = t.meta.Context.With(d)
	return d
}
