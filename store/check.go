package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
)

// Check verifies that the buckets agree with each other and that every page is
// sound. Tests call it whenever a store is closed.
func (s *Store) Check() error {
	if err := s.walkPages(); err != nil {
		return err
	}
	if n := len(s.Addrs()); n > addrsInAll {
		return fmt.Errorf("check: %d addresses", n)
	}
	if err := s.view(checkBuckets); err != nil {
		return err
	}
	return s.view(checkLog)
}

// checkBuckets compares the buckets with each other.
func checkBuckets(tx *bolt.Tx) error {
	if err := checkPeers(tx); err != nil {
		return err
	}
	m, err := metaOf(tx)
	if err != nil {
		return err
	}
	var got meta
	rows, wanted := 0, 0
	err = tx.Bucket(bucketRecords).ForEach(func(k, v []byte) error {
		r, err := decodeRecord(folder.PathOfKey(k), v)
		if err != nil {
			return err
		}
		w, err := checkRecord(tx, r, m)
		if r.Seq != 0 {
			rows++
		}
		if w {
			wanted++
		}
		got.Own.add(r.own(), 1)
		t := txn{}
		t.count(r.Local.Value, 1)
		got.Totals.Files += t.meta.Totals.Files
		got.Totals.Dirs += t.meta.Totals.Dirs
		got.Totals.Symlinks += t.meta.Totals.Symlinks
		got.Totals.Bytes += t.meta.Totals.Bytes
		return err
	})
	if err != nil {
		return err
	}
	if n := tx.Bucket(bucketJournal).Stats().KeyN; n != rows {
		return fmt.Errorf("check: %d journal rows for %d announced records", n, rows)
	}
	if n := tx.Bucket(bucketWanted).Stats().KeyN; n != wanted || int64(n) != m.Want.Entries {
		return fmt.Errorf("check: %d wanted rows, %d wanted records, total says %d", n, wanted, m.Want.Entries)
	}
	if got.Own != m.Own {
		return fmt.Errorf("check: own changes %+v, records say %+v", m.Own, got.Own)
	}
	if got.Totals != m.Totals {
		return fmt.Errorf("check: totals %+v, records say %+v", m.Totals, got.Totals)
	}
	return nil
}

func checkPeers(tx *bolt.Tx) error {
	return tx.Bucket(bucketPeers).ForEach(func(k, v []byte) error {
		var p Peer
		if err := json.Unmarshal(v, &p); err != nil {
			return fmt.Errorf("check: peer %x: %w", k, err)
		}
		if string(k) != string(p.ID[:]) {
			return fmt.Errorf("check: peer %x under %x", p.ID, k)
		}
		return checkAddrs(p)
	})
}

func checkRecord(tx *bolt.Tx, r Record, m meta) (wanted bool, err error) {
	if r.Seq > m.Seq {
		return false, fmt.Errorf("check: %q at position %d of %d", r.Path, r.Seq, m.Seq)
	}
	if r.Seq != 0 {
		v := tx.Bucket(bucketJournal).Get(seqKey(r.Seq))
		row, err := decodeRow(v)
		if err != nil || folder.PathOfKey(row.key) != r.Path {
			return false, fmt.Errorf("check: %q is not at its journal position %d", r.Path, r.Seq)
		}
	}
	for _, s := range r.Register.Sibs {
		if s.Dot.Replica == m.Replica && s.Dot.Counter > m.Counter {
			return false, fmt.Errorf("check: %q holds an own write never issued", r.Path)
		}
	}
	if r.Dropped != nil && (!r.Register.Live() || r.Local.Value.Kind != folder.Absent || !m.Lets) {
		return false, fmt.Errorf("check: %q is dropped, though it is dead or here or should come", r.Path)
	}
	if r.Aside != nil && !m.Keeps {
		return false, fmt.Errorf("check: %q was changed by a user, though nothing such stays here", r.Path)
	}
	wanted, size := r.Wanted()
	v := tx.Bucket(bucketWanted).Get(r.Path.Key())
	if wanted != (v != nil) {
		return false, fmt.Errorf("check: %q wanted %v, bucket says %v", r.Path, wanted, v != nil)
	}
	if wanted {
		if n, _ := binary.Uvarint(v); int64(n) != size {
			return false, fmt.Errorf("check: %q wants %d bytes, bucket says %d", r.Path, size, n)
		}
	}
	return wanted, nil
}

// walkPages has bbolt check its own structures.
func (s *Store) walkPages() error {
	return s.view(func(tx *bolt.Tx) error {
		var first error
		for err := range tx.Check() {
			if first == nil {
				first = err
			}
		}
		return first
	})
}
