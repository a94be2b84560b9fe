package store

import (
	"fmt"
	"iter"
	"math"
	"time"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
)

// Action is what happened to a path.
type Action uint8

// The actions. Nothing is logged of a directory of which only the time changed:
// every change in it moves that.
const (
	Added    Action = 1 + iota
	Modified        // its content, its target or its kind
	Metadata        // its mode or time alone
	Deleted
)

// Why is the reason of a change of the disk.
type Why uint8

// The reasons. Those from WhyPeer on are sync's own doing.
const (
	WhyHere     Why = iota // a user did it here, and it was told to the others
	WhyFound               // it was there when the folder was looked at for the first time
	WhyLocal               // a user did it here, and it is not told to the others
	WhyPeer                // another node wrote or removed it
	WhyOneWay              // it was extra or edited here, and the source has not that
	WhyConflict            // a copy of what lost a conflict
	WhyUndo                // a person took back what sync had done
	WhyRestore             // a person took an older version back
	whyEnd
)

// BySync reports whether sync did it, rather than a user of this machine.
func (w Why) BySync() bool { return w == WhyPeer || w == WhyOneWay || w == WhyConflict }

// Author is who wrote a change.
type Author struct {
	Own  bool   // this node
	Node NodeID // else who, as far as is known
	Name string
	Via  bool // Node is only the peer that told of it: the author is not known
}

// Logged is one change of this machine's disk, as it was committed.
type Logged struct {
	Row    uint64 // names the commit; later ones have greater numbers
	Time   time.Time
	Path   folder.Path
	From   folder.Path // what the entry was called before, "" if it was not renamed
	Action Action
	Kind   folder.Kind // of what is there now, or was until it was deleted
	Why    Why
	Author Author
	Size   int64       // of a file, bytes
	Kept   folder.Path // where in .qsync/versions what was replaced or deleted is, "" if nowhere
	To     folder.Path // what was deleted was moved there, "" if it was not
}

// How long and how much is remembered.
const (
	LogAge  = 30 * 24 * time.Hour // of single changes, unless told otherwise
	LogSize = 64 << 20            // bytes of their rows; the oldest go first
	DaysAge = 400                 // days of which totals are kept
)

// logPage is how many rows one read transaction visits.
const logPage = 64

// LogSpan is a part of the log; the zero LogSpan is all of it.
type LogSpan struct {
	Since, Until time.Time // from then on, and before then
	Before       uint64    // rows with a smaller number alone, 0: all
}

// Log yields the changes of a part of the log, the latest first. A row that
// cannot be read is left out: no more than the log depends on it.
func (s *Store) Log(q LogSpan) iter.Seq2[Logged, error] {
	return func(yield func(Logged, error) bool) {
		r := rowReader{}
		defer r.close()
		at := q.Before
		if at == 0 {
			at = math.MaxUint64
		}
		for at > 0 {
			var rows [][]Logged
			err := s.view(func(tx *bolt.Tx) error {
				c := tx.Bucket(bucketLog).Cursor()
				k, _ := c.Seek(seqKey(at))
				before := c.Prev
				if k == nil {
					before = c.Last
				}
				k, v := before()
				for ; k != nil && len(rows) < logPage; k, v = c.Prev() {
					at = seqOf(k)
					if row, err := r.read(at, v, q.Since, q.Until); err == nil {
						rows = append(rows, row)
					}
				}
				if k == nil {
					at = 0
				}
				return nil
			})
			if err != nil {
				yield(Logged{}, err)
				return
			}
			for _, row := range rows {
				for i := len(row) - 1; i >= 0; i-- {
					if !yield(row[i], nil) {
						return
					}
				}
			}
		}
	}
}

// LogBegins returns the time of the oldest change in the log, zero if there is
// none: what was before is not known.
func (s *Store) LogBegins() (at time.Time, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		if k, v := tx.Bucket(bucketLog).Cursor().First(); k != nil {
			at, _ = rowTime(v) // of a row that cannot be read nothing is known either
		}
		return nil
	})
	return at, err
}

// Day is what changed on one day, by this machine's calendar.
type Day struct {
	Day  string   // 2006-01-02
	Here DayCount // what users did here
	Sync DayCount // what sync did here
}

// DayCount counts changes of a day.
type DayCount struct {
	Added, Modified int64 // entries, without changes of mode or time alone
	DeletedFiles    int64 // and symlinks
	DeletedDirs     int64
	Bytes           int64 // of files added or modified

	AddedDirs, ModifiedDirs int64 // of those added and modified, directories
}

// Days returns the totals of the days with changes, the latest first.
func (s *Store) Days() (days []Day, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketDays).Cursor()
		for k, v := c.Last(); k != nil; k, v = c.Prev() {
			if d, err := decodeDay(k, v); err == nil {
				days = append(days, d)
			}
		}
		return nil
	})
	return days, err
}

// PurgeLog drops the changes that are older than age and the days that are older than
// [DaysAge] by now, and the oldest changes where there are more than [LogSize]. An age
// of 0 is [LogAge], a negative one none. It returns how many rows went.
func (s *Store) PurgeLog(now time.Time, age time.Duration) (int, error) {
	switch {
	case age == 0:
		age = LogAge
	case age < 0:
		age = math.MaxInt64
	}
	dropped := 0
	for {
		n := 0
		err := s.update(func(t *txn) (err error) {
			n, err = t.purgeLog(now, age)
			return err
		})
		dropped += n
		if err != nil || n < page {
			return dropped, err
		}
	}
}

func (t *txn) purgeLog(now time.Time, age time.Duration) (n int, err error) {
	b := t.Bucket(bucketLog)
	var old [][]byte
	size := t.meta.LogSize
	c := b.Cursor()
	for k, v := c.First(); k != nil && len(old) < page; k, v = c.Next() {
		// A clock that was wrong for a while may have left times to come.
		at, err := rowTime(v)
		young := err == nil && now.Sub(at) <= age
		if young && at.Before(now.Add(24*time.Hour)) && size <= LogSize {
			break
		}
		if young && size <= LogSize {
			continue
		}
		old = append(old, append([]byte(nil), k...))
		size -= int64(len(v))
	}
	for _, k := range old {
		if err := b.Delete(k); err != nil {
			return 0, err
		}
	}
	t.meta.LogSize = max(size, 0)
	return len(old), t.purgeDays(now)
}

func (t *txn) purgeDays(now time.Time) error {
	b, first := t.Bucket(bucketDays), now.AddDate(0, 0, -DaysAge).Format(time.DateOnly)
	for {
		k, _ := b.Cursor().First()
		if k == nil || string(k) >= first {
			return nil
		}
		if err := b.Delete(k); err != nil {
			return err
		}
	}
}

// checkLog reports what in the log cannot be read. That is no damage of the map.
func checkLog(tx *bolt.Tx) error {
	m, err := metaOf(tx)
	if err != nil {
		return err
	}
	r, size := rowReader{}, int64(0)
	defer r.close()
	err = tx.Bucket(bucketLog).ForEach(func(k, v []byte) error {
		size += int64(len(v))
		_, err := r.read(seqOf(k), v, time.Time{}, time.Time{})
		return err
	})
	if err != nil {
		return fmt.Errorf("check: log: %w", err)
	}
	if size != m.LogSize {
		return fmt.Errorf("check: %d bytes in the log, %d counted", size, m.LogSize)
	}
	return tx.Bucket(bucketDays).ForEach(func(k, v []byte) error {
		_, err := decodeDay(k, v)
		return err
	})
}

// String returns what happened, as people say it.
func (a Action) String() string {
	switch a {
	case Added:
		return "added"
	case Modified:
		return "modified"
	case Metadata:
		return "metadata"
	case Deleted:
		return "deleted"
	}
	return fmt.Sprintf("action %d", uint8(a))
}
