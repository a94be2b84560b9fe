package peer

import (
	"encoding/binary"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"qsync/folder"
	"qsync/protocol"
	"qsync/store"
)

// full is a batch as honest nodes send it while they tell of many files.
func full() *protocol.Index {
	i := &protocol.Index{Upto: protocol.MaxEntries}
	for n := range protocol.MaxEntries {
		v := folder.Value{Kind: folder.File, Mode: 0o644, MTime: 1, Size: 8192, Digest: digestOf(fmt.Sprint(n))}
		i.Entries = append(i.Entries, protocol.Entry{
			Path:     folder.Path(fmt.Sprintf("pictures/of some year/and some month/picture number %06d.jpeg", n)),
			Register: folder.Register{Sibs: []folder.Sibling{{Dot: folder.Dot{Replica: 99, Counter: uint64(n + 1)}, Value: v}}},
		})
	}
	return i
}

// TestPace: a million files may come as fast as they can; a flood is slowed
// down to what is said, and so is one that starts over (F97, F101).
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p paces
		honest, flood, tiny := store.NodeID{1}, store.NodeID{2}, store.NodeID{3}
		batch := full()
		for range 1_000_000 / protocol.MaxEntries {
			if d := p.spend(honest, batch, nil); d > 0 {
				t.Fatal("an honest peer waits", d)
			}
		}
		at := func(id store.NodeID, i *protocol.Index, batches int) float64 {
			began := time.Now()
			for range batches {
				time.Sleep(max(p.spend(id, i, nil), 0))
			}
			return time.Since(began).Seconds()
		}
		if s := at(flood, batch, 5000); s < 60 { // ten million entries
			t.Errorf("ten million entries in %.0f s", s)
		}
		if s := at(tiny, &protocol.Index{}, 100_000); s < 60 {
			t.Errorf("100 000 empty batches in %.0f s", s)
		}
		if s := at(tiny, &protocol.Index{}, 1000); s < 0.9 {
			t.Errorf("then 1000 in %.1f s", s)
		}
		time.Sleep(time.Minute)
		if d := p.spend(tiny, batch, nil); d > 0 {
			t.Error("nothing is forgiven", d)
		}
	})
}

// TestPacesForget: however many devices somebody invents, few are remembered,
// and of those the ones that have something to wait for.
func TestPacesForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p paces
		flood, batch := store.NodeID{1}, full()
		for p.spend(flood, batch, nil) <= 0 {
		}
		for n := range uint64(5 * maxPaces) {
			var id store.NodeID
			binary.BigEndian.PutUint64(id[8:], n+1)
			p.spend(id, &protocol.Index{}, nil)
		}
		if len(p.m) > maxPaces {
			t.Errorf("%d peers", len(p.m))
		}
		if _, ok := p.m[flood]; !ok {
			t.Error("the flood was forgotten")
		}
		time.Sleep(time.Second)
		if p.spend(store.NodeID{2}, batch, nil); len(p.m) != 2 {
			t.Errorf("%d peers, of whom most have nothing to wait for", len(p.m))
		}
	})
}

// TestFlood: who has used up what may be said at once is read more slowly, and
// nothing worse happens to it.
func TestFlood(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		a := c.nodes[0]
		c.start()
		c.settle(10 * time.Second)
		x := c.intruder()
		l, err := x.meet(a)
		if err != nil {
			c.Fatal(err)
		}
		const batches = 3000
		a.f.paces.m = map[store.NodeID]pace{store.NodeID(x.cfg.Device.ID()): {entries: time.Now().Add(entryBurst / entryRate * time.Second)}}
		began := time.Now()
		out, err := l.OpenUni(c.Context())
		if err != nil {
			c.Fatal(err)
		}
		go func() {
			for n := range uint64(batches) {
				if protocol.Write(out, &protocol.Index{After: n, Upto: n + 1}) != nil {
					return
				}
			}
		}()
		for a.f.store.Peer(store.NodeID(x.cfg.Device.ID())).Cursor < batches && time.Since(began) < time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		if d := time.Since(began).Seconds(); d < 0.9*batches*batchCost/entryRate || d > 30 || l.Err() != nil {
			c.Errorf("%d batches in %.1f s, %v", batches, d, l.Err())
		}
	})
}
