package peer

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"qsync/folder"
)

// look is what a directory had at a moment, entry by entry with what each held.
func (m *machine) look(dir folder.Path, at time.Time) string {
	m.c.Helper()
	var out []string
	q := BrowseQuery{Path: dir, At: at, Limit: 2}
	for {
		page, err := m.f.Browse(m.c.Context(), q)
		m.must(err)
		for _, e := range page.Entries {
			text := e.Name
			switch {
			case e.Kind == folder.Dir:
				text += "/"
			case e.Lost:
				text += "?"
			default:
				text += "=" + m.heldBy(ContentQuery{Path: dir.Join(e.Name), At: at})
			}
			if !e.Here {
				text += "!"
			}
			out = append(out, text)
		}
		if q.After = page.Next; !page.More {
			return strings.Join(out, " ")
		}
	}
}

func (m *machine) heldBy(q ContentQuery) string {
	m.c.Helper()
	c, err := m.f.Content(m.c.Context(), q)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	b := make([]byte, c.Size)
	_, err = c.ReadAt(b, 0)
	m.must(err)
	return string(b)
}

// TestBrowsePast: a directory as it was at a moment is what it was then, with what
// sync has replaced, removed and renamed since; what a user of this machine has
// taken away himself is told of as lost.
func TestBrowsePast(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.cfg.MaxDelete, b.cfg.MaxDelete = Brake{Percent: 100}, Brake{Percent: 100}
		c.full()
		c.start()
		moment := func() time.Time {
			c.converged(30 * time.Second)
			at := time.Now()
			time.Sleep(10 * time.Minute)
			return at
		}
		empty := moment()
		a.write("t/edited", "1")
		a.write("t/same", "s")
		a.write("t/gone", "g")
		a.write("t/by b", "1")
		a.write("t/deep/er/f", "f")
		a.write("t/name", "content of name that is long enough")
		first := moment()
		a.write("t/edited", "22")
		a.remove("t/gone")
		a.write("t/new", "n")
		b.write("t/by b", "22")
		b.remove("t/same")
		a.rename("t/name", "t/other")
		second := moment()
		a.write("t/other", "another content")
		third := moment()
		a.remove("t")
		fourth := moment()
		for _, x := range []struct {
			dir  folder.Path
			at   time.Time
			want string
		}{
			{"", empty, ""},
			{"", first, "t/!"},
			{"t", first, "by b?! deep/! edited=1! gone=g! name=content of name that is long enough! same?!"},
			{"t/deep", first, "er/!"},
			{"t/deep/er", first, "f=f!"},
			{"t", second, "by b=22! deep/! edited=22! new=n! other=content of name that is long enough!"},
			{"t", third, "by b=22! deep/! edited=22! new=n! other=another content!"},
			{"", fourth, ""},
		} {
			if got := b.look(x.dir, x.at); got != x.want {
				c.Errorf("%q %v ago:\n%s, want\n%s", x.dir, time.Since(x.at), got, x.want)
			}
		}
		if got, want := b.look("", time.Time{}), "t/!"; got != want {
			c.Errorf("now: %s, want %s", got, want)
		}
		for _, at := range []time.Time{empty, fourth} {
			if _, err := b.f.Browse(c.Context(), BrowseQuery{Path: "t", At: at, Limit: 9}); at == empty && !errors.Is(err, fs.ErrNotExist) && err != nil {
				c.Error(err)
			}
		}
		if got := b.heldBy(ContentQuery{Path: "t/edited", Number: 2}); got != "1" {
			c.Errorf("version 2 is %q", got)
		}
		for _, q := range []ContentQuery{{Path: "t/edited"}, {Path: "t/edited", Number: 3}, {Path: "t/edited", At: empty}, {Path: "t/by b", At: first}, {Path: "none", Number: 1}} {
			if f, err := b.f.Content(c.Context(), q); err == nil {
				c.Errorf("%+v is there: %+v", q, f)
			}
		}
		// Where it was removed by hand, only that it was there is known.
		if got, want := a.look("t", third), "by b?! deep/! edited?! new?! other?!"; got != want {
			c.Errorf("a: %s, want %s", got, want)
		}
	})
}

// TestBrowseMovedOften follows a file through its names.
func TestBrowseMovedOften(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a := c.nodes[0]
		c.full()
		c.start()
		text := strings.Repeat("some content ", 10_000) // of a small file nobody knows where it was
		a.write("d/n0", text)
		c.converged(20 * time.Second)
		at := time.Now()
		for i := range 4 {
			time.Sleep(5 * time.Minute)
			a.rename(fmt.Sprintf("d/n%d", i), fmt.Sprintf("d/n%d", i+1))
			c.converged(20 * time.Second)
		}
		for _, m := range c.nodes {
			if got := m.heldBy(ContentQuery{Path: "d/n0", At: at}); got != text {
				c.Errorf("%s: %s", m.name, got)
			}
		}
		page, err := a.f.Browse(c.Context(), BrowseQuery{Path: "d", At: at, Limit: 9})
		a.must(err)
		if len(page.Entries) != 1 || page.Entries[0].Name != "n0" || page.Entries[0].Moved != "d/n1" {
			c.Errorf("%+v", page.Entries)
		}
	})
}

func TestPreviewRules(t *testing.T) {
	t.Parallel()
	bubble(t, 1, func(c *cluster) {
		a := c.nodes[0]
		a.cfg.Exclude = []string{"*.iso"}
		c.start()
		a.write("a.iso", "12345")
		a.write("a.txt", "123")
		a.write("d/b.txt", "1234")
		a.write("d/.syncignore", "c.txt\n!keep.txt\n")
		a.write("d/c.txt", "1")
		a.write("d/keep.txt", "12")
		a.write("x~", "12")
		a.symlink("l.txt", "/etc/passwd")
		before := a.tree()
		for _, x := range []struct {
			q    RuleQuery
			want string
		}{
			{RuleQuery{Exclude: []string{"*.iso"}}, "out 0 (0) [] back 0 (0) []"},
			{RuleQuery{}, "out 0 (0) [] back 1 (5) [a.iso]"},
			{RuleQuery{KeepJunk: true, Exclude: []string{"*.iso"}}, "out 0 (0) [] back 1 (2) [x~]"},
			{RuleQuery{Exclude: []string{"*.txt", "*.iso"}}, "out 4 (9) [a.txt l.txt d/b.txt d/keep.txt] back 0 (0) []"},
			{RuleQuery{Exclude: []string{"d", "!c.txt", "*.iso"}}, "out 4 (22) [d d/.syncignore d/b.txt d/keep.txt] back 0 (0) []"},
			{RuleQuery{Exclude: []string{"!c.txt", "*.iso"}}, "out 0 (0) [] back 1 (1) [d/c.txt]"},
		} {
			x.q.Limit = 10
			p, err := a.f.Preview(c.Context(), x.q)
			a.must(err)
			got := fmt.Sprintf("out %d (%d) %v back %d (%d) %v", p.Out.Entries, p.Out.Bytes, p.Out.Paths, p.Back.Entries, p.Back.Bytes, p.Back.Paths)
			if got != x.want || p.Cut {
				c.Errorf("%+v:\n%s, want\n%s", x.q, got, x.want)
			}
		}
		if d := before.diff(a.tree()); d != "" {
			c.Errorf("a preview changed something:\n%s", d)
		}
	})
}
