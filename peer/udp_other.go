//go:build !linux

package peer

import "net"

// fastUDP returns the socket as the transport uses it best on this system.
func fastUDP(c *net.UDPConn) net.PacketConn { return c }
