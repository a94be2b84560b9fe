package peer

import (
	"testing"
	"time"

	"qsync/folder"
	"qsync/store"
)

// TestPlacerLeaves: a round that breaks off leaves no path behind that is taken
// for our own doing from then on, and gives back what its files held.
func TestPlacerLeaves(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		a := c.nodes[0]
		c.start()
		c.settle(20 * time.Second)
		p := newPlacer(a.f)
		var files []stagedFile
		for _, name := range []folder.Path{"f", "g"} {
			s, err := a.f.root.Stage()
			a.must(err)
			a.must(a.f.files.take(c.Context(), 1))
			files = append(files, stagedFile{want: want{rec: store.Record{Path: name}}, staged: s})
		}
		for _, name := range []folder.Path{"d", "e"} {
			a.f.placing.add(name)
			a.must(p.add([]store.Change{{Path: name}}, ""))
			p.put(files[:1])
			files = files[1:]
			if name == "d" {
				time.Sleep(2 * placeIdle) // its batch is being swapped in when the round breaks off, that of e is gathered
			}
		}
		p.close()
		for _, name := range []folder.Path{"d", "e"} {
			if a.f.placing.has(name) {
				c.Errorf("%s is not looked at any more", name)
			}
		}
		if held := a.f.files.held; held != 0 {
			c.Errorf("%d descriptors are still accounted for", held)
		}
	})
}

// TestCoarse tells a time that a file system made of another one from a change
// (F49).
func TestCoarse(t *testing.T) {
	t.Parallel()
	const second = int64(1e9)
	for _, c := range []struct {
		name      string
		got, want int64
		coarse    bool
	}{
		{"whole seconds", 7 * second, 7*second + 5, true},
		{"another second", 7 * second, 9*second + 5, false},
		{"before 1901", -1 << 31 * second, -1 << 33 * second, true},
		{"after 2038", (1<<31 - 1) * second, 1 << 32 * second, true},
		{"after 2106", (1<<32 - 1) * second, 1 << 33 * second, true},
		{"set to 1970 by somebody", 0, 1_700_000_000 * second, false},
		{"set to 2038 by somebody", (1<<31 - 1) * second, 1_700_000_000 * second, false},
	} {
		if coarse(c.got, c.want) != c.coarse {
			t.Errorf("%s: not %v", c.name, c.coarse)
		}
	}
}
