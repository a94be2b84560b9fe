package certs

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// testID returns a fixed ID; different n give different IDs.
func testID(n byte) (id SyncID) {
	for i := range id {
		id[i] = byte(i) + n - 1
	}
	return id
}

func mustDerive(t testing.TB, id SyncID) Keys {
	t.Helper()
	k, err := Derive(id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// secretsOf lists everything about an ID that nobody else may see.
func secretsOf(id SyncID, k Keys) [][]byte {
	l := k.l.open()
	return [][]byte{id[:], l.reader[:], l.storer[:], l.auth[:], l.disc[:], l.name[:], l.data[:], l.share[:], l.writeKey.Seed(), l.writeKey}
}

// findSecrets looks for secrets in text in every form that they may take.
func findSecrets(t *testing.T, text []byte, secrets [][]byte) {
	t.Helper()
	lower, upper := bytes.ToLower(text), bytes.ToUpper(text)
	for i, s := range secrets {
		s = s[:16] // base64 of a part is a prefix but for its last letter
		decimal := strings.Trim(fmt.Sprintf("%d", s), "[]")
		if bytes.Contains(text, s) || bytes.Contains(lower, []byte(hex.EncodeToString(s))) ||
			bytes.Contains(upper, []byte(base32.StdEncoding.EncodeToString(s)[:24])) ||
			bytes.Contains(text, []byte(base64.StdEncoding.EncodeToString(s)[:20])) ||
			bytes.Contains(text, []byte(base64.URLEncoding.EncodeToString(s)[:20])) ||
			bytes.Contains(text, []byte(decimal)) {
			t.Errorf("secret %d is visible", i)
		}
	}
}

// TestDerive compares with values that another implementation of HKDF and
// Ed25519 computed.
func TestDerive(t *testing.T) {
	k := mustDerive(t, testID(1))
	reader, storer := k.ReaderToken(), k.StorerToken()
	disc, name, data := k.Discovery(), k.NameKey(), k.DataKey()
	const pub = "29ec041246dc2661318f645df0b74064bfc11ddd4975711340f2a4247cd4eec1"
	for _, c := range []struct {
		what string
		got  []byte
		want string
	}{
		{"reader token", reader[:], "4021563998210115818db590e1cde686ca2d090cf3617375f4fcdb3a781727e6" + pub},
		{"storer token", storer[:], "5b464a91ab182d27a14a75da080e20c9373bc093e45c9bf052166f8f43c42e00" + pub},
		{"K_auth", k.l.open().auth[:], "7831ec6706b487749312b464273211a910c9784ff9e440b74015a172063ab25c"},
		{"K_disc", disc[:], "45452ccd3d68923c9bcc7de01d3d19213ee01bcedecf2dfedcc08a019cb3ef2e"},
		{"share ID", k.l.open().share[:], "95fa122ef0811391d502a4101656b9ac"},
		{"K_name", name[:], "a8f9eb049bfd9f47cc93372d66c8e420d3c8ed0fe00daf7667482c830aff9207"},
		{"K_data", data[:], "f94a90acbb6f24dd6001229291a503aeef55d698428c667dcdd6d1d6108d6df0"},
		{"sk_w", k.l.open().writeKey.Seed(), "ba2474cbc1f3ef69c2ae80a4d708607a43334293308e9d65a762d2d8e3e42b47"},
	} {
		if hex.EncodeToString(c.got) != c.want {
			t.Errorf("%s: %x", c.what, c.got)
		}
	}
	if k.ShareID().String() != "95fa122ef0811391d502a4101656b9ac" {
		t.Error("ShareID:", k.ShareID())
	}
	if _, err := Derive(SyncID{}); !errors.Is(err, ErrSyncID) {
		t.Error("keys of the zero ID:", err)
	}
}

// TestTags compares the tags with values computed elsewhere too.
func TestTags(t *testing.T) {
	k := mustDerive(t, testID(1))
	h := &handshake{Channel: Channel{EKM: [32]byte(bytes.Repeat([]byte{0xee}, 32))}}
	d := hello{vmin: 1, vmax: 1, nonce: [32]byte(bytes.Repeat([]byte{0x11}, 32)), share: shareTag(k, h.EKM)}
	l := hello{vmin: 1, vmax: 1, nonce: [32]byte(bytes.Repeat([]byte{0x22}, 32))}
	if err := h.setKey(k.l.open().auth); err != nil {
		t.Fatal(err)
	}
	h.helloD = d.encode()
	h.tagD = h.dialerTag()
	h.helloL = l.encode()
	h.tagL = h.listenerTag()
	if hex.EncodeToString(d.share[:]) != "e08d7db4df10dab37733ec3c0d6b471b" ||
		hex.EncodeToString(h.tagD[:]) != "289a96a89ef7a3a6742b110ef2deae901b80630d03ddec67b07babcaea39b8e7" ||
		hex.EncodeToString(h.tagL[:]) != "48871aa60c0c6377da0bbb231902e3a7a0fe1b9d1800d0c824c176d4c90f4054" {
		t.Errorf("share %x, TAG_D %x, TAG_L %x", d.share, h.tagD, h.tagL)
	}
}

func TestDevice(t *testing.T) {
	d, err := NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	b := d.Marshal()
	again, err := ParseDevice(b)
	if err != nil || again.ID() != d.ID() || !bytes.Equal(again.Marshal(), b) {
		t.Fatal("round trip:", again, err)
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if _, err := ParseDevice(bad); !errors.Is(err, ErrDevice) {
			t.Errorf("byte %d damaged: %v", i, err)
		}
		if _, err := ParseDevice(b[:i]); !errors.Is(err, ErrDevice) {
			t.Errorf("cut to %d: %v", i, err)
		}
	}
	if len(d.ID().String()) != 32 || d.ID().Compare(again.ID()) != 0 {
		t.Error("node ID", d.ID())
	}
}
