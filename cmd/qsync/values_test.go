package main

import (
	"encoding"
	"testing"
	"time"

	"qsync/peer"
)

func TestRemotes(t *testing.T) {
	for text, want := range map[string]string{
		"nas":                   "nas:2121",
		"nas:1":                 "nas:1",
		"192.168.0.10":          "192.168.0.10:2121",
		"192.168.0.10:65535":    "192.168.0.10:65535",
		"::1":                   "[::1]:2121",
		"[::1]":                 "[::1]:2121",
		"[::1]:99":              "[::1]:99",
		"fe80::1%eth0":          "[fe80::1%eth0]:2121",
		"[fe80::1%eth0]:2121":   "[fe80::1%eth0]:2121",
		" nas.example.org:2122": "nas.example.org:2122",
	} {
		if got, err := parseRemote(text); err != nil || got != want {
			t.Errorf("parseRemote(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", ":2121", "nas:", "nas:0", "nas:65536", "nas:x", "a b", "http://nas", "me@nas", "[::1", "[::1]x", "[]"} {
		if got, err := parseRemote(text); err == nil {
			t.Errorf("parseRemote(%q) = %q", text, got)
		}
	}
}

func TestListenAddresses(t *testing.T) {
	for text, want := range map[string]string{
		":2121": ":2121", "2122": ":2122", "127.0.0.1": "127.0.0.1:2121", "127.0.0.1:0": "127.0.0.1:0", "[::1]:5": "[::1]:5", "::1": "[::1]:2121",
	} {
		if got, err := parseListen(text); err != nil || got != want {
			t.Errorf("parseListen(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "nonsense", "1.2.3.4:x", ":70000", "1.2.3.4:-1"} {
		if got, err := parseListen(text); err == nil {
			t.Errorf("parseListen(%q) = %q", text, got)
		}
	}
}

func TestFlagValues(t *testing.T) {
	var s seconds
	var c count
	var b brakeValue
	for _, row := range []struct {
		into encoding.TextUnmarshaler
		text string
		ok   func() bool
	}{
		{&s, "10", func() bool { return s.or(0) == 10*time.Second }},
		{&s, "0.5", func() bool { return s.or(0) == 500*time.Millisecond }},
		{&s, "2m", func() bool { return s.or(0) == 2*time.Minute }},
		{&c, "0", func() bool { return c == 0 }},
		{&c, "17", func() bool { return c == 17 }},
		{&b, "500", func() bool { return peer.Brake(b) == peer.Brake{Entries: 500} }},
		{&b, "12.5%", func() bool { return peer.Brake(b) == peer.Brake{Percent: 12.5} }},
		{&b, "100%", func() bool { return !peer.Brake(b).Stops(1<<40, 1<<40) }},
	} {
		if err := row.into.UnmarshalText([]byte(row.text)); err != nil || !row.ok() {
			t.Errorf("%T of %q: %v", row.into, row.text, err)
		}
	}
	for _, text := range []string{"", "-1", "0", "x", "NaN", "Inf", "1e300", "-5s"} {
		if s.UnmarshalText([]byte(text)) == nil {
			t.Errorf("seconds of %q: %v", text, time.Duration(s))
		}
		if b.UnmarshalText([]byte(text)) == nil || b.UnmarshalText([]byte(text+"%")) == nil {
			t.Errorf("brake of %q: %+v", text, b)
		}
	}
	for _, text := range []string{"", "-1", "1.5", "x", "1000001", "99999999999999999999"} {
		if c.UnmarshalText([]byte(text)) == nil {
			t.Errorf("count of %q: %d", text, c)
		}
	}
	if (*seconds)(nil).or(time.Minute) != time.Minute {
		t.Error("no default")
	}
}
