//go:build !linux

package peer

import (
	"net"
	"time"
)

// tuneTCP sets a connection up for a line with that round trip.
func tuneTCP(net.Conn, time.Duration) {}

// controlOf is the congestion control of a connection, "" if unknown.
func controlOf(net.Conn) string { return "" }
