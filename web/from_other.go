//go:build !linux

package web

import "net/netip"

// ownersOf is not known here. On Windows nobody else sees the arguments of a program;
// elsewhere docs/http.md says what to do about it.
func ownersOf(netip.AddrPort, netip.AddrPort) (known bool, owners []int) { return false, nil }
