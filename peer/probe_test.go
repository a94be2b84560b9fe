package peer

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"qsync/certs"
)

func TestProbe(t *testing.T) {
	_, mine := testKeys(t, 1)
	_, other := testKeys(t, 2)
	there := start(t, udp(t), mine)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	p, err := Probe(ctx, there.addr.String(), mine)
	if err != nil || p.Name != "node" || p.Node != there.device.ID().String() || p.Address != there.addr.String() {
		t.Fatalf("a node that holds the keys: %+v, %v", p, err)
	}
	// The probe may have hung up before the node there was done with it.
	select {
	case l := <-there.links:
		if l.Ident.Caps&capObserver == 0 {
			t.Error("a probe does not say that it only looks")
		}
	case <-time.After(200 * time.Millisecond):
	}
	if _, err := Probe(ctx, there.addr.String(), other); !errors.Is(err, certs.ErrWrongID) {
		t.Errorf("a node that does not: %v", err)
	}
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if p, err := Probe(short, silent.LocalAddr().String(), mine); err == nil || errors.Is(err, certs.ErrWrongID) {
		t.Errorf("nobody: %+v, %v", p, err)
	}
	if _, err := Probe(ctx, "host.invalid", mine); err == nil {
		t.Error("a name that there is not is found")
	}
}
