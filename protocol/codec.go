package protocol

import (
	"bytes"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"qsync/folder"
)

// encoder appends msgpack to b. Appending to memory cannot fail, so the errors
// of the library are dropped.
type encoder struct {
	b   []byte
	m   *msgpack.Encoder
	tmp []byte
}

// Write and WriteByte make e the unbuffered target of its own msgpack encoder.
func (e *encoder) Write(p []byte) (int, error) {
	e.b = append(e.b, p...)
	return len(p), nil
}

func (e *encoder) WriteByte(c byte) error {
	e.b = append(e.b, c)
	return nil
}

func (e *encoder) reset(b []byte) {
	if e.m == nil {
		e.m = msgpack.NewEncoder(e)
	}
	e.b = b
}

func (e *encoder) array(n int)     { _ = e.m.EncodeArrayLen(n) }
func (e *encoder) uint(v uint64)   { _ = e.m.EncodeUint(v) }
func (e *encoder) bool(v bool)     { _ = e.m.EncodeBool(v) }
func (e *encoder) string(s string) { _ = e.m.EncodeString(s) }

func (e *encoder) bin(p []byte) {
	_ = e.m.EncodeBytesLen(len(p))
	e.b = append(e.b, p...)
}

func (e *encoder) binString(s string) {
	_ = e.m.EncodeBytesLen(len(s))
	e.b = append(e.b, s...)
}

func (e *encoder) context(c folder.Context) {
	e.tmp = folder.AppendContext(e.tmp[:0], c)
	e.bin(e.tmp)
}

func (e *encoder) register(r folder.Register) {
	e.tmp = folder.AppendRegister(e.tmp[:0], r)
	e.bin(e.tmp)
}

// decoder takes msgpack apart. The library reads only lengths and numbers, each
// after its type was checked here: its own decoding of strings, slices and maps
// trusts the lengths it reads, and takes nil or a float for a number. The first
// violation sticks in err, and from then on every value is zero.
type decoder struct {
	b   []byte
	r   bytes.Reader
	m   *msgpack.Decoder
	err error
}

func (d *decoder) reset(b []byte) {
	d.b, d.err = b, nil
	d.r.Reset(b)
	if d.m == nil {
		d.m = msgpack.NewDecoder(&d.r)
		return
	}
	d.m.Reset(&d.r)
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// code returns the type byte of the next value, and 0xc1, which msgpack never
// uses, when there is none.
func (d *decoder) code() byte {
	if n := d.r.Len(); d.err == nil && n > 0 {
		return d.b[len(d.b)-n]
	}
	return 0xc1
}

// expect notes a violation unless the next value has the right type.
func (d *decoder) expect(ok bool, what string) bool {
	if !ok {
		d.fail(fmt.Errorf("no %s where one belongs", what))
	}
	return ok
}

func (d *decoder) uint(limit uint64) uint64 {
	c := d.code()
	if !d.expect(c <= msgpcode.PosFixedNumHigh || (c >= msgpcode.Uint8 && c <= msgpcode.Uint64), "unsigned number") {
		return 0
	}
	v, err := d.m.DecodeUint64()
	if err == nil {
		err = inRange("number", v, 0, limit)
	}
	if err != nil {
		d.fail(err)
		return 0
	}
	return v
}

func (d *decoder) int() int64 { return int64(d.uint(maxCounter)) }

func (d *decoder) bool() bool {
	c := d.code()
	if !d.expect(c == msgpcode.True || c == msgpcode.False, "boolean") {
		return false
	}
	v, err := d.m.DecodeBool()
	if err != nil {
		d.fail(err)
	}
	return v
}

// array expects an array of exactly n values.
func (d *decoder) array(n int) {
	if got := d.list(n, 0); d.err == nil && got != n {
		d.fail(fmt.Errorf("array of %d values, not %d", got, n))
	}
}

// list expects an array of at most limit values of at least size bytes each and
// returns how many there are: never more than the bytes at hand can hold.
func (d *decoder) list(limit, size int) int {
	c := d.code()
	if !d.expect(msgpcode.IsFixedArray(c) || c == msgpcode.Array16 || c == msgpcode.Array32, "array") {
		return 0
	}
	n, err := d.m.DecodeArrayLen()
	switch {
	case err != nil:
	case n < 0 || n > limit:
		err = fmt.Errorf("array of %d values, at most %d", uint32(n), limit)
	case n*size > d.r.Len():
		err = fmt.Errorf("array of %d values in %d bytes", n, d.r.Len())
	}
	if err != nil {
		d.fail(err)
		return 0
	}
	return n
}

// take returns a string or binary of at most limit bytes; it aliases the input.
func (d *decoder) take(limit int) []byte {
	n, err := d.m.DecodeBytesLen()
	if err == nil && (n < 0 || n > limit) {
		err = fmt.Errorf("%d bytes, at most %d", uint32(n), limit)
	}
	if err == nil && n > d.r.Len() {
		err = fmt.Errorf("%d bytes, but %d follow", n, d.r.Len())
	}
	if err != nil {
		d.fail(err)
		return nil
	}
	start := len(d.b) - d.r.Len()
	d.r.Reset(d.b[start+n:])
	return d.b[start : start+n : start+n]
}

func (d *decoder) bin(limit int) []byte {
	c := d.code()
	if !d.expect(c >= msgpcode.Bin8 && c <= msgpcode.Bin32, "binary") {
		return nil
	}
	return d.take(limit)
}

func (d *decoder) string(limit int) string {
	c := d.code()
	if !d.expect(msgpcode.IsFixedString(c) || (c >= msgpcode.Str8 && c <= msgpcode.Str32), "string") {
		return ""
	}
	return string(d.take(limit))
}

func (d *decoder) context() folder.Context {
	b := d.bin(MaxHello)
	if d.err != nil {
		return nil
	}
	c, rest, err := folder.DecodeContext(b, folder.MaxFolderContext)
	d.whole(rest, err)
	return c
}

func (d *decoder) register() folder.Register {
	b := d.bin(MaxIndex)
	if d.err != nil {
		return folder.Register{}
	}
	r, rest, err := folder.DecodeRegister(b)
	d.whole(rest, err)
	return r
}

// whole notes a violation unless a nested encoding was sound and used up.
func (d *decoder) whole(rest []byte, err error) {
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes too many", len(rest))
	}
	if err != nil {
		d.fail(err)
	}
}

// done returns the first violation; bytes left over are one.
func (d *decoder) done() error {
	if d.err == nil && d.r.Len() > 0 {
		d.fail(fmt.Errorf("%d bytes too many", d.r.Len()))
	}
	return d.err
}
