package store

import (
	"context"
	"encoding/binary"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
)

// Limits bound a batch: entries, bytes as size estimates them, and the last key
// of a snapshot ("" for none). Turn is the [Peer.Turn] of the session that sends
// it, 0 for none.
type Limits struct {
	Entries int
	Bytes   int
	Size    func(Entry) int
	To      folder.Path
	Turn    uint64
}

// Since returns the changes behind position after of the own journal that peer
// has not told us itself, and does not know from this session, oldest first, as
// one batch. An empty batch with Upto
// > After still moves the peer's cursor. When the peer's cursor lies before the
// horizon the journal cannot say what it missed: snapshot is true and the
// caller sends [Store.Snapshot] batches instead. Both fail with [ErrWait] while
// the next register cannot be told.
func (s *Store) Since(peer NodeID, after uint64, l Limits) (b Batch, snapshot bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		m, err := metaOf(tx)
		if err != nil {
			return err
		}
		number := s.peers.of(peer).Number
		if after < m.horizon(number) {
			snapshot = true
			return nil
		}
		b = Batch{After: after, Upto: after, Context: m.Context}
		records := tx.Bucket(bucketRecords)
		c := tx.Bucket(bucketJournal).Cursor()
		bytes := 0
		for k, v := c.Seek(seqKey(after + 1)); k != nil; k, v = c.Next() {
			row, err := decodeRow(v)
			if err != nil {
				return err
			}
			if row.from == 0 || row.from != number && row.from != l.Turn {
				r, err := readRecord(records, folder.PathOfKey(row.key))
				if err != nil {
					return err
				}
				e, ok := entryOf(r, m.Context)
				if !ok {
					return waitUnless(len(b.Entries) > 0)
				}
				bytes += l.Size(e)
				if len(b.Entries) > 0 && (len(b.Entries) == l.Entries || bytes > l.Bytes) {
					return nil
				}
				b.Entries = append(b.Entries, e)
			}
			b.Upto = binary.BigEndian.Uint64(k)
		}
		b.Upto, b.Complete = max(m.Seq, after), true
		return nil
	})
	return b, snapshot, err
}

// entryOf is what a peer is told of record r. A register whose context is too
// long for the wire must wait: the events in it are on their way into the
// folder context.
func entryOf(r Record, f folder.Context) (Entry, bool) {
	reg := r.Register.Trim(f)
	return Entry{Path: r.Path, Register: reg, Have: r.Have()}, len(reg.Ctx) <= folder.MaxContext
}

func waitUnless(something bool) error {
	if something {
		return nil
	}
	return ErrWait
}

// Snapshot returns the records behind path from, in key order, as one batch;
// start is the journal position that the last batch (To == "") tells the peer
// to read on from: [Identity].Seq before the first.
func (s *Store) Snapshot(from folder.Path, start uint64, l Limits) (b Batch, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		m, err := metaOf(tx)
		if err != nil {
			return err
		}
		b = Batch{Snapshot: true, From: from, Upto: start, Context: m.Context}
		bytes := 0
		c := tx.Bucket(bucketRecords).Cursor()
		for k, v := c.Seek(from.Key()); k != nil; k, v = c.Next() {
			p := folder.PathOfKey(k)
			if p == from {
				continue
			}
			if l.To != "" && p.Compare(l.To) > 0 {
				break
			}
			r, err := decodeRecord(p, v)
			if err != nil {
				return err
			}
			if r.Seq == 0 {
				continue // never announced
			}
			e, ok := entryOf(r, m.Context)
			bytes += l.Size(e)
			if !ok || (len(b.Entries) > 0 && (len(b.Entries) == l.Entries || bytes > l.Bytes)) {
				if len(b.Entries) == 0 {
					return ErrWait // leaving it out would declare it dead
				}
				b.To = b.Entries[len(b.Entries)-1].Path
				return nil
			}
			b.Entries = append(b.Entries, e)
		}
		b.To = l.To
		return nil
	})
	return b, err
}

// Wait blocks until the journal has grown past after, or ctx ends.
func (s *Store) Wait(ctx context.Context, after uint64) error {
	for {
		s.mu.Lock()
		seq, changed := s.meta.Seq, s.changed
		s.mu.Unlock()
		if seq > after {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
