package store

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"qsync/folder"
)

// TestCrowd: invented devices do not fill the map, and push out nobody who
// matters (F101).
func TestCrowd(t *testing.T) {
	start := time.Now()
	path := filepath.Join(fastDir(t), "map.db")
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start))
		s, err := Open(path, Options{})
		try(t, err)
		defer s.Close()
		greet := func(n uint64) (NodeID, error) {
			var id NodeID
			binary.BigEndian.PutUint64(id[:], n)
			_, err := s.Greet(Peer{ID: id, Replica: 9, Epoch: 9, Name: "x"})
			return id, err
		}
		known := func(id NodeID) bool { return s.Peer(id).Number != 0 }
		connected, err := greet(1) // never said more than hello
		try(t, err)
		reader, err := greet(2)
		try(t, err)
		_, err = s.Commit([]Change{{Path: "f", After: folder.Local{Value: file(1)}}}, true)
		try(t, err)
		s.Confirm(reader, s.Identity().Epoch, 1, Want{})
		s.Leave(reader)
		for n := range uint64(2 * maxKnown) {
			id, err := greet(100 + n)
			try(t, err)
			s.Leave(id)
		}
		if n := len(s.Peers()); n > maxKnown {
			t.Errorf("%d peers", n)
		}
		if !known(connected) || !known(reader) {
			t.Error("somebody who matters is forgotten")
		}
		// Who has read something is safe for some days, even from those who did
		// the same; then the newcomer is sent away, and nobody forgotten.
		for n := range uint64(maxKnown) {
			id, err := greet(10_000 + n)
			if errors.Is(err, ErrCrowded) {
				break
			}
			try(t, err)
			s.Confirm(id, s.Identity().Epoch, 1, Want{})
			s.Leave(id)
		}
		if _, err := greet(99_999); !errors.Is(err, ErrCrowded) || !known(connected) || !known(reader) {
			t.Error(err, known(connected), known(reader))
		}
		if _, err := greet(2); err != nil { // a known one always may
			t.Error(err)
		}
		time.Sleep(recent + time.Hour)
		if _, err := greet(99_999); err != nil || !known(connected) || !known(reader) {
			t.Error(err, known(connected), known(reader))
		}
		try(t, s.Check())
	})
}
