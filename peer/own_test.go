package peer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"qsync/folder"
)

// keeper makes b a receiver of a's that keeps what is changed there.
func keeper(c *cluster) (a, b *machine) {
	a, b = c.nodes[0], c.nodes[1]
	c.line()
	c.oneWay()
	b.cfg.Mode = Receive
	return a, b
}

// revert takes back what b holds of its own.
func (m *machine) revert(dry bool) (lines []string) {
	m.c.Helper()
	all, err := m.f.Revert(m.c.Context(), dry)
	m.must(err)
	for _, x := range all {
		lines = append(lines, strings.TrimSpace(x.Change+" "+x.Path+" "+x.Failed))
	}
	return lines
}

// TestKeepsOwn: what is changed in a receiving folder stays there, is told to
// nobody, is listed, and goes when it is reverted, to the versions (F94, I7).
func TestKeepsOwn(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := keeper(c)
		for i := range 6 {
			a.write(fmt.Sprintf("d/%d", i), fmt.Sprint("source ", i))
		}
		a.write("e/x", "source x")
		b.write("before", "b's, from before")
		b.write("d/0", "b's, from before, which differs")
		b.write("d/1", "source 1")
		c.start()
		c.settle(20 * time.Second)
		if b.read("d/0") != "source 0" || b.read("before") != "b's, from before" || !b.tree().has("b's, from before, which differs") {
			c.Error("after the first meeting:", b.tree())
		}
		before := a.stamps()
		b.write("d/2", "edited")
		b.remove("d/3")
		b.chmod("d/4", 0o600)
		b.rename("d/5", "d/five")
		b.write("own/deep/file", "extra")
		c.settle(20 * time.Second)
		copied := b.tree().conflicts()
		if len(copied) != 1 {
			c.Fatal(b.tree())
		}
		want := []string{
			"added before", "added " + copied[0], "modified d/2", "deleted d/3", "modified d/4", "deleted d/5", "added d/five",
			"added own", "added own/deep", "added own/deep/file",
		}
		slices.SortFunc(want, func(x, y string) int {
			_, x, _ = strings.Cut(x, " ")
			_, y, _ = strings.Cut(y, " ")
			return folder.Path(x).Compare(folder.Path(y))
		})
		for range 2 { // and it is known again after a restart
			if got := b.revert(true); !slices.Equal(got, want) {
				c.Errorf("reverting would do\n%q, not\n%q", got, want)
			}
			if s := b.f.Status(); s.Own != (OwnChanges{6, 2, 2}) || !s.Peers[0].InSync || s.Want != (Amount{}) || s.Mode != "receive" || s.Mirror {
				c.Errorf("%+v", s)
			}
			b.stop()
			c.start(b)
			time.Sleep(20 * time.Second)
			c.settle(20 * time.Second)
		}
		c.sameStamps(a, before)
		if got := b.revert(false); !slices.Equal(got, want) {
			c.Errorf("reverting did %q", got)
		}
		if got := c.converged(20 * time.Second); len(got) != 9 {
			c.Error(got)
		}
		c.sameStamps(a, before)
		kept := b.versions()
		for _, s := range []string{"b's, from before", "b's, from before, which differs", "edited", "extra", "source 5"} {
			if !slices.Contains(kept, s) {
				c.Errorf("%q is not among the versions: %q", s, kept)
			}
		}
		if got := b.revert(false); len(got) != 0 || b.f.Status().Own != (OwnChanges{}) {
			c.Error(got, b.f.Status().Own)
		}
		c.quiet()
	})
}

// TestKeepsOwnWhenTheSourceMoves: news of the source takes its place, and what
// was changed here is kept under another name, known here alone.
func TestKeepsOwnWhenTheSourceMoves(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, b := keeper(c)
		z := c.nodes[2] // behind b
		for _, p := range []string{"edited", "touched", "removed", "gone", "gone touched", "becomes dir", "f/in", "g/in"} {
			a.write(p, "source "+p)
		}
		c.start()
		c.converged(20 * time.Second)
		b.write("edited", "b's edit")
		b.chmod("touched", 0o600)
		b.remove("removed")
		b.write("gone", "b's of what goes")
		b.chmod("gone touched", 0o600)
		b.write("becomes dir", "b's of what becomes a directory")
		b.remove("f")
		b.write("f", "b's in place of a directory")
		b.write("g/own", "b's in a directory that goes")
		b.write("new", "b's where the source makes something")
		c.settle(20 * time.Second)
		a.write("edited", "source again")
		a.write("touched", "source again")
		a.write("removed", "source again")
		a.remove("gone")
		a.remove("gone touched")
		a.remove("becomes dir")
		a.write("becomes dir/x", "source")
		a.write("f/in", "source again")
		a.remove("g")
		a.write("new", "source's new")
		c.settle(20 * time.Second)
		got := b.tree()
		for p, want := range map[string]string{
			"edited": "source again", "touched": "source again", "removed": "source again", "gone": "b's of what goes",
			"becomes dir/x": "source", "f/in": "source again", "g/own": "b's in a directory that goes", "new": "source's new",
		} {
			if got[p].data != want {
				c.Errorf("%s: %s", p, got[p])
			}
		}
		var copies []string
		for _, p := range got.conflicts() {
			copies = append(copies, got[p].data)
		}
		slices.Sort(copies)
		if want := []string{"b's edit", "b's in place of a directory", "b's of what becomes a directory", "b's where the source makes something"}; !slices.Equal(copies, want) {
			c.Errorf("kept aside: %q", copies)
		}
		if b.exists("gone touched") {
			c.Error("a change of the mode alone kept what the source removed")
		}
		c.equal(a, z)
		b.revert(false)
		if got := c.converged(20 * time.Second); got.conflicts() != nil {
			c.Error(got)
		}
		c.quiet()
	})
}

// TestRevertAway: without anybody to ask, what is extra goes at once and the
// rest when somebody is there; also where nothing runs.
func TestRevertAway(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := keeper(c)
		for i := range 300 {
			a.write(fmt.Sprint("d/", i), fmt.Sprint(i))
		}
		c.start()
		c.converged(20 * time.Second)
		a.stop()
		b.write("extra/x", "extra")
		for i := range 200 {
			b.write(fmt.Sprint("d/", i), "edited")
		}
		c.settle(20 * time.Second)
		b.must(b.f.SetPaused(c.Context(), true))
		b.write("extra/y", "extra, not seen by any look")
		if n := len(b.revert(false)); n != 203 {
			c.Errorf("%d reverted", n)
		}
		if b.exists("extra") || b.read("d/0") != "edited" {
			c.Error(b.tree())
		}
		b.must(b.f.SetPaused(c.Context(), false))
		c.start(a)
		time.Sleep(20 * time.Second)
		c.converged(time.Minute) // no brake: somebody asked for it
	})
}

// TestRevertElsewhere: only a receiver keeps something to itself, and only a
// source overrides.
func TestRevertElsewhere(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{TwoWay, Send, Backup, Mirror, Receive} {
		bubble(t, 1, func(c *cluster) {
			m := c.nodes[0]
			m.cfg.Mode = mode
			c.start()
			_, rerr := m.f.Revert(c.Context(), true)
			_, oerr := m.f.Override(c.Context(), true)
			if (rerr == nil) != (mode == Receive) || (oerr == nil) != mode.gives() {
				c.Error(mode, rerr, oerr)
			}
		})
	}
}

// TestBackupReceiverKeepsOwn: beside a backup nothing is extra, so reverting
// leaves it; an edit is taken back.
func TestBackupReceiverKeepsOwn(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := keeper(c)
		a.cfg.Mode = Backup
		a.write("f", "a's")
		b.write("own", "b's")
		c.start()
		c.settle(20 * time.Second)
		b.write("f", "b's edit")
		c.settle(20 * time.Second)
		if s := b.f.Status(); s.Own != (OwnChanges{Modified: 1}) || b.read("f") != "b's edit" {
			c.Errorf("%+v", s)
		}
		if got := b.revert(false); !slices.Equal(got, []string{"modified f"}) {
			c.Error(got)
		}
		c.settle(20 * time.Second)
		if b.read("f") != "a's" || b.read("own") != "b's" {
			c.Error(b.tree())
		}
		c.quiet()
	})
}

// TestOverride: a source shows what its peers have made otherwise, and puts its
// own above that when told to; what they had is among their versions (F93).
func TestOverride(t *testing.T) {
	t.Parallel()
	for _, paused := range []bool{false, true} {
		bubble(t, 2, func(c *cluster) {
			a, b := c.nodes[0], c.nodes[1]
			c.line()
			a.cfg.Mode, a.cfg.Exclude = Send, []string{"*.log"}
			for _, p := range []string{"same", "edited", "removed"} {
				a.write(p, "a's "+p)
			}
			c.start()
			c.converged(20 * time.Second)
			before := a.stamps()
			b.write("edited", "b's")
			b.remove("removed")
			b.write("dir/new", "b's too")
			b.write("b.log", "ignored at a")
			c.settle(20 * time.Second)
			if s := a.f.Status(); s.Differing != 4 {
				c.Errorf("%+v", s)
			}
			override := func(dry bool) (out []string) {
				all, err := a.f.Override(c.Context(), dry)
				a.must(err)
				for _, x := range all {
					out = append(out, x.Change+" "+x.Path)
				}
				return out
			}
			if paused {
				a.must(a.f.SetPaused(c.Context(), true))
			}
			want := []string{"added dir", "added dir/new", "modified edited", "deleted removed"}
			for _, dry := range []bool{true, false} {
				if got := override(dry); !slices.Equal(got, want) {
					c.Errorf("dry %v: %q", dry, got)
				}
			}
			a.must(a.f.SetPaused(c.Context(), false))
			c.settle(time.Minute)
			got := b.tree()
			if len(got) != 4 || got["edited"].data != "a's edited" || got["removed"].data != "a's removed" || got["b.log"].data == "" {
				c.Error(got)
			}
			for _, s := range []string{"b's", "b's too"} {
				if kept := b.versions(); !slices.Contains(kept, s) {
					c.Errorf("%q is not among b's versions: %q", s, kept)
				}
			}
			if n := a.f.Status().Differing; n != 0 || len(override(true)) != 0 {
				c.Error("still differs:", n)
			}
			c.sameStamps(a, before)
			c.quiet()
		})
	}
}

// TestSourceUntouched: whatever peers write, remove and replace, nothing of a
// one-way source is touched, its times and inodes included, and nothing of ours is
// in it (F93, I7).
func TestSourceUntouched(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{Send, Backup} {
		bubble(t, 3, func(c *cluster) {
			a, b, z := c.nodes[0], c.nodes[1], c.nodes[2]
			c.full()
			a.cfg.Mode, z.cfg.Mode = mode, Receive
			for _, d := range disputes {
				if d.first != nil {
					a.within = strings.ReplaceAll(d.name, " ", "-")
					d.first(a)
				}
			}
			a.within = ""
			c.start()
			c.settle(30 * time.Second)
			before := a.stamps()
			for _, act := range []func(dispute) func(*machine){
				func(d dispute) func(*machine) { return d.a }, func(d dispute) func(*machine) { return d.b },
			} {
				for _, m := range []*machine{b, z} {
					m.c.sync = false // what the other did may have come already
					for _, d := range disputes {
						m.within = strings.ReplaceAll(d.name, " ", "-")
						act(d)(m)
					}
					m.within, m.c.sync = "", true
				}
				time.Sleep(time.Minute)
			}
			for p := range b.tree() {
				b.remove(p)
			}
			time.Sleep(time.Minute)
			a.stop()
			c.start(a)
			time.Sleep(time.Minute)
			c.sameStamps(a, before)
			if a.exists(".qsync") {
				c.Error("something was written into the source")
			}
		})
	}
}
