package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qsync/certs"
	"qsync/folder"
	"qsync/protocol"
	"qsync/store"
)

// reason is what the status of m says of why a peer is left out.
func (m *machine) reason(i *intruder) string {
	for _, p := range m.f.Status().Peers {
		if p.Node == i.cfg.Device.ID().String() {
			return p.Reason
		}
	}
	return ""
}

// offers announces files of these sizes, of which it knows the digests only.
func (l *authLink) offers(sizes ...int64) error {
	n := uint64(len(sizes))
	b := &protocol.Index{Upto: n, Complete: true, Scanned: true, Context: folder.Context{{Replica: 99, Counter: n}}}
	for i, size := range sizes {
		name := string(rune('a' + i))
		v := folder.Value{Kind: folder.File, Mode: 0o644, MTime: 1, Size: size, Digest: digestOf(name)}
		b.Entries = append(b.Entries, protocol.Entry{
			Path: folder.Path(name), Have: true,
			Register: folder.Register{Sibs: []folder.Sibling{{Dot: folder.Dot{Replica: 99, Counter: uint64(i + 1)}, Value: v}}},
		})
	}
	return l.index(b)
}

// serves answers requests for so long, see serve, and returns how many there were.
func (l *authLink) serves(long time.Duration, status protocol.Status) (asked int) {
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	for ; ; asked++ {
		if _, err := l.serve(ctx, status); err != nil {
			return asked
		}
	}
}

// serve answers one request with the right number of wrong bytes, or, where status says
// so, with some of them and then that. It returns what was asked for.
func (l *authLink) serve(ctx context.Context, status protocol.Status) ([]protocol.Item, error) {
	st, err := l.AcceptStream(ctx)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	m, err := protocol.NewReader(st, protocol.Requests).Next()
	if err != nil {
		return nil, nil // abandoned
	}
	const part = 1 << 16
	w := protocol.NewWriter(st)
	for _, it := range m.(*protocol.Request).Items {
		if status != protocol.OK && it.Length <= part {
			w.Write(&protocol.Response{Status: status})
			continue
		}
		w.Write(&protocol.Response{Status: protocol.OK, Length: it.Length})
		for n := int64(0); n < min(it.Length, 1<<20); n += part {
			if status != protocol.OK && it.Length-n <= part {
				w.Write(&protocol.Abort{Status: status})
				break
			}
			w.Write(&protocol.Data{Bytes: bytes.Repeat([]byte("?"), int(min(it.Length-n, part)))})
		}
	}
	return m.(*protocol.Request).Items, nil
}

// TestLies: a peer that announces what it does not have, or other bytes than it
// says, harms nobody, and is left out when it does so again and again; what it
// has said is fetched from whoever has it (F13, F101).
func TestLies(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int64{"small": 5, "large": 500_000} {
		t.Run(name, func(t *testing.T) { bubble(t, 1, func(c *cluster) { c.lies(size) }) })
	}
}

func (c *cluster) lies(size int64) {
	a := c.nodes[0]
	c.start()
	c.settle(10 * time.Second)
	x := c.intruder()
	l, err := x.meet(a)
	if err != nil {
		c.Fatal(err)
	}
	if err := l.offers(1<<50, size); err != nil {
		c.Fatal(err)
	}
	asked := l.serves(time.Minute, protocol.OK)
	if t := a.tree(); len(t) != 0 {
		c.Error(t)
	}
	if asked < badLimit/2 || asked > 2*badLimit {
		c.Errorf("asked %d times in a minute", asked)
	}
	if code := l.ended(); code != CodeProtocol || a.reason(x) == "" {
		c.Errorf("it stays: code %d, %q", code, a.reason(x))
	}
	if a.f.Err() != nil {
		c.Error(a.f.Err())
	}
	a.write("own", "goes on")
	time.Sleep(time.Second)
}

// TestHonestChange: a peer that says in time that it cannot give what it
// announced is asked again, and nothing is held against it (F13).
func TestHonestChange(t *testing.T) {
	t.Parallel()
	for _, status := range []protocol.Status{protocol.NotHere, protocol.Changed, protocol.Failed, protocol.Busy} {
		t.Run(status.String(), func(t *testing.T) {
			bubble(t, 1, func(c *cluster) {
				a := c.nodes[0]
				c.start()
				c.settle(10 * time.Second)
				x := c.intruder()
				l, err := x.meet(a)
				if err != nil {
					c.Fatal(err)
				}
				if err := l.offers(5, 500_000); err != nil {
					c.Fatal(err)
				}
				if asked := l.serves(time.Minute, status); asked < badLimit {
					c.Errorf("asked %d times", asked)
				}
				if l.Err() != nil || a.f.bad.times(x) != 0 {
					c.Error(l.Err(), a.f.bad.times(x))
				}
			})
		})
	}
}

// times is how often a peer is known to have broken the protocol.
func (q *quarantine) times(x *intruder) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if o := q.m[store.NodeID(x.cfg.Device.ID())]; o != nil {
		return len(o.times)
	}
	return 0
}

// TestWrongEnd: where only the end of a file comes from a peer, the wrong bytes
// may be another's. What is known to have changed is not kept for its end (F13).
func TestWrongEnd(t *testing.T) {
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
		if err := l.offers(500_000); err != nil {
			c.Fatal(err)
		}
		for i, k := range []struct {
			status protocol.Status
			part   bool // only the end is asked for
			times  int  // violations then
		}{{protocol.Busy, false, 0}, {protocol.OK, true, 0}, {protocol.Busy, false, 0}, {protocol.Changed, true, 0}, {protocol.OK, false, 1}} {
			items, err := l.serve(c.Context(), k.status)
			if err != nil || len(items) != 1 || (items[0].Offset > 0) != k.part {
				c.Fatal(i, items, err)
			}
			if time.Sleep(100 * time.Millisecond); a.f.bad.times(x) != k.times {
				c.Errorf("answer %d: %d violations", i, a.f.bad.times(x))
			}
		}
	})
}

// TestServesNothingWrong: a node does not send what is not what its map says,
// even where the file looks unchanged (F13).
func TestServesNothingWrong(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.write("small", "a few bytes")
		a.write("large", random(5*chunkSize/2))
		c.start(a)
		c.settle(10 * time.Second)
		time.Sleep(time.Minute) // nobody looks at them again for being new
		for _, p := range []folder.Path{"small", "large"} {
			rec, err := a.f.store.Record(p)
			if err != nil {
				c.Fatal(err)
			}
			other := rec.Local
			other.Value.Digest[0]++ // as if the disk had decayed since
			if _, err := a.f.store.Commit([]store.Change{{Path: p, Before: rec.Local, After: other}}, true); err != nil {
				c.Fatal(err)
			}
		}
		b.dials(a)
		c.start(b)
		time.Sleep(time.Minute)
		n := len(b.f.bad.all())
		if len(b.f.sessions) != 1 || n != 0 || b.exists("small") || b.exists("large") {
			c.Error(len(b.f.sessions), n, b.tree())
		}
		a.write("other", "goes on")
		time.Sleep(time.Minute)
		if b.read("other") != "goes on" {
			c.Error(b.tree())
		}
	})
}

// TestQuarantineForgets: however many devices somebody invents, few are
// remembered, and who is left out stays so (F101).
func TestQuarantineForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link, far := memPair()
		defer far.Close(CodeShutdown, "")
		by := func(n uint64) *session {
			s := &session{link: link, peer: certs.Ident{Name: "x"}}
			binary.BigEndian.PutUint64(s.id[:], n)
			return s
		}
		var q quarantine
		bad, newer := by(1), by(2)
		for n := range badLimit {
			if q.note(bad) != (n == badLimit-1) {
				t.Fatal(n, "is not when it begins")
			}
			time.Sleep(time.Second)
		}
		for n := range uint64(5 * maxOffenders) {
			q.note(by(100 + n))
			if n%100 == 0 {
				time.Sleep(time.Second)
			}
		}
		q.note(newer)
		if len(q.m) > maxOffenders {
			t.Errorf("%d peers", len(q.m))
		}
		if q.reason(bad.id) == "" || q.m[newer.id] == nil || len(q.all()) != 1 {
			t.Error("forgotten:", q.reason(bad.id), q.m[newer.id])
		}
		time.Sleep(badPause + time.Minute)
		if q.note(newer); len(q.m) != maxOffenders || q.reason(bad.id) != "" {
			t.Error(len(q.m), q.reason(bad.id))
		}
		if q.note(by(3)); len(q.m) != 2 {
			t.Errorf("%d peers, of whom all but two have served their time", len(q.m))
		}
	})
}

// TestCrowdedFolder: where so many devices were here of late that none can be
// forgotten, one more is sent away, and people are told why (F101).
func TestCrowdedFolder(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		a := c.nodes[0]
		c.start()
		c.settle(10 * time.Second)
		x := c.intruder()
		l := x.anew(a)
		l.Close(CodeShutdown, "")
		time.Sleep(time.Second)
		for n := uint64(1); ; n++ {
			p := store.Peer{Replica: 9, Epoch: 9}
			binary.BigEndian.PutUint64(p.ID[:], n)
			if _, err := a.f.store.Greet(p); errors.Is(err, store.ErrCrowded) {
				break
			} else if err != nil || n > 5000 {
				c.Fatal(n, err)
			}
		}
		if a.f.store.Peer(store.NodeID(x.cfg.Device.ID())).Number != 0 {
			c.Error("one that has left counts as being here")
		}
		x.cfg.Device, _ = certs.NewDevice()
		if _, err := x.meet(a); err == nil {
			c.Error("let in")
		}
		if r := a.f.Status().Reason; !strings.Contains(r, "too many devices") {
			c.Errorf("status says %q", r)
		}
	})
}

// TestQuarantineWindow: violations count only when they come close together.
func TestQuarantineWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link, far := memPair()
		defer far.Close(CodeShutdown, "")
		var q quarantine
		s := &session{link: link, peer: certs.Ident{Name: "x"}}
		for range 4 * badLimit {
			if time.Sleep(badWindow/(badLimit-1) + time.Second); q.note(s) {
				t.Fatal("left out")
			}
		}
		for range badLimit - 1 {
			time.Sleep(time.Second)
			q.note(s)
		}
		if q.reason(s.id) == "" {
			t.Error("let in")
		}
	})
}
