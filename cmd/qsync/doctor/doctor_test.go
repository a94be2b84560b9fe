package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"qsync/certs"
	"qsync/discovery"
)

// TestFindings looks at every check from both sides.
func TestFindings(t *testing.T) {
	odd := fmt.Errorf("x: %w", errors.ErrUnsupported)
	broken := errors.New("it broke")
	gib, mib := int64(1<<30), int64(1<<20)
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	here := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("192.168.7.2/24"), netip.MustParsePrefix("fe80::1/64")}
	link := func(l discovery.Link) discovery.Link {
		l.Interface, l.Family = "eth0", discovery.IPv4
		return l
	}
	for i, c := range []struct {
		f     Finding
		state State
		text  string
		cure  string // "" wants none
	}{
		{Nodes([]int{7, 8}, 2, 3), OK, "process 7, 8, with 2 of 3", ""},
		{Nodes(nil, 0, 2), Bad, "2 folders do not sync", "qsync serve"},
		{Nodes(nil, 0, 0), Note, "no folder is known", "qsync share DIR"},
		{Version("1", "1"), OK, "1", ""},
		{Version("1", "2"), Note, "version 1, this program of 2", "restart"},
		{Home("/h", 1, 1, 0o700), OK, "alone", ""},
		{Home("/h", 1, 2, 0o700), Bad, "another user", "--home"},
		{Home("/h h", 1, 1, 0o755), Bad, "others may read", "chmod 700 '/h h'"},
		{Home("/h", -1, -1, 0o777), OK, "alone", ""},
		{Secrets(nil), OK, "alone", ""},
		{Secrets([]string{"/h/device"}), Bad, "/h/device", "chmod 600 /h/device"},
		{Space("x", 100*gib, 200*gib, nil), OK, "100.0 GiB", ""},
		{Space("x", 100*mib, 200*gib, nil), Bad, "only 100.0 MiB", "make room"},
		{Space("x", 3*gib, 200*gib, nil), Note, "not much", ""},
		{Space("x", 0, 0, broken), Note, "it broke", ""},
		{Map(MapFacts{Missing: true}), Note, "no map yet", ""},
		{Map(MapFacts{Running: true, Size: 5 * mib}), OK, "5.0 MiB", ""},
		{Map(MapFacts{Size: 5}), OK, "5 bytes and is sound", ""},
		{Map(MapFacts{Err: broken}), Bad, "damaged: it broke", "makes a new one"},
		{Map(MapFacts{Err: fs.ErrPermission}), Bad, "permission denied", "owner of the home"},
		{Clock(now, now.Add(-time.Hour), true, nil), OK, "kept right", ""},
		{Clock(now, now.Add(time.Hour), true, nil), Bad, "which is past", "timedatectl"},
		{Clock(now, now.Add(-time.Hour), false, nil), Note, "nothing keeps", "timedatectl"},
		{Clock(now, now.Add(-time.Hour), false, odd), OK, "nothing to look at", ""},
		{Folder(FolderFacts{State: "stopped", Reason: "no disk"}), Bad, "no disk", "qsync status"},
		{Folder(FolderFacts{State: "paused", Reason: "you paused it"}), Note, "you paused it", "resume"},
		{Folder(FolderFacts{State: "idle"}), Note, "no peer", "qsync join"},
		{Folder(FolderFacts{State: "idle", Peers: 2}), Note, "none of its 2", ""},
		{Folder(FolderFacts{State: "idle", Peers: 1}), Note, "its peer is not connected", ""},
		{Folder(FolderFacts{State: "idle", Peers: 2, Connected: 1, Problems: 3}), Note, "3 of its entries", "status"},
		{Folder(FolderFacts{State: "idle", Peers: 2, Connected: 1, Conflicts: 3}), Note, "3 conflict", "status"},
		{Folder(FolderFacts{State: "idle", Reason: "odd", Peers: 1, Connected: 1}), Note, "odd", ""},
		{Folder(FolderFacts{State: "idle", Peers: 2, Connected: 1}), OK, "1 of 2", ""},

		{Port(PortFacts{Port: 2121}), OK, "2121 is free", ""},
		{Port(PortFacts{Port: 2121, Nodes: []int{9}}), OK, "process 9", ""},
		{Port(PortFacts{Port: 4000, Nodes: []int{9}}), OK, "HOST:4000", ""},
		{Port(PortFacts{Port: 2121, Bind: syscall.EADDRINUSE, Owner: `"x" (process 3)`}), Note, `taken by "x" (process 3)`, "--remote"},
		{Port(PortFacts{Port: 2121, Bind: syscall.EADDRINUSE, Asked: true}), Bad, "taken by another program", "--listen"},
		{Port(PortFacts{Port: 21, Bind: syscall.EACCES}), Bad, "may not listen", "above 1023"},
		{Port(PortFacts{Port: 21, Bind: broken}), Bad, "it broke", ""},

		{Reach(ReachFacts{Remote: "h", Connected: true, Err: broken}), OK, "connected", ""},
		{Reach(ReachFacts{Remote: "h", Self: true}), Bad, "own node", "other machine"},
		{Reach(ReachFacts{Remote: "h", Folder: "/f", Name: "nas\x1b"}), OK, `"nas\x1b"`, ""},
		{Reach(ReachFacts{Remote: "h", Err: certs.ErrWrongID}), OK, "h answers", ""},
		{Reach(ReachFacts{Remote: "h", Folder: "/f", Typed: true, Err: certs.ErrWrongID}), Bad, "does not hold this ID: it looks the same as no such folder", "qsync id words"},
		{Reach(ReachFacts{Remote: "h", Typed: true, Err: certs.ErrVersion}), Bad, "no protocol in common", "same version"},
		{Reach(ReachFacts{Remote: "h", Typed: true, Err: fmt.Errorf("x: %w", &net.DNSError{})}), Bad, "no address for the name", "spelling"},
		{Reach(ReachFacts{Remote: "h", Typed: true, Err: syscall.ENETUNREACH}), Bad, "no way to that network", "ip route"},
		{Reach(ReachFacts{Remote: "h", Typed: true, Err: syscall.EPERM}), Bad, "own firewall", "allow UDP out"},
		{Reach(ReachFacts{Remote: "h", Typed: true, Err: broken}), Bad, "no answer: a firewall, a wrong address, or qsync does not run there", "2121/udp"},
		{Reach(ReachFacts{Remote: "h", Err: broken}), Note, "no answer", "2121/udp"},
		{Reach(ReachFacts{Remote: "[fe80::1%eth0]:3000", Err: broken}), Note, "no answer", "allow 3000/udp, or sudo firewall-cmd --add-port=3000/udp"},

		{Subnet("h", []netip.Addr{netip.MustParseAddr("192.168.7.9")}, here), OK, "192.168.7.0/24", ""},
		{Subnet("h", []netip.Addr{netip.MustParseAddr("fe80::9%eth0")}, here), OK, "fe80::/64", ""},
		{Subnet("h", []netip.Addr{netip.MustParseAddr("10.0.0.9")}, here), Note, "another network", "--remote"},
		{Subnet("h", []netip.Addr{netip.MustParseAddr("::1")}, here), OK, "this machine", ""},
		{Subnet("h", nil, here), Note, "not known", ""},
		{Addresses(here), OK, "192.168.7.2/24, fe80::1/64", ""},
		{Addresses(here[:1]), Bad, "no network address", "ip address"},

		{Multicast(link(discovery.Link{Sent: 2, Heard: 2, Found: 1}), true), OK, "peers were heard", ""},
		{Multicast(link(discovery.Link{Sent: 2, Heard: 2}), true), OK, "no peer was heard", ""},
		{Multicast(link(discovery.Link{Sent: 2, Heard: 2}), false), OK, "sends and hears", ""},
		{Multicast(link(discovery.Link{Sent: 2}), true), Bad, "not even this machine's own", "5353"},
		{Multicast(link(discovery.Link{}), true), Note, "nothing was sent", ""},
		{Multicast(link(discovery.Link{Err: syscall.EPERM}), true), Bad, "own firewall", "5353"},
		{Multicast(link(discovery.Link{Err: broken}), true), Bad, "eth0 (IPv4): it broke", "--remote"},
		{Multicast(discovery.Link{Err: broken}, true), Bad, "cannot work: it broke", ""},

		{Buffers(8_000_000, 8_000_000, nil), OK, "as large", ""},
		{Buffers(212_992, 8_000_000, nil), Note, "208.0 KiB", `printf 'net.core.rmem_max=7500000\nnet.core.wmem_max=7500000\n' | sudo tee`},
		{Buffers(0, 0, odd), OK, "nothing to look at", ""},
		{Watches(100_000, 1000, nil), OK, "100000", ""},
		{Watches(1500, 1000, nil), Note, "together with", "max_user_watches=524288"},
		{Watches(8192, 1_000_000, nil), Bad, "only seen by full passes", "max_user_watches=2000000"},
		{Watches(0, 0, odd), OK, "nothing to look at", ""},
		{Instances(128, 10, 2, nil), OK, "10 of 128", ""},
		{Instances(128, 127, 2, nil), Bad, "127 of 128", "max_user_instances=1024"},
		{Instances(0, 0, 0, broken), Note, "it broke", ""},
		{FileSystem(Traits{Type: "ext", Granularity: 1}, nil), OK, "(ext)", ""},
		{FileSystem(Traits{FoldsCase: true, Normalises: true, NoSymlinks: true, Granularity: 2e9, Exchange: broken}, nil), Note, "Foo and foo", ""},
		{FileSystem(Traits{Type: "nfs"}, nil), Note, "other machines", "every: 10m"},
		{FileSystem(Traits{}, broken), Note, "it broke", ""},
	} {
		if c.f.State != c.state || !strings.Contains(c.f.Text, c.text) || (c.cure == "") != (c.f.Cure == "") || !strings.Contains(c.f.Cure, c.cure) {
			t.Errorf("%d: %+v, want %s, %q, cure %q", i, c.f, c.state, c.text, c.cure)
		}
		if c.f.Check == "" || strings.ContainsAny(c.f.Text+c.f.Cure, "\n\x1b") || c.f.State == Bad && c.f.Cure == "" && !strings.Contains(c.f.Text, "broke") {
			t.Errorf("%d: %+v", i, c.f)
		}
	}
	if f := Version("1", "1").At("/f"); f.Folder != "/f" {
		t.Error("a finding does not keep its folder")
	}
}

func TestLook(t *testing.T) {
	dir := t.TempDir()
	traits, err := Look(dir)
	if err != nil {
		t.Fatal(err)
	}
	// What the tests run on is no FAT.
	if traits.Granularity < 1 || traits.Granularity >= 1e9 {
		t.Errorf("%+v", traits)
	}
	if f := FileSystem(traits, nil); f.State == Bad {
		t.Errorf("%+v", f)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := Look(dir + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a directory: %v", err)
	}
}

func TestFreeSpace(t *testing.T) {
	free, total, err := FreeSpace(t.TempDir())
	if err != nil || free <= 0 || total < free {
		t.Errorf("%d of %d, %v", free, total, err)
	}
	if _, _, err := FreeSpace(t.TempDir() + "/none"); err == nil {
		t.Error("space where there is nothing")
	}
}

func TestNetworkFacts(t *testing.T) {
	all, err := Prefixes()
	if err != nil || len(all) == 0 {
		t.Errorf("this machine has no addresses: %v", err)
	}
	if got := Lookup(t.Context(), "127.0.0.1"); len(got) != 1 || !got[0].IsLoopback() {
		t.Errorf("127.0.0.1 is %v", got)
	}
}
