package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// errLogDamaged: pages of the log are damaged, and nothing else is.
var errLogDamaged = errors.New("the log is damaged")

// withoutLog writes the map in file path anew, all but its log, which cannot be
// read, and keeps the damaged file as aside. The map stays the same
// replica's: all it knows is there.
func withoutLog(path string, o Options, aside string) error {
	tmp := path + ".new"
	if err := create(tmp); err != nil {
		return err
	}
	err := copyMap(path, tmp, o)
	if err == nil && os.Link(path, aside) != nil {
		err = os.Rename(path, aside) // no links here
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, path)
}

func copyMap(path, tmp string, o Options) error {
	ro := options()
	ro.ReadOnly, ro.InitialMmapSize = true, 0
	from, err := openBolt(path, ro)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := openBolt(tmp, options())
	if err != nil {
		return err
	}
	err = from.View(func(tx *bolt.Tx) error {
		for _, name := range append(buckets(), bucketHeld) {
			if b := tx.Bucket(name); b != nil {
				if err := copyBucket(b, to, name); err != nil {
					return err
				}
			}
		}
		m, err := metaOf(tx)
		if err != nil {
			return err
		}
		if m.File == fileID(path)+"@"+o.Machine {
			m.File = fileID(tmp) + "@" + o.Machine
		}
		m.LogSize = 0
		return to.Update(func(tx *bolt.Tx) error { return putMeta(tx, m) })
	})
	return errors.Join(err, to.Close())
}

// copyBucket copies a bucket in transactions of a bounded size.
func copyBucket(b *bolt.Bucket, to *bolt.DB, name []byte) error {
	const most = 20000
	c := b.Cursor()
	k, v := c.First()
	for k != nil {
		err := to.Update(func(tx *bolt.Tx) error {
			into, err := tx.CreateBucketIfNotExists(name)
			for n := 0; err == nil && k != nil && n < most; n++ {
				into.FillPercent = 0.9
				if err = into.Put(k, v); err == nil {
					k, v = c.Next()
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// mend opens a map of which the log alone is damaged.
func mend(path string, o Options, aside string) (*Store, error) {
	if err := withoutLog(path, o, aside); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s, err := open(path, o)
	if err == nil {
		s.note = "the log of what changed was damaged and begins anew; the folder map as it was is kept as " + filepath.Base(aside)
	}
	return s, err
}
