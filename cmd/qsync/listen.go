package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"syscall"

	"qsync/peer"
)

// sockets are where a node is reached, with the same port number of UDP and TCP.
type sockets struct {
	udp  net.PacketConn // nil for TCP alone
	tcp  peer.TCP       // nil for QUIC alone
	at   *net.UDPAddr
	note string // for the log
}

func (s *sockets) close() {
	if s.udp != nil {
		_ = s.udp.Close()
	}
	if s.tcp != nil {
		_ = s.tcp.Close()
	}
}

// portTries is how often a port is looked for that is free of both kinds.
const portTries = 16

// openSockets opens the node's sockets where --listen says; without it on the
// default port, or on a free one where that is taken.
func (p *program) openSockets(listen, transport string) (s sockets, err error) {
	if listen == "" {
		if s, err = openAt(":"+defaultPort, transport); err == nil {
			return s, nil
		}
		if s, err = openAt(":0", transport); err != nil {
			return s, failf("cannot listen for peers: %v", err)
		}
		p.ui.say("%s port %s is taken; listening on %d instead (peers then need --remote HOST:%[3]d)", protocolOf(transport), defaultPort, s.at.Port)
		return s, nil
	}
	addr, err := parseListen(listen)
	if err != nil {
		return s, usagef("--listen %s: %v", quote(listen), err)
	}
	s, err = openAt(addr, transport)
	if errors.Is(err, syscall.EADDRINUSE) {
		_, port, _ := net.SplitHostPort(addr)
		return s, failf("%s port %s is taken by another program (%s): stop it ('qsync status' shows a qsync of this home), or choose another port, --listen :0 for any free one", protocolOf(transport), port, addr)
	}
	if err != nil {
		return s, failf("cannot listen on %s: %v; give an address of this machine, or :PORT for all of them", addr, err)
	}
	return s, nil
}

// protocolOf is the kind of port that has to be free.
func protocolOf(transport string) string {
	if transport == "tcp" {
		return "TCP"
	}
	return "UDP"
}

// openAt opens the sockets at one address. Where TCP alone has not got the port,
// the node can still dial, and its peers reach it over UDP.
func openAt(addr, transport string) (s sockets, err error) {
	if transport == "tcp" {
		if s.tcp, err = peer.ListenTCP(addr); err == nil {
			t := s.tcp.Addr().(*net.TCPAddr)
			s.at = &net.UDPAddr{IP: t.IP, Port: t.Port, Zone: t.Zone}
		}
		return s, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return s, err
	}
	for try := 1; ; try++ {
		if s.udp, err = peer.ListenUDP(addr); err != nil {
			return s, err
		}
		s.at = s.udp.LocalAddr().(*net.UDPAddr)
		if transport == "quic" {
			return s, nil
		}
		s.tcp, err = peer.ListenTCP(net.JoinHostPort(host, strconv.Itoa(s.at.Port)))
		if err == nil {
			return s, nil
		}
		if port != "0" || try == portTries {
			s.tcp, s.note = peer.DialTCP(), fmt.Sprintf("TCP port %d is taken by another program: peers reach this node over UDP alone", s.at.Port)
			return s, nil
		}
		_ = s.udp.Close()
	}
}

// reachable lists the addresses under which peers reach a node that listens at a:
// on all interfaces, theirs.
func reachable(a *net.UDPAddr) []string {
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
