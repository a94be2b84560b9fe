package discovery

import (
	"context"
	"net/netip"
	"sync/atomic"
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
}

// A folder more is announced and looked for at once; one less is neither.
func TestRefresh(t *testing.T) {
	var keys atomic.Value
	keys.Store(only())
	a, atA := beacon(t, 3333, func() [][32]byte { return keys.Load().(func() [][32]byte)() })
	_, atB := beacon(t, 4444, only(5))
	select {
	case f := <-atB:
		t.Fatalf("found %v", f)
	case <-time.After(1500 * time.Millisecond):
	}
	keys.Store(only(5))
	a.Refresh()
	for name, c := range map[string]chan found{"a": atA, "b": atB} {
		select {
		case <-c:
		case <-time.After(3 * time.Second):
			t.Errorf("%s has found nothing", name)
		}
	}
	keys.Store(only())
	a.Refresh()
	time.Sleep(200 * time.Millisecond)
	sent := a.Report()[0].Sent
	time.Sleep(time.Second)
	if now := a.Report()[0].Sent; now != sent {
		t.Errorf("without a folder it sent %d packets", now-sent)
	}
}
