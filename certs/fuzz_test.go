package certs

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
)

func FuzzHello(f *testing.F) {
	b := hello{vmin: 1, vmax: 2, flags: 3}.encode()
	f.Add(b[:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != helloSize {
			return
		}
		if h, ok := parseHello([helloSize]byte(b)); ok && h.encode() != [helloSize]byte(b) {
			t.Errorf("%x is not canonical", b)
		}
	})
}

func FuzzIdent(f *testing.F) {
	k := mustDerive(f, testID(1))
	h := &handshake{self: mustSelf(f, "näme"), keys: k, role: roleDialer}
	f.Add(h.ownIdent()[2:])
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := parseIdent(b)
		if err != nil {
			if !errors.Is(err, ErrIdent) {
				t.Error(err)
			}
			return
		}
		if again := i.encode()[2:]; !bytes.HasPrefix(b, again) || CleanName(i.name) != i.name {
			t.Errorf("%x is not canonical", b)
		}
	})
}

// FuzzVerify feeds a listener arbitrary bytes after a right first flight.
func FuzzVerify(f *testing.F) {
	k := mustDerive(f, testID(1))
	bob := mustSelf(f, "bob")
	f.Add([]byte{0, 4, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		h := &handshake{Channel: Channel{EKM: ekm(1)}}
		h.helloD = hello{vmin: 1, vmax: 1, share: shareTag(k, ekm(1))}.encode()
		if err := h.setKey(k.l.open().auth); err != nil {
			t.Fatal(err)
		}
		h.tagD = h.dialerTag()
		in := slices.Concat(h.helloD[:], h.tagD[:], b)
		if _, _, err := Verify(Channel{sink{bytes.NewReader(in)}, ekm(1)}, bob, []Keys{k}); err == nil {
			t.Error("accepted a peer without a signature")
		}
	})
}

type sink struct{ io.Reader }

func (sink) Write(b []byte) (int, error) { return len(b), nil }
