package folder

import "encoding/binary"

// The encoding of registers, the same in the store and on the wire. All
// integers are varints as in encoding/binary unless said otherwise.
//
//	context   = count, then per entry: replica (8 bytes big-endian), counter
//	value     = flags (1 byte), mode, mtime (zigzag),
//	            [size, digest (32 bytes)]           kind File
//	            [length, target]                    kind Symlink
//	            [base content (8 bytes), base mode] flag 0x08
//	            [length, origin]                    flag 0x10
//	            [length, ext]                       flag 0x20
//	sibling   = replica (8 bytes), counter, value, [length, sig] flag 0x40
//	register  = context, count, then that many siblings
//
// flags: 0x03 the kind; 0x80 the value equals the previous sibling's and none of
// its fields follow. A decoder rejects any other form of the same register, so
// that what it accepts re-encodes to the same bytes.
const (
	flagKind   = 0x03
	flagBase   = 0x08
	flagOrigin = 0x10
	flagExt    = 0x20
	flagSig    = 0x40
	flagSame   = 0x80
)

// AppendContext appends the encoding of c to b.
func AppendContext(b []byte, c Context) []byte {
	b = binary.AppendUvarint(b, uint64(len(c)))
	for _, d := range c {
		b = appendDot(b, d)
	}
	return b
}

func appendDot(b []byte, d Dot) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(d.Replica))
	return binary.AppendUvarint(b, d.Counter)
}

// AppendValue appends the encoding of v to b.
func AppendValue(b []byte, v Value) []byte { return appendValue(b, v, 0) }

func appendValue(b []byte, v Value, flags byte) []byte {
	flags |= byte(v.Kind) & flagKind
	if v.Base != (Base{}) {
		flags |= flagBase
	}
	if v.Origin != "" {
		flags |= flagOrigin
	}
	if v.Ext != "" {
		flags |= flagExt
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(v.Mode))
	b = binary.AppendVarint(b, v.MTime)
	switch v.Kind {
	case File:
		b = binary.AppendUvarint(b, uint64(v.Size))
		b = append(b, v.Digest[:]...)
	case Symlink:
		b = appendString(b, v.Target)
	}
	if v.Base != (Base{}) {
		b = binary.BigEndian.AppendUint64(b, v.Base.Content)
		b = binary.AppendUvarint(b, uint64(v.Base.Mode))
	}
	if v.Origin != "" {
		b = appendString(b, string(v.Origin))
	}
	if v.Ext != "" {
		b = appendString(b, v.Ext)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// AppendRegister appends the encoding of r to b.
func AppendRegister(b []byte, r Register) []byte {
	b = AppendContext(b, r.Ctx)
	b = binary.AppendUvarint(b, uint64(len(r.Sibs)))
	for i, s := range r.Sibs {
		b = appendDot(b, s.Dot)
		var flags byte
		if s.Sig != "" {
			flags = flagSig
		}
		if i > 0 && s.Value == r.Sibs[i-1].Value {
			b = append(b, flags|flagSame)
		} else {
			b = appendValue(b, s.Value, flags)
		}
		if s.Sig != "" {
			b = appendString(b, s.Sig)
		}
	}
	return b
}

// AppendLocal appends the encoding of l to b: flags (0x01 something is there,
// 0x02 racy, 0x04 the value equals that of its dot in the register, 0x08 it has
// a dot, 0x10 implicit, 0x20 ignored), then inode, ctime (zigzag), [replica, counter], [value].
func AppendLocal(b []byte, l Local, r Register) []byte {
	if l.Value.Kind == Absent {
		return append(b, 0)
	}
	flags := byte(1)
	if l.Stat.Racy {
		flags |= 2
	}
	sib, ok := r.Has(l.Dot)
	if ok && sib.Value == l.Value {
		flags |= 4
	}
	if !l.Dot.IsZero() {
		flags |= 8
	}
	if l.Implicit {
		flags |= 16
	}
	if l.Ignored {
		flags |= 32
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, l.Stat.Inode)
	b = binary.AppendVarint(b, l.Stat.CTime)
	if flags&8 != 0 {
		b = appendDot(b, l.Dot)
	}
	if flags&4 == 0 {
		b = AppendValue(b, l.Value)
	}
	return b
}
