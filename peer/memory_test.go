package peer

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"qsync/certs"
	"qsync/folder"
	"qsync/protocol"
)

// shrink leaves a node that has no peers yet less memory for them.
func (n *Node) shrink(total int64) {
	n.buffers.mu.Lock()
	defer n.buffers.mu.Unlock()
	n.buffers.total, n.buffers.free = total, total
	n.fetching.most = total / 2
}

// fill leaves a node so much memory beside what is held.
func (n *Node) fill(free int64) {
	n.buffers.mu.Lock()
	defer n.buffers.mu.Unlock()
	n.buffers.total -= n.buffers.free - free
	n.buffers.free = free
}

// big announces a file of many megabytes without filling the disk with it.
func (c *cluster) big(m *machine) protocol.Item {
	content := random(8 << 20)
	m.write("big", content)
	return protocol.Item{Path: "big", Digest: digestOf(content), Size: int64(len(content)), Length: int64(len(content))}
}

// anew meets m as a device that it does not know.
func (i *intruder) anew(m *machine) *authLink {
	i.c.Helper()
	dev, err := certs.NewDevice()
	if err != nil {
		i.c.Fatal(err)
	}
	i.cfg.Device = dev
	l, err := i.meet(m)
	if err != nil {
		i.c.Fatal(err)
	}
	return l
}

// stalls opens requests by a new device and reads no answer.
func (i *intruder) stalls(m *machine, requests int, it protocol.Item) *authLink {
	i.c.Helper()
	l := i.anew(m)
	for range requests {
		st, err := l.OpenStream(i.c.Context())
		if err == nil {
			err = protocol.Write(st, &protocol.Request{Items: []protocol.Item{it}})
		}
		if err != nil {
			i.c.Fatal(err)
		}
	}
	return l
}

// TestStalledReaders: peers that ask for much and read nothing make a node hold
// no more memory than it has set aside, and the others are served (F97, F101).
func TestStalledReaders(t *testing.T) {
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		it := c.big(a)
		c.start(a)
		c.settle(20 * time.Second)
		const room = 20 << 20
		a.node.shrink(room)
		x := c.intruder()
		heap := func() int64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		before := heap()
		for range 20 {
			x.stalls(a, serveAtOnce, it)
		}
		time.Sleep(5 * time.Second)
		// Beside it each link has what is on its way and its connection.
		if grown := heap() - before; grown > room+40<<20 {
			c.Errorf("%d MiB for 20 peers", grown>>20)
		}
		b.dials(a)
		c.start(b)
		began := time.Now()
		for !b.exists("big") {
			if time.Sleep(time.Second); time.Since(began) > 3*requestWait {
				c.Fatal("nothing comes through")
			}
		}
	})
}

// TestGreedyPeer: one peer has its part and no more, however much it asks for,
// so that another one does not even wait.
func TestGreedyPeer(t *testing.T) {
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		it := c.big(a)
		c.start(a)
		c.settle(20 * time.Second)
		a.node.shrink(peerRoom + 2*frameRoom) // 16 answers would take all of it
		c.intruder().stalls(a, 4*serveAtOnce, it)
		time.Sleep(time.Second)
		b.dials(a)
		c.start(b)
		began := time.Now()
		for !b.exists("big") {
			if time.Sleep(100 * time.Millisecond); time.Since(began) > requestWait/2 {
				c.Fatal("nothing comes through")
			}
		}
	})
}

// TestTricklers: peers that read so slowly that no deadline is ever missed do
// not keep all the memory for themselves.
func TestTricklers(t *testing.T) {
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		it := c.big(a)
		c.start(a)
		c.settle(20 * time.Second)
		a.node.shrink(2 * peerRoom)
		x := c.intruder()
		for range 3 {
			l := x.stalls(a, 0, it)
			for range serveAtOnce {
				st, err := l.OpenStream(c.Context())
				if err != nil {
					c.Fatal(err)
				}
				if err := protocol.Write(st, &protocol.Request{Items: []protocol.Item{it}}); err != nil {
					c.Fatal(err)
				}
				go func() {
					buf := make([]byte, 20<<10)
					for sleep(c.Context(), time.Second) {
						if _, err := st.Read(buf); err != nil {
							return
						}
					}
				}()
			}
		}
		time.Sleep(time.Minute)
		b.dials(a)
		c.start(b)
		began := time.Now()
		for !b.exists("big") {
			if time.Sleep(time.Second); time.Since(began) > 3*requestWait {
				c.Fatal("nothing comes through")
			}
		}
	})
}

// TestSilentSource: a peer that announces content and never takes a request, so
// that the right to open streams runs out, does not keep the fetchers busy.
func TestSilentSource(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.start(a)
		c.settle(10 * time.Second)
		l, err := c.intruder().meet(a)
		if err != nil {
			c.Fatal(err)
		}
		i := &protocol.Index{Upto: 100, Complete: true, Scanned: true, Context: folder.Context{{Replica: 99, Counter: 100}}}
		for n := range 100 {
			v := folder.Value{Kind: folder.File, Mode: 0o644, MTime: 1, Size: smallFile + 1, Digest: digestOf(fmt.Sprint(n))}
			i.Entries = append(i.Entries, protocol.Entry{
				Path: folder.Path(fmt.Sprintf("lie%03d", n)), Have: true,
				Register: folder.Register{Sibs: []folder.Sibling{{Dot: folder.Dot{Replica: 99, Counter: uint64(n + 1)}, Value: v}}},
			})
		}
		if err := l.index(i); err != nil {
			c.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		b.write("f", "of an honest peer")
		b.dials(a)
		c.start(b)
		began := time.Now()
		for !a.exists("f") {
			if time.Sleep(time.Minute); time.Since(began) > 30*time.Minute {
				c.Fatal("the fetchers wait for one peer for ever")
			}
		}
	})
}

// TestUnreadIndex: peers that do not read what they are told, or begin to tell
// something and do not go on, are borne as long as nobody else needs the memory.
func TestUnreadIndex(t *testing.T) {
	t.Parallel()
	stall := map[string]func(l *authLink) error{
		"unread": func(*authLink) error { return nil },
		"begun": func(l *authLink) error {
			in, err := l.AcceptUni(context.Background())
			if err != nil {
				return err
			}
			go io.Copy(io.Discard, in)
			out, err := l.OpenUni(context.Background())
			if err == nil {
				_, err = out.Write(append(binary.BigEndian.AppendUint32(nil, protocol.MaxIndex), 4, 0))
			}
			return err
		},
	}
	for name, begin := range stall {
		t.Run(name, func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				for n := range 1500 { // more than fits into the windows of a connection
					name := fmt.Sprintf("%x", random(100))
					a.must(os.WriteFile(a.path(name), []byte(fmt.Sprint(n)), 0o644))
				}
				c.start(a)
				c.settle(10 * time.Second)
				x := c.intruder()
				var links []*authLink
				for range 20 {
					l := x.anew(a)
					if err := begin(l); err != nil {
						c.Fatal(err)
					}
					links = append(links, l)
				}
				time.Sleep(10 * time.Minute)
				for _, l := range links {
					if l.Err() != nil {
						c.Fatal("nobody needs the memory:", l.Err())
					}
				}
				a.node.fill(frameRoom / 2)
				b.write("f", "of an honest peer")
				b.dials(a)
				c.start(b)
				time.Sleep(4 * stallWait)
				if len(a.tree()) != 1501 || len(b.tree()) != 1501 {
					c.Error("no memory is left for an honest peer", len(a.tree()), len(b.tree()))
				}
			})
		})
	}
}
