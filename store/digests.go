package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
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

// write writes the pending changes and those of t, in key order, when they have
// become many or the store closes.
func (x *digestIndex) write(t *txn) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.n + len(t.digests)
	if n == 0 || (n < maxPending && !t.closing) {
		return nil
	}
	all := make([]digestChange, 0, n)
	for _, changes := range x.pending {
		all = append(all, changes...)
	}
	all = append(all, t.digests...)
	slices.SortStableFunc(all, func(a, b digestChange) int {
		return cmp.Or(bytes.Compare(a.prefix[:], b.prefix[:]), cmp.Compare(a.path, b.path))
	})
	b := t.Bucket(bucketDigests)
	for i, c := range all {
		if i+1 < len(all) && all[i+1].prefix == c.prefix && all[i+1].path == c.path {
			continue // a later change of the same key follows
		}
		k := append(c.prefix[:], c.path...)
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
	t.flushed = true
	return nil
}

// commit takes over the changes of a transaction, durable by now.
func (x *digestIndex) commit(t *txn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if t.flushed {
		x.pending, x.n = nil, 0
		return
	}
	if x.pending == nil {
		x.pending = make(map[digestPrefix][]digestChange)
	}
	for _, c := range t.digests {
		x.pending[c.prefix] = append(x.pending[c.prefix], c)
	}
	x.n += len(t.digests)
}

// Holding returns up to limit records whose disk holds a file of content d, as
// far as the advisory index knows.
func (s *Store) Holding(d folder.Digest, limit int) ([]Record, error) {
	return s.holding(digestPrefix(d[:8]), limit, func(v folder.Value) bool { return v.Digest == d })
}

// HoldingID is Holding for content of which only the [folder.Value.ContentID] is
// known.
func (s *Store) HoldingID(id uint64, limit int) ([]Record, error) {
	prefix := digestPrefix(binary.BigEndian.AppendUint64(nil, id))
	return s.holding(prefix, limit, func(v folder.Value) bool { return v.ContentID() == id })
}

func (s *Store) holding(prefix digestPrefix, limit int, is func(folder.Value) bool) ([]Record, error) {
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
			if r.Local.Value.Kind == folder.File && is(r.Local.Value) {
				out = append(out, r)
			}
		}
		return nil
	})
	return out, err
}
