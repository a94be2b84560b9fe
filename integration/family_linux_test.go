package integration

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Two machines that have nothing but IPv6, and of it link-local addresses alone:
// the one socket dials with a zone, and the address is remembered. (F77)
func TestLinkLocal(t *testing.T) {
	t.Parallel()
	a, b := host(t, "a"), host(t, "b")
	ip(t, "-n", a.ns(), "link", "add", "net", "type", "veth", "peer", "name", "net", "netns", b.ns())
	ip(t, "-n", a.ns(), "link", "set", "net", "up")
	ip(t, "-n", b.ns(), "link", "set", "net", "up")
	d := dirs(t, "a", "b")
	write(t, filepath.Join(d[0], "x"), "from a")
	ready := a.start("share", d[0], "--json", "--no-discovery").ready()
	at := "[" + a.linkLocal("net") + "%net]:2121"
	b.linkLocal("net")
	p := b.startFed(ready.ID, "join", "-", d[1], "--remote", at, "--no-discovery")
	b.settles(1)
	same(t, d...)
	f, _ := b.folder()
	if len(f.Peers) != 1 || f.Peers[0].Address != at {
		t.Errorf("peers %+v, wanted one at %s", f.Peers, at)
	}
	p.end(syscall.SIGINT, 130)
	if f, _ = a.folder(); len(f.Peers) != 1 || !strings.HasSuffix(f.Peers[0].Address, "%net]:2121") {
		t.Errorf("peers %+v", f.Peers)
	}
}

// Where IPv6 is switched off, the default socket is there for IPv4 alone. (F77)
func TestNoIPv6(t *testing.T) {
	t.Parallel()
	a, b := host(t, "a"), host(t, "b")
	for _, m := range []*machine{a, b} {
		m.sysctl("net/ipv6/conf/all/disable_ipv6", "1")
		m.sysctl("net/ipv6/conf/default/disable_ipv6", "1")
	}
	atA, _ := cable(a, b, "net", 1)
	d := dirs(t, "a", "b")
	write(t, filepath.Join(d[0], "x"), "from a")
	ready := a.start("share", d[0], "--json", "--no-discovery").ready()
	b.startFed(ready.ID, "join", "-", d[1], "--remote", atA, "--no-discovery")
	b.settles(1)
	same(t, d...)
}

// A pair that met once by --remote finds itself again after both have restarted,
// though no address that anybody typed is good any more and no multicast is there
// to help: each remembers from where the other one came. (F76, F77)
func TestFoundAgain(t *testing.T) {
	t.Parallel()
	a, b := host(t, "a"), host(t, "b")
	atA, _ := cable(a, b, "net", 1)
	d := dirs(t, "a", "b")
	ready := a.start("share", d[0], "--json", "--no-discovery")
	p := b.startFed(ready.ready().ID, "join", "-", d[1], "--remote", atA, "--no-discovery")
	b.settles(1)
	p.kill()
	ready.kill()
	ip(t, "-n", a.ns(), "addr", "del", atA+"/24", "dev", "net")
	a.address("net", "10.77.1.9/24")
	a.start("share", d[0], "--no-discovery")
	b.start("share", d[1], "--no-discovery")
	write(t, filepath.Join(d[0], "x"), "from a")
	b.settles(1)
	same(t, d...)
}
