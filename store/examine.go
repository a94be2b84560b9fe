package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// Glance is what [Examine] saw of a folder map.
type Glance struct {
	Size   int64 // of the file, bytes
	Totals Totals
	Peers  []Peer // that told their name or address, the latest first
}

// Examine checks a folder map that no process has open, as thoroughly as
// [Store.Check], and leaves it as it is whatever it finds; [Open] would repair.
// Errors to branch on: [ErrBusy], [ErrNewer], fs.ErrNotExist and
// fs.ErrPermission; every other one is damage.
func Examine(path string) (g Glance, err error) {
	fi, err := os.Stat(path)
	if err != nil {
		return g, fmt.Errorf("store: %w", err)
	}
	g.Size = fi.Size()
	if err := inspect(path); err != nil {
		return g, fmt.Errorf("store: %w", err)
	}
	o := options()
	o.ReadOnly, o.InitialMmapSize = true, 0
	db, err := openBolt(path, o)
	if err != nil {
		return g, fmt.Errorf("store: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.View(func(tx *bolt.Tx) error {
		// Before anything else: what follows takes every record for readable.
		if err := decodeAll(tx); err != nil {
			return err
		}
		m, err := metaOf(tx)
		if err != nil {
			return err
		}
		g.Totals = m.Totals
		if g.Peers, err = peersOf(tx); err != nil {
			return err
		}
		return checkBuckets(tx)
	})
	if err != nil {
		return g, fmt.Errorf("store: %w", err)
	}
	return g, nil
}

func peersOf(tx *bolt.Tx) (all []Peer, err error) {
	err = tx.Bucket(bucketPeers).ForEach(func(_, v []byte) error {
		var p Peer
		if err := json.Unmarshal(v, &p); err != nil {
			return damaged("peer: %v", err)
		}
		if len(p.Addrs) > 0 || p.Name != "" {
			all = append(all, p)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Peer) int { return b.LastSeen.Compare(a.LastSeen) })
	return all, err
}
