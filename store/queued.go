package store

import (
	"cmp"
	"encoding/binary"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// waiting is a peer while the journal is counted: what had been counted when
// the count came to what the peer has not confirmed.
type waiting struct {
	Peer
	all, own Want
}

// Queued counts for every peer what stands behind its confirmed cursor: rows it
// has not told us itself, and their content. It reads the journal once, from
// where the peer is that has confirmed the least, and stops after limit rows.
func (s *Store) Queued(limit int) (map[NodeID]Want, error) {
	peers, epoch := []waiting{}, s.now().Epoch
	for _, p := range s.Peers() {
		if p.OurEpoch != epoch {
			p.Confirmed = 0
		}
		peers = append(peers, waiting{Peer: p})
	}
	slices.SortStableFunc(peers, func(a, b waiting) int { return cmp.Compare(a.Confirmed, b.Confirmed) })
	out := make(map[NodeID]Want, len(peers))
	if len(peers) == 0 {
		return out, nil
	}
	var all Want
	own := map[uint64]Want{}
	met := 0 // how many peers the count has come to
	meet := func(upto uint64) {
		for ; met < len(peers) && peers[met].Confirmed < upto; met++ {
			peers[met].all, peers[met].own = all, own[peers[met].Number].and(own[peers[met].Turn])
		}
	}
	err := s.view(func(tx *bolt.Tx) error {
		c, n := tx.Bucket(bucketJournal).Cursor(), 0
		for k, v := c.Seek(seqKey(peers[0].Confirmed + 1)); k != nil && n < limit; k, v = c.Next() {
			row, err := decodeRow(v)
			if err != nil {
				return err
			}
			n++
			meet(binary.BigEndian.Uint64(k))
			all = all.plus(row.bytes)
			if row.from != 0 {
				own[row.from] = own[row.from].plus(row.bytes)
			}
		}
		return nil
	})
	meet(^uint64(0))
	for _, p := range peers {
		told := own[p.Number].and(own[p.Turn])
		out[p.ID] = Want{
			Entries: all.Entries - p.all.Entries - (told.Entries - p.own.Entries),
			Bytes:   all.Bytes - p.all.Bytes - (told.Bytes - p.own.Bytes),
		}
	}
	return out, err
}

func (w Want) and(o Want) Want { return Want{w.Entries + o.Entries, w.Bytes + o.Bytes} }

func (w Want) plus(bytes int64) Want { return Want{w.Entries + 1, w.Bytes + bytes} }
