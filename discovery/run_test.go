package discovery

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
)

// listener is a run with one station, without sockets, and what it finds.
func listener(l link, keys ...key) (*run, *station, *[]found) {
	all := &[]found{}
	r := &run{keys: keys, b: New(Config{Found: func(k [32]byte, at []netip.AddrPort) { *all = append(*all, found{k, at}) }})}
	s := &station{link: l, conn: &conn{}}
	r.stations = map[string]*station{"": s}
	return r, s, all
}

// What somebody repeats leads nowhere but to where the node said it was: not to
// ourselves, not to our loopback, and our own voice is not a peer's.
func TestRepeated(t *testing.T) {
	l := link{name: "eth0", at: addrs("10.0.0.1:1", "[fe80::1]:1")}
	r, s, all := listener(l, keyOf(1))
	r.rename(s, time.Now())
	hear := func(what string, a advert, want ...netip.AddrPort) {
		t.Helper()
		*all = nil
		r.take(event{from: s.conn, heard: heard{adverts: []advert{a}}})
		var got []netip.AddrPort
		for _, f := range *all {
			got = append(got, f.addrs...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: found %v, want %v", what, got, want)
		}
	}
	hear("a peer", seal(addrs("10.0.0.2:1"), r.keys), addrs("10.0.0.2:1")...)
	hear("a peer on this machine", seal(addrs("10.0.0.1:2"), r.keys), addrs("10.0.0.1:2")...)
	hear("a stranger", seal(addrs("10.0.0.2:1"), []key{keyOf(2)}))
	hear("a member who wants us to dial ourselves", seal(addrs("127.0.0.1:1", "[::1]:80"), r.keys))
	hear("our advert of an earlier run", seal(l.at, r.keys))
	own, ok := parse(s.answer)
	if !ok || len(own.adverts) != 1 {
		t.Fatal("our own answer cannot be read")
	}
	elsewhere := own.adverts[0]
	r.stations = map[string]*station{"": {link: link{name: "wlan0"}, conn: s.conn}} // our address is another by now
	hear("our advert of a minute ago", elsewhere)
	for range 2 * ownNonces {
		r.rename(s, time.Now())
	}
	if len(r.nonces) != ownNonces {
		t.Errorf("%d nonces are remembered", len(r.nonces))
	}
}

// One advert for two folders of ours is found for both.
func TestTwoFolders(t *testing.T) {
	r, s, all := listener(link{name: "eth0"}, keyOf(1), keyOf(2), keyOf(3))
	at := addrs("[fe80::2]:7")
	r.take(event{from: s.conn, heard: heard{adverts: []advert{seal(at, []key{keyOf(3), keyOf(1)})}}})
	zoned := addrs("[fe80::2%eth0]:7")
	if want := []found{{keyOf(1), zoned}, {keyOf(3), zoned}}; !reflect.DeepEqual(*all, want) {
		t.Errorf("found %v, want %v", *all, want)
	}
}

// A node without folders says nothing, and answers nobody.
func TestSilent(t *testing.T) {
	r, s, _ := listener(link{name: "eth0", at: addrs("10.0.0.1:1")}, keyOf(1))
	now := time.Now()
	r.rename(s, now)
	r.keys = nil
	r.rename(s, now)
	r.take(event{from: s.conn, heard: heard{asked: true, id: 7}})
	if s.answer != nil || len(r.serve(s, now.Add(time.Hour))) != 0 || s.sent.Load() != 0 {
		t.Errorf("it would say %q", s.answer)
	}
}

// A socket that fails is tried again less and less often, at once when the
// network changes.
func TestPatience(t *testing.T) {
	s := &station{}
	now := time.Now()
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if s.fail(errAdvert, now); s.retry.Sub(now) != want*time.Second {
			t.Errorf("the next attempt comes after %v, want %v s", s.retry.Sub(now), int(want))
		}
	}
}

func TestConfig(t *testing.T) {
	for _, listen := range []netip.AddrPort{{}, netip.MustParseAddrPort("10.0.0.1:0")} {
		if err := New(Config{Listen: listen}).Run(t.Context()); err == nil {
			t.Errorf("%v is taken", listen)
		}
	}
}
