package peer

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// sendSegments sends b as datagrams of seg bytes in one call (UDP_SEGMENT).
func sendSegments(t *testing.T, c *net.UDPConn, b []byte, seg uint16, to net.Addr) {
	t.Helper()
	oob := make([]byte, unix.CmsgSpace(2))
	binary.NativeEndian.PutUint64(oob, uint64(unix.CmsgLen(2)))
	binary.NativeEndian.PutUint32(oob[unix.CmsgLen(0)-8:], unix.IPPROTO_UDP)
	binary.NativeEndian.PutUint32(oob[unix.CmsgLen(0)-4:], unix.UDP_SEGMENT)
	binary.NativeEndian.PutUint16(oob[unix.CmsgLen(0):], seg)
	if _, _, err := c.WriteMsgUDP(b, oob, to.(*net.UDPAddr)); err != nil {
		t.Fatal(err)
	}
}

// TestReceiveOffload: what was coalesced comes out as it was sent, with the
// control messages of each, whatever the kernel made of it on the way.
func TestReceiveOffload(t *testing.T) {
	conn := udp(t)
	defer conn.Close()
	g, ok := conn.(*groConn)
	if !ok {
		t.Fatal("this kernel has no UDP_GRO")
	}
	raw, err := g.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1) })
	from, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()

	var want [][]byte
	burst := make([]byte, 20*1200+300)
	for i := range burst {
		burst[i] = byte(i / 1200)
	}
	for rest := burst; len(rest) > 0; {
		k := min(1200, len(rest))
		want, rest = append(want, rest[:k]), rest[k:]
	}
	sendSegments(t, from, burst, 1200, conn.LocalAddr())
	for _, single := range [][]byte{{}, {7}, bytes.Repeat([]byte{9}, 1400)} {
		if _, err := from.WriteTo(single, conn.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		want = append(want, single)
	}

	got, reads := readAll(t, g, len(want), from.LocalAddr())
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("datagram %d has %d bytes instead of %d", i, len(got[i]), len(want[i]))
		}
	}
	if reads >= len(want) {
		t.Error("nothing was coalesced")
	}
}

// readAll reads at least n datagrams, checking what comes with each.
func readAll(t *testing.T, g *groConn, n int, from net.Addr) (got [][]byte, reads int) {
	t.Helper()
	ms := make([]ipv4.Message, 8)
	for ; len(got) < n; reads++ {
		for i := range ms {
			ms[i] = ipv4.Message{Buffers: [][]byte{make([]byte, 1452)}, OOB: make([]byte, 128)}
		}
		n, err := g.ReadBatch(ms, 0)
		if n < 1 || err != nil {
			t.Fatal(n, err)
		}
		for _, m := range ms[:n] {
			h, body, rest, err := unix.ParseOneSocketControlMessage(m.OOB[:m.NN])
			if err != nil || h.Type != unix.IP_TOS || len(body) != 1 || len(rest) != 0 || m.Addr.String() != from.String() {
				t.Fatalf("control messages %x from %v, %v", m.OOB[:m.NN], m.Addr, err)
			}
			got = append(got, m.Buffers[0][:m.N])
		}
	}
	return got, reads
}

func TestSegmentSize(t *testing.T) {
	le := func(n int32) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(n)) }
	for _, c := range []struct {
		body []byte
		n    int
		want int
	}{
		{nil, 100, 100}, {le(0), 100, 100}, {le(-5), 100, 100}, {le(1200), 100, 100}, {le(40), 100, 40}, {[]byte{1, 2}, 100, 100},
	} {
		if got := segmentSize(c.body, c.n); got != c.want {
			t.Errorf("%x of %d: %d", c.body, c.n, got)
		}
	}
}

// TestManyControlMessages: more than the reader has room for are left out, for
// a message cut in the middle would end quic-go's read loop.
func TestManyControlMessages(t *testing.T) {
	c := &groConn{ctl: make([]byte, 129)}
	m := ipv4.Message{Buffers: [][]byte{make([]byte, 10)}, OOB: make([]byte, 128)}
	c.deliver(&m, []byte("x"))
	if m.N != 1 || m.NN != 0 {
		t.Errorf("%d bytes, %d of control", m.N, m.NN)
	}
}
