package store

import (
	"bytes"
	"slices"
	"sync"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
)

// minIndexed is the least size for which looking for content here pays: below
// it, asking a peer costs less than finding out.
const minIndexed = 4 << 10

// maxPending is how many changes of the digest index wait in memory. Digests
// are random, so writing them one batch at a time would rewrite the whole
// bucket with every transaction; losing the pending ones in a crash costs a
// transfer, never a file.
const maxPending = 1 << 15

// digestPrefix is the part of a digest that keys the index.
type digestPrefix [8]byte

type digestChange struct {
	prefix digestPrefix
	path   string // path key
	gone   bool
}

type digestIndex struct {
	mu      sync.Mutex
	pending map[digestPrefix][]digestChange // in order of time
	n       int
}

// index notes that a path's content on disk changed from old to now.
func (t *txn) index(key []byte, old, now folder.Value) {
	if folder.SameContent(old, now) {
		return
	}
	if old.Kind == folder.File && old.Size >= minIndexed {
		t.digests = append(t.digests, digestChange{digestPrefix(old.Digest[:8]), string(key), true})
	}
	if now.Kind == folder.File && now.Size >= minIndexed {
		t.digests = append(t.digests, digestChange{digestPrefix(now.Digest[:8]), string(key), false})
	}
}

// add takes the changes of a transaction, and writes all pending ones, in key
// order, when they have become many or must go out now.
func (x *digestIndex) add(tx *bolt.Tx, changes []digestChange, now bool) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.pending == nil {
		x.pending = make(map[digestPrefix][]digestChange)
	}
	for _, c := range changes {
		x.pending[c.prefix] = append(x.pending[c.prefix], c)
	}
	x.n += len(changes)
	if x.n == 0 || (x.n < maxPending && !now) {
		return nil
	}
	prefixes := make([]digestPrefix, 0, len(x.pending))
	for p := range x.pending {
		prefixes = append(prefixes, p)
	}
	slices.SortFunc(prefixes, func(a, b digestPrefix) int { return bytes.Compare(a[:], b[:]) })
	b := tx.Bucket(bucketDigests)
	for _, p := range prefixes {
		for _, c := range x.pending[p] {
			k := append(p[:], c.path...)
			var err error
			if c.gone {
				err = b.Delete(k)
			} else {
				err = b.Put(k, []byte{})
			}
			if err != nil {
				return err
			}
		}
	}
	x.pending, x.n = nil, 0
	return nil
}

// Holding returns up to limit records whose disk holds a file of content d, as
// far as the advisory index knows.
func (s *Store) Holding(d folder.Digest, limit int) ([]Record, error) {
	prefix := digestPrefix(d[:8])
	keys := make(map[string]bool)
	s.digests.mu.Lock()
	for _, c := range s.digests.pending[prefix] {
		keys[c.path] = !c.gone
	}
	s.digests.mu.Unlock()
	var out []Record
	err := s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketDigests).Cursor()
		for k, _ := c.Seek(prefix[:]); bytes.HasPrefix(k, prefix[:]) && len(keys) < 64; k, _ = c.Next() {
			if _, told := keys[string(k[8:])]; !told {
				keys[string(k[8:])] = true
			}
		}
		for k, here := range keys {
			if !here || len(out) >= limit {
				continue
			}
			r, err := readRecord(tx.Bucket(bucketRecords), folder.PathOfKey([]byte(k)))
			if err != nil {
				return err
			}
			if r.Local.Value.Kind == folder.File && r.Local.Value.Digest == d {
				out = append(out, r)
			}
		}
		return nil
	})
	return out, err
}
