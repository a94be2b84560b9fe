package folder

import (
	"encoding/binary"
	"slices"
	"strings"
)

// The fields of [Value.Ext], each a tag (1 byte), a length and so many bytes.
// Fields of other tags are kept and passed on unread; what cannot be taken apart
// has none.
//
//	1 lost    author's replica (8 bytes), counter, base content (8 bytes)
//	2 waives  nothing
//	3 beside  digest (32 bytes) and modification time (8 bytes) of a database
const (
	extLost   = 1
	extWaives = 2
	extBeside = 3
)

// Lost tells of a conflict copy what its content was before: the write that lost,
// and the [Value.ContentID] of what that one had replaced, 0 if unknown.
type Lost struct {
	Author Dot
	Base   uint64
}

// LostOf returns what v tells of the write that lost, zero if nothing.
func LostOf(v Value) (l Lost) {
	b := []byte(v.field(extLost))
	if len(b) < 8 {
		return Lost{}
	}
	c, n := binary.Uvarint(b[8:])
	if n <= 0 || len(b) != 8+n+8 {
		return Lost{}
	}
	l.Author = Dot{Replica: ReplicaID(binary.BigEndian.Uint64(b)), Counter: c}
	l.Base = binary.BigEndian.Uint64(b[8+n:])
	return l
}

// WithLost returns v, the value of a conflict copy, telling of the write that lost.
func (v Value) WithLost(l Lost) Value {
	b := appendDot([]byte(nil), l.Author)
	return v.with(extLost, string(binary.BigEndian.AppendUint64(b, l.Base)))
}

// Waives reports whether the author of the write asked for no conflict copy of it
// where it loses: it is kept among the versions of those who had it, no more.
func (v Value) Waives() bool {
	_, ok := v.find(extWaives)
	return ok
}

// Waiving returns v as a write of which no conflict copy is asked for.
func (v Value) Waiving() Value { return v.with(extWaives, "") }

// Beside says of the journal or log beside a database which content of the
// database it belongs to: with any other it is damage.
type Beside struct {
	Digest Digest
	MTime  int64
}

// BesideOf returns what v says of the database that it stands beside, if it does.
func BesideOf(v Value) (b Beside, ok bool) {
	s := v.field(extBeside)
	if len(s) != len(b.Digest)+8 {
		return Beside{}, false
	}
	copy(b.Digest[:], s)
	b.MTime = int64(binary.BigEndian.Uint64([]byte(s[len(b.Digest):])))
	return b, true
}

// WithBeside returns v as what belongs to the database whose value is db.
func (v Value) WithBeside(db Value) Value {
	b := slices.Clone(db.Digest[:])
	return v.without(extBeside).with(extBeside, string(binary.BigEndian.AppendUint64(b, uint64(db.MTime))))
}

func (v Value) without(tag byte) Value {
	data, ok := v.find(tag)
	if !ok {
		return v
	}
	v.Ext = strings.Replace(v.Ext, string(appendString([]byte{tag}, data)), "", 1)
	return v
}

func (v Value) with(tag byte, data string) Value {
	if _, ok := v.find(tag); ok {
		return v
	}
	b := appendString([]byte{tag}, data)
	if len(v.Ext)+len(b) <= MaxExt {
		v.Ext += string(b)
	}
	return v
}

func (v Value) field(tag byte) string {
	s, _ := v.find(tag)
	return s
}

func (v Value) find(tag byte) (data string, ok bool) {
	for b := []byte(v.Ext); len(b) > 0; {
		n, w := binary.Uvarint(b[1:])
		if w <= 0 || n > uint64(len(b)-1-w) {
			return "", false
		}
		if b[0] == tag {
			return string(b[1+w : 1+w+int(n)]), true
		}
		b = b[1+w+int(n):]
	}
	return "", false
}
