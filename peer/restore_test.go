package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qsync/folder"
)

// restore brings back all of what q names, part by part.
func (m *machine) restore(q Restoring) (all []Restored) {
	m.c.Helper()
	ctx := context.Background()
	if q.At.IsZero() && q.Number == 0 {
		what, err := m.f.Restorable(ctx, q.Path)
		m.must(err)
		q.At, q.Number = what.At, what.Number
	}
	for more := true; more; {
		var done []Restored
		var err error
		done, q.After, more, err = m.f.Restore(ctx, q)
		m.must(err)
		all = append(all, done...)
	}
	for q.After, q.Settle = "", true; ; {
		done, next, more, err := m.f.Restore(ctx, q)
		m.must(err)
		all = append(all, done...)
		if q.After = next; !more {
			break
		}
	}
	for _, r := range all {
		if r.Problem != "" {
			m.c.Errorf("%s: %q: %s", m.name, r.Path, r.Problem)
		}
	}
	return all
}

func (m *machine) older(p folder.Path) []Version {
	m.c.Helper()
	all, _, more, err := m.f.Versions(context.Background(), p, "", 1000)
	m.must(err)
	if more {
		m.c.Error("there are more")
	}
	return all
}

func TestRestoreFile(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.full()
		c.start()
		var at []time.Time
		for i := range 4 {
			a.write("d/f.txt", fmt.Sprint("content ", i))
			c.converged(20 * time.Second)
			at = append(at, time.Now())
			time.Sleep(time.Minute)
		}
		vs := b.older("d/f.txt")
		if len(vs) != 3 || vs[0].Number != 1 || vs[0].By != "a" || vs[0].Size != 9 {
			c.Fatalf("%+v", vs)
		}
		for _, s := range []struct {
			q    Restoring
			want string
		}{{Restoring{Number: 3}, "content 0"}, {Restoring{At: at[1]}, "content 1"}, {Restoring{}, "content 0"}, {Restoring{}, "content 1"}, {Restoring{At: time.Now().Add(time.Hour)}, "content 1"}} {
			s.q.Path = "d/f.txt"
			mtime := vs[0].MTime
			b.restore(s.q)
			c.converged(20 * time.Second)
			if a.read("d/f.txt") != s.want || b.read("d/f.txt") != s.want {
				c.Errorf("%+v: %q at a, %q at b, want %q", s.q, a.read("d/f.txt"), b.read("d/f.txt"), s.want)
			}
			if fi, err := os.Stat(b.path("d/f.txt")); err != nil || fi.ModTime().UnixNano() > mtime {
				c.Errorf("%v: not the time that it had, %v", s.q, err)
			}
			time.Sleep(time.Minute)
		}
		if v := b.older("d/f.txt"); !v[0].Own {
			c.Errorf("versions: %+v", v)
		}
		if done := b.restore(Restoring{Path: "d/f.txt", Number: 1}); len(done) != 1 || done[0].Action != "replace" {
			c.Errorf("%+v", done)
		}
		if done := b.restore(Restoring{Path: "d/f.txt", Number: 2}); len(done) != 1 || done[0].Action != "same" {
			c.Errorf("%+v", done)
		}
		if done := b.restore(Restoring{Path: "d/f.txt", Number: 3, Dry: true}); len(done) != 1 || done[0].Action == "" {
			c.Errorf("%+v", done)
		}
		// Who has seen a version means that one, wherever newer ones have put it.
		seen := b.older("d/f.txt")[1]
		text := b.heldBy(ContentQuery{Path: "d/f.txt", Number: 2})
		for i := range 4 {
			a.write("d/f.txt", fmt.Sprint("another ", i))
			c.converged(20 * time.Second)
			time.Sleep(time.Minute)
			if i == 1 {
				if got := b.heldBy(ContentQuery{Path: "d/f.txt", Number: 2, Seen: seen.Replaced}); got != text {
					c.Errorf("the version that was seen is %q, not %q", got, text)
				}
				if done := b.restore(Restoring{Path: "d/f.txt", Number: 2, Seen: seen.Replaced, Dry: true}); len(done) != 1 || done[0].Number != 4 {
					c.Errorf("%+v", done)
				}
			}
		}
		if _, _, _, err := b.f.Restore(context.Background(), Restoring{Path: "d/f.txt", Number: 2, Seen: seen.Replaced}); !errors.Is(err, ErrNoVersion) {
			c.Errorf("what has gone meanwhile is restored: %v", err)
		}
		if _, err := b.f.Content(context.Background(), ContentQuery{Path: "d/f.txt", Number: 2, Seen: seen.Replaced}); !errors.Is(err, ErrNoVersion) {
			c.Errorf("what has gone meanwhile is shown: %v", err)
		}
		if _, err := a.f.Restorable(context.Background(), "none"); !errors.Is(err, ErrNoVersion) {
			c.Error(err)
		}
	})
}

// TestRestoreTree takes a deleted tree back, on the node that runs, is paused, or
// neither, and everybody has it again.
func TestRestoreTree(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"runs", "is paused"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				a.cfg.MaxDelete, b.cfg.MaxDelete = Brake{Percent: 100}, Brake{Percent: 100}
				c.full()
				c.start()
				for i := range restoreFiles + 20 {
					a.write(fmt.Sprintf("t/s%d/f%d", i%7, i), fmt.Sprint(i))
				}
				long := strings.Repeat("é", 127) + "x"
				a.write("t/"+long, "long")
				a.write("t/deep/"+strings.Repeat("d/", 60)+"f", "deep")
				a.write("t/bad\xff\n", "raw")
				a.symlink("t/link", "../else where")
				a.writeMode("t/run.sh", "x", 0o755)
				a.mkdir("t/empty")
				a.chmod("t/empty", 0o700)
				a.write("t/edited", "before")
				a.write("other", "stays")
				c.converged(30 * time.Second)
				a.write("t/edited", "after")
				before := c.converged(30 * time.Second)
				stamp := time.Now().Add(-time.Hour)
				a.touch("t/s1", stamp)
				c.converged(30 * time.Second)
				time.Sleep(5 * time.Minute)
				a.remove("t")
				c.converged(30 * time.Second)
				if b.exists("t") {
					c.Fatal("it was not removed")
				}
				time.Sleep(time.Hour)
				if how != "runs" {
					b.pause(true)
				}
				for _, r := range b.restore(Restoring{Path: "t"}) {
					if r.Action != "add" {
						c.Errorf("%q: %s", r.Path, r.Action)
					}
				}
				if fi, err := os.Stat(b.path("t/s1")); err != nil || fi.ModTime().UnixNano() != stamp.UnixNano() {
					c.Errorf("a directory lost its time: %v, %v", fi, err)
				}
				if how != "runs" {
					b.pause(false)
				}
				if d := before.diff(c.converged(30 * time.Second)); d != "" {
					c.Errorf("restored it is not what it was:\n%s", d)
				}
			})
		})
	}
}

func TestRestoreAtTime(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.full()
		c.start()
		a.write("d/old", "1")
		a.write("d/kept", "1")
		c.converged(20 * time.Second)
		then := time.Now()
		time.Sleep(time.Hour)
		a.write("d/old", "2")
		a.write("d/new", "2")
		c.converged(20 * time.Second)
		time.Sleep(time.Hour)
		a.remove("d/new")
		a.remove("d/old")
		c.converged(20 * time.Second)
		actions := map[folder.Path]string{}
		for _, r := range b.restore(Restoring{Path: "d", At: then}) {
			actions[r.Path] = r.Action
		}
		if len(actions) != 2 || actions["d/old"] != "add" || actions["d/new"] != "newer" {
			c.Errorf("%v", actions)
		}
		c.converged(20 * time.Second)
		if a.read("d/old") != "1" || a.exists("d/new") || a.read("d/kept") != "1" {
			c.Error("not as it was then:", a.tree())
		}
		// Something else stands in the way.
		a.remove("d")
		a.write("d", "a file")
		c.converged(20 * time.Second)
		done, _, _, err := b.f.Restore(context.Background(), Restoring{Path: "d", At: then})
		if err != nil || len(done) == 0 {
			c.Fatal(done, err)
		}
		for _, r := range done {
			if r.Action == "add" || r.Action == "replace" || b.read("d") != "a file" {
				c.Errorf("%+v", r)
			}
		}
	})
}

// TestRestoreWithoutResolved: a tree comes back without the conflict copies that
// went when their conflicts were resolved, on every peer and by undo too; with
// those that went together with what they are copies of; and by name.
func TestRestoreWithoutResolved(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.full()
		a.write("d/f.txt", "old")
		a.write("d/g", "g")
		c.start()
		c.converged(20 * time.Second)
		cp := c.disagree("d/f.txt", "by a", "by b")
		_, err := a.f.Resolve(c.Context(), Resolution{Path: cp, Keep: KeepThis})
		a.must(err)
		c.converged(20 * time.Second)
		for _, m := range c.nodes {
			if _, err := m.f.Restorable(c.Context(), "d"); !errors.Is(err, ErrNoVersion) {
				c.Errorf("%s: nothing is missing: %v", m.name, err)
			}
			if all := m.restore(Restoring{Path: "d", At: time.Now().Add(-30 * time.Second)}); m.exists(cp) {
				c.Errorf("%s: %+v", m.name, all)
			}
		}
		if all, err := b.f.UndoBatch(c.Context(), UndoQuery{Batch: 1}); err != nil || len(all) != 0 {
			c.Errorf("%v %+v", err, all)
		}
		b.restore(Restoring{Path: folder.Path(cp)})
		c.converged(20 * time.Second)
		if a.read(cp) != "by a" {
			c.Error("by name:", a.tree())
		}
		time.Sleep(5 * time.Minute)
		a.remove("d")
		c.converged(20 * time.Second)
		b.restore(Restoring{Path: "d"})
		c.converged(20 * time.Second)
		if a.read(cp) != "by a" || a.read("d/f.txt") != "by b" {
			c.Error("with its directory:", a.tree())
		}
		time.Sleep(5 * time.Minute)
		a.remove("d")
		c.converged(20 * time.Second)
		_, err = b.f.UndoBatch(c.Context(), UndoQuery{Batch: 1})
		b.must(err)
		c.converged(20 * time.Second)
		if a.read(cp) != "by a" || a.read("d/f.txt") != "by b" {
			c.Error("undone:", a.tree())
		}
	})
}

func TestRestoreRefused(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.full()
		a.cfg.Mode, b.cfg.Mode = Send, Mirror
		c.start()
		a.write("f", "1")
		c.converged(20 * time.Second)
		a.write("f", "2")
		c.converged(20 * time.Second)
		for _, m := range c.nodes {
			for _, dry := range []bool{false, true} {
				if _, _, _, err := m.f.Restore(context.Background(), Restoring{Path: "f", Number: 1, Dry: dry}); !errors.Is(err, ErrNoRestore) || !strings.Contains(err.Error(), "--to") {
					c.Errorf("%s, %v: %v", m.name, dry, err)
				}
			}
		}
		done, _, _, err := b.f.Restore(context.Background(), Restoring{Path: "f", Number: 1, Dry: true, Copy: true})
		if err != nil || len(done) != 1 || done[0].Action != "replace" {
			c.Errorf("%+v, %v", done, err)
		}
		if text, err := os.ReadFile(filepath.Join(b.dir, ".qsync/versions", string(done[0].File()))); err != nil || string(text) != "1" {
			c.Errorf("%q, %v", text, err)
		}
	})
}
