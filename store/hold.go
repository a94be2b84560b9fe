package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
)

// HoldWhy is what a folder's brake stopped it for.
type HoldWhy uint8

// The reasons.
const (
	NoHold       HoldWhy = iota
	HoldVanished         // too many entries were gone from this disk
	HoldEmptied          // all of them were
	HoldIncoming         // what the peers told would remove or replace too many here
)

// HoldAnswer is what a person said to that.
type HoldAnswer uint8

// The answers.
const (
	NoAnswer  HoldAnswer = iota
	Confirmed            // it is meant: exactly that may pass, once
	Undone               // it is not: what is lost is to come back
)

// Hold is a stop by the brake that a person must decide about. It outlives the
// process.
type Hold struct {
	Why    HoldWhy
	Count  int64 // entries that would go
	Total  int64 // of so many
	Passed int64 `json:",omitempty"` // that had gone already, in small parts, when it became too much
	At     time.Time
	Answer HoldAnswer
}

// Hold returns the stop that is not settled yet, the zero Hold if there is none.
func (s *Store) Hold() Hold {
	if h := s.now().Hold; h != nil {
		return *h
	}
	return Hold{}
}

// PeekHold reads the stop, and the mode, of a map that no process has open, and
// leaves the map as it is. Errors as those of [Examine].
func PeekHold(path string) (h Hold, mode uint8, err error) {
	o := options()
	o.ReadOnly, o.InitialMmapSize = true, 0
	o.Timeout = 50 * time.Millisecond
	db, err := openBolt(path, o)
	if err != nil {
		return h, 0, fmt.Errorf("store: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.View(func(tx *bolt.Tx) error {
		m, err := metaOf(tx)
		if m.Hold != nil {
			h = *m.Hold
		}
		mode = m.Mode
		return err
	})
	return h, mode, err
}

var keyHeld = []byte("paths")

// SetHold notes a stop and the paths that it is about. It takes the place of an
// earlier one, and of what was answered to that.
func (s *Store) SetHold(h Hold, paths []folder.Path) error {
	h.Answer, h.At = NoAnswer, time.Now()
	held := make([]uint64, 0, len(paths))
	for _, p := range paths {
		held = append(held, heldPath(p))
	}
	slices.Sort(held)
	b := make([]byte, 0, 8*len(held))
	for _, n := range held {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return s.update(func(t *txn) error {
		t.meta.Hold = &h
		return t.Bucket(bucketHeld).Put(keyHeld, b)
	})
}

// AnswerHold notes what a person said to the stop. It does nothing if there is none.
func (s *Store) AnswerHold(a HoldAnswer) error {
	if s.Hold().Why == NoHold {
		return nil
	}
	return s.update(func(t *txn) error {
		h := *t.meta.Hold
		h.Answer = a
		t.meta.Hold = &h
		return nil
	})
}

// Release forgets the stop: it is settled. It does nothing if there is none.
func (s *Store) Release() error {
	if s.Hold().Why == NoHold {
		return nil
	}
	return s.update(func(t *txn) error {
		t.meta.Hold = nil
		return t.Bucket(bucketHeld).Delete(keyHeld)
	})
}

// HeldPaths tells which paths the stop is about.
type HeldPaths struct{ sorted []byte }

// Held returns the paths that the stop is about, as far as it needs to be known
// to recognise them.
func (s *Store) Held() (h HeldPaths, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		h.sorted = bytes.Clone(tx.Bucket(bucketHeld).Get(keyHeld))
		return nil
	})
	return h, err
}

// Has reports whether the stop is about p.
func (h HeldPaths) Has(p folder.Path) bool {
	want := heldPath(p)
	at := func(i int) uint64 { return binary.BigEndian.Uint64(h.sorted[8*i:]) }
	low, high := 0, len(h.sorted)/8
	for low < high {
		if mid := (low + high) / 2; at(mid) < want {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low < len(h.sorted)/8 && at(low) == want
}

// heldPath stands for p: nobody finds another path for which it is the same.
func heldPath(p folder.Path) uint64 {
	sum := sha256.Sum256([]byte(p))
	return binary.BigEndian.Uint64(sum[:])
}
