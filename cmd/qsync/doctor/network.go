package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"qsync/certs"
	"qsync/discovery"
)

// usualPort is where peers are looked for unless their port is given.
const usualPort = 2121

// PortFacts is what is known of a UDP port of this machine.
type PortFacts struct {
	Port  int
	Nodes []int  // processes of this home's nodes that listen on it
	Bind  error  // what came of binding it; nil: it was free
	Owner string // the program that has it, "" if the system does not tell
	Asked bool   // a person asked for just this port
}

// Port says who has the port that peers look for.
func Port(p PortFacts) Finding {
	const check = "port"
	who := p.Owner
	if who == "" {
		who = "another program"
	}
	switch {
	case len(p.Nodes) > 0 && p.Port != usualPort:
		return ok(check, "UDP port %d is the node's, process %s; peers that do not find it need --remote HOST:%[1]d", p.Port, numbers(p.Nodes))
	case len(p.Nodes) > 0:
		return ok(check, "UDP port %d is the node's, process %s", p.Port, numbers(p.Nodes))
	case p.Bind == nil:
		return ok(check, "UDP port %d is free", p.Port)
	case inUse(p.Bind) && p.Asked:
		return bad(check, "UDP port %d, which the settings ask for, is taken by %s", p.Port, who).to("stop that program, or choose another port: --listen :PORT, or listen: in config.yaml")
	case inUse(p.Bind):
		return note(check, "UDP port %d is taken by %s; a node takes another one then", p.Port, who).to("peers that do not find this node need its port: --remote HOST:PORT, as 'qsync status' shows it")
	case errors.Is(p.Bind, syscall.EACCES) || errors.Is(p.Bind, syscall.EPERM):
		return bad(check, "this user may not listen on UDP port %d", p.Port).to("choose a port above 1023: --listen :2121")
	}
	return bad(check, "UDP port %d cannot be used: %v", p.Port, p.Bind)
}

// ReachFacts is what came of trying a peer's address.
type ReachFacts struct {
	Remote    string // as it was typed or remembered
	Folder    string // whose ID was used; "" for none
	Name      string // of the node that answered
	Self      bool   // this home's own node answered
	Err       error
	Typed     bool // a person gave the address
	Connected bool // a running node is connected there
}

// openPort is what to do where a peer does not answer.
func openPort(remote string) string {
	_, port, err := net.SplitHostPort(remote)
	if err != nil || port == "" {
		port = strconv.Itoa(usualPort)
	}
	return fmt.Sprintf("start qsync there, compare the address with 'qsync status' there, and open its UDP port (sudo ufw allow %s/udp, or sudo firewall-cmd --add-port=%[1]s/udp)", port)
}

// Reach says whether a peer answers.
func Reach(r ReachFacts) Finding {
	const check = "reach"
	lost := bad
	if !r.Typed {
		lost = note // where a peer once was
	}
	var name *net.DNSError
	switch {
	case r.Connected:
		return ok(check, "%s is connected", r.Remote)
	case r.Self:
		return bad(check, "%s is this home's own node", r.Remote).to("give the other machine's address")
	case r.Err == nil:
		return ok(check, "%s answers, and holds the ID (it calls itself %q)", r.Remote, r.Name)
	case errors.Is(r.Err, certs.ErrWrongID) && r.Folder == "":
		return ok(check, "%s answers", r.Remote)
	case errors.Is(r.Err, certs.ErrWrongID):
		return lost(check, "%s answers, but does not hold this ID: it looks the same as no such folder", r.Remote).to("compare 'qsync id words DIR' on both sides, and see in 'qsync folders' there that it has the folder")
	case errors.Is(r.Err, certs.ErrVersion):
		return lost(check, "%s answers, but its version of qsync and this one have no protocol in common", r.Remote).to("install the same version on both sides")
	case errors.As(r.Err, &name):
		return lost(check, "there is no address for the name %s", r.Remote).to("check its spelling, or give its IP address")
	case errors.Is(r.Err, syscall.ENETUNREACH) || errors.Is(r.Err, syscall.EHOSTUNREACH):
		return lost(check, "%s cannot be reached: this machine has no way to that network", r.Remote).to("check the address and this machine's connection: ip route")
	case errors.Is(r.Err, syscall.EPERM) || errors.Is(r.Err, syscall.EACCES):
		return lost(check, "packets to %s are not let out by this machine's own firewall", r.Remote).to("allow UDP out, and look at 'sudo nft list ruleset'")
	}
	return lost(check, "%s: no answer: a firewall, a wrong address, or qsync does not run there", r.Remote).to("%s", openPort(r.Remote))
}

// Subnet says whether an address is in a network that this machine is in, which
// is as far as the search for peers reaches.
func Subnet(remote string, addrs []netip.Addr, here []netip.Prefix) Finding {
	const check = "subnet"
	if len(addrs) == 0 {
		return note(check, "the address of %s is not known", remote)
	}
	for _, a := range addrs {
		a = a.Unmap().WithZone("")
		if a.IsLoopback() {
			return ok(check, "%s is this machine", remote)
		}
		i := slices.IndexFunc(here, func(p netip.Prefix) bool { return p.Contains(a) })
		if i >= 0 {
			return ok(check, "%s is in this machine's network %s", remote, here[i].Masked())
		}
	}
	return note(check, "%s is in another network (%s): the search for peers does not reach it", remote, addrs[0]).to("keep --remote for it, or remotes: in config.yaml")
}

// Addresses lists where this machine is reached.
func Addresses(here []netip.Prefix) Finding {
	var all []string
	for _, p := range here {
		if !p.Addr().IsLoopback() {
			all = append(all, p.String())
		}
	}
	if len(all) == 0 {
		return bad("addresses", "this machine has no network address but loopback").to("connect it: ip address")
	}
	return ok("addresses", "this machine's addresses: %s", strings.Join(all, ", "))
}

// Multicast says what the search for peers sees on one interface. known is
// whether it has run with the folders' own keys, so that what was found are peers.
func Multicast(l discovery.Link, known bool) Finding {
	const check = "multicast"
	on := l.Interface
	if on == "" {
		on = "the default interface"
	}
	on += " (" + l.Family.String() + ")"
	switch {
	case l.Err != nil && l.Interface == "" && len(l.Addrs) == 0:
		return bad(check, "the search for peers cannot work: %v", l.Err)
	case errors.Is(l.Err, syscall.EPERM) || errors.Is(l.Err, syscall.EACCES):
		return bad(check, "%s: multicast is not let out by this machine's own firewall", on).to("allow UDP to 224.0.0.251 and ff02::fb, port 5353; --remote works without")
	case l.Err != nil:
		return bad(check, "%s: %v", on, l.Err).to("--remote HOST works without multicast")
	case l.Sent == 0:
		return note(check, "%s: nothing was sent yet", on)
	case l.Heard == 0:
		return bad(check, "%s: not even this machine's own packets are heard: a firewall drops multicast", on).to("sudo ufw allow 5353/udp, or sudo firewall-cmd --add-service=mdns; --remote works without")
	case l.Found > 0:
		return ok(check, "%s: works, and peers were heard", on)
	case known:
		return ok(check, "%s: works here; no peer was heard. If one is in this network, its firewall or the Wi-Fi's client isolation drops multicast: --remote HOST works without", on)
	}
	return ok(check, "%s: sends and hears", on)
}

// Prefixes are the networks of this machine's interfaces that are up.
func Prefixes() ([]netip.Prefix, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("doctor: %w", err)
	}
	var all []netip.Prefix
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagUp == 0 {
			continue // it went while we looked
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				all = append(all, p)
			}
		}
	}
	return all, nil
}

// Lookup resolves the host of an address that may have a port.
func Lookup(ctx context.Context, host string) []netip.Addr {
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil // the check of the connection says why
	}
	return addrs
}

func itoa(n int) string { return strconv.Itoa(n) }

// word is a name as a shell reads it.
func word(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@,", r))
	}) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
