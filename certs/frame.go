package certs

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sizes of the frames, in bytes.
const (
	helloSize  = 60
	tagSize    = 32
	flightSize = helloSize + tagSize
	shareSize  = 16
	maxIdent   = 4096
	fixedIdent = 16 + 8 + 32 + 64 + 4 // node ID to capabilities
)

const helloMagic = "QSYN"

// MaxName is the length limit of a node's name, in bytes.
const MaxName = 64

// hello is the first frame of each side.
type hello struct {
	vmin, vmax uint16
	flags      uint32
	nonce      [32]byte
	share      [shareSize]byte
}

func (h hello) encode() (b [helloSize]byte) {
	copy(b[:], helloMagic)
	binary.BigEndian.PutUint16(b[4:], h.vmin)
	binary.BigEndian.PutUint16(b[6:], h.vmax)
	binary.BigEndian.PutUint32(b[8:], h.flags)
	copy(b[12:], h.nonce[:])
	copy(b[44:], h.share[:])
	return b
}

// parseHello decodes b. ok is false if the frame is malformed.
func parseHello(b [helloSize]byte) (h hello, ok bool) {
	h.vmin = binary.BigEndian.Uint16(b[4:])
	h.vmax = binary.BigEndian.Uint16(b[6:])
	h.flags = binary.BigEndian.Uint32(b[8:])
	h.nonce = [32]byte(b[12:44])
	h.share = [shareSize]byte(b[44:])
	return h, string(b[:4]) == helloMagic && h.vmin >= 1 && h.vmin <= h.vmax
}

// ident is the IDENT frame without its length.
type ident struct {
	node  NodeID
	epoch uint64
	key   [ed25519.PublicKeySize]byte
	sig   [ed25519.SignatureSize]byte
	caps  uint32
	write []byte // the write signature, or nil
	name  string
}

// encode returns the whole frame with its length.
func (i ident) encode() []byte {
	b := make([]byte, 2, 2+fixedIdent+1+len(i.write)+1+len(i.name))
	b = append(b, i.node[:]...)
	b = binary.BigEndian.AppendUint64(b, i.epoch)
	b = append(b, i.key[:]...)
	b = append(b, i.sig[:]...)
	b = binary.BigEndian.AppendUint32(b, i.caps)
	if i.write == nil {
		b = append(b, 0)
	} else {
		b = append(append(b, 1), i.write...)
	}
	b = append(append(b, byte(len(i.name))), i.name...)
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	return b
}

// parseIdent decodes the body of an IDENT frame, checking its form alone.
func parseIdent(b []byte) (i ident, err error) {
	bad := func(what string) (ident, error) { return ident{}, fmt.Errorf("%w: %s", ErrIdent, what) }
	if len(b) < fixedIdent+2 || len(b) > maxIdent {
		return bad("length")
	}
	i.node = NodeID(b[:16])
	i.epoch = binary.BigEndian.Uint64(b[16:])
	i.key = [32]byte(b[24:56])
	i.sig = [64]byte(b[56:120])
	i.caps = binary.BigEndian.Uint32(b[120:])
	present, rest := b[fixedIdent], b[fixedIdent+1:]
	switch {
	case present > 1:
		return bad("write proof")
	case present == 1:
		if len(rest) < ed25519.SignatureSize+1 {
			return bad("length")
		}
		i.write, rest = append([]byte{}, rest[:ed25519.SignatureSize]...), rest[ed25519.SignatureSize:]
	}
	n, rest := int(rest[0]), rest[1:]
	if n > MaxName || n > len(rest) {
		return bad("name")
	}
	i.name = string(rest[:n])
	if !validName(i.name) {
		return bad("name")
	}
	return i, nil
}

// validName reports whether a peer's name can be shown as it is.
func validName(s string) bool {
	if len(s) > MaxName || !utf8.ValidString(s) {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// CleanName makes of any text a name that peers accept: what is not printable
// becomes "?", and what is beyond [MaxName] bytes is cut.
func CleanName(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '?'
		}
		if b.Len()+utf8.RuneLen(r) > MaxName {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// appendLP appends each field behind its length, so that no two lists of
// fields have the same bytes.
func appendLP(b []byte, fields ...[]byte) []byte {
	for _, f := range fields {
		b = binary.BigEndian.AppendUint32(b, uint32(len(f)))
		b = append(b, f...)
	}
	return b
}
