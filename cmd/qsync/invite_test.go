package main

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"qsync/certs"
)

func TestLinkForms(t *testing.T) {
	v := someInvitation(t, "192.168.0.10:2121", "[2001:db8::1]:4000")
	hex := v.id.Hex()
	at := "at=192.168.0.10:2121,[2001:db8::1]:4000"
	for _, text := range []string{
		v.link(), "  " + v.link() + "\r\n",
		"QSYNC:JOIN?ID=" + strings.ToUpper(hex) + "&AT=192.168.0.10:2121,[2001:DB8::1]:4000",
		"qsync:join?" + at + "&id=" + hex,
		"qsync://join/?id=" + hex + "&" + at,
		"qsync:join?id=" + hex[:20] + "\n" + hex[20:] + "&at=192.168.0.10:\n 2121,[2001:db8::1]:4000",
		"qsync:join?id=0x" + hex + "&at=" + url.QueryEscape("192.168.0.10:2121,[2001:db8::1]:4000"),
		url.QueryEscape(v.link()),
		"qsync:join?v=2&id=" + hex + "&name=&at=192.168.0.10&x&at=[2001:db8::1]:4000,,[fe80::1%25eth0]:2121&future=a%20b",
	} {
		got, err := parseLink(text)
		if err != nil || got.id != v.id || len(got.at) != 2 || got.at[0] != v.at[0] || !strings.EqualFold(got.at[1], v.at[1]) || !looksLikeLink(text) {
			t.Errorf("%q: %v, %v", strings.ReplaceAll(text, hex, "…"), got.at, err)
		}
	}
	if got, err := parseLink("qsync:join?id=" + hex); err != nil || got.id != v.id || got.at != nil {
		t.Error(err)
	}
}

func TestLinkErrors(t *testing.T) {
	hex := someInvitation(t).id.Hex()
	for _, c := range []struct{ text, says string }{
		{"qsync:join?id=" + hex[:40], "40 hexadecimal digits instead of 64"},
		{"qsync:join?id=" + hex[:40] + "&at=10.0.0.1:2121", "40 hexadecimal digits instead of 64"},
		{"qsync:join?id=" + hex[:40] + "x" + hex[41:], "position 41"},
		{"qsync:join?at=10.0.0.1:2121", "no id="},
		{"qsync:join?", "no id="},
		{"qsync:share?id=" + hex, "begins with qsync:join?"},
		{"https://example.com/?id=" + hex, "begins with qsync:join?"},
		{"join?id=" + hex, "begins with qsync:join?"},
		{"id=" + hex, "begins with qsync:join?"},
		{"qsync:join?id=" + hex + "&id=" + hex, "more than one ID"},
		{"qsync:join?id=" + hex + "&at=10.0.0.1:2121,10.0.0.2:", "address 2 of the link: the port"},
		{"qsync:join?id=" + hex + "&at=10.0.0.1:99999", "the port"},
		{"qsync:join?id=" + hex + "&at=http://x/", "no path"},
		{"qsync:join?id=" + hex + "&at=a%zz", "percent"},
		{"qsync:join?id=%00" + hex, "position"},
		{"qsync:join?id=" + strings.Repeat("00", 32), "repeated"},
	} {
		_, _, err := parseInvitation(c.text)
		if !errors.Is(err, certs.ErrSyncID) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), hex[:8]) {
			t.Errorf("%q: %v, want %q", strings.ReplaceAll(c.text, hex, "…"), err, c.says)
		}
		code, out, messages := call(t, nil, c.text, "id", "check", "-")
		if code != 2 || out != "" || strings.Contains(messages, hex[:8]) {
			t.Errorf("%q: %d %q", strings.ReplaceAll(c.text, hex, "…"), code, messages)
		}
	}
}

// Whatever is read as a link makes no trouble, and what is written is read.
func TestLinkRoundTrip(t *testing.T) {
	addr := rapid.SampledFrom([]string{"10.0.0.1:2121", "192.168.100.200:65535", "[2001:db8:1234:5678:9abc:def0:1234:5678]:2121", "172.16.0.1:1"})
	rapid.Check(t, func(t *rapid.T) {
		v := invitation{at: rapid.SliceOfNDistinct(addr, 0, 4, rapid.ID).Draw(t, "at")}
		copy(v.id[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id"))
		v.id[0], v.id[1] = 1, 2 // not weak
		text := v.link()
		got, err := parseLink(text)
		if err != nil || got.id != v.id || len(text) > maxLink {
			t.Fatal(text, err)
		}
		for _, a := range got.at {
			if !slices.Contains(v.at, a) {
				t.Fatal(a)
			}
		}
		i := rapid.IntRange(0, len(text)-1).Draw(t, "place")
		damaged := text[:i] + rapid.String().Draw(t, "junk") + text[i:]
		if _, err := parseLink(damaged); err != nil && !errors.Is(err, certs.ErrSyncID) {
			t.Fatal(err)
		}
	})
}

func TestInvitable(t *testing.T) {
	got := invitable([]string{"[2001:db8::1]:2121", "169.254.1.1:2121", "[fe80::1%eth0]:2121", "127.0.0.1:2121", "[::1]:2121", "8.8.8.8:2121", "192.168.0.10:2121", "0.0.0.0:2121"})
	if want := "192.168.0.10:2121 8.8.8.8:2121 [2001:db8::1]:2121 169.254.1.1:2121"; strings.Join(got, " ") != want {
		t.Error(got)
	}
}
