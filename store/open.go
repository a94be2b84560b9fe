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
	berrors "go.etcd.io/bbolt/errors"

	"qsync/folder"
	"qsync/folder/fault"
)

// Open opens the folder map in file path, or makes a new one. A damaged file is
// renamed aside and a new, empty map takes its place (see [Store.Note]): with
// nothing known there is nothing to delete, so the next scan and exchange only
// add. It fails with an error that wraps [ErrBusy] or [ErrNewer], or with what
// the operating system says; then the file is left as it is.
func Open(path string, o Options) (*Store, error) {
	s, err := open(path, o)
	aside := path + ".damaged-" + time.Now().UTC().Format("20060102-150405.000")
	if errors.Is(err, errLogDamaged) {
		if s, err = mend(path, o, aside); err == nil {
			return s, nil
		}
		err = damaged("%v", err)
	}
	if !errors.Is(err, errDamaged) {
		return s, err
	}
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
		err = create(path)
	} else {
		err = inspect(path)
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	db, err := openBolt(path, options())
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s = &Store{path: path, opts: o, changed: make(chan struct{}), breaks: make(chan struct{}), random: random64}
	s.db.now.Store(db)
	if err := s.adopt(path); err != nil {
		db.Close()
		return nil, err
	}
	return s, nil
}

// openBolt opens a database; bbolt answers some damage with a panic.
func openBolt(path string, o *bolt.Options) (db *bolt.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, damaged("%v", p)
		}
	}()
	db, err = bolt.Open(path, 0o600, o)
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, ErrBusy
	}
	return db, err
}

// inspect checks the file before anything is written to it: its pages always,
// what they hold unless the map was closed in order. It holds the lock that
// keeps others from writing meanwhile.
func inspect(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	o := options()
	o.ReadOnly, o.InitialMmapSize = true, 0
	db, err := openBolt(path, o)
	if errors.Is(err, ErrBusy) {
		return err
	}
	if err == nil {
		defer db.Close()
	}
	fi, serr := f.Stat()
	if serr != nil {
		return errors.Join(err, serr)
	}
	if cerr := checkPages(f, fi.Size()); cerr != nil || err != nil {
		return errors.Join(cerr, err)
	}
	return db.View(func(tx *bolt.Tx) error {
		m, err := metaOf(tx)
		if err != nil {
			return err
		}
		for _, b := range buckets() {
			if tx.Bucket(b) == nil {
				return damaged("no bucket %s", b)
			}
		}
		if m.Clean {
			return nil
		}
		return decodeAll(tx)
	})
}

// decodeAll reports what in the records and the journal cannot be read.
func decodeAll(tx *bolt.Tx) error {
	err := tx.Bucket(bucketRecords).ForEach(func(k, v []byte) error {
		_, err := decodeRecord(folder.PathOfKey(k), v)
		return err
	})
	if err != nil {
		return err
	}
	return tx.Bucket(bucketJournal).ForEach(func(k, v []byte) error {
		_, err := decodeRow(v)
		if err == nil && len(k) != 8 {
			err = damaged("journal position of %d bytes", len(k))
		}
		return err
	})
}

func buckets() [][]byte {
	return [][]byte{bucketMeta, bucketRecords, bucketJournal, bucketWanted, bucketDigests, bucketPeers}
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
		for _, b := range buckets() {
			if _, err := tx.CreateBucket(b); err != nil {
				return err
			}
		}
		return putMeta(tx, meta{Schema: schema, Clean: true})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	fault.Point("map-made")
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	fault.Point("map-renamed")
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
		return m, damaged("no meta bucket")
	}
	v := b.Get(keyMeta)
	if err := json.Unmarshal(v, &m); err != nil && m.Schema <= schema {
		// A later version may have given the fields another form.
		var only struct{ Schema int }
		if json.Unmarshal(v, &only) != nil || only.Schema <= schema {
			return m, damaged("meta: %v", err)
		}
		m.Schema = only.Schema
	}
	if m.Schema > schema {
		return m, fmt.Errorf("%w (schema %d, this one knows %d)", ErrNewer, m.Schema, schema)
	}
	return m, nil
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
	file := fileID(path)
	if file != "" {
		file += "@" + s.opts.Machine
	}
	s.fresh, s.unclean = s.meta.Replica == 0, !s.meta.Clean
	return s.update(func(t *txn) error {
		if err := makeNewer(t.Tx); err != nil {
			return err
		}
		if t.meta.Replica == 0 || (t.meta.File != file && !s.opts.Copy) {
			t.rotate()
		}
		t.meta.File, t.meta.Clean = file, false
		return s.peers.load(t.Tx)
	})
}
