package folder

import (
	"encoding/binary"
	"fmt"
	"slices"
)

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

// MaxSiblings is how many live writes of one path a decoder accepts.
const MaxSiblings = 64

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

// reader takes an encoding apart; the first violation sticks in err.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrValue, what)
	}
	r.b = nil
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail("cut short")
		return make([]byte, min(max(n, 0), 32))
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) uint(limit uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || (n > 1 && r.b[n-1] == 0) || v > limit {
		r.fail("number out of range")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) int() int64 {
	u := r.uint(1<<64 - 1)
	return int64(u>>1) ^ -int64(u&1)
}

func (r *reader) string(limit int) string { return string(r.take(int(r.uint(uint64(limit))))) }

func (r *reader) dot() Dot {
	return Dot{ReplicaID(binary.BigEndian.Uint64(r.take(8))), r.uint(1<<63 - 1)}
}

func (r *reader) context(limit int) Context {
	n := int(r.uint(uint64(limit)))
	if n == 0 || n > len(r.b)/9 {
		if n > 0 {
			r.fail("cut short")
		}
		return nil
	}
	c := make(Context, 0, n)
	for range n {
		d := r.dot()
		if d.Replica == 0 || d.Counter == 0 || (len(c) > 0 && c[len(c)-1].Replica >= d.Replica) {
			r.fail("context entry")
		}
		c = append(c, d)
	}
	return c
}

func (r *reader) value(flags byte) Value {
	v := Value{Kind: Kind(flags & flagKind), Mode: uint16(r.uint(ModeMask)), MTime: r.int()}
	switch v.Kind {
	case File:
		v.Size = int64(r.uint(1 << 62))
		copy(v.Digest[:], r.take(len(v.Digest)))
	case Symlink:
		v.Target = r.string(MaxTarget)
	}
	if flags&flagBase != 0 {
		v.Base = Base{binary.BigEndian.Uint64(r.take(8)), uint16(r.uint(ModeMask))}
	}
	if flags&flagOrigin != 0 {
		v.Origin = Path(r.string(MaxPath))
	}
	if flags&flagExt != 0 {
		v.Ext = r.string(MaxExt)
	}
	if r.err == nil {
		r.err = v.Check()
	}
	empty := (flags&flagBase != 0 && v.Base == Base{}) || (flags&flagOrigin != 0 && v.Origin == "") || (flags&flagExt != 0 && v.Ext == "")
	if empty || flags&0x04 != 0 {
		r.fail("value flags")
	}
	return v
}

func (r *reader) register() Register {
	reg := Register{Ctx: r.context(MaxFolderContext)}
	n := int(r.uint(MaxSiblings))
	if n > len(r.b)/10 {
		r.fail("cut short")
	}
	for range n {
		if r.err != nil {
			return Register{}
		}
		var prev *Sibling
		if k := len(reg.Sibs); k > 0 {
			prev = &reg.Sibs[k-1]
		}
		reg.Sibs = append(reg.Sibs, r.sibling(prev))
	}
	return reg
}

func (r *reader) sibling(prev *Sibling) Sibling {
	s := Sibling{Dot: r.dot()}
	if s.Dot.Replica == 0 || s.Dot.Counter == 0 || (prev != nil && prev.Dot.Compare(s.Dot) >= 0) {
		r.fail("dot")
	}
	flags := r.take(1)[0]
	if flags&flagSame != 0 {
		if prev == nil || flags&^(flagSame|flagSig) != 0 {
			r.fail("value flags")
			return s
		}
		s.Value = prev.Value
	} else {
		s.Value = r.value(flags &^ flagSig)
		if prev != nil && s.Value == prev.Value {
			r.fail("value repeated")
		}
	}
	if flags&flagSig != 0 {
		if s.Sig = r.string(MaxSig); s.Sig == "" {
			r.fail("empty signature")
		}
	}
	return s
}

// DecodeRegister decodes a register at the front of b and returns the rest.
// Its errors wrap [ErrValue]. It allocates no more than a small multiple of b.
func DecodeRegister(b []byte) (Register, []byte, error) {
	r := reader{b: b}
	reg := r.register()
	if r.err == nil && !slices.Equal(reg.Trim(nil).Ctx, reg.Ctx) {
		r.fail("context repeats what the siblings imply")
	}
	if r.err != nil {
		return Register{}, nil, r.err
	}
	return reg, r.b, nil
}

// DecodeContext decodes a context of at most limit entries at the front of b
// and returns the rest. Its errors wrap [ErrValue].
func DecodeContext(b []byte, limit int) (Context, []byte, error) {
	r := reader{b: b}
	c := r.context(limit)
	if r.err != nil {
		return nil, nil, r.err
	}
	return c, r.b, nil
}

// AppendLocal appends the encoding of l to b: flags (0x01 something is there,
// 0x02 racy, 0x04 the value equals that of its dot in the register, 0x08 it has
// a dot, 0x10 implicit), then inode, ctime (zigzag), [replica, counter], [value].
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

// DecodeLocal decodes what [AppendLocal] wrote beside register reg and returns
// the rest. Its errors wrap [ErrValue].
func DecodeLocal(b []byte, reg Register) (Local, []byte, error) {
	r := reader{b: b}
	flags := r.take(1)[0]
	if flags == 0 {
		return Local{}, r.b, r.err
	}
	l := Local{Implicit: flags&16 != 0}
	l.Stat = Stat{Inode: r.uint(1<<64 - 1), CTime: r.int(), Racy: flags&2 != 0}
	if flags&8 != 0 {
		l.Dot = r.dot()
	}
	if flags&4 == 0 {
		l.Value = r.value(r.take(1)[0])
	} else if sib, ok := reg.Has(l.Dot); ok {
		l.Value = sib.Value
	} else {
		r.fail("dot on disk is not in the register")
	}
	if r.err != nil {
		return Local{}, nil, r.err
	}
	return l, r.b, nil
}
