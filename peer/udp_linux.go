package peer

import (
	"encoding/binary"
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const (
	groBuffer = 1 << 16 // the kernel coalesces no more into one read
	groOOB    = 256     // all control messages of a dual-stack socket, and UDP_GRO
)

// groConn receives with UDP generic receive offload: one read returns many
// datagrams of one sender, which ReadBatch takes apart again. quic-go prefers a
// ReadBatch of the connection's own to its recvmmsg and, the rest of a UDPConn
// being embedded, keeps segmentation offload, ECN and path MTU discovery.
//
// One goroutine reads, the transport's.
type groConn struct {
	*net.UDPConn
	buf  []byte
	oob  []byte
	rest []byte       // of buf, not handed out yet
	seg  int          // length of each datagram in rest but the last
	ctl  []byte       // the control messages that hold for each of them
	addr *net.UDPAddr // their sender
}

// fastUDP returns the socket as the transport uses it best on this system:
// with receive offload where the kernel has it (Linux 5.0).
func fastUDP(c *net.UDPConn) net.PacketConn {
	raw, err := c.SyscallConn()
	if err != nil {
		return c
	}
	var serr error
	err = raw.Control(func(fd uintptr) {
		serr = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	})
	if err != nil || serr != nil {
		return c
	}
	return &groConn{UDPConn: c, buf: make([]byte, groBuffer), oob: make([]byte, groOOB)}
}

// ReadBatch fills at least one message and as many as the last read gives. The
// flags are not used. A datagram longer than a message's buffer is cut.
func (c *groConn) ReadBatch(ms []ipv4.Message, _ int) (int, error) {
	if len(ms) == 0 {
		return 0, nil
	}
	n := 0
	if len(c.rest) == 0 {
		size, err := c.fill()
		if err != nil {
			return 0, err
		}
		if size == 0 { // an empty datagram is a message too
			c.deliver(&ms[0], nil)
			return 1, nil
		}
	}
	for ; n < len(ms) && len(c.rest) > 0; n++ {
		k := min(c.seg, len(c.rest))
		c.deliver(&ms[n], c.rest[:k])
		c.rest = c.rest[k:]
	}
	return n, nil
}

func (c *groConn) deliver(m *ipv4.Message, datagram []byte) {
	m.N = copy(m.Buffers[0], datagram)
	m.NN = 0
	// Half a control message would end the transport's read loop.
	if len(c.ctl) <= len(m.OOB) {
		m.NN = copy(m.OOB, c.ctl)
	}
	m.Addr = c.addr
}

// fill reads once and finds out how the datagrams are laid out.
func (c *groConn) fill() (int, error) {
	n, oobn, _, addr, err := c.ReadMsgUDP(c.buf, c.oob)
	if err != nil {
		return 0, err
	}
	c.rest, c.seg, c.ctl, c.addr = c.buf[:n], n, c.ctl[:0], addr
	for left := c.oob[:oobn]; len(left) > 0; {
		h, body, next, err := unix.ParseOneSocketControlMessage(left)
		if err != nil {
			break
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO {
			c.seg = segmentSize(body, n)
		} else {
			c.ctl = append(c.ctl, left[:len(left)-len(next)]...)
		}
		left = next
	}
	return n, nil
}

// segmentSize reads the kernel's UDP_GRO message, a C int, for n bytes.
func segmentSize(body []byte, n int) int {
	if len(body) < 4 {
		return n
	}
	if seg := int(int32(binary.NativeEndian.Uint32(body))); seg > 0 && seg < n {
		return seg
	}
	return n
}
