package peer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPair: two machines follow each other, both ways.
func TestPair(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		a.write("docs/a.txt", "from a")
		a.writeMode("docs/run.sh", "#!", 0o755)
		a.symlink("link", "docs/a.txt")
		a.mkdir("empty/deep")
		b.write("big", strings.Repeat("0123456789", 100_000))
		c.start()
		c.converged(10 * time.Second)
		a.write("docs/a.txt", "from a again")
		b.write("new/x", "from b")
		b.remove("empty")
		a.chmod("big", 0o600)
		b.touch("docs/run.sh", time.Unix(1e9, 5))
		got := c.converged(10 * time.Second)
		if got["docs/a.txt"].data != "from a again" || got["new/x"].data != "from b" || got["big"].mode != 0o600 ||
			got["docs/run.sh"].mtime != 1e18+5 || a.exists("empty") {
			c.Error(got)
		}
		if n := got.conflicts(); n != nil {
			c.Error(n)
		}
		a.rename("docs", "papers")
		if c.converged(10 * time.Second); b.read("papers/a.txt") != "from a again" || b.exists("docs") {
			c.Error(b.tree())
		}
	})
}

// TestTopologies: the result does not depend on who knows whom (I19, F86).
func TestTopologies(t *testing.T) {
	shapes := []struct {
		name    string
		n       int
		connect func(*cluster)
	}{
		{"line", 3, (*cluster).line}, {"star", 4, (*cluster).star}, {"ring", 4, (*cluster).ring}, {"full", 5, (*cluster).full},
	}
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, s.n, func(c *cluster) {
				s.connect(c)
				for _, m := range c.nodes {
					m.write("own/"+m.name, "by "+m.name)
					m.write("same", "the same everywhere")
					m.touch("same", time.Unix(1e9, 0))
				}
				c.start()
				want := c.converged(time.Minute)
				for _, m := range c.nodes {
					if want["own/"+m.name].data != "by "+m.name {
						c.Error(want)
					}
				}
				first, last := c.nodes[0], c.nodes[s.n-1]
				last.remove("own/" + first.name)
				first.write("own/"+last.name, "by "+first.name)
				first.rename("same", "own/same")
				took := c.settle(10 * time.Second)
				want = c.equal()
				if n := want.conflicts(); n != nil || want["own/"+last.name].data != "by "+first.name || first.exists("own/"+first.name) || first.exists("same") {
					c.Error(want)
				}
				if took > 5*time.Second {
					c.Error("it took", took)
				}
			})
		})
	}
}

// TestGossip: what two machines do reaches the other through the middle, though
// they are never up together; deletions too.
func TestGossip(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, mid, z := c.nodes[0], c.nodes[1], c.nodes[2]
		c.line()
		a.write("d/x", "by a")
		a.write("d/y", "by a")
		c.start(a, mid)
		c.settle(10 * time.Second)
		a.stop()
		c.start(z)
		c.settle(20 * time.Second)
		if z.read("d/x") != "by a" {
			c.Error(z.tree())
		}
		z.remove("d/x")
		z.write("d/y", "by z")
		z.write("e/new", "by z")
		c.settle(10 * time.Second)
		z.stop()
		time.Sleep(time.Hour)
		c.start(a)
		c.settle(20 * time.Second)
		if a.exists("d/x") || a.read("d/y") != "by z" || a.read("e/new") != "by z" {
			c.Error(a.tree())
		}
		a.remove("e")
		c.settle(10 * time.Second)
		a.stop()
		c.start(z)
		c.settle(20 * time.Second)
		if z.exists("e") {
			c.Error(z.tree())
		}
		c.equal()
	})
}

// TestOffline: a peer that was away for long is sent one row a path and the
// content that is new, nothing else (F84).
func TestOffline(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		for i := range 300 {
			a.write(fmt.Sprintf("many/%d", i), strings.Repeat("x", i))
		}
		c.start()
		c.converged(20 * time.Second)
		b.stop()
		time.Sleep(time.Minute)
		content := ""
		for i := range 100 {
			content = fmt.Sprintf("edit %d", i)
			a.write("many/7", content)
			time.Sleep(time.Hour)
		}
		a.write("many/8", "once")
		a.remove("many/9")
		a.rename("many/299", "renamed")
		time.Sleep(time.Second)
		a.f.Rescan(c.Context())
		p := a.f.Status().Peers
		// many itself moved with what went.
		if len(p) != 1 || p[0].Connected || p[0].InSync || p[0].Queued.Entries != 6 {
			c.Errorf("queued for the absent: %+v", p)
		}
		sent, bytes := c.contentSent(), c.net.bytes(a)
		c.start(b)
		got := c.converged(20 * time.Second)
		if got["many/7"].data != content || got["many/8"].data != "once" || b.exists("many/9") || len(got["renamed"].data) != 299 {
			c.Error(got)
		}
		if n := c.contentSent() - sent; n > int64(len(content)+len("once"))+300 {
			c.Errorf("%d bytes of content sent", n)
		}
		if n := c.net.bytes(a) - bytes; n > 16<<10 {
			c.Errorf("%d bytes sent in all", n)
		}
		if p := a.f.Status().Peers; p[0].Queued != (Amount{}) || !p[0].InSync {
			c.Errorf("queued for the peer in sync: %+v", p)
		}
	})
}

// TestCut: a transfer that was cut goes on where it stopped, also after a
// restart of the receiver.
func TestCut(t *testing.T) {
	const size = 32 << 20
	cuts := map[string]func(a, b *machine){
		"partition": func(a, b *machine) {
			a.c.net.part(a, b)
			time.Sleep(time.Minute)
			a.c.net.join(a, b)
		},
		"restart": func(a, b *machine) {
			b.stop()
			a.c.start(b)
		},
	}
	for name, cut := range cuts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				b.dials(a)
				c.start()
				c.converged(10 * time.Second)
				a.write("big", random(size))
				for b.f.counts.received.Load() < size/2 {
					time.Sleep(time.Millisecond)
				}
				cut(a, b)
				if b.exists("big") {
					c.Fatal("arrived before the cut")
				}
				c.converged(2 * time.Minute)
				// What was on the way, a stream's window, is lost.
				if sent := a.f.counts.sent.Load(); sent > size*3/2 {
					c.Errorf("%d bytes sent for %d", sent, size)
				}
			})
		})
	}
}

// TestLoss: a bad network delays and breaks nothing (F72).
func TestLoss(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		c.net.loss, c.net.latency = 15, 60*time.Millisecond
		for i := range 50 {
			a.write(fmt.Sprintf("f%d", i), random(i*1000))
		}
		c.start()
		c.converged(2 * time.Minute)
	})
}

// TestEqualContents: what is the same on both sides at the first contact is not
// sent, and no conflict (F30).
func TestEqualContents(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		for i := range 20 {
			text := random(10_000 * i)
			a.write(fmt.Sprintf("d/%d", i), text)
			time.Sleep(time.Second)
			b.write(fmt.Sprintf("d/%d", i), text) // a little younger
		}
		b.chmod("d/3", 0o755)
		a.symlink("l", "x")
		b.symlink("l", "x")
		c.start()
		got := c.converged(10 * time.Second)
		if n := c.contentSent(); n != 0 {
			c.Errorf("%d bytes of content sent", n)
		}
		if n := got.conflicts(); n != nil {
			c.Error(n)
		}
	})
}

// TestSameNodeTwice: a peer known under two addresses, and peers that dial each
// other at the same moment, come to rest at one link.
func TestSameNodeTwice(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		c.full()
		for _, m := range c.nodes {
			m.cfg.Remotes = append(m.cfg.Remotes, m.cfg.Remotes...)
			m.cfg.Remotes = append(m.cfg.Remotes, strings.Replace(m.cfg.Remotes[0], "10.0.0", "[::ffff:10.0.0", 1))
			last := len(m.cfg.Remotes) - 1
			m.cfg.Remotes[last] = strings.Replace(m.cfg.Remotes[last], ":2121", "]:2121", 1)
		}
		c.nodes[0].write("x", "x")
		c.start()
		c.converged(time.Minute)
		time.Sleep(time.Minute)
		before := make(map[*machine]int)
		for _, m := range c.nodes {
			before[m] = m.links()
		}
		time.Sleep(10 * time.Minute)
		for _, m := range c.nodes {
			if n := m.links(); n != before[m] || n > 20 {
				c.Errorf("%s: %d connections, %d before", m.name, n, before[m])
			}
			if on, off := m.told("peer_connected"), m.told("peer_lost"); on != 2 || off != 0 {
				c.Errorf("%s: told of %d peers that came and %d that went; two came", m.name, on, off)
			}
			l := m.node.transport.limits
			l.mu.Lock()
			if len(l.links) != 2 {
				c.Errorf("%s has %d links", m.name, len(l.links))
			}
			l.mu.Unlock()
			if n := len(m.f.Status().Peers); n != 2 {
				c.Errorf("%s knows %d peers", m.name, n)
			}
		}
		c.nodes[1].write("x", "y")
		c.converged(10 * time.Second)
	})
}

// TestIdle: at rest nothing is sent but what keeps the links alive, and nothing
// is written (I6).
func TestIdle(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		c.full()
		for _, m := range c.nodes {
			m.cfg.Rescan = time.Minute
			m.write("d/"+m.name, m.name)
		}
		c.start()
		c.converged(20 * time.Second)
		time.Sleep(time.Minute)
		at, sent := c.position(), c.contentSent()
		var bytes int64
		for _, m := range c.nodes {
			bytes -= c.net.bytes(m)
		}
		time.Sleep(time.Hour)
		for _, m := range c.nodes {
			bytes += c.net.bytes(m)
		}
		if now := c.position(); now != at || c.contentSent() != sent {
			c.Errorf("journals %s, now %s; content %d, now %d", at, now, sent, c.contentSent())
		}
		// Three links, a small packet each way every seven seconds.
		if most := int64(3 * 2 * 3600 / 7 * 100); bytes > most {
			c.Errorf("%d bytes sent in an idle hour, expected %d at most", bytes, most)
		}
	})
}

// TestRestartIsTold: whoever comes back before it was missed went first.
func TestRestartIsTold(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.full()
		c.start()
		c.converged(time.Minute)
		c.net.part(a, b) // its last words are not heard
		b.stop()
		c.net.join(a, b)
		if err := b.start(); err != nil {
			c.Fatal(err)
		}
		c.converged(time.Minute)
		var told []string
		a.mu.Lock()
		for _, e := range a.events {
			if strings.HasPrefix(e.Event, "peer_") && e.Event != "peer_moved" {
				told = append(told, e.Event)
			}
		}
		a.mu.Unlock()
		if want := []string{"peer_connected", "peer_lost", "peer_connected"}; !slices.Equal(told, want) {
			c.Errorf("told %v, want %v", told, want)
		}
	})
}
