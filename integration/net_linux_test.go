package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

var namespaces atomic.Int32

// onOwnNetwork puts a machine into a network namespace, with nothing but a
// loopback in it.
func (m *machine) onOwnNetwork() *machine {
	m.t.Helper()
	ns := fmt.Sprintf("qsync-%d-%d", os.Getpid(), namespaces.Add(1))
	if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
		m.t.Fatalf("this test makes network namespaces, for which it needs root and iproute2: %v: %s", err, out)
	}
	m.t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", ns).Run() })
	m.wrap = []string{"ip", "netns", "exec", ns}
	ip(m.t, "-n", ns, "link", "set", "lo", "up")
	return m
}

func (m *machine) ns() string { return m.wrap[len(m.wrap)-1] }

func ip(t testing.TB, args ...string) []byte {
	t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// cable joins two machines by an interface of that name on either side, with
// addresses 10.77.n.1 and 10.77.n.2.
func cable(a, b *machine, name string, n int) (atA, atB string) {
	a.t.Helper()
	ip(a.t, "-n", a.ns(), "link", "add", name, "type", "veth", "peer", "name", name, "netns", b.ns())
	for i, m := range []*machine{a, b} {
		ip(a.t, "-n", m.ns(), "addr", "add", fmt.Sprintf("10.77.%d.%d/24", n, i+1), "dev", name)
		ip(a.t, "-n", m.ns(), "link", "set", name, "up")
	}
	return fmt.Sprintf("10.77.%d.1", n), fmt.Sprintf("10.77.%d.2", n)
}

// received is how many bytes have come in on an interface.
func (m *machine) received(name string) int64 {
	m.t.Helper()
	var links []struct {
		Stats struct{ RX struct{ Bytes int64 } } `json:"stats64"`
	}
	if err := json.Unmarshal(ip(m.t, "-n", m.ns(), "-s", "-j", "link", "show", "dev", name), &links); err != nil || len(links) != 1 {
		m.t.Fatalf("ip -s link: %v", err)
	}
	return links[0].Stats.RX.Bytes
}
