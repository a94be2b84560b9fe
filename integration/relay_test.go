//go:build unix

package integration

import (
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// relay is the line between two nodes, which can be cut or slow. Each of them sees the
// other at an address of the relay's.
type relay struct {
	ends   [2]*net.UDPConn
	nodes  [2]*net.UDPAddr
	cut    atomic.Bool
	passed atomic.Int64 // bytes
	rate   atomic.Int64 // bytes a second each way, 0 for as many as come
}

// newRelay lays a line between the nodes that listen, or will, at two addresses.
// A node that sends to address i of the relay reaches the other one.
func newRelay(t testing.TB, a, b string) *relay {
	t.Helper()
	r := &relay{}
	for i, addr := range []string{a, b} {
		var err error
		r.nodes[i], err = net.ResolveUDPAddr("udp", addr)
		must(t, err)
		r.ends[i], err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		must(t, err)
		t.Cleanup(func() { _ = r.ends[i].Close() })
	}
	for i := range r.ends {
		go r.carry(i)
	}
	return r
}

// seen is where a node finds the other end of the line.
func (r *relay) seen(by int) string { return r.ends[by].LocalAddr().String() }

// carry passes on what node i sends.
func (r *relay) carry(i int) {
	buffer := make([]byte, 1<<16)
	var due time.Time // when the next one may pass
	for {
		n, from, err := r.ends[i].ReadFromUDP(buffer)
		if err != nil {
			return
		}
		if r.cut.Load() || from.Port != r.nodes[i].Port {
			continue
		}
		if rate := r.rate.Load(); rate > 0 { // what waits longer than its buffer holds is lost, as on any line
			if now := time.Now(); due.Before(now) {
				due = now
			}
			due = due.Add(time.Duration(n) * time.Second / time.Duration(rate))
			time.Sleep(time.Until(due))
		}
		r.passed.Add(int64(n))
		_, _ = r.ends[1-i].WriteToUDP(buffer[:n], r.nodes[1-i]) // nobody may be there, as on any line
	}
}
