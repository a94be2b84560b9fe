package discovery

import (
	"context"
	"testing"
	"time"
)

// A network that stays as it is gives no calls, and the end of the context ends
// the watch. That changes do is shown between network namespaces (integration).
func TestWatchOfAQuietNetwork(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls, ended := 0, make(chan struct{})
	before := network()
	go func() { defer close(ended); Watch(ctx, func() { calls++ }) }()
	time.Sleep(2 * settle)
	cancel()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the watch does not end")
	}
	if before == "" || calls > 0 && network() == before {
		t.Errorf("%d calls; the network was %q", calls, before)
	}
}
