package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
)

// Record is all that is known of one path.
type Record struct {
	Path     folder.Path
	Register folder.Register
	Local    folder.Local // what this machine's disk holds, as last seen or put
	Seq      uint64       // journal position of the register's latest change

	// Dropped is set where a live register has nothing on disk, and that is as it
	// should be (see [Law]): it is what was here last, the zero Local if nothing.
	Dropped *folder.Local

	// Aside is set where a user has changed what the disk holds, under a law by
	// which that is told to nobody and stays: it is what sync had put there last,
	// the zero Local if nothing. See [Record.Stands].
	Aside *folder.Local

	tomb int64 // unix seconds since when there is nothing, 0 if something is
}

// Known reports whether a record exists at all.
func (r Record) Known() bool { return r.Seq != 0 || r.Local.Value.Kind != folder.Absent }

// Wanted reports whether the disk differs from what the register shows, and
// how many bytes of content bringing it there takes at most.
func (r Record) Wanted() (bool, int64) {
	if r.Stands() {
		return false, 0
	}
	if !r.Register.Live() {
		return r.Local.Value.Kind != folder.Absent && !r.Local.Implicit, 0
	}
	if r.Dropped != nil {
		return false, 0
	}
	res := r.Register.Resolve()
	if r.Local.Implicit {
		return true, res.Value.Size // not settled: it does not stand for the write yet
	}
	if folder.SameOnDisk(r.Local.Value, res.Value) {
		return false, 0
	}
	// A file system that cannot keep the mode or the time exactly has done what
	// it can once this very write was put there.
	kept := r.Local.Dot == res.Winner.Dot && res.Value.Mode == res.Winner.Value.Mode
	if kept && folder.SameContent(r.Local.Value, res.Value) {
		return false, 0
	}
	if folder.SameContent(r.Local.Value, res.Value) {
		return true, 0
	}
	return true, res.Value.Size
}

// Have reports whether the disk holds the content that the register shows.
func (r Record) Have() bool {
	return r.Register.Live() && folder.SameContent(r.Local.Value, r.Register.Resolve().Value)
}

// Flags of a record.
const (
	flagTomb    = 1
	flagDropped = 2
	flagAside   = 4
)

func appendRecord(b []byte, r Record) []byte {
	b = binary.AppendUvarint(b, r.Seq)
	flags := byte(0)
	if r.tomb != 0 {
		flags |= flagTomb
	}
	if r.Dropped != nil {
		flags |= flagDropped
	}
	if r.Aside != nil {
		flags |= flagAside
	}
	b = append(b, flags)
	if r.tomb != 0 {
		b = binary.AppendUvarint(b, uint64(r.tomb))
	}
	b = folder.AppendRegister(b, r.Register)
	b = folder.AppendLocal(b, r.Local, r.Register)
	if r.Dropped != nil {
		b = folder.AppendLocal(b, *r.Dropped, r.Register)
	}
	if r.Aside != nil {
		b = folder.AppendLocal(b, *r.Aside, r.Register)
	}
	return b
}

func decodeRecord(p folder.Path, b []byte) (Record, error) {
	r := Record{Path: p}
	fail := func(what any) (Record, error) { return Record{}, damaged("record %q: %v", p, what) }
	var n int
	if r.Seq, n = binary.Uvarint(b); n <= 0 || n >= len(b) {
		return fail("cut short")
	}
	flags := b[n]
	b = b[n+1:]
	if flags&flagTomb != 0 {
		t, n := binary.Uvarint(b)
		if n <= 0 {
			return fail("cut short")
		}
		r.tomb, b = int64(t), b[n:]
	}
	var err error
	if r.Register, b, err = folder.DecodeRegister(b); err != nil {
		return fail(err)
	}
	if r.Local, b, err = folder.DecodeLocal(b, r.Register); err != nil {
		return fail(err)
	}
	if flags&flagDropped != 0 {
		r.Dropped = &folder.Local{}
		if *r.Dropped, b, err = folder.DecodeLocal(b, r.Register); err != nil {
			return fail(err)
		}
	}
	if flags&flagAside != 0 {
		r.Aside = &folder.Local{}
		if *r.Aside, b, err = folder.DecodeLocal(b, r.Register); err != nil {
			return fail(err)
		}
	}
	if len(b) != 0 {
		return fail("trailing bytes")
	}
	return r, nil
}

func (t *txn) record(p folder.Path) (Record, error) {
	return readRecord(t.records, p)
}

func readRecord(records *bolt.Bucket, p folder.Path) (Record, error) {
	b := records.Get(p.Key())
	if b == nil {
		return Record{Path: p}, nil
	}
	return decodeRecord(p, b)
}

// put replaces record old by r and keeps every other bucket true to it. A
// record that moved (its register changed, or peers should hear that the
// content is here) gets a new journal position, as heard from peer number from.
func (t *txn) put(old, r Record, moved bool, from uint64) error {
	r.Register = r.Register.Trim(t.meta.Context)
	if len(r.Register.Sibs) > folder.MaxSiblings || len(r.Register.Ctx) > folder.MaxFolderContext {
		return fmt.Errorf("%w: %q has too many live writes", ErrForged, r.Path) // it could not be read again
	}
	if !r.Register.Live() || r.Local.Value.Kind != folder.Absent {
		r.Dropped = nil
	}
	if r.Local.Value.Kind == folder.Absent && !r.Register.Live() {
		r.Aside = nil
	}
	if moved {
		t.meta.Seq++
		r.Seq = t.meta.Seq
		if old.Seq != 0 {
			if err := t.journal.Delete(seqKey(old.Seq)); err != nil {
				return err
			}
		}
	}
	r.tomb = old.tomb
	gone := !r.Register.Live() && r.Local.Value.Kind == folder.Absent
	if !gone {
		r.tomb = 0
	} else if r.tomb == 0 {
		r.tomb = t.time
	}
	key := r.Path.Key()
	if gone && r.Seq == 0 {
		// Never announced and nothing left: there is nothing to remember.
		if err := t.records.Delete(key); err != nil {
			return err
		}
	} else if err := t.records.Put(key, appendRecord(nil, r)); err != nil {
		return err
	}
	if moved {
		if err := t.journal.Put(seqKey(r.Seq), appendRow(nil, row{from, contentSize(r), key})); err != nil {
			return err
		}
	}
	t.count(old.Local.Value, -1)
	t.count(r.Local.Value, +1)
	t.meta.Own.add(old.own(), -1)
	t.meta.Own.add(r.own(), +1)
	t.index(key, old.Local.Value, r.Local.Value)
	return t.want(key, old, r)
}

// want keeps the wanted bucket and its totals.
func (t *txn) want(key []byte, old, r Record) error {
	was, wasBytes := old.Wanted()
	is, isBytes := r.Wanted()
	if was {
		t.meta.Want.Entries--
		t.meta.Want.Bytes -= wasBytes
	}
	if is {
		t.meta.Want.Entries++
		t.meta.Want.Bytes += isBytes
		if !was || wasBytes != isBytes {
			return t.wanted.Put(key, binary.AppendUvarint(nil, uint64(isBytes)))
		}
		return nil
	}
	if was {
		return t.wanted.Delete(key)
	}
	return nil
}

func (t *txn) count(v folder.Value, n int64) {
	switch v.Kind {
	case folder.Dir:
		t.meta.Totals.Dirs += n
	case folder.File:
		t.meta.Totals.Files += n
		t.meta.Totals.Bytes += n * v.Size
	case folder.Symlink:
		t.meta.Totals.Symlinks += n
	}
}

func contentSize(r Record) int64 {
	if !r.Register.Live() {
		return 0
	}
	return r.Register.Resolve().Value.Size
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// row is what the journal says of a position.
type row struct {
	from  uint64 // number of the peer that told us, 0 for own changes
	bytes int64
	key   []byte // of the path
}

func appendRow(b []byte, r row) []byte {
	b = binary.AppendUvarint(b, r.from)
	b = binary.AppendUvarint(b, uint64(r.bytes))
	return append(b, r.key...)
}

func decodeRow(b []byte) (row, error) {
	from, n := binary.Uvarint(b)
	if n <= 0 {
		return row{}, damaged("journal row")
	}
	size, m := binary.Uvarint(b[n:])
	if m <= 0 {
		return row{}, damaged("journal row")
	}
	return row{from, int64(size), b[n+m:]}, nil
}
