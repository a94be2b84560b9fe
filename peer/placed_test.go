package peer

import (
	"fmt"
	"testing"
	"time"

	"qsync/folder"
)

// TestEchoes checks what is remembered of placed entries, and how much.
func TestEchoes(t *testing.T) {
	var e echoes
	file := folder.Local{Value: folder.Value{Kind: folder.File, Size: 1}, Stat: folder.Stat{Inode: 1, CTime: 1}}
	racy, gone := file, folder.Local{}
	racy.Stat.Racy = true
	for name, l := range map[folder.Path]folder.Local{"racy": racy, "gone": gone, "dir": {Value: folder.Value{Kind: folder.Dir}}} {
		e.add(name, l)
		if _, ok := e.of(name); ok {
			t.Errorf("%s: remembered, but a stat cannot tell it from a later change", name)
		}
	}
	for i := range 3 * maxEchoes {
		file.Stat.Inode = uint64(i)
		p := folder.Path(fmt.Sprint(i % (2 * maxEchoes)))
		e.add(p, file)
		if got, ok := e.of(p); !ok || got != file {
			t.Fatalf("%s: forgot what was just placed", p)
		}
	}
	if len(e.m) != maxEchoes || len(e.ring) != maxEchoes {
		t.Fatalf("%d remembered in a ring of %d, want %d", len(e.m), len(e.ring), maxEchoes)
	}
	if _, ok := e.of(folder.Path(fmt.Sprint(maxEchoes))); ok {
		t.Error("the oldest is still remembered")
	}
	e.add("0", gone)
	if _, ok := e.of("0"); ok {
		t.Error("remembered, though sync has removed it since")
	}
}

// TestEchoEnds: what a user has put, or removed, where sync had placed a file is
// never taken for that file again, not even with its stamps.
func TestEchoEnds(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.line()
		for _, p := range []string{"edited", "removed by a user", "removed by sync"} {
			a.write(p, "from a")
		}
		c.start()
		c.converged(20 * time.Second)
		a.write("edited", "from a, again")
		c.converged(20 * time.Second)
		if _, ok := b.f.echoes.of("edited"); !ok {
			c.Error("what was placed is not remembered")
		}
		b.write("edited", "by b")
		b.remove("removed by a user")
		a.remove("removed by sync")
		c.converged(20 * time.Second)
		for _, p := range []folder.Path{"edited", "removed by a user", "removed by sync"} {
			if l, ok := b.f.echoes.of(p); ok {
				c.Errorf("%s: still taken for what was placed: %+v", p, l)
			}
		}
	})
}
