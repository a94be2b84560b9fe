package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// lan is an Ethernet: a bridge in a namespace of its own.
type lan struct {
	t     testing.TB
	m     *machine
	ports int
}

func newLAN(t testing.TB) *lan {
	t.Helper()
	l := &lan{t: t, m: newMachine(t, "switch").onOwnNetwork()}
	l.m.sysctl("net/ipv6/conf/default/disable_ipv6", "1") // the switch itself is silent
	ip(t, "-n", l.m.ns(), "link", "add", "br0", "type", "bridge")
	ip(t, "-n", l.m.ns(), "link", "set", "br0", "up")
	return l
}

// plug gives a machine an interface on the LAN, with those addresses.
func (l *lan) plug(m *machine, name string, addrs ...string) {
	l.t.Helper()
	l.ports++
	port := fmt.Sprintf("port%d", l.ports)
	ip(l.t, "-n", l.m.ns(), "link", "add", port, "type", "veth", "peer", "name", name, "netns", m.ns())
	ip(l.t, "-n", l.m.ns(), "link", "set", port, "master", "br0", "up")
	m.address(name, addrs...)
	ip(l.t, "-n", m.ns(), "link", "set", name, "up")
}

func (m *machine) address(name string, addrs ...string) {
	m.t.Helper()
	for _, a := range addrs {
		ip(m.t, "-n", m.ns(), "addr", "add", a, "dev", name)
	}
}

// sysctl sets a value in the namespace of a machine.
func (m *machine) sysctl(name, value string) {
	m.t.Helper()
	args := append(m.wrap[1:], "sh", "-c", "echo "+value+" > /proc/sys/"+name)
	ip(m.t, args...)
}

// linkLocal is the address that an interface gave itself.
func (m *machine) linkLocal(name string) string {
	m.t.Helper()
	var addr string
	m.eventually(func() error {
		out := string(ip(m.t, "-n", m.ns(), "-6", "addr", "show", "dev", name, "scope", "link", "-tentative"))
		_, rest, ok := strings.Cut(out, "inet6 ")
		addr, _, _ = strings.Cut(rest, "/")
		if !ok {
			return fmt.Errorf("no link-local address on %s", name)
		}
		return nil
	})
	return addr
}

// host is a machine of a LAN. Duplicate addresses are not looked for, which
// would take a second.
func host(t testing.TB, name string) *machine {
	t.Helper()
	m := newMachine(t, name).onOwnNetwork()
	m.sysctl("net/ipv6/conf/default/accept_dad", "0")
	return m
}

const soon = 3 * time.Second // from the start of the second node to the pair

// Two nodes find each other whatever the network is like, at the addresses at
// which they reach each other and at no others. (F77, F78)
func TestNear(t *testing.T) {
	t.Parallel()
	v6 := func(m *machine) string { return "[" + m.linkLocal("net") + "%net]:2121" }
	for name, c := range map[string]struct {
		make func(l *lan, a, b *machine)
		at   func(m *machine, n int) []string // of machine n, as the other dials it
	}{
		"two families and a router": {func(l *lan, a, b *machine) {
			for i, m := range []*machine{a, b} {
				l.plug(m, "net", fmt.Sprintf("10.77.0.%d/24", i+1), fmt.Sprintf("2001:db8::%d/64", i+1))
				ip(t, "-n", m.ns(), "route", "add", "default", "via", "10.77.0.254")
				ip(t, "-n", m.ns(), "route", "add", "default", "via", "2001:db8::fe")
			}
		}, func(m *machine, n int) []string {
			return []string{fmt.Sprintf("10.77.0.%d:2121", n), fmt.Sprintf("[2001:db8::%d]:2121", n), v6(m)}
		}},
		"IPv4 alone, no router": {func(l *lan, a, b *machine) {
			for i, m := range []*machine{a, b} {
				m.sysctl("net/ipv6/conf/all/disable_ipv6", "1")
				m.sysctl("net/ipv6/conf/default/disable_ipv6", "1")
				l.plug(m, "net", fmt.Sprintf("10.77.0.%d/24", i+1))
			}
		}, func(m *machine, n int) []string { return []string{fmt.Sprintf("10.77.0.%d:2121", n)} }},
		"IPv6 alone": {func(l *lan, a, b *machine) {
			for i, m := range []*machine{a, b} {
				l.plug(m, "net", fmt.Sprintf("2001:db8::%d/64", i+1))
			}
		}, func(m *machine, n int) []string { return []string{fmt.Sprintf("[2001:db8::%d]:2121", n), v6(m)} }},
		"link-local alone": {func(l *lan, a, b *machine) {
			l.plug(a, "net")
			l.plug(b, "net")
		}, func(m *machine, _ int) []string { return []string{v6(m)} }},
		"each with a second network that the other does not reach": {func(l *lan, a, b *machine) {
			for i, m := range []*machine{a, b} {
				other := newLAN(t)
				other.plug(m, "another", fmt.Sprintf("10.88.%d.1/24", i))
				ip(t, "-n", m.ns(), "route", "add", "default", "via", fmt.Sprintf("10.88.%d.254", i))
				l.plug(m, "net", fmt.Sprintf("10.77.0.%d/24", i+1))
				other.plug(m, "third", fmt.Sprintf("10.99.%d.1/24", i))
			}
		}, func(m *machine, n int) []string { return []string{fmt.Sprintf("10.77.0.%d:2121", n), v6(m)} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, a, b := newLAN(t), host(t, "a"), host(t, "b")
			c.make(l, a, b)
			atA, atB := c.at(a, 1), c.at(b, 2)
			na := a.beacon("[::]:2121", 1)
			time.Sleep(1500 * time.Millisecond) // a has announced itself for the first and second time
			nb := b.beacon("[::]:2121", 2, 1)
			slow := max(na.finds(1, atB[0], nb.started), nb.finds(1, atA[0], nb.started))
			t.Logf("it took %v", slow)
			if overdue(nb.started, slow, soon) {
				t.Errorf("it took %v", slow)
			}
			time.Sleep(300 * time.Millisecond) // what else may come
			na.end()
			nb.end()
			na.wants(t, atB...)
			nb.wants(t, atA...)
		})
	}
}

const moved = 5 * time.Second // from a change of the network to its being known

// A node that gets another address, a new interface, or its cable back, is found
// again; interfaces that go cost nothing; one folder more or less is known at once.
func TestNearChanges(t *testing.T) {
	t.Parallel()
	l, a, b := newLAN(t), newMachine(t, "a").onOwnNetwork(), newMachine(t, "b").onOwnNetwork()
	l.plug(a, "net", "10.77.0.1/24")
	na := a.beacon("[::]:2121", 1, 2)
	nb := b.beacon("[::]:2121", 1, 3) // without any network
	within := func(what string, folder byte, addr string, change func()) {
		t.Helper()
		began := time.Now()
		change()
		if took := na.finds(folder, addr, began); overdue(began, took, moved) {
			t.Errorf("%s: it took %v", what, took)
		}
	}
	within("a first interface", 1, "10.77.0.2:2121", func() { l.plug(b, "net", "10.77.0.2/24") })
	within("another address", 1, "10.77.0.22:2121", func() {
		ip(t, "-n", b.ns(), "addr", "del", "10.77.0.2/24", "dev", "net")
		b.address("net", "10.77.0.22/24")
	})
	within("an address of the other family", 1, "[2001:db8::2]:2121", func() { b.address("net", "2001:db8::2/64") })
	within("the cable back", 1, "10.77.0.23:2121", func() {
		ip(t, "-n", b.ns(), "link", "set", "net", "down")
		b.address("net", "10.77.0.23/24")
		time.Sleep(500 * time.Millisecond)
		ip(t, "-n", b.ns(), "link", "set", "net", "up")
	})
	within("another card", 1, "10.77.0.24:2121", func() {
		ip(t, "-n", b.ns(), "link", "del", "net")
		l.plug(b, "usb", "10.77.0.24/24")
	})
	within("one folder more", 2, "10.77.0.24:2121", func() { fmt.Fprintln(nb.in, "\x01\x02") })
	ip(t, "-n", b.ns(), "link", "del", "usb")
	time.Sleep(2 * time.Second)
	na.end()
	if last := nb.end(); len(last.Report) != 0 {
		t.Errorf("without an interface it reports %+v", last.Report)
	}
	if took := nb.busy(); took > time.Second {
		t.Errorf("b was busy for %v", took)
	}
	if strings.Contains(na.out.String(), `"Folder":3`) {
		t.Error("a found a folder that it does not hold")
	}
}
