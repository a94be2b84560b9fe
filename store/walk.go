package store

import (
	"bytes"
	"iter"
	"time"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
)

// page is how many records one read transaction visits: long ones pin pages
// and make the file grow.
const page = 2000

// Record returns what is known of p; of an unknown path, an empty record.
func (s *Store) Record(p folder.Path) (r Record, err error) {
	err = s.view(func(tx *bolt.Tx) (err error) {
		r, err = readRecord(tx.Bucket(bucketRecords), p)
		return err
	})
	return r, err
}

// Records yields the records at and below under ("" for all) in key order, read
// in pages, so it sees changes made while it runs behind its position.
func (s *Store) Records(under folder.Path) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		next, first := under.Key(), true
		prefix := append(under.Key(), 0)
		var batch []Record
		for next != nil {
			batch = batch[:0]
			err := s.view(func(tx *bolt.Tx) error {
				c := tx.Bucket(bucketRecords).Cursor()
				k, v := c.Seek(next)
				if !first && bytes.Equal(k, next) {
					k, v = c.Next()
				}
				for ; k != nil && len(batch) < page; k, v = c.Next() {
					if under != "" && !bytes.HasPrefix(k, prefix) && !bytes.Equal(k, prefix[:len(prefix)-1]) {
						k = nil
						break
					}
					r, err := decodeRecord(folder.PathOfKey(k), v)
					if err != nil {
						return err
					}
					batch = append(batch, r)
				}
				if k == nil {
					next = nil
				} else {
					next = batch[len(batch)-1].Path.Key()
				}
				return nil
			})
			first = false
			if err != nil {
				yield(Record{}, err)
				return
			}
			for _, r := range batch {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// Top calls f with the records of what lies directly in the root, in key order,
// until f returns false.
func (s *Store) Top(f func(Record) bool) error {
	return s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketRecords).Cursor()
		for k, v := c.First(); k != nil; {
			top, _, below := bytes.Cut(k, []byte{0})
			if !below {
				r, err := decodeRecord(folder.PathOfKey(k), v)
				if err != nil || !f(r) {
					return err
				}
				top = k
			}
			// Past all that lies below it: no key has a 0x01 right there unless
			// it is another entry of the root.
			next := append(bytes.Clone(top), 1)
			if below {
				k, v = c.Seek(next)
			} else if k, v = c.Next(); k != nil && bytes.HasPrefix(k, append(bytes.Clone(top), 0)) {
				k, v = c.Seek(next)
			}
		}
		return nil
	})
}

// Wanted returns up to limit records, in key order behind path after, whose
// disk differs from what their register shows.
func (s *Store) Wanted(after folder.Path, limit int) (out []Record, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		records := tx.Bucket(bucketRecords)
		c := tx.Bucket(bucketWanted).Cursor()
		start := after.Key()
		for k, _ := c.Seek(start); k != nil && len(out) < limit; k, _ = c.Next() {
			if len(start) > 0 && bytes.Equal(k, start) {
				continue
			}
			r, err := readRecord(records, folder.PathOfKey(k))
			if err != nil {
				return err
			}
			out = append(out, r)
		}
		return nil
	})
	return out, err
}

// WantedEvery returns every n-th wanted path in key order, and the last one.
func (s *Store) WantedEvery(n int64) (out []folder.Path, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketWanted).Cursor()
		k := int64(0)
		for key, _ := c.First(); key != nil; k++ {
			next, _ := c.Next()
			if k%n == n-1 || next == nil {
				out = append(out, folder.PathOfKey(key))
			}
			key = next
		}
		return nil
	})
	return out, err
}

// Page returns up to limit records in key order behind path after.
func (s *Store) Page(after folder.Path, limit int) (out []Record, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketRecords).Cursor()
		start := after.Key()
		for k, v := c.Seek(start); k != nil && len(out) < limit; k, v = c.Next() {
			if len(start) > 0 && bytes.Equal(k, start) {
				continue
			}
			r, err := decodeRecord(folder.PathOfKey(k), v)
			if err != nil {
				return err
			}
			out = append(out, r)
		}
		return nil
	})
	return out, err
}

// LiveBelow reports whether any path below p exists by its register.
func (s *Store) LiveBelow(p folder.Path) (live bool, err error) {
	prefix := append(p.Key(), 0)
	err = s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketRecords).Cursor()
		for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			r, err := decodeRecord(folder.PathOfKey(k), v)
			if err != nil {
				return err
			}
			if r.Register.Live() {
				live = true
				return nil
			}
		}
		return nil
	})
	return live, err
}

// retired is how long a peer may be away before it stops keeping tombstones
// alive (F90). Should it come back, it gets a snapshot.
const retired = 180 * 24 * time.Hour

// Collect drops the tombstones that every known peer has confirmed and that are
// older than [Options].TombstoneAge, and returns how many. Whoever has not
// confirmed them by then (a peer unknown so far) gets a snapshot.
func (s *Store) Collect() (int, error) {
	upto := s.now().Seq
	for _, p := range s.Peers() {
		if time.Since(p.LastSeen) > retired {
			continue
		}
		if p.OurEpoch != s.now().Epoch {
			return 0, nil
		}
		upto = min(upto, p.Confirmed)
	}
	before := time.Now().Add(-s.opts.TombstoneAge).Unix()
	dropped := 0
	var keys []folder.Path
	for r, err := range s.Records("") {
		if err != nil {
			return dropped, err
		}
		if r.tomb != 0 && r.tomb <= before && r.Seq <= upto {
			keys = append(keys, r.Path)
		}
		if len(keys) == page {
			n, err := s.drop(keys, upto)
			if err != nil {
				return dropped, err
			}
			dropped, keys = dropped+n, keys[:0]
		}
	}
	n, err := s.drop(keys, upto)
	return dropped + n, err
}

func (s *Store) drop(paths []folder.Path, upto uint64) (n int, err error) {
	if len(paths) == 0 {
		return 0, nil
	}
	err = s.update(func(t *txn) error {
		n = 0
		for _, p := range paths {
			r, err := t.record(p)
			if err != nil {
				return err
			}
			// The folder context must speak for the register from now on.
			if r.tomb == 0 || r.Seq > upto || len(r.Register.Trim(t.meta.Context).Ctx) != 0 {
				continue
			}
			if err := t.journal.Delete(seqKey(r.Seq)); err != nil {
				return err
			}
			if err := t.records.Delete(p.Key()); err != nil {
				return err
			}
			t.meta.Horizon = max(t.meta.Horizon, r.Seq)
			n++
		}
		return nil
	})
	return n, err
}
