package discovery

import (
	"context"
	"fmt"
	"net"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Family is a version of IP.
type Family int

// The families, each of which has sockets of its own.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// String is "IPv4" or "IPv6".
func (f Family) String() string { return fmt.Sprintf("IPv%d", int(f)) }

type family = Family

// Groups of RFC 6762, section 3.
var (
	group4 = net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}
	group6 = net.UDPAddr{IP: net.ParseIP("ff02::fb"), Port: 5353}
)

const sendTime = 200 * time.Millisecond

// conn is a socket on the mDNS port of one interface, in one family. It sends
// to the group alone and hears what came to the group over that interface.
type conn struct {
	udp   net.PacketConn
	v4    *ipv4.PacketConn // one of the two
	v6    *ipv6.PacketConn
	index int
	to    net.UDPAddr
}

// open joins the group on one interface. No route is needed: the interface is
// named on joining and on sending.
func open(ctx context.Context, l link, f family) (*conn, error) {
	network, to := "udp4", group4
	if f == IPv6 {
		network, to = "udp6", group6
		to.Zone = l.name
	}
	// Given a group, package net binds the port on all addresses, shared with
	// other programs that do the same.
	group := net.UDPAddr{IP: to.IP, Port: to.Port}
	udp, err := (&net.ListenConfig{Control: onlyJoined}).ListenPacket(ctx, network, group.String())
	if err != nil {
		return nil, err
	}
	c := &conn{udp: udp, index: l.index, to: to}
	if f == IPv4 {
		c.v4 = ipv4.NewPacketConn(udp)
		err = c.join4(l)
	} else {
		c.v6 = ipv6.NewPacketConn(udp)
		err = c.join6(l)
	}
	if err != nil {
		_ = udp.Close()
		return nil, err
	}
	return c, nil
}

func (c *conn) join4(l link) error {
	ifi := l.netInterface()
	if err := c.v4.JoinGroup(ifi, &c.to); err != nil {
		return err
	}
	if ifi != nil {
		if err := c.v4.SetMulticastInterface(ifi); err != nil {
			return err
		}
	}
	// Not every system tells where a packet came in; those that do not, deliver
	// by interface.
	_ = c.v4.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true)
	if err := c.v4.SetMulticastTTL(255); err != nil { // RFC 6762, section 11
		return err
	}
	return c.v4.SetMulticastLoopback(true) // other nodes of this machine
}

func (c *conn) join6(l link) error {
	ifi := l.netInterface()
	if err := c.v6.JoinGroup(ifi, &c.to); err != nil {
		return err
	}
	if ifi != nil {
		if err := c.v6.SetMulticastInterface(ifi); err != nil {
			return err
		}
	}
	_ = c.v6.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true)
	if err := c.v6.SetMulticastHopLimit(255); err != nil {
		return err
	}
	return c.v6.SetMulticastLoopback(true)
}

// netInterface is what the options of a socket name an interface by: its index,
// and on some systems its addresses, which they look up by name.
func (l link) netInterface() *net.Interface {
	if l.index == 0 {
		return nil
	}
	return &net.Interface{Index: l.index, Name: l.name}
}

// read waits for a packet and reports whether it came to the group over this
// interface: a socket also gets what was sent to one of the machine's own
// addresses, from anywhere.
func (c *conn) read(b []byte) (n int, ours bool, err error) {
	if c.v4 != nil {
		n, cm, _, err := c.v4.ReadFrom(b)
		return n, cm == nil || c.mine(cm.IfIndex, cm.Dst), err
	}
	n, cm, _, err := c.v6.ReadFrom(b)
	return n, cm == nil || c.mine(cm.IfIndex, cm.Dst), err
}

func (c *conn) mine(index int, dst net.IP) bool {
	return (index == 0 || c.index == 0 || index == c.index) && (dst == nil || dst.Equal(c.to.IP))
}

func (c *conn) send(b []byte) error {
	if err := c.udp.SetWriteDeadline(time.Now().Add(sendTime)); err != nil {
		return err
	}
	_, err := c.udp.WriteTo(b, &c.to)
	return err
}

func (c *conn) close() { _ = c.udp.Close() }
