package web

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// A ticket that was handed to a browser in its arguments could be read there by every
// user of the machine, and be shown before the browser does. So it is bound to the
// user who asked for it, and the system is asked whose the connection is.

// from reports whether a request may come from a program of that user. Root's may be
// a relay, such as that of a virtual machine's host, and need no ticket to see anything.
// What has no socket here and comes over the loopback interface all the same is such a
// relay too, while the connection lasts; from elsewhere anybody may come.
func from(r *http.Request, user int) bool {
	near, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	far, err := netip.ParseAddrPort(r.RemoteAddr)
	if near == nil || err != nil {
		return false
	}
	at, err := netip.ParseAddrPort(near.String())
	if err != nil {
		return false
	}
	known, owners := ownersOf(bare(far), bare(at))
	if !known {
		return true // the system does not tell
	}
	for _, o := range owners {
		if o == user || o == 0 {
			return true
		}
	}
	return len(owners) == 0 && far.Addr().Unmap().IsLoopback()
}

func bare(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// nobodys is the owner of a socket that no program has any more.
const nobodys = -1

// established is the state of a connection that neither end has closed.
const established = "01"

// readOwners returns whose the sockets of a table are, in the form of Linux's
// /proc/net/tcp, that are bound to far and connected to near; and whether our own end
// is there, of a connection that neither has closed.
func readOwners(table io.Reader, far, near netip.AddrPort) (owners []int, here bool, err error) {
	text, err := io.ReadAll(table)
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 10 {
			continue
		}
		local, ok := parseEnd(f[1])
		remote, rok := parseEnd(f[2])
		switch {
		case !ok || !rok:
			continue
		case local == near && remote == far:
			here = here || f[3] == established
		case local != far || remote != near:
			continue
		default:
			user, uerr := strconv.Atoi(f[7])
			if uerr != nil || f[9] == "0" { // it waits for the end of the connection alone
				user = nobodys
			}
			owners = append(owners, user)
		}
	}
	return owners, here, err
}

// owned is whose the other end is, by a few looks: the table is read piece by piece, and
// what stands in it can be passed over where something before it goes meanwhile. Without
// a socket there, and with our own end gone, whoever it was has hung up, and takes no
// answer: that is nobody.
func owned(look func() (known bool, owners []int, here bool)) (known bool, owners []int) {
	for range 3 {
		k, found, here := look()
		if known = known || k; !k {
			continue
		}
		if len(found) > 0 {
			return true, found
		}
		if !here {
			owners = []int{nobodys}
		}
	}
	return known, owners
}

// parseEnd reads an address as the table has it: words in the order of the machine.
func parseEnd(text string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(host)
	n, perr := strconv.ParseUint(port, 16, 16)
	if err != nil || perr != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	a, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), ok
}
