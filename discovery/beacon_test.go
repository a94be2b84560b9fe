package discovery

import (
	"context"
	"net/netip"
	"testing"
	"time"
)

type found struct {
	key   [32]byte
	addrs []netip.AddrPort
}

// beacon runs one on loopback until the test ends.
func beacon(t *testing.T, port uint16, shares func() [][32]byte) (*Beacon, chan found) {
	t.Helper()
	heard := make(chan found, 100)
	b := New(Config{
		Listen: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port),
		Shares: shares,
		Found: func(key [32]byte, addrs []netip.AddrPort) {
			select {
			case heard <- found{key, addrs}:
			default:
			}
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		began := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("Run took %v to end", took)
		}
	})
	return b, heard
}

func only(keys ...byte) func() [][32]byte {
	var all [][32]byte
	for _, k := range keys {
		all = append(all, [32]byte{k})
	}
	return func() [][32]byte { return all }
}

// Two nodes of one machine that listen on loopback find each other, and not
// themselves, by the folders that they have in common.
func TestPairOnLoopback(t *testing.T) {
	a, atA := beacon(t, 1111, only(1, 2))
	_, atB := beacon(t, 2222, only(2, 3))
	for port, c := range map[string]chan found{"127.0.0.1:2222": atA, "127.0.0.1:1111": atB} {
		select {
		case f := <-c:
			if f.key != [32]byte{2} || len(f.addrs) != 1 || f.addrs[0].String() != port {
				t.Errorf("found %v at %v, want 2 at %s", f.key[0], f.addrs, port)
			}
		case <-time.After(3 * time.Second):
			t.Errorf("nothing found: %+v", a.Report())
		}
	}
	t.Logf("%+v", a.Report())
}
