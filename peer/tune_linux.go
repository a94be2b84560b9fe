package peer

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// tuneTCP sets a connection up for a line with that round trip. BBR does not take
// a lost packet for a full line; within one network there is nothing to gain from
// it, and its pacing costs. The kernel may not have it, or not let us: then its
// own way of control stays.
func tuneTCP(c net.Conn, rtt time.Duration) {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		// What is not sent yet waits here, where small frames can still go between.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSent)
		if rtt >= longLine {
			_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "bbr")
		}
	})
}

// controlOf is the congestion control of a connection, "" if unknown.
func controlOf(c net.Conn) (name string) {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return ""
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return ""
	}
	_ = raw.Control(func(fd uintptr) {
		name, _ = unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	})
	return name
}
