package main

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"qsync/certs"
)

// invitation is what a text that names a folder holds: the sync ID, and of a
// link also where a peer was when the link was made. It is secret.
type invitation struct {
	id certs.SyncID
	at []string // host:port; may be out of date
}

// The link form of an invitation, as the QR code holds it:
//
//	qsync:join?id=<64 hexadecimal digits>&at=host:port,host:port
//
// "at" may be missing and may come again. Unknown keys are passed over, so
// that later versions can add some. It is read in either case, with percent
// encoding or without, and with the spaces and line breaks that a paste brings.
const (
	linkStart = "qsync:join?"
	maxLink   = 134 // bytes that a code of 41 modules holds at the lowest error level
	maxAt     = 16  // addresses that are taken from a link
)

// link is the invitation as text, with as many of its addresses as fit.
func (v invitation) link() string {
	text := linkStart + "id=" + v.id.Hex()
	sep := "&at="
	for _, a := range v.at {
		if len(text)+len(sep)+len(a) <= maxLink {
			text, sep = text+sep+a, ","
		}
	}
	return text
}

// looksLikeLink tells a link, whole or damaged, from the other forms of an ID.
func looksLikeLink(text string) bool {
	return strings.ContainsAny(text, ":?=&") || strings.Contains(strings.ToLower(text), "%3a")
}

// parseLink reads a link. The error says what is wrong, and nothing of the ID.
func parseLink(text string) (invitation, error) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' {
			return -1
		}
		return r
	}, text)
	if !strings.Contains(text, ":") {
		if plain, err := url.PathUnescape(text); err == nil {
			text = plain
		}
	}
	scheme, rest, _ := strings.Cut(text, ":")
	action, query, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "?")
	if !strings.EqualFold(scheme, "qsync") || !strings.EqualFold(strings.TrimSuffix(action, "/"), "join") {
		return invitation{}, fmt.Errorf("%w: it is a link, but none of qsync, which begins with %s", certs.ErrSyncID, linkStart)
	}
	v, digits := invitation{}, ""
	for _, part := range strings.Split(query, "&") {
		key, value, _ := strings.Cut(part, "=")
		value, err := url.PathUnescape(value)
		switch {
		case err != nil:
			return invitation{}, fmt.Errorf("%w: a percent sign in the link is followed by no two digits", certs.ErrSyncID)
		case strings.EqualFold(key, "id") && digits != "":
			return invitation{}, fmt.Errorf("%w: the link has more than one ID", certs.ErrSyncID)
		case strings.EqualFold(key, "id"):
			digits = value
		case strings.EqualFold(key, "at"):
			if err := v.add(value); err != nil {
				return invitation{}, err
			}
		}
	}
	if digits == "" {
		return invitation{}, fmt.Errorf("%w: the link is cut off: there is no id= in it", certs.ErrSyncID)
	}
	id, _, err := certs.ParseSyncID(digits)
	v.id = id
	return v, err
}

// add takes the addresses of a link. Those with a zone mean nothing elsewhere.
func (v *invitation) add(list string) error {
	for i, a := range strings.Split(list, ",") {
		if a == "" || strings.Contains(a, "%") || len(v.at) >= maxAt {
			continue
		}
		full, err := parseRemote(a)
		if err != nil {
			return fmt.Errorf("%w: address %d of the link: %v", certs.ErrSyncID, i+1, err)
		}
		if !slices.Contains(v.at, full) {
			v.at = append(v.at, full)
		}
	}
	return nil
}

// hints splits the addresses into those to try, where somebody else may be by
// now, and the names, which a node looks up itself.
func (v invitation) hints() (addrs []netip.AddrPort, names []string) {
	for _, text := range v.at {
		if a, err := netip.ParseAddrPort(text); err == nil {
			addrs = append(addrs, a)
		} else {
			names = append(names, text)
		}
	}
	return addrs, names
}

// invitable are the addresses of a node that mean something on another device,
// those first at which it is reached most likely.
func invitable(listen []string) (at []string) {
	rank := map[string]int{}
	for _, text := range listen {
		a, err := netip.ParseAddrPort(text)
		if err != nil || a.Addr().IsLoopback() || a.Addr().IsUnspecified() || a.Addr().Zone() != "" || a.Addr().Is6() && a.Addr().IsLinkLocalUnicast() {
			continue
		}
		switch ip := a.Addr(); {
		case ip.Is4() && ip.IsPrivate():
			rank[text] = 0
		case ip.Is4() && !ip.IsLinkLocalUnicast():
			rank[text] = 1
		case ip.Is6():
			rank[text] = 2
		default:
			rank[text] = 3
		}
		at = append(at, text)
	}
	slices.SortStableFunc(at, func(a, b string) int { return rank[a] - rank[b] })
	return at
}
