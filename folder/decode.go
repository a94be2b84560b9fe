package folder

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// MaxSiblings is how many live writes of one path a decoder accepts.
const MaxSiblings = 64

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
	if empty || flags&^(flagKind|flagBase|flagOrigin|flagExt) != 0 {
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

// DecodeLocal decodes what [AppendLocal] wrote beside register reg and returns
// the rest. Its errors wrap [ErrValue].
func DecodeLocal(b []byte, reg Register) (Local, []byte, error) {
	r := reader{b: b}
	l := r.local(reg)
	if r.err != nil {
		return Local{}, nil, r.err
	}
	return l, r.b, nil
}

func (r *reader) local(reg Register) Local {
	flags := r.take(1)[0]
	if flags == 0 {
		return Local{}
	}
	if flags&1 == 0 || flags >= 64 {
		r.fail("local flags")
	}
	l := Local{Implicit: flags&16 != 0, Ignored: flags&32 != 0}
	l.Stat = Stat{Inode: r.uint(1<<64 - 1), CTime: r.int(), Racy: flags&2 != 0}
	if flags&8 != 0 {
		if l.Dot = r.dot(); l.Dot.Replica == 0 || l.Dot.Counter == 0 {
			r.fail("dot")
		}
	}
	sib, known := reg.Has(l.Dot)
	if flags&4 != 0 {
		if !known {
			r.fail("dot on disk is not in the register")
		}
		l.Value = sib.Value
		return l
	}
	if l.Value = r.value(r.take(1)[0]); known && l.Value == sib.Value {
		r.fail("value repeated")
	}
	return l
}
