package peer

import (
	"bytes"
	"testing"
	"time"

	"qsync/folder"
	"qsync/store"
)

// crowd makes a file of 9 MiB at the first node, which all want, and starts them on
// lines of 2 MiB a second.
func (c *cluster) crowd() (content string) {
	c.sync = false
	content = random(9 << 20)
	c.nodes[0].write("large", content)
	for _, m := range c.nodes {
		c.net.slow(m, 2<<20)
	}
	c.start()
	return content
}

// arrived waits until all have the file, and returns how many times it has left its
// source.
func (c *cluster) arrived(content string) float64 {
	c.Helper()
	c.converged(5 * time.Minute)
	for _, m := range c.nodes {
		if m.read("large") != content {
			c.Errorf("%s has something else", m.name)
		}
	}
	return float64(c.net.bytes(c.nodes[0])) / float64(len(content))
}

// TestSwarmOfOneFile: of one large file that many want, too, little more leaves the
// source than once. Who is refused has it from those to whom it comes.
func TestSwarmOfOneFile(t *testing.T) {
	t.Parallel()
	bubble(t, 6, func(c *cluster) {
		c.full()
		times := c.arrived(c.crowd())
		if c.Logf("%.2f times the content left its source", times); times > 3 {
			c.Error("for five receivers")
		}
	})
}

// TestSwarmWithoutWays: who has no way to the others is refused for a moment alone.
func TestSwarmWithoutWays(t *testing.T) {
	t.Parallel()
	bubble(t, 5, func(c *cluster) {
		for _, m := range c.nodes[1:] {
			m.dials(c.nodes[0])
		}
		if times := c.arrived(c.crowd()); times < 4 || times > 4.5 {
			c.Errorf("%.2f times the content left its source, for four receivers", times)
		}
	})
}

// TestSwarmLosesOne: who is followed goes, and those who followed it have the rest from
// others, and nothing of it twice.
func TestSwarmLosesOne(t *testing.T) {
	t.Parallel()
	bubble(t, 6, func(c *cluster) {
		c.full()
		content := c.crowd()
		time.Sleep(3 * time.Second)
		var lost *machine
		for _, m := range c.nodes[1:] {
			if m.f.underway.going.busy() {
				lost = m
			}
		}
		if lost == nil {
			c.Fatal("nobody is followed")
		}
		lost.stop()
		time.Sleep(10 * time.Second)
		for _, m := range c.nodes[1:] {
			if m.up() && m.f.counts.received.Load() > 3*int64(len(content))/2 {
				c.Errorf("%s has had %d bytes of %d", m.name, m.f.counts.received.Load(), len(content))
			}
		}
		c.start(lost)
		c.arrived(content)
	})
}

// busy reports whether large content is given to anybody.
func (r *rations) busy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.m {
		if len(x.given) > 0 {
			return true
		}
	}
	return false
}

// TestSwarmMisled: what comes by way of one that hands on something else is not put in
// place, comes from the source then, and nobody is accused, for whoever hands on has
// not seen all of it either.
func TestSwarmMisled(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		c.full()
		source, liar, m := c.nodes[0], c.nodes[1], c.nodes[2]
		c.start(source, liar)
		c.sync = false
		content := random(9 << 20)
		// The liar has a file of that name under way that holds other bytes.
		d := digestOf(content)
		part, _, err := liar.f.root.StagePart(d, int64(len(content)))
		liar.must(err)
		defer part.Discard()
		_, err = part.Write(bytes.Repeat([]byte("wrong"), len(content)/5))
		liar.must(err)
		w := &want{rec: store.Record{Path: "other"}}
		w.res.Value = folder.Value{Kind: folder.File, Digest: d, Size: int64(len(content))}
		liar.f.underway.show(liar.f.underway.begin(w), part.Coming())
		// The source is giving it to two others.
		for range 2 {
			if g, _ := source.f.underway.going.begin(&session{}, d); g == nil {
				c.Fatal("two are refused")
			}
		}
		c.net.slow(source, 8<<20)
		source.write("large", content)
		time.Sleep(time.Second)
		c.start(m)
		time.Sleep(20 * time.Second)
		if got := m.f.counts.received.Load(); got < int64(len(content))*5/4 {
			c.Errorf("nothing came by way of the liar: %d bytes", got)
		}
		if m.read("large") != content || m.f.Err() != nil || m.peers() != 2 {
			c.Errorf("%d peers, %v", m.peers(), m.f.Err())
		}
	})
}

// TestSwarmLeavesTheSlow: who is followed and is slow is not followed for long.
func TestSwarmLeavesTheSlow(t *testing.T) {
	t.Parallel()
	bubble(t, 4, func(c *cluster) {
		c.full()
		c.sync = false
		content := random(24 << 20)
		c.nodes[0].write("large", content)
		for i, m := range c.nodes {
			c.net.slow(m, 256<<10) // as lines at home are, upwards
			if i == 0 {
				c.net.slow(m, 8<<20)
			}
		}
		began := time.Now()
		c.start()
		c.arrived(content)
		if took := time.Since(began); took > 40*time.Second {
			c.Error(took, "for what the source alone brings in 9 s")
		}
	})
}

// TestSwarmAroundTheSilent: one that does not answer keeps nobody from the source.
func TestSwarmAroundTheSilent(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		source, silent, m := c.nodes[0], c.nodes[1], c.nodes[2]
		m.dials(source, silent)
		c.start()
		c.sync = false
		silent.write("its own", "x")
		c.converged(20 * time.Second)
		content := random(9 << 20)
		for range 2 {
			if g, _ := source.f.underway.going.begin(&session{}, digestOf(content)); g == nil {
				c.Fatal("two are refused")
			}
		}
		for _, s := range m.f.sessions {
			s.fellow.Store(true)
		}
		c.net.slow(source, 8<<20)
		c.net.mute(silent, 12*time.Second)
		source.write("large", content)
		time.Sleep(8 * time.Second)
		if m.read("large") != content {
			c.Error("it is waited for")
		}
		c.converged(time.Minute)
	})
}
