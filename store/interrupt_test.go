package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
)

// interrupted has some commits of s fail before the file shows anything of them,
// as where a signal comes in the middle of a flush.
func interrupted(s *Store, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	n := 0
	s.db.update = func(fn func(*bolt.Tx) error) error {
		return s.db.now.Load().Update(func(tx *bolt.Tx) error {
			err := fn(tx)
			if n++; err == nil && n < tries && rnd.IntN(3) == 0 {
				return syscall.EINTR
			}
			n = 0
			return err
		})
	}
}

// TestInterrupted: a commit that a signal interrupts is made again, a few times,
// unless it may be in the file.
func TestInterrupted(t *testing.T) {
	s, err := Open(filepath.Join(fastDir(t), "map.db"), Options{})
	try(t, err)
	defer s.Close()
	made := func(p folder.Path) (Outcome, error) {
		return s.Commit([]Change{{Path: p, After: folder.Local{Value: folder.Value{Kind: folder.Dir}}}}, true)
	}
	calls := 0
	fails := func(first, last int, shown bool) {
		calls = 0
		s.db.update = func(fn func(*bolt.Tx) error) error {
			calls++
			fail := calls >= first && calls <= last
			err := s.db.now.Load().Update(func(tx *bolt.Tx) error {
				err := fn(tx)
				if err == nil && fail && !shown {
					err = syscall.EINTR
				}
				return err
			})
			if err == nil && fail {
				err = syscall.EINTR
			}
			return err
		}
	}
	fails(1, tries-1, false)
	if out, err := made("late"); err != nil || out.Issued != 1 || len(out.Stale) != 0 || calls != tries {
		t.Fatalf("%+v, %v after %d calls", out, err, calls)
	}
	if n := s.Identity().Context.Counter(s.Identity().Replica); n != 1 {
		t.Errorf("one write has been given number %d", n)
	}
	for name, shown := range map[folder.Path]bool{"never": false, "perhaps": true} {
		fails(1, 1000, shown)
		_, err := made(name)
		if want := map[bool]int{false: tries, true: 1}[shown]; !errors.Is(err, ErrUnwritten) || calls != want {
			t.Fatalf("%s: %v after %d calls, not %d", name, err, calls, want)
		}
		select {
		case <-s.Broken():
		default:
			t.Error("nobody is told")
		}
		s.db.update = nil
		try(t, s.Reopen())
		r, err := s.Record(name)
		if try(t, err); r.Register.Live() != shown {
			t.Errorf("%s: afterwards the map holds %+v", name, r)
		}
	}
	_, err = made("after")
	try(t, err)
	try(t, s.Check())
}

// A new identity is given page by page to what has been written, and no page is
// left out because its commit was interrupted.
func TestInterruptedRotation(t *testing.T) {
	s, err := Open(filepath.Join(fastDir(t), "map.db"), Options{})
	try(t, err)
	defer s.Close()
	const entries = 10*page + 5
	changes := make([]Change, entries)
	for i := range changes {
		changes[i] = Change{Path: folder.Path(fmt.Sprint("d", i)), After: folder.Local{Value: folder.Value{Kind: folder.Dir}}}
	}
	_, err = s.Commit(changes, true)
	try(t, err)
	_, err = s.Greet(Peer{ID: NodeID{1}, Replica: 5, Epoch: 5}) // it has confirmed nothing
	try(t, err)
	for seed := range uint64(4) {
		interrupted(s, seed)
		try(t, s.Rotate())
		id := s.Identity()
		if n := id.Context.Counter(id.Replica); n != entries {
			t.Fatalf("%d of %d entries have a name of the new identity", n, entries)
		}
	}
	try(t, s.Check())
}
