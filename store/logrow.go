package store

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"qsync/folder"
)

// A row of the log is one commit: its time in milliseconds since 1970, a form,
// and a body that is compressed where that pays. See the package comment.
const (
	rowPlain  = 0
	rowPacked = 1

	minPackRow = 400      // bytes from which a body is worth compressing
	maxRow     = 64 << 20 // bytes of a body
)

// Bits of an entry's first byte: the action, the kind, what else follows.
const (
	actionBits = 7
	kindShift  = 3
	kindBits   = 3
	rowFrom    = 1 << 5
	rowKept    = 1 << 6
	rowTo      = 1 << 7
)

// rowWriter makes rows. The encoders belong to the store rather than to the
// process, because one holds a channel: one that came from another
// testing/synctest bubble would be unusable. They are pooled because each has a
// megabyte or two that a folder at rest has no use for.
type rowWriter struct {
	pool sync.Pool // of *zstd.Encoder
}

// pack returns the row of what happened at a time, the authors and entries
// encoded in body.
func (w *rowWriter) pack(at time.Time, body []byte) ([]byte, error) {
	row := binary.AppendVarint(nil, at.UnixMilli())
	if len(body) < minPackRow {
		return append(append(row, rowPlain), body...), nil
	}
	z, _ := w.pool.Get().(*zstd.Encoder)
	if z == nil {
		var err error
		z, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(64<<10), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
		if err != nil {
			return nil, err
		}
	}
	defer w.pool.Put(z)
	return z.EncodeAll(body, append(row, rowPacked)), nil
}

// appendEntries encodes what happened, in this order, and by whom.
func appendEntries(b []byte, entries []Logged) []byte {
	number := map[Author]int{{Own: true}: 0}
	var authors []Author
	for i := range entries {
		if a := entries[i].Author; a.Own {
			continue
		} else if _, ok := number[a]; !ok {
			authors = append(authors, a)
			number[a] = len(authors)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(authors)))
	for _, a := range authors {
		via := byte(0)
		if a.Via {
			via = 1
		}
		b = append(append(b, via), a.Node[:]...)
		b = binary.AppendUvarint(b, uint64(len(a.Name)))
		b = append(b, a.Name...)
	}
	b = binary.AppendUvarint(b, uint64(len(entries)))
	last := ""
	for i := range entries {
		e := &entries[i]
		what := byte(e.Action) | byte(e.Kind)<<kindShift
		if e.From != "" {
			what |= rowFrom
		}
		if e.Kept != "" {
			what |= rowKept
		}
		if e.To != "" {
			what |= rowTo
		}
		by := 0
		if !e.Author.Own {
			by = number[e.Author]
		}
		b = append(b, what, byte(e.Why))
		b = binary.AppendUvarint(b, uint64(by))
		b = binary.AppendUvarint(b, uint64(e.Size))
		b = appendFront(b, last, string(e.Path))
		last = string(e.Path)
		if e.From != "" {
			b = appendFront(b, last, string(e.From))
		}
		if e.Kept != "" {
			b = appendFront(b, last, string(e.Kept))
		}
		if e.To != "" {
			b = appendFront(b, last, string(e.To))
		}
	}
	return b
}

// appendFront encodes s as what it has in common with the text before it, and
// the rest.
func appendFront(b []byte, before, s string) []byte {
	n := 0
	for n < len(before) && n < len(s) && before[n] == s[n] {
		n++
	}
	b = binary.AppendUvarint(b, uint64(n))
	b = binary.AppendUvarint(b, uint64(len(s)-n))
	return append(b, s[n:]...)
}

var errRow = errors.New("a row of the log cannot be read")

// rowReader reads rows.
type rowReader struct {
	z   *zstd.Decoder
	buf []byte
}

func (r *rowReader) close() {
	if r.z != nil {
		r.z.Close()
	}
}

func rowTime(v []byte) (time.Time, error) {
	ms, n := binary.Varint(v)
	if n <= 0 || n >= len(v) {
		return time.Time{}, errRow
	}
	return time.UnixMilli(ms), nil
}

// read returns the entries of a row, none if it is not of the time asked for.
func (r *rowReader) read(number uint64, v []byte, since, until time.Time) ([]Logged, error) {
	at, err := rowTime(v)
	if err != nil {
		return nil, err
	}
	if !since.IsZero() && at.Before(since) || !until.IsZero() && !at.Before(until) {
		return nil, nil
	}
	_, n := binary.Varint(v)
	form, body := v[n], v[n+1:]
	switch form {
	case rowPlain:
	case rowPacked:
		if r.z == nil {
			if r.z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxRow)); err != nil {
				return nil, err
			}
		}
		if r.buf, err = r.z.DecodeAll(body, r.buf[:0]); err != nil {
			return nil, errRow
		}
		body = r.buf
	default:
		return nil, errRow
	}
	d := rowDecoder{b: body}
	entries := d.entries()
	if d.bad || len(d.b) != 0 {
		return nil, errRow
	}
	for i := range entries {
		entries[i].Row, entries[i].Time = number, at
	}
	return entries, nil
}

// rowDecoder takes a body apart. Once something is wrong it yields zeros.
type rowDecoder struct {
	b   []byte
	bad bool
}

func (d *rowDecoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	x := d.b[:n]
	d.b = d.b[n:]
	return x
}

func (d *rowDecoder) byte() byte {
	if x := d.bytes(1); x != nil {
		return x[0]
	}
	return 0
}

func (d *rowDecoder) number() uint64 {
	x, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return x
}

func (d *rowDecoder) front(before string) string {
	n := d.number()
	rest := d.bytes(d.number())
	if n > uint64(len(before)) {
		d.bad = true
	}
	if d.bad {
		return ""
	}
	return before[:n] + string(rest)
}

func (d *rowDecoder) entries() []Logged {
	authors := []Author{{Own: true}}
	for n := d.number(); n > 0 && !d.bad; n-- {
		a := Author{Via: d.byte() == 1}
		copy(a.Node[:], d.bytes(uint64(len(a.Node))))
		a.Name = string(d.bytes(d.number()))
		authors = append(authors, a)
	}
	var all []Logged
	last := ""
	for n := d.number(); n > 0 && !d.bad; n-- {
		what, why, by := d.byte(), d.byte(), d.number()
		e := Logged{Action: Action(what & actionBits), Kind: folder.Kind(what >> kindShift & kindBits), Why: Why(why), Size: int64(d.number())}
		last = d.front(last)
		e.Path = folder.Path(last)
		if what&rowFrom != 0 {
			e.From = folder.Path(d.front(last))
		}
		if what&rowKept != 0 {
			e.Kept = folder.Path(d.front(last))
		}
		if what&rowTo != 0 {
			e.To = folder.Path(d.front(last))
		}
		if by >= uint64(len(authors)) || e.Action < Added || e.Action > Deleted || e.Why >= whyEnd || e.Size < 0 {
			d.bad = true
			break
		}
		e.Author = authors[by]
		all = append(all, e)
	}
	return all
}
