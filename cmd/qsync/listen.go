package main

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"syscall"

	"qsync/peer"
)

// openSocket opens the node's UDP socket where --listen says; without it on
// the default port, or on a free one where that is taken.
func (p *program) openSocket(listen string) (net.PacketConn, error) {
	if listen == "" {
		conn, err := peer.ListenUDP(":" + defaultPort)
		if err == nil {
			return conn, nil
		}
		if conn, err = peer.ListenUDP(":0"); err != nil {
			return nil, failf("cannot listen for peers: %v", err)
		}
		p.ui.say("UDP port %s is taken; listening on %d instead (peers then need --remote HOST:%[2]d)", defaultPort, portOf(conn))
		return conn, nil
	}
	addr, err := parseListen(listen)
	if err != nil {
		return nil, usagef("--listen %s: %v", quote(listen), err)
	}
	conn, err := peer.ListenUDP(addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		_, port, _ := net.SplitHostPort(addr)
		return nil, failf("UDP port %s is taken by another program (%s): stop it ('qsync status' shows a qsync of this home), or choose another port, --listen :0 for any free one", port, addr)
	}
	if err != nil {
		return nil, failf("cannot listen on %s: %v; give an address of this machine, or :PORT for all of them", addr, err)
	}
	return conn, nil
}

func portOf(conn net.PacketConn) int {
	if a, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		return a.Port
	}
	return 0
}

// reachable lists the addresses under which peers reach conn: of a socket on
// all interfaces, theirs.
func reachable(conn net.PacketConn) []string {
	a, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return []string{}
	}
	if !a.IP.IsUnspecified() {
		return []string{a.String()}
	}
	port := strconv.Itoa(a.Port)
	var near, loop []string
	interfaces, err := net.Interfaces()
	if err != nil {
		return []string{a.String()}
	}
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagUp == 0 {
			continue
		}
		for _, addr := range addrs {
			n, ok := addr.(*net.IPNet)
			if !ok {
				continue
			}
			host := n.IP.String()
			if n.IP.IsLinkLocalUnicast() && n.IP.To4() == nil {
				host += "%" + i.Name
			}
			if full := net.JoinHostPort(host, port); n.IP.IsLoopback() {
				loop = append(loop, full)
			} else {
				near = append(near, full)
			}
		}
	}
	if len(near) == 0 {
		near = loop
	}
	slices.SortStableFunc(near, func(a, b string) int { return rank(a) - rank(b) })
	return near
}

// rank puts IPv4 addresses first: they are the ones that people type.
func rank(addr string) int {
	if addr[0] == '[' {
		return 1
	}
	return 0
}
