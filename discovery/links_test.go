package discovery

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
)

func ips(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func TestCandidates(t *testing.T) {
	eth := ips("fe80::1", "192.168.0.9", "2001:db8::1", "10.0.0.1", "fd00::1", "192.168.0.9", "169.254.1.1", "127.0.0.5")
	lo := ips("127.0.0.1", "::1", "10.9.9.9")
	for _, c := range []struct {
		listen string
		l      link
		want   []netip.AddrPort
	}{
		{"[::]:7", link{addrs: eth}, addrs("10.0.0.1:7", "169.254.1.1:7", "192.168.0.9:7", "[2001:db8::1]:7", "[fd00::1]:7", "[fe80::1]:7")},
		{"0.0.0.0:7", link{addrs: eth}, addrs("10.0.0.1:7", "169.254.1.1:7", "192.168.0.9:7")},
		{"10.0.0.1:7", link{addrs: eth}, addrs("10.0.0.1:7")},
		{"[::ffff:10.0.0.1]:7", link{addrs: eth}, addrs("10.0.0.1:7")},
		{"[fe80::1%eth0]:7", link{addrs: eth}, addrs("[fe80::1]:7")},
		{"10.0.0.2:7", link{addrs: eth}, nil},
		{"127.0.0.1:7", link{addrs: lo, loopback: true}, addrs("127.0.0.1:7")},
		{"[::1]:7", link{addrs: lo, loopback: true}, addrs("[::1]:7")},
		{"[::]:7", link{}, nil},
	} {
		if got := candidates(c.l, netip.MustParseAddrPort(c.listen)); !reflect.DeepEqual(got, c.want) && len(got)+len(c.want) > 0 {
			t.Errorf("%s: %v, want %v", c.listen, got, c.want)
		}
	}
}

// Of too many addresses those that reach only the link go first.
func TestManyCandidates(t *testing.T) {
	l := link{}
	for i := range 2 * maxCandidates {
		l.addrs = append(l.addrs, netip.AddrFrom16([16]byte{0xfe, 0x80, 15: byte(i)}), netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
	}
	at := candidates(l, netip.MustParseAddrPort("[::]:7"))
	far := slices.IndexFunc(at, func(a netip.AddrPort) bool { return a.Addr().Is6() }) < 0
	if len(at) != maxCandidates || !far || !slices.IsSortedFunc(at, netip.AddrPort.Compare) {
		t.Errorf("%v", at)
	}
}

func TestDialable(t *testing.T) {
	told := addrs("10.0.0.7:1", "127.0.0.1:1", "169.254.3.4:1", "[::1]:1", "[2001:db8::1]:1", "[fe80::1]:1")
	for _, c := range []struct {
		l    link
		want []netip.AddrPort
	}{
		{link{name: "eth0"}, addrs("10.0.0.7:1", "169.254.3.4:1", "[2001:db8::1]:1", "[fe80::1%eth0]:1")},
		{link{}, addrs("10.0.0.7:1", "169.254.3.4:1", "[2001:db8::1]:1")},
		{link{name: "lo", loopback: true}, addrs("10.0.0.7:1", "127.0.0.1:1", "169.254.3.4:1", "[::1]:1", "[2001:db8::1]:1", "[fe80::1%lo]:1")},
	} {
		if got := c.l.dialable(told); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %v, want %v", c.l.name, got, c.want)
		}
	}
}

// This machine's own interfaces: whatever they are, none is used twice and
// none announces what nobody can dial.
func TestLinks(t *testing.T) {
	for _, listen := range []string{"[::]:7", "127.0.0.1:7"} {
		l := netip.MustParseAddrPort(listen)
		all, err := links(l)
		if err != nil {
			t.Fatal(err)
		}
		if l.Addr().IsLoopback() && len(all) == 0 {
			t.Error("loopback is missing")
		}
		seen := map[string]bool{}
		for _, l := range all {
			if seen[l.name] || len(l.at) == 0 || !l.has(IPv4) && !l.has(IPv6) {
				t.Errorf("%+v", l)
			}
			seen[l.name] = true
			for _, a := range l.at {
				if !announceable(a) {
					t.Errorf("%s announces %v", l.name, a)
				}
			}
		}
	}
}

// Where the system does not tell its interfaces, the address towards the world
// is announced, if there is one; never loopback.
func TestDefaultLink(t *testing.T) {
	if all, err := defaultLink(netip.MustParseAddrPort("127.0.0.1:7")); err == nil {
		t.Errorf("loopback leads to the world: %v", all)
	}
	all, err := defaultLink(netip.MustParseAddrPort("[::]:7"))
	if err != nil {
		all = nil // a machine without a route
	}
	for _, l := range all {
		if l.index != 0 || l.name != "" || l.loopback || l.netInterface() != nil || len(l.at) == 0 || len(l.at) > 2 {
			t.Errorf("%+v", l)
		}
		for _, a := range l.at {
			if !announceable(a) || a.Addr().IsLoopback() {
				t.Errorf("it announces %v", a)
			}
		}
	}
}
