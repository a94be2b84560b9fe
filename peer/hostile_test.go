package peer

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"qsync/certs"
	"qsync/folder"
	"qsync/protocol"
)

// intruder is a member of the folder that does not keep to the protocol.
type intruder struct {
	*transport
	c    *cluster
	keys certs.Keys
	caps uint32 // what it says it can
	seq  uint64 // and how long its journal is
}

func (c *cluster) intruder() *intruder {
	c.Helper()
	keys, err := certs.Derive(c.id)
	if err != nil {
		c.Fatal(err)
	}
	dev, err := certs.NewDevice()
	if err != nil {
		c.Fatal(err)
	}
	addr := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 66), Port: 2121}
	link := &simnet.SimulatedLink{Latency: time.Millisecond, UploadPacket: c.net}
	conn := simnet.NewBlockingSimConn(addr, link)
	link.Start()
	c.net.AddNode(addr, link)
	i := &intruder{c: c, keys: keys}
	tr, err := newTransport(conn, transportConfig{
		Device: dev, Ident: func() certs.Ident { return certs.Ident{Name: "intruder", Epoch: 1, Caps: i.caps} },
		Shares: func() []certs.Keys { return nil },
	})
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		tr.close()
		link.Close()
	})
	i.transport = tr
	return i
}

// meet dials m and greets it as anybody would.
func (i *intruder) meet(m *machine) (*authLink, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	l, err := i.dial(ctx, m.addr, i.keys)
	if err != nil {
		return nil, err
	}
	hello := &protocol.Hello{Mode: protocol.TwoWay, Name: "intruder", Folder: "/x", Replica: 99, Epoch: 77, Seq: i.seq}
	if err := errors.Join(protocol.Write(l.Control, hello), protocol.Write(l.Control, &protocol.Resume{})); err != nil {
		return nil, err
	}
	r := protocol.NewReader(l.Control, protocol.Control)
	for range 2 {
		if _, err := r.Next(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// ended waits for the end of a link and returns the code with which it ended.
func (l *authLink) ended() uint64 {
	select {
	case <-l.Done():
	case <-time.After(time.Minute):
		return 0
	}
	var e *LinkError
	if errors.As(l.Err(), &e) && e.Remote {
		return e.Code
	}
	return 0
}

// index sends batches as the intruder's index.
func (l *authLink) index(batches ...*protocol.Index) error {
	out, err := l.OpenUni(context.Background())
	if err != nil {
		return err
	}
	for _, b := range batches {
		if err := protocol.Write(out, b); err != nil {
			return err
		}
	}
	return nil
}

// TestMalformed: whoever breaks the protocol loses its link only, and after
// five times is left out; everybody else goes on (F96, F100, F102).
func TestMalformed(t *testing.T) {
	t.Parallel()
	dot := func(n uint64) folder.Dot { return folder.Dot{Replica: 99, Counter: n} }
	entry := func(p string, n uint64) protocol.Entry {
		v := folder.Value{Kind: folder.Dir, Mode: 0o755}
		return protocol.Entry{Path: folder.Path(p), Register: folder.Register{Sibs: []folder.Sibling{{Dot: dot(n), Value: v}}}}
	}
	raw := func(b string) func(l *authLink) error {
		return func(l *authLink) error {
			out, err := l.OpenUni(context.Background())
			if err == nil {
				_, err = io.WriteString(out, b)
			}
			return err
		}
	}
	cases := map[string]func(l *authLink) error{
		"garbage":      raw(strings.Repeat("garbage", 100)),
		"a huge frame": raw("\xff\xff\xff\xff\xff\xff\xff\xff"),
		"another message": func(l *authLink) error {
			return protocol.Write(l.Control, &protocol.Hello{Mode: 1, Replica: 1, Epoch: 1})
		},
		"a buried counter": func(l *authLink) error {
			return l.index(&protocol.Index{Upto: 1, Complete: true, Entries: []protocol.Entry{entry("x", 1<<62)}})
		},
		"progress beyond the journal": func(l *authLink) error {
			return protocol.Write(l.Control, &protocol.Progress{Epoch: 1, Cursor: 1})
		},
		"a request that is none": func(l *authLink) error {
			st, err := l.OpenStream(context.Background())
			if err == nil {
				_, err = io.WriteString(st, strings.Repeat("?", 1000))
			}
			return err
		},
	}
	for name, attack := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				c.start()
				c.converged(10 * time.Second)
				i := c.intruder()
				for n := range badLimit {
					l, err := i.meet(a)
					if err != nil {
						c.Fatal(n, err)
					}
					if name == "progress beyond the journal" {
						err = protocol.Write(l.Control, &protocol.Progress{Epoch: a.f.store.Identity().Epoch, Cursor: 1 << 30})
					} else {
						err = attack(l)
					}
					if err != nil {
						c.Fatal(n, err)
					}
					if code := l.ended(); code != CodeProtocol {
						c.Fatalf("ended with code %d: %v", code, l.Err())
					}
					time.Sleep(time.Second)
				}
				if l, err := i.meet(a); err == nil {
					c.Error("let in again:", l.ended())
				}
				if why := a.reason(i); !strings.Contains(why, "broke the protocol 5 times") {
					c.Errorf("status gives as the reason %q", why)
				}
				a.write("f", "goes on")
				if c.converged(10 * time.Second); b.read("f") != "goes on" || a.f.Err() != nil {
					c.Error(b.tree(), a.f.Err())
				}
				time.Sleep(badPause)
				if _, err := i.meet(a); err != nil {
					c.Error("left out for ever:", err)
				}
				if why := a.reason(i); why != "" {
					c.Errorf("status goes on to say %q", why)
				}
			})
		})
	}
}

// TestServe: what is served is what the map knows, in the ranges asked for, and
// nothing else (F103).
func TestServe(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		a := c.nodes[0]
		big := random(700_000)
		a.write("f", "content of f")
		a.write("big", big)
		a.write("x.tmp", "ignored")
		a.write("later", "before")
		a.cfg.Exclude = []string{"*.tmp"}
		c.start()
		c.settle(10 * time.Second)
		l, err := c.intruder().meet(a)
		if err != nil {
			c.Fatal(err)
		}
		ask := func(p, content string, off, n int) (protocol.Status, string) {
			c.Helper()
			st, err := l.OpenStream(c.Context())
			if err != nil {
				c.Fatal(err)
			}
			defer st.Close()
			it := protocol.Item{Path: folder.Path(p), Digest: digestOf(content), Size: int64(len(content)), Offset: int64(off), Length: int64(n)}
			if err := protocol.Write(st, &protocol.Request{Items: []protocol.Item{it}}); err != nil {
				c.Fatal(err)
			}
			r := protocol.NewReader(st, protocol.Answers)
			m, err := r.Next()
			if err != nil {
				c.Fatal(err)
			}
			resp := m.(*protocol.Response)
			got := string(resp.Data)
			for resp.Status == protocol.OK && len(got) < n {
				m, err := r.Next()
				if err != nil {
					c.Fatal(err)
				}
				got += string(m.(*protocol.Data).Bytes)
			}
			return resp.Status, got
		}
		for _, k := range []struct {
			path, content string
			off, n        int
			status        protocol.Status
			want          string
		}{
			{"f", "content of f", 0, 12, protocol.OK, "content of f"},
			{"f", "content of f", 8, 4, protocol.OK, "of f"},
			{"nowhere", big, 5, 6, protocol.OK, big[5:11]}, // by digest, wherever it is
			{"big", big, 300_000, 399_999, protocol.OK, big[300_000:699_999]},
			{"f", "other content", 0, 13, protocol.NotHere, ""},
			{"x.tmp", "ignored", 0, 7, protocol.NotHere, ""},
			{"a.state/map.db", "x", 0, 1, protocol.NotHere, ""},
		} {
			if status, got := ask(k.path, k.content, k.off, k.n); status != k.status || got != k.want {
				c.Errorf("%s: %v, %d bytes", k.path, status, len(got))
			}
		}
		a.write("later", "behind its back")
		if status, _ := ask("later", "before", 0, 6); status == protocol.OK {
			c.Error("served what is not there any more")
		}
		st, err := l.OpenStream(c.Context())
		if err != nil {
			c.Fatal(err)
		}
		it := protocol.Item{Path: "../a/f", Digest: digestOf("x"), Size: 1, Length: 1}
		if protocol.Write(st, &protocol.Request{Items: []protocol.Item{it}}) == nil {
			if code := l.ended(); code != CodeProtocol {
				c.Error("a path outside:", code, l.Err())
			}
		}
	})
}
