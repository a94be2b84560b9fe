package store

import (
	"bytes"
	"encoding/binary"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
	"qsync/folder/chunk"
)

// Span is the keys after From ("": from the first one) up to and with To ("": to
// the last one).
type Span struct {
	From, To folder.Path
}

// Range is a stretch of the keys: those after the range before it, up to and with
// To ("" in the last one: to the end).
type Range struct {
	To    folder.Path
	Count uint64   // registers in it
	Sum   [16]byte // of them, see [Store.Ranges]
}

// Ranges cuts a span into at most most ranges of each registers. It begins at the
// first key and may end before the last one, if most are not enough.
//
// Two maps that have the same sum of a span, under one key that is chosen anew
// each time, have the same registers in it. A register counts without what the
// folder context covers, and not at all if then nothing of it is left: such a
// tombstone says no more than that there is no record. The map may change while
// it is read: each register counts as of some moment in the call.
func (s *Store) Ranges(key [32]byte, span Span, each, most int) (out []Range, err error) {
	sum := summer{h: chunk.NewKeyed(key)}
	var last folder.Path
	err = s.registers(span, func(p folder.Path, r folder.Register) bool {
		if sum.n == uint64(each) {
			out = append(out, sum.take(last))
			if len(out) == most {
				return false
			}
		}
		sum.add(p, r)
		last = p
		return true
	})
	if err == nil && len(out) < most {
		out = append(out, sum.take(span.To))
	}
	return out, err
}

// Compare returns the ranges that follow from here, with what is here in them.
func (s *Store) Compare(key [32]byte, from folder.Path, with []Range) ([]Range, error) {
	sum := summer{h: chunk.NewKeyed(key)}
	out := make([]Range, 0, len(with))
	next := func() { out = append(out, sum.take(with[len(out)].To)) }
	err := s.registers(Span{from, with[len(with)-1].To}, func(p folder.Path, r folder.Register) bool {
		for to := with[len(out)].To; to != "" && p.Compare(to) > 0; to = with[len(out)].To {
			next()
		}
		sum.add(p, r)
		return true
	})
	for err == nil && len(out) < len(with) {
		next()
	}
	return out, err
}

// summer makes sums of registers.
type summer struct {
	h   *chunk.Hasher
	n   uint64
	buf []byte
}

func (s *summer) add(p folder.Path, r folder.Register) {
	key := p.Key()
	s.buf = binary.AppendUvarint(s.buf[:0], uint64(len(key)))
	s.buf = append(s.buf, key...)
	s.buf = folder.AppendRegister(s.buf, r)
	_, _ = s.h.Write(s.buf) // never fails
	s.n++
}

// take ends a range and begins the next one.
func (s *summer) take(to folder.Path) Range {
	d := s.h.Sum()
	r := Range{To: to, Count: s.n, Sum: [16]byte(d[:16])}
	s.h.Reset()
	s.n = 0
	return r
}

// registers calls fn with the announced registers of a span that are not empty
// under the folder context, without what that covers, until fn returns false. It
// reads them in pages.
func (s *Store) registers(span Span, fn func(folder.Path, folder.Register) bool) error {
	to := span.To.Key()
	for next, more := span.From.Key(), true; more; {
		more = false
		err := s.view(func(tx *bolt.Tx) error {
			m, err := metaOf(tx)
			if err != nil {
				return err
			}
			c := tx.Bucket(bucketRecords).Cursor()
			k, v := c.Seek(next)
			if len(next) > 0 && bytes.Equal(k, next) {
				k, v = c.Next()
			}
			for n := 0; k != nil && (span.To == "" || bytes.Compare(k, to) <= 0); k, v = c.Next() {
				if n++; n > page {
					more = true
					return nil
				}
				next = append(next[:0:0], k...)
				p := folder.PathOfKey(k)
				r, err := decodeRecord(p, v)
				if err != nil {
					return err
				}
				reg := r.Register.Trim(m.Context)
				if r.Seq == 0 || reg.Empty() {
					continue
				}
				if !fn(p, reg) {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
