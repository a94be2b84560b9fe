package certs

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// TestImpersonation: a member that holds the sync ID tries to be another node,
// or to have a write proof that is not one.
func TestImpersonation(t *testing.T) {
	k := mustDerive(t, testID(1))
	alice, mallory, bob := mustSelf(t, "alice"), mustSelf(t, "mallory"), mustSelf(t, "bob")
	recorded, _ := meet(t, prover(ekm(1), alice, k), verifier(ekm(1), bob, k))
	old, err := parseIdent(recorded.sent[flightSize+2:])
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*ident){
		"another's node ID":          func(i *ident) { i.node = alice.Device.ID() },
		"another's node ID and key":  func(i *ident) { i.node, i.key = old.node, old.key },
		"all of another, recorded":   func(i *ident) { *i = old },
		"a write signature of noise": func(i *ident) { i.write[3] ^= 1 },
		"a name that moves a cursor": func(i *ident) { i.name = "a\x1b[2J" },
		"a name of 65 bytes":         func(i *ident) { i.name = string(bytes.Repeat([]byte("n"), 65)) },
		"a name that is not UTF-8":   func(i *ident) { i.name = "\xff" },
	} {
		_, l := meet(t, func(s io.ReadWriteCloser) (Ident, Keys, error) {
			h := &handshake{Channel: Channel{s, ekm(2)}, self: mallory, keys: k, role: roleDialer, vmin: 1, vmax: 1}
			return Ident{}, Keys{}, proveWith(h, spoil)
		}, verifier(ekm(2), bob, k))
		if !errors.Is(l.err, ErrIdent) {
			t.Errorf("%s: %v", name, l.err)
		}
	}
	// Without a write proof a peer is welcome, but no writer.
	_, l := meet(t, func(s io.ReadWriteCloser) (Ident, Keys, error) {
		h := &handshake{Channel: Channel{s, ekm(2)}, self: mallory, keys: k, role: roleDialer, vmin: 1, vmax: 1}
		return Ident{}, Keys{}, proveWith(h, func(i *ident) { i.write = nil })
	}, verifier(ekm(2), bob, k))
	if l.err != nil || l.peer.Writer {
		t.Errorf("reader: %v, %+v", l.err, l.peer)
	}
}

// proveWith is a dialer that changes its identity before it sends it.
func proveWith(h *handshake, spoil func(*ident)) error {
	mine := hello{vmin: 1, vmax: 1, share: shareTag(h.keys, h.EKM)}
	h.helloD = mine.encode()
	if err := h.setKey(h.keys.l.open().auth); err != nil {
		return err
	}
	h.tagD = h.dialerTag()
	if err := h.writeAll(append(h.helloD[:], h.tagD[:]...)); err != nil {
		return err
	}
	var flight [flightSize]byte
	if _, err := io.ReadFull(h.Stream, flight[:]); err != nil {
		return err
	}
	h.helloL, h.tagL = [helloSize]byte(flight[:helloSize]), [tagSize]byte(flight[helloSize:])
	if _, err := h.readIdent(); err != nil {
		return err
	}
	i, err := parseIdent(h.ownIdent()[2:])
	if err != nil {
		return err
	}
	spoil(&i)
	return h.writeAll(i.encode())
}

// TestLongIdent: a length beyond the limit is refused before it is read, and
// fields of a later version are skipped.
func TestLongIdent(t *testing.T) {
	bob := mustSelf(t, "bob")
	h := &handshake{Channel: Channel{Stream: readOnly{bytes.NewReader([]byte{0x10, 0x01})}}, self: bob, role: roleDialer}
	if _, err := h.readIdent(); !errors.Is(err, ErrIdent) {
		t.Error("length 4097:", err)
	}
	k := mustDerive(t, testID(1))
	h = &handshake{self: bob, keys: k, role: roleListener}
	body := h.ownIdent()[2:]
	i, err := parseIdent(append(body, "fields of a later version"...))
	if err != nil || i.name != "bob" {
		t.Error("later version:", i.name, err)
	}
}

type readOnly struct{ io.Reader }

func (readOnly) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
