package peer

import (
	"context"
	"testing"
	"time"

	"qsync/certs"
	"qsync/folder"
	"qsync/protocol"
)

// TestStalledSnapshot: who begins a snapshot and says no more does not keep the
// others from syncing.
func TestStalledSnapshot(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		c.start()
		c.converged(20 * time.Second)
		l, err := c.intruder().meet(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.index(&protocol.Index{Snapshot: true, To: "m"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		b.write("f", "of an honest peer")
		time.Sleep(2 * snapshotWait)
		if !a.exists("f") {
			c.Error("everybody waits for one")
		}
	})
}

// TestTooManyPeers: members cannot open links without end, and each has one.
func TestTooManyPeers(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		a := c.nodes[0]
		c.start()
		x := c.intruder()
		x.cfg.Ident = func() certs.Ident { return certs.Ident{Name: "dry", Epoch: 1, Caps: capObserver} }
		count := func() int {
			l := a.node.transport.limits
			l.mu.Lock()
			defer l.mu.Unlock()
			return len(l.links)
		}
		met := 0
		for range 8 {
			if _, err := x.meet(a); err == nil {
				met++ // else another one of its links stays
			}
		}
		if met == 0 {
			t.Fatal("never let in")
		}
		if n := count(); n != 1 {
			c.Errorf("%d links of one device", n)
		}
		for range maxPeers + 10 {
			dev, err := certs.NewDevice()
			if err != nil {
				t.Fatal(err)
			}
			x.cfg.Device = dev
			_, _ = x.meet(a)
		}
		if n := count(); n > maxPeers {
			c.Errorf("%d links", n)
		}
	})
}

// TestRollbackAgainAndAgain: a peer cannot make us take new identities for ever.
func TestRollbackAgainAndAgain(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		a := c.nodes[0]
		c.start()
		x := c.intruder()
		seen := map[folder.ReplicaID]bool{}
		for range 4 * badLimit {
			r := a.f.store.Identity().Replica
			seen[r] = true
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			l, err := x.dial(ctx, a.addr, x.keys)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			_ = protocol.Write(l.Control, &protocol.Hello{
				Mode: protocol.TwoWay, Name: "x", Folder: "/x", Replica: 99, Epoch: 77,
				Context: folder.Context{{Replica: r, Counter: 1 << 30}},
			})
			l.ended()
			time.Sleep(time.Second)
		}
		if len(seen) > badLimit+1 {
			c.Errorf("%d identities", len(seen))
		}
	})
}
