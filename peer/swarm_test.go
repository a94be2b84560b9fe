package peer

import (
	"fmt"
	"testing"
	"time"

	"qsync/folder"
	"qsync/protocol"
)

// TestSwarm: of what many receivers want from one, each part leaves it little more
// than once; they have the rest from each other. What is under way to several at the
// same time comes to that: half of so few files, a sixth of 320.
func TestSwarm(t *testing.T) {
	t.Parallel()
	bubble(t, 5, func(c *cluster) {
		c.sync = false
		source := c.nodes[0]
		const size = 130 << 10
		files := 80
		if testing.Short() {
			files = 40
		}
		for i := range files {
			source.write(fmt.Sprintf("d%d/f%02d", i%8, i/8), random(size))
		}
		for i, m := range c.nodes {
			m.dials(c.nodes[:i]...)
		}
		c.net.slow(source, 256<<10)
		c.start()
		c.converged(5 * time.Minute)
		content := int64(files * size)
		sent := c.net.bytes(source)
		t.Logf("%.2f times the content left its source", float64(sent)/float64(content))
		if sent > 3*content {
			t.Errorf("%d bytes left the source of %d, for four receivers", sent, content)
		}
	})
}

// A walk that begins in the middle never comes by the files of a database apart.
func TestWalkSplitsNoDatabase(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a := c.nodes[0]
		c.line()
		for _, name := range []string{"d/base", "d/base-wal", "d/base.x", "e/other", "e/otherwise"} {
			a.write(name, name)
		}
		c.start()
		c.converged(20 * time.Second)
		r := &round{f: a.f}
		for p, want := range map[folder.Path]bool{
			"d/base": true, "d/base-journal": true, "d/base-wal": true, "d/base.x": true, "d/bas": false, "d": false,
			"e/other": false, "e/otherwise": false, "f": false,
		} {
			if got, err := r.splits(p); err != nil || got != want {
				t.Errorf("%s: %v %v", p, got, err)
			}
		}
	})
}

// Who has what is forgotten with the peer, and bounded.
func TestHolders(t *testing.T) {
	var h holders
	d := digestOf("x")
	one, two, none := &session{}, &session{}, &session{}
	for _, s := range []*session{one, two} {
		s.fellow.Store(true)
		h.heard(s, told("x", true))
	}
	h.heard(none, told("x", true))
	got := map[*session]int{}
	for turn := range 10 {
		got[h.of(d, turn)]++
	}
	if got[one] != 5 || got[two] != 5 {
		t.Error("they do not take turns", got)
	}
	h.leave(one)
	if h.of(d, 0) != two || h.of(d, 1) != two {
		t.Error("one that is gone is asked")
	}
	h.heard(two, told("y", false))
	if h.of(digestOf("y"), 0) != nil {
		t.Error("who has it not is asked")
	}
	h.leave(two)
	if len(h.m) != 0 {
		t.Error("something is left", h.m)
	}
	for range 70 {
		s := &session{}
		s.fellow.Store(true)
		h.heard(s, told("x", true))
	}
	h.clear()
	if h.of(d, 0) != nil {
		t.Error("it was cleared")
	}
}

// told is what an index says of a file with that content.
func told(content string, have bool) []protocol.Entry {
	v := folder.Value{Kind: folder.File, Size: int64(len(content)), Digest: digestOf(content)}
	reg := folder.Register{Sibs: []folder.Sibling{{Dot: folder.Dot{Replica: 1, Counter: 1}, Value: v}}}
	return []protocol.Entry{{Path: "p", Register: reg, Have: have}}
}
