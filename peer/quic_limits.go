package peer

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// Limits before authentication.
const (
	maxOpen       = 64  // connections that have not proved themselves
	maxOpenSource = 8   // of those, from one IPv4 address or IPv6 /64
	retryRate     = 16  // new connections a second, above which an address must prove to receive
	maxPeers      = 256 // connections that have
	retryOpen     = 32  // unproved connections, above which it must
	retrySource   = 4   // of one source, so that a forger cannot use up somebody's places
)

var errTooMany = errors.New("too many connections")

// limits counts the connections of a transport and what they may hold.
type limits struct {
	mu      sync.Mutex
	open    map[netip.Prefix]int  // connections that are not authenticated
	total   int                   // of open
	second  time.Time             // start of the second that initials counts
	initial int                   // connection attempts in that second
	windows map[*quic.Conn]uint64 // authenticated connections: what their windows grew by
	granted uint64                // of windows
	links   map[Link]bool
	closing bool      // no more links
	tcp     int       // connections over TCP in one second
	since   time.Time // when that began
}

func newLimits() *limits {
	return &limits{open: map[netip.Prefix]int{}, windows: map[*quic.Conn]uint64{}, links: map[Link]bool{}}
}

// source is what counts as one sender of packets.
func source(addr net.Addr) netip.Prefix {
	var ip netip.Addr
	if at, ok := addrPortOf(addr); ok {
		ip = at.Addr().Unmap().WithZone("")
	}
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // an unknown address gives the zero prefix, one source for all
	return p
}

// mustValidate tells whether the sender at addr has to show first that it
// receives there (RFC 9000 section 8.1).
func (l *limits) mustValidate(addr net.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.second) >= time.Second {
		l.second, l.initial = now, 0
	}
	l.initial++
	return l.initial > retryRate || l.total >= retryOpen || l.open[source(addr)] >= retrySource
}

// place is one unauthenticated connection in the count.
type place struct {
	free func() // gives the place back, once
}

type placeKey struct{}

// admit gives a new connection a place, or refuses it.
func (l *limits) admit(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	p, err := l.place(info.RemoteAddr)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, p.free)
	return context.WithValue(ctx, placeKey{}, p), nil
}

// enter is admit for a connection over TCP, whose address is a true one.
func (l *limits) enter(addr net.Addr) (*place, error) {
	l.mu.Lock()
	if now := time.Now(); now.Sub(l.since) >= time.Second {
		l.since, l.tcp = now, 0
	}
	l.tcp++
	many := l.tcp > tcpRate
	l.mu.Unlock()
	if many {
		return nil, errTooMany
	}
	return l.place(addr)
}

func (l *limits) place(addr net.Addr) (*place, error) {
	from := source(addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= maxOpen || l.open[from] >= maxOpenSource {
		return nil, errTooMany
	}
	l.total++
	l.open[from]++
	return &place{free: sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.total--
		if l.open[from]--; l.open[from] == 0 {
			delete(l.open, from)
		}
	})}, nil
}

// enrol gives a link the place of a peer until it ends, or ends it where there are
// too many. Of one over QUIC, which is c, it may grow the windows.
func (l *limits) enrol(link Link, c *quic.Conn) {
	l.mu.Lock()
	l.links[link] = true
	if c != nil {
		if p, ok := c.Context().Value(placeKey{}).(*place); ok {
			defer p.free()
		}
		l.windows[c] = 0
	}
	refused := l.closing || len(l.links) > maxPeers
	l.mu.Unlock()
	if refused {
		_ = link.Close(CodeShutdown, "")
	}
	if c != nil {
		context.AfterFunc(c.Context(), func() { l.left(link, c) })
	}
}

// left takes a link out that has ended.
func (l *limits) left(link Link, c *quic.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.granted -= l.windows[c]
	delete(l.windows, c)
	delete(l.links, link)
}

// grow takes delta bytes for windows from what all of them together may have, or
// gives them back.
func (l *limits) grow(delta int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if delta > 0 && uint64(delta) > windowBudget-l.granted {
		return false
	}
	l.granted += uint64(delta)
	return true
}

// allowWindow tells whether c may make its peer send more at a time.
func (l *limits) allowWindow(c *quic.Conn, delta uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	grown, ok := l.windows[c]
	if !ok || delta > windowBudget-l.granted {
		return false
	}
	l.windows[c] = grown + delta
	l.granted += delta
	return true
}

// drain waits for every link to end, for so long, and closes those that have
// not. Links that come later are closed at once.
func (l *limits) drain(wait time.Duration) {
	l.mu.Lock()
	l.closing = true
	links := slices.Collect(maps.Keys(l.links))
	l.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for _, link := range links {
		select {
		case <-link.Done():
			continue
		case <-timer.C:
			timer.Reset(0) // the next link waits no longer
		}
		_ = link.Close(CodeShutdown, "")
	}
}
