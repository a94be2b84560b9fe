package store

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
)

// database is the open file, which [Store.Reopen] replaces.
type database struct {
	now    atomic.Pointer[bolt.DB]
	update func(fn func(*bolt.Tx) error) error // what tests have in place of Update
}

func (d *database) Update(fn func(*bolt.Tx) error) error {
	if d.update != nil {
		return d.update(fn)
	}
	return d.now.Load().Update(fn)
}

func (d *database) View(fn func(*bolt.Tx) error) error { return d.now.Load().View(fn) }
func (d *database) Stats() bolt.Stats                  { return d.now.Load().Stats() }
func (d *database) Close() error                       { return d.now.Load().Close() }

// broke notes that a commit failed, of which nobody can know how much is in the
// file: what is in memory must not be built upon.
func (s *Store) broke(err error) error {
	if !s.broken.Swap(true) {
		s.mu.Lock()
		close(s.breaks)
		s.mu.Unlock()
	}
	return fmt.Errorf("%w: %w", ErrUnwritten, err)
}

// Broken is closed when a commit fails, until [Store.Reopen] has succeeded.
func (s *Store) Broken() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.breaks
}

// Reopen goes on after [ErrUnwritten], from what is in the file. Until the disk
// takes writes again the error wraps [ErrUnwritten]. It reports nothing and does
// nothing where no commit has failed. No session may be under way.
//
// The commit that failed may be in the file or not. If its last flush is the one
// that failed, the system may believe it written; the commit that Reopen makes is
// flushed anew and stands on pages that were flushed before.
func (s *Store) Reopen() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if !s.broken.Load() {
		return nil
	}
	if err := probe(s.path); err != nil {
		return fmt.Errorf("store: %w: %w", ErrUnwritten, err)
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := inspect(s.path); err != nil {
		return s.failed(err)
	}
	db, err := openBolt(s.path, options())
	if err != nil {
		return s.failed(err)
	}
	s.db.now.Store(db)
	var m meta
	if err := s.view(func(tx *bolt.Tx) (err error) { m, err = metaOf(tx); return err }); err != nil {
		return err
	}
	s.mu.Lock()
	s.meta = m
	close(s.changed) // whoever waits for the journal looks again
	s.changed = make(chan struct{})
	s.mu.Unlock()
	if err := s.write(func(t *txn) error { t.meta.Clean = false; return s.peers.load(t.Tx) }); err != nil {
		return err
	}
	s.broken.Store(false)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breaks = make(chan struct{})
	return nil
}

// probe reports why nothing can be written beside the map: opening it reads all
// of it, which is not to be done for nothing.
func probe(path string) error {
	const enough = 64 << 10
	f, err := os.OpenFile(path+".probe", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, enough))
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}
