package peer

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
)

// dispute is one of them.
type dispute struct {
	name  string
	first func(m *machine)  // before they part
	a, b  func(m *machine)  // b acts later
	want  map[string]string // paths and contents; "/" for a directory, "" for nothing
	loser string            // content of the one conflict copy, "" for none
}

// disputes are what two machines can make of one path without each other.
var disputes = []dispute{
	{
		"edit and edit",
		func(m *machine) { m.write("d/f.txt", "old") },
		func(m *machine) { m.write("d/f.txt", "by a") },
		func(m *machine) { m.write("d/f.txt", "by b") },
		map[string]string{"d/f.txt": "by b"}, "by a",
	}, {
		"the same edit",
		func(m *machine) { m.write("f", "old") },
		func(m *machine) { m.write("f", "new") },
		func(m *machine) { m.write("f", "new") },
		map[string]string{"f": "new"}, "",
	}, {
		"edit and delete",
		func(m *machine) { m.write("f", "old") },
		func(m *machine) { m.write("f", "by a") },
		func(m *machine) { m.remove("f") },
		map[string]string{"f": "by a"}, "",
	}, {
		"delete and delete",
		func(m *machine) { m.write("f", "old") },
		func(m *machine) { m.remove("f") },
		func(m *machine) { m.remove("f") },
		map[string]string{"f": ""}, "",
	}, {
		"create and create",
		nil,
		func(m *machine) { m.write("new/f", "by a") },
		func(m *machine) { m.write("new/f", "by b") },
		map[string]string{"new/f": "by b"}, "by a",
	}, {
		"directory and file",
		nil,
		func(m *machine) { m.write("x/inside", "by a") },
		func(m *machine) { m.write("x", "by b") },
		map[string]string{"x": "/", "x/inside": "by a"}, "by b",
	}, {
		"a file becomes a directory, and is edited",
		func(m *machine) { m.write("x", "old") },
		func(m *machine) { m.remove("x"); m.write("x/inside", "by a") },
		func(m *machine) { m.write("x", "by b") },
		map[string]string{"x": "/", "x/inside": "by a"}, "by b",
	}, {
		"a directory becomes a file, and something is created inside",
		func(m *machine) { m.write("x/old", "old") },
		func(m *machine) { m.remove("x"); m.write("x", "by a") },
		func(m *machine) { m.write("x/new", "by b") },
		map[string]string{"x": "/", "x/new": "by b", "x/old": ""}, "by a",
	}, {
		"delete a directory and create inside",
		func(m *machine) { m.write("x/y/old", "old"); m.write("x/z/other", "other") },
		func(m *machine) { m.remove("x") },
		func(m *machine) { m.write("x/y/new", "by b") },
		map[string]string{"x/y/new": "by b", "x/y/old": "", "x/z": ""}, "",
	}, {
		"delete a directory and edit inside",
		func(m *machine) { m.write("x/y", "old"); m.write("x/z", "old") },
		func(m *machine) { m.remove("x") },
		func(m *machine) { m.write("x/y", "by b") },
		map[string]string{"x/y": "by b", "x/z": ""}, "",
	}, {
		"link and file",
		nil,
		func(m *machine) { m.symlink("x", "target") },
		func(m *machine) { m.write("x", "by b") },
		map[string]string{"x": "by b"}, "-> target",
	}, {
		"mode and content",
		func(m *machine) { m.write("f", "old") },
		func(m *machine) { m.chmod("f", 0o755) },
		func(m *machine) { m.write("f", "by b") },
		map[string]string{"f": "by b"}, "",
	}, {
		"rename and rename",
		func(m *machine) { m.write("f", "text") },
		func(m *machine) { m.rename("f", "g") },
		func(m *machine) { m.rename("f", "h") },
		map[string]string{"f": "", "g": "text", "h": "text"}, "",
	}, {
		"rename and edit",
		func(m *machine) { m.write("f", "old") },
		func(m *machine) { m.rename("f", "g") },
		func(m *machine) { m.write("f", "by b") },
		map[string]string{"f": "by b", "g": "old"}, "",
	}, {
		"directories moved into each other",
		func(m *machine) { m.write("p/x", "x"); m.write("q/y", "y") },
		func(m *machine) { m.rename("p", "q/p") },
		func(m *machine) { m.rename("q", "p/q") },
		map[string]string{"q/p/x": "x", "p/q/y": "y", "p/x": "", "q/y": ""}, "",
	},
}

// TestDisputes: the whole table among two, three and five machines, between two
// groups that are apart and among all who are connected while both act; all
// disputes at once, each in a directory of its own (F87).
func TestDisputes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3, 5} {
		for _, racing := range []bool{false, true} {
			t.Run(fmt.Sprint(n, racing), func(t *testing.T) {
				t.Parallel()
				bubble(t, n, func(c *cluster) { c.settleDisputes(racing) })
			})
		}
	}
}

func (c *cluster) settleDisputes(racing bool) {
	a, b := c.nodes[0], c.nodes[len(c.nodes)-1]
	c.full()
	at := func(m *machine, i int, act func(*machine)) {
		m.within = fmt.Sprintf("%02d", i)
		defer func() { m.within = "" }()
		if act != nil {
			act(m)
		}
	}
	for i, d := range disputes {
		at(a, i, d.first)
		a.mkdir(fmt.Sprintf("%02d", i))
	}
	c.start()
	c.converged(30 * time.Second)
	both := func() {
		for i, d := range disputes {
			at(a, i, d.a)
		}
		time.Sleep(2 * time.Millisecond) // b's are younger
		for i, d := range disputes {
			at(b, i, d.b)
		}
	}
	var got tree
	if racing {
		c.sync = false // what one does is on its way when the other acts
		both()
		c.sync = true
		got = c.converged(time.Minute)
	} else {
		half := (len(c.nodes) + 1) / 2
		got = c.apart(c.nodes[:half], c.nodes[half:], both)
	}
	for i, d := range disputes {
		d.judge(c, got.under(fmt.Sprintf("%02d", i)))
	}
	c.quiet()
}

// under is the part of a tree below a directory.
func (t tree) under(dir string) tree {
	out := tree{}
	for p, e := range t {
		if rest, ok := strings.CutPrefix(p, dir+"/"); ok {
			out[path.Clean(rest)] = e
		}
	}
	return out
}

// judge compares what came of a dispute with what has to.
func (d dispute) judge(c *cluster, got tree) {
	for p, want := range d.want {
		e, there := got[p]
		if (want != "") != there || e.kind == 'f' && e.data != want || (want == "/") != (e.kind == 'd') {
			c.Errorf("%s: %s: %s", d.name, p, e)
		}
	}
	var losers []string
	for _, p := range got.conflicts() {
		e := got[p]
		if e.kind == 'l' {
			e.data = "-> " + e.data
		}
		losers = append(losers, e.data)
	}
	if d.loser == "" && losers != nil || d.loser != "" && !slices.Equal(losers, []string{d.loser}) {
		c.Errorf("%s: conflict copies: %q", d.name, losers)
	}
}
