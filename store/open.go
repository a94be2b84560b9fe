package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
)

// Open opens the folder map in file path, or makes a new one. A damaged file is
// renamed aside and a new, empty map takes its place (see [Store.Note]): with
// nothing known there is nothing to delete, so the next scan and exchange only
// add. It fails with an error that wraps [ErrBusy] or [ErrNewer].
func Open(path string, o Options) (*Store, error) {
	s, err := open(path, o)
	if err == nil || errors.Is(err, ErrBusy) || errors.Is(err, ErrNewer) || errors.Is(err, fs.ErrPermission) {
		return s, err
	}
	aside := path + ".damaged-" + time.Now().UTC().Format("20060102-150405.000")
	if rerr := os.Rename(path, aside); rerr != nil {
		return nil, fmt.Errorf("store: %w", errors.Join(err, rerr))
	}
	if s, err = open(path, o); err != nil {
		return nil, err
	}
	s.note = "the folder map was damaged; it is kept as " + filepath.Base(aside) + " and a new one is being made from the files"
	return s, nil
}

func open(path string, o Options) (s *Store, err error) {
	if _, serr := os.Lstat(path); errors.Is(serr, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
	}
	// bbolt answers some damage with a panic.
	defer func() {
		if p := recover(); p != nil {
			if s != nil && s.db != nil {
				s.db.Close()
			}
			s, err = nil, fmt.Errorf("store: damaged: %v", p)
		}
	}()
	db, err := bolt.Open(path, 0o600, options())
	if errors.Is(err, bolt.ErrTimeout) {
		return nil, fmt.Errorf("store: %w", ErrBusy)
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s = &Store{db: db, opts: o, changed: make(chan struct{})}
	if err := s.adopt(path); err != nil {
		db.Close()
		return nil, err
	}
	return s, nil
}

func options() *bolt.Options {
	o := *bolt.DefaultOptions
	o.Timeout = time.Second
	o.FreelistType = bolt.FreelistMapType
	o.NoFreelistSync = false                                // else damage to the free list panics in a goroutine of bbolt's
	if strconv.IntSize == 64 && runtime.GOOS != "windows" { // there the file itself would grow
		o.InitialMmapSize = 256 << 20 // address space, not memory: growing it waits for readers
	}
	return &o
}

// create makes an empty map under another name first, because a power cut in
// the middle of bbolt's very first write leaves a file that cannot be opened.
func create(path string) error {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := bolt.Open(tmp, 0o600, options())
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, b := range [][]byte{bucketMeta, bucketRecords, bucketJournal, bucketWanted, bucketDigests, bucketPeers} {
			if _, err := tx.CreateBucket(b); err != nil {
				return err
			}
		}
		return putMeta(tx, meta{Schema: schema, Clean: true})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	if d, err := os.Open(filepath.Dir(path)); err == nil {
		d.Sync()
		d.Close()
	}
	return nil
}

func putMeta(tx *bolt.Tx, m meta) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return tx.Bucket(bucketMeta).Put(keyMeta, b)
}

func metaOf(tx *bolt.Tx) (m meta, err error) {
	b := tx.Bucket(bucketMeta)
	if b == nil {
		return m, errors.New("no meta bucket")
	}
	err = json.Unmarshal(b.Get(keyMeta), &m)
	return m, err
}

// adopt reads what the file holds and decides whether its identity still is
// this replica's: a file that was copied, restored or moved to another machine
// gets a new one.
func (s *Store) adopt(path string) error {
	err := s.view(func(tx *bolt.Tx) (err error) {
		s.meta, err = metaOf(tx)
		return err
	})
	if err != nil {
		return err
	}
	if s.meta.Schema > schema {
		return fmt.Errorf("store: %w (schema %d, this one knows %d)", ErrNewer, s.meta.Schema, schema)
	}
	if !s.meta.Clean {
		if err := s.walkPages(); err != nil {
			return err
		}
	}
	file := fileID(path)
	if file != "" {
		file += "@" + s.opts.Machine
	}
	s.fresh = s.meta.Replica == 0
	return s.update(func(t *txn) error {
		if t.meta.Replica == 0 || t.meta.File != file {
			t.rotate()
		}
		t.meta.File, t.meta.Clean = file, false
		return s.peers.load(t.Tx)
	})
}

// walkPages reads every page once, so that damage is found now and not in the
// middle of a sync.
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

// Rotate takes a new replica ID and a new journal epoch.
func (s *Store) Rotate() error {
	return s.update(func(t *txn) error { t.rotate(); return nil })
}

func (t *txn) rotate() {
	t.meta.Replica = folder.ReplicaID(random64())
	t.meta.Counter = 0
	t.meta.Epoch = random64()
}
