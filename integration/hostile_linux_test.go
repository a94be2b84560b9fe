package integration

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// Bytes from anybody do no harm: a flood of noise, of things that look like QUIC,
// and of half a handshake leaves the node in order, and a peer still gets in
// at once. (F97)
func TestHostileBytes(t *testing.T) {
	t.Parallel()
	a, b := newMachine(t, "a"), newMachine(t, "b")
	d := dirs(t, "a", "b")
	richTree(t, d[0])
	pa := a.start("share", d[0], "--listen", "127.0.0.1:0", "--json")
	ready := pa.ready()
	before := resident(t, pa)
	random := rand.New(rand.NewPCG(1, 2))
	for range 8 { // as many senders
		conn, err := net.Dial("udp", ready.Listen[0])
		must(t, err)
		for i := range 1500 {
			_, _ = conn.Write(hostilePacket(random, i)) // the kernel may drop it
		}
		must(t, conn.Close())
	}
	began := time.Now()
	b.startFed(ready.ID, "join", "-", d[1], "--remote", ready.Listen[0], "--listen", "127.0.0.1:0")
	same(t, d...)
	if took := time.Since(began); overdue(began, took, 10*time.Second) {
		t.Errorf("after the flood a peer needed %v", took)
	}
	if after := resident(t, pa); after > before+64<<10 {
		t.Errorf("the flood took %d KiB of memory", after-before)
	}
	if !pa.running() {
		t.Error("the node ended")
	}
	if n := len(pa.err.String()); n > 64<<10 {
		t.Errorf("%d bytes of messages about it", n)
	}
}

// hostilePacket is noise, or an Initial packet with noise in it, or a packet of
// another version.
func hostilePacket(random *rand.Rand, i int) []byte {
	b := make([]byte, 1+random.IntN(1400))
	for j := range b {
		b[j] = byte(random.Uint32())
	}
	if i%3 == 0 || len(b) < 1200 {
		return b
	}
	b[0] = 0xc0 | b[0]&0x0f // RFC 9000, 17.2: a long header
	copy(b[1:5], []byte{0, 0, 0, 1})
	if i%3 == 1 {
		copy(b[1:5], []byte{0x1a, 0x2a, 0x3a, 0x4a}) // RFC 9000, 15: a version nobody has
	}
	b[5], b[14] = 8, 8 // lengths of the connection IDs
	b[23] = 0          // no token
	b[24], b[25] = 0x44, 0x9e
	return b
}

var residentLine = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// resident is how much memory a process has, in KiB.
func resident(t testing.TB, p *process) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(p.cmd.Process.Pid), "status"))
	must(t, err)
	m := residentLine.FindSubmatch(text)
	if m == nil {
		t.Fatal("no VmRSS")
	}
	n, err := strconv.Atoi(string(m[1]))
	must(t, err)
	return n
}
