package discovery

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// onlyJoined keeps from a socket what came to groups that other sockets of the
// machine joined on other interfaces, which Linux would deliver too.
func onlyJoined(network, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		// Kernels before 4.20 lack the second one; [conn.read] looks anyway.
		if network == "udp6" {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0)
		} else {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0)
		}
	})
}

// bridgePort reports whether an interface belongs to a bridge, which then takes
// all that comes in there: the ends of containers' cables.
func bridgePort(name string) bool {
	_, err := os.Stat("/sys/class/net/" + name + "/brport")
	return err == nil
}

// watch calls changed whenever interfaces or addresses may have changed, until
// ctx ends. Android does not let programs ask (rtnetlink(7)): there, and where
// reading fails, it is called every few seconds.
func watch(ctx context.Context, changed func()) {
	if f, err := subscribe(); err == nil {
		stop := context.AfterFunc(ctx, func() { _ = f.Close() })
		hear(f, changed)
		stop()
		_ = f.Close()
	}
	poll(ctx, changed)
}

func subscribe() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "netlink"), nil
}

// hear returns when f was closed or is of no use. The messages are not looked
// into: whoever hears of one looks at the interfaces.
func hear(f *os.File, changed func()) {
	buf := make([]byte, 1<<16)
	for failed := 0; failed < 10; {
		n, err := f.Read(buf)
		switch {
		case errors.Is(err, os.ErrClosed):
			return
		case err == nil && n > 0, errors.Is(err, unix.ENOBUFS): // ENOBUFS: more news than the socket holds
			failed = 0
			changed()
		default:
			failed++
			time.Sleep(10 * time.Millisecond)
		}
	}
}
