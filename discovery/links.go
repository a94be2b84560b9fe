package discovery

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

const (
	maxLinks      = 32 // interfaces that are used; a report names the others
	maxCandidates = 16 // addresses of one interface that are announced
)

// link is an interface of this machine with what is announced on it.
type link struct {
	index    int // 0 for the one that the system chooses
	name     string
	loopback bool
	addrs    []netip.Addr     // all, without zones
	at       []netip.AddrPort // where peers on this link reach the node, sorted
}

// links are the interfaces on which peers can be: up, with a carrier, with
// multicast, and with an address that the node listens on. Loopback is one of
// them only for a node that listens on loopback; tunnels are none, since their
// addresses would tell one network of another. Where the system does not tell
// its interfaces (Android), the one towards the default route is found.
func links(listen netip.AddrPort) ([]link, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return defaultLink(listen)
	}
	var all []link
	for _, i := range interfaces {
		l := link{index: i.Index, name: i.Name, loopback: i.Flags&net.FlagLoopback != 0}
		need := net.FlagUp | net.FlagRunning | net.FlagMulticast
		if l.loopback {
			need &^= net.FlagMulticast // Linux has multicast on lo without saying so
		}
		if i.Flags&need != need || i.Flags&net.FlagPointToPoint != 0 || l.loopback != listen.Addr().IsLoopback() || bridgePort(i.Name) {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it went while we looked
		}
		l.addrs = plain(addrs)
		if l.at = candidates(l, listen); len(l.at) > 0 {
			all = append(all, l)
		}
	}
	return all, nil
}

func plain(addrs []net.Addr) (all []netip.Addr) {
	for _, addr := range addrs {
		if n, ok := addr.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				all = append(all, ip.Unmap())
			}
		}
	}
	return all
}

// candidates are the addresses of a link that a node which listens there can be
// reached at; of too many, those that reach furthest.
func candidates(l link, listen netip.AddrPort) (at []netip.AddrPort) {
	bound := listen.Addr().Unmap().WithZone("")
	for _, ip := range l.addrs {
		a := netip.AddrPortFrom(ip, listen.Port())
		all := bound.IsUnspecified() && (bound.Is6() || ip.Is4())
		if announceable(a) && ip.IsLoopback() == l.loopback && (all || ip == bound) {
			at = append(at, a)
		}
	}
	slices.SortFunc(at, func(x, y netip.AddrPort) int {
		return cmp.Or(cmp.Compare(reach(x.Addr()), reach(y.Addr())), x.Compare(y))
	})
	at = slices.Compact(at)
	at = at[:min(maxCandidates, len(at))]
	slices.SortFunc(at, netip.AddrPort.Compare)
	return at
}

func reach(ip netip.Addr) int {
	if ip.IsLinkLocalUnicast() {
		return 1
	}
	return 0
}

// defaultLink asks the routing table which addresses this machine would use
// towards the world. No packet is sent.
func defaultLink(listen netip.AddrPort) ([]link, error) {
	var l link
	for _, world := range []string{"192.0.2.1:9", "[2001:db8::1]:9"} { // RFC 5737, RFC 3849
		c, err := net.Dial("udp", world)
		if err != nil {
			continue // no route in this family
		}
		if a, ok := c.LocalAddr().(*net.UDPAddr); ok {
			l.addrs = append(l.addrs, a.AddrPort().Addr().Unmap().WithZone(""))
		}
		_ = c.Close()
	}
	if l.at = candidates(l, listen); len(l.at) == 0 {
		return nil, fmt.Errorf("the system does not tell its network interfaces, and there is no route to the world")
	}
	return []link{l}, nil
}

// has reports whether the link can be used in a family: it has an address of
// it. Loopback has no route for groups of IPv6.
func (l link) has(f family) bool {
	if l.loopback && f == IPv6 {
		return false
	}
	return slices.ContainsFunc(l.addrs, func(ip netip.Addr) bool { return ip.Is4() == (f == IPv4) })
}

// id differs whenever anything about the link changed that matters here.
func (l link) id(f family) string {
	return fmt.Sprintf("%d %s %v %s %v", l.index, l.name, f, joinAddrs(l.at), l.addrs)
}

// dialable are the addresses of an advert that came in on this link as this
// machine can dial them: link-local ones of IPv6 through this interface.
func (l link) dialable(addrs []netip.AddrPort) (all []netip.AddrPort) {
	for _, a := range addrs {
		ip := a.Addr()
		if ip.IsLoopback() && !l.loopback {
			continue // nobody may make us dial ourselves
		}
		if ip.Is6() && ip.IsLinkLocalUnicast() {
			if l.name == "" {
				continue
			}
			a = netip.AddrPortFrom(ip.WithZone(l.name), a.Port())
		}
		all = append(all, a)
	}
	return all
}
