package store

import (
	"encoding/binary"
	"time"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
	"qsync/folder/fault"
)

// note remembers for the log what a change made of record old, now r.
func (t *txn) note(c *Change, old, r Record, announce bool) {
	before, after := old.Local, r.Local
	e := Logged{Path: c.Path, Kind: after.Value.Kind, Why: c.Why, Kept: c.Kept, To: c.To, Author: Author{Own: true}}
	switch {
	case after.Value.Kind == folder.Absent:
		if before.Value.Kind == folder.Absent {
			return
		}
		e.Action, e.Kind, e.Size = Deleted, before.Value.Kind, before.Value.Size
	case before.Value.Kind == folder.Absent:
		e.Action = Added
	case !folder.SameContent(before.Value, after.Value):
		e.Action = Modified
	case before.Value.Mode != after.Value.Mode && !before.Implicit, after.Value.Kind == folder.File && before.Value.MTime != after.Value.MTime:
		e.Action = Metadata
	default:
		return
	}
	if e.Action != Deleted && after.Value.Kind == folder.File {
		e.Size = after.Value.Size
	}
	if e.Action == Added {
		e.From = after.Value.Origin
	}
	switch {
	case c.Applied && e.Why != WhyLocal:
		t.noteAuthor(&e, c, r)
		if e.Why == WhyHere {
			e.Why = WhyPeer
		}
		if e.Why == WhyPeer && !announce && before.Value.Kind != folder.Absent && before.Dot.IsZero() && !before.Implicit {
			e.Why = WhyOneWay
		}
	case e.Why == WhyHere && (!announce || e.Action == Deleted && t.meta.Dropping):
		e.Why = WhyLocal
	}
	t.log = append(t.log, e)
}

// noteAuthor names who wrote what sync has put in place.
func (t *txn) noteAuthor(e *Logged, c *Change, r Record) {
	d := c.After.Dot
	if d.IsZero() && r.Register.Live() {
		d = r.Register.Resolve().Winner.Dot
	}
	if d.Replica == t.meta.Replica {
		return
	}
	if a, ok := t.authors[d.Replica]; ok && !d.IsZero() {
		e.Author = a
		return
	}
	var teller uint64 // of a removal it is not kept who did it
	if v := t.journal.Get(seqKey(r.Seq)); v != nil {
		if row, err := decodeRow(v); err == nil {
			teller = row.from
		}
	}
	a := t.store.peers.author(d.Replica, teller)
	if !d.IsZero() && !a.Via {
		if t.authors == nil {
			t.authors = make(map[folder.ReplicaID]Author)
		}
		t.authors[d.Replica] = a
	}
	e.Author = a
}

// author is the peer with that replica, else the one with that number, else the
// only one there is.
func (c *peerCache) author(replica folder.ReplicaID, number uint64) Author {
	c.mu.Lock()
	defer c.mu.Unlock()
	via := Author{Via: true}
	for _, p := range c.all {
		switch {
		case replica != 0 && p.Replica == replica:
			return Author{Node: p.ID, Name: p.Name}
		case number != 0 && p.Number == number, number == 0 && len(c.all) == 1:
			via.Node, via.Name = p.ID, p.Name
		}
	}
	return via
}

// writeLog writes what was noted, and adds it to the totals of the day.
func (t *txn) writeLog() error {
	if len(t.log) == 0 {
		return nil
	}
	at := time.Now()
	row, err := t.store.rows.pack(at, appendEntries(nil, t.log))
	if err != nil {
		return err
	}
	b := t.Bucket(bucketLog)
	b.FillPercent = 0.95 // rows only come at the end
	n, err := b.NextSequence()
	if err != nil {
		return err
	}
	t.meta.LogSize += int64(len(row))
	if err := b.Put(seqKey(n), row); err != nil {
		return err
	}
	return t.addToDay(at)
}

func (t *txn) addToDay(at time.Time) error {
	b, key := t.Bucket(bucketDays), []byte(at.Format(time.DateOnly))
	var d Day
	if v := b.Get(key); v != nil {
		d, _ = decodeDay(key, v) // one that cannot be read begins again
	}
	for i := range t.log {
		e := &t.log[i]
		c, dirs := &d.Here, int64(0)
		if e.Kind == folder.Dir {
			dirs = 1
		}
		if e.Why.BySync() {
			c = &d.Sync
		}
		switch {
		case e.Action == Added:
			c.Added++
			c.Bytes += e.Size
			c.AddedDirs += dirs
		case e.Action == Modified:
			c.Modified++
			c.Bytes += e.Size
			c.ModifiedDirs += dirs
		case e.Action == Deleted && e.Kind == folder.Dir:
			c.DeletedDirs++
		case e.Action == Deleted:
			c.DeletedFiles++
		}
	}
	return b.Put(key, encodeDay(d))
}

func (d *Day) figures() []*int64 {
	var all []*int64
	for _, c := range []*DayCount{&d.Here, &d.Sync} {
		all = append(all, &c.Added, &c.Modified, &c.DeletedFiles, &c.DeletedDirs, &c.Bytes)
	}
	for _, c := range []*DayCount{&d.Here, &d.Sync} { // days of earlier versions end here
		all = append(all, &c.AddedDirs, &c.ModifiedDirs)
	}
	return all
}

// dayFigures is how many figures a day has at least.
const dayFigures = 10

func encodeDay(d Day) (b []byte) {
	for _, n := range d.figures() {
		b = binary.AppendUvarint(b, uint64(*n))
	}
	return b
}

func decodeDay(k, v []byte) (Day, error) {
	d := Day{Day: string(k)}
	for i, n := range d.figures() {
		if i == dayFigures && len(v) == 0 {
			break
		}
		x, used := binary.Uvarint(v)
		if used <= 0 || int64(x) < 0 {
			return Day{}, errRow
		}
		*n, v = int64(x), v[used:]
	}
	return d, nil
}

func seqOf(k []byte) uint64 {
	if len(k) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(k)
}

// makeNewer adds the buckets that maps of earlier versions lack: all of them in
// the one commit that adopts the map, so that a crash leaves it as it was.
func makeNewer(tx *bolt.Tx) error {
	for _, b := range [][]byte{bucketLog, bucketDays, bucketHeld} {
		if tx.Bucket(b) != nil {
			continue
		}
		if _, err := tx.CreateBucket(b); err != nil {
			return err
		}
		fault.Point("map-upgraded")
	}
	return nil
}
