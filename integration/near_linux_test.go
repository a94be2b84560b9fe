package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// connected waits until a process started with --json tells of a peer again,
// or of a new link to one, and returns how long that took since a moment. times is
// how often it has by then.
func (p *process) connected(times int, since time.Time) time.Duration {
	p.m.t.Helper()
	p.m.eventually(func() error {
		out := p.out.String()
		if n := strings.Count(out, `"event":"peer_connected"`) + strings.Count(out, `"event":"peer_moved"`); n < times {
			return fmt.Errorf("%s has no peer: %d connections, want %d", p.m.name, n, times)
		}
		return nil
	})
	return time.Since(since)
}

// nearPair starts share on one machine and, a while later, join on another one,
// and returns how long it took them to meet since the second start, which has to be soon.
func nearPair(t *testing.T, a, b *machine) (pa, pb *process, took time.Duration) {
	t.Helper()
	dirA, dirB := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	must(t, os.MkdirAll(dirA, 0o755))
	must(t, os.WriteFile(filepath.Join(dirA, "f"), []byte("x"), 0o644))
	pa = a.start("share", dirA, "--json", "--name", a.name)
	id := pa.ready().ID
	time.Sleep(1200 * time.Millisecond) // the first announcements are over
	began := time.Now()
	pb = b.startFed(id+"\n", "join", "-", dirB, "--json", "--name", b.name)
	if took = pb.connected(1, began); overdue(began, took, soon) {
		t.Errorf("they met after %v", took)
	}
	eventually(t, func() error {
		_, err := os.Stat(filepath.Join(dirB, "f"))
		return err
	})
	return pa, pb, took
}

// share and join find each other without an address, whatever the network is
// like. (F77, F78)
func TestPairWithoutAddress(t *testing.T) {
	t.Parallel()
	for name, plug := range map[string]func(l *lan, a, b *machine){
		"two interfaces": func(l *lan, a, b *machine) {
			other := newLAN(t)
			for i, m := range []*machine{a, b} {
				other.plug(m, "other", fmt.Sprintf("10.88.0.%d/24", i+1))
				l.plug(m, "net", fmt.Sprintf("10.77.0.%d/24", i+1), fmt.Sprintf("2001:db8::%d/64", i+1))
				ip(t, "-n", m.ns(), "route", "add", "default", "via", "10.88.0.254")
			}
		},
		"IPv4 alone, no default route": func(l *lan, a, b *machine) {
			for i, m := range []*machine{a, b} {
				m.sysctl("net/ipv6/conf/all/disable_ipv6", "1")
				m.sysctl("net/ipv6/conf/default/disable_ipv6", "1")
				l.plug(m, "net", fmt.Sprintf("10.77.0.%d/24", i+1))
			}
		},
		"IPv6 alone": func(l *lan, a, b *machine) {
			for i, m := range []*machine{a, b} {
				l.plug(m, "net", fmt.Sprintf("2001:db8::%d/64", i+1))
			}
		},
		"link-local alone": func(l *lan, a, b *machine) {
			l.plug(a, "net")
			l.plug(b, "net")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, a, b := newLAN(t), host(t, "a"), host(t, "b")
			plug(l, a, b)
			a.linkLocalIfAny("net")
			b.linkLocalIfAny("net")
			_, _, took := nearPair(t, a, b)
			t.Logf("it took %v", took)
		})
	}
}

// linkLocalIfAny waits until an interface has its link-local address, which
// takes the system a moment; without IPv6 there is none.
func (m *machine) linkLocalIfAny(name string) {
	m.t.Helper()
	if strings.Contains(string(ip(m.t, "netns", "exec", m.ns(), "cat", "/proc/sys/net/ipv6/conf/all/disable_ipv6")), "0") {
		m.linkLocal(name)
	}
}

// A node whose address changes is met again, and so is one that starts again
// where multicast does not get through: at the address where it was.
func TestMeetAgain(t *testing.T) {
	t.Parallel()
	l, a, b := newLAN(t), host(t, "a"), host(t, "b")
	for i, m := range []*machine{a, b} {
		m.sysctl("net/ipv6/conf/default/disable_ipv6", "1")
		l.plug(m, "net", fmt.Sprintf("10.77.0.%d/24", i+1))
	}
	pa, pb, _ := nearPair(t, a, b)
	before := strings.Count(pa.out.String(), `"event":"peer_connected"`)
	began := time.Now()
	ip(t, "-n", b.ns(), "addr", "del", "10.77.0.2/24", "dev", "net")
	b.address("net", "10.77.0.22/24")
	if took := pa.connected(before+1, began); overdue(began, took, moved) {
		t.Errorf("after another address it took %v", took)
	}
	b.settles(1)
	for _, p := range []*process{pa, pb} {
		p.end(sigterm, 143)
	}
	for port := 1; port <= 2; port++ {
		ip(t, "-n", l.m.ns(), "link", "set", fmt.Sprintf("port%d", port), "type", "bridge_slave", "mcast_flood", "off")
	}
	deaf := []*beacon{a.beacon("10.77.0.1:2121", 1), b.beacon("10.77.0.22:2121", 1)}
	time.Sleep(1500 * time.Millisecond)
	for _, d := range deaf {
		if d.end(); len(d.addresses()) > 0 {
			t.Fatalf("%s hears %v: this test is blind", d.m.name, d.addresses())
		}
	}
	qa := a.start("share", pa.args[1], "--json")
	qa.ready()
	began = time.Now()
	qb := b.start("share", pb.args[2], "--json")
	if took := qb.connected(1, began); overdue(began, took, soon) {
		t.Errorf("without multicast it took %v", took)
	}
}

// --no-discovery, and discovery: false, send nothing at all.
func TestNoDiscovery(t *testing.T) {
	t.Parallel()
	l, a := newLAN(t), host(t, "a")
	a.sysctl("net/ipv6/conf/default/disable_ipv6", "1")
	l.plug(a, "net", "10.77.0.1/24")
	dir := t.TempDir()
	wire := l.listen()
	run := func(args ...string) (packets int) {
		p := a.start(args...)
		p.ready()
		time.Sleep(2 * time.Second)
		p.end(sigterm, 143)
		return len(wire.take())
	}
	time.Sleep(time.Second) // the interface has come up
	wire.take()
	if n := run("share", dir, "--json", "--no-discovery"); n > 0 {
		t.Errorf("--no-discovery sends %d packets", n)
	}
	must(t, os.WriteFile(filepath.Join(a.home, "config.yaml"), []byte("discovery: false\nfolders:\n  - path: "+dir+"\n"), 0o600))
	if n := run("serve", "--json"); n > 0 {
		t.Errorf("discovery: false sends %d packets", n)
	}
	must(t, os.Remove(filepath.Join(a.home, "config.yaml")))
	if n := run("share", dir, "--json"); n == 0 {
		t.Error("with discovery nothing is sent: this test is blind")
	}
}
