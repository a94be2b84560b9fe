package peer

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qsync/certs"
)

// planned gathers what a dry run reports.
type planned struct {
	mu    sync.Mutex
	items []string
}

func (p *planned) add(it PlanItem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	where := "there"
	if it.Here {
		where = "here"
	}
	p.items = append(p.items, fmt.Sprintf("%s %s %s %d", where, it.Action, it.Path, it.Bytes))
}

func (p *planned) list() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	slices.Sort(p.items)
	return p.items
}

// everything is all that a directory holds, reserved entries and stamps
// included.
func (c *cluster) everything(dir string) map[string]string {
	c.Helper()
	out := make(map[string]string)
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		text := fmt.Sprint(fi.Mode(), fi.ModTime(), fi.Size())
		if fi.Mode().IsRegular() {
			im, err := imageOf(p)
			if err != nil {
				return err
			}
			text += fmt.Sprintf("%x", digestOf(string(im.used)))
		}
		out[p] = text
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
	return out
}

func (c *cluster) unchanged(dir string, before map[string]string) {
	c.Helper()
	now := c.everything(dir)
	for p, s := range before {
		if now[p] != s {
			c.Errorf("%s: %s, now %s", p, s, now[p])
		}
	}
	for p := range now {
		if before[p] == "" {
			c.Errorf("%s is new", p)
		}
	}
}

// dryRun runs m as a dry run until it says that it is done.
func (m *machine) dryRun() []string {
	m.c.Helper()
	var p planned
	m.cfg.Plan = p.add
	m.c.start(m)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := m.f.Wait(ctx, 1); err != nil {
		m.c.Errorf("%s: %v, %s", m.name, err, m.f.Missing(1))
	}
	m.cancel()
	if err := <-m.done; err != nil {
		m.c.Error(err)
	}
	m.link.Close()
	m.c.net.RemoveNode(m.addr)
	m.node, m.f, m.cfg.Plan = nil, nil, nil
	return p.list()
}

func (c *cluster) want(got []string, want ...string) {
	c.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		c.Errorf("planned %q, want %q", got, want)
	}
}

// TestPlan: a dry run with a peer says what would be done on both sides and
// changes nothing on either, their maps included.
func TestPlan(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		b.dials(a)
		a.write("only a", "12345")
		a.write("same", "same")
		b.write("same", "same")
		b.touch("same", time.Unix(1e9, 0))
		a.touch("same", time.Unix(1e9, 0))
		b.write("only b", "123")
		a.write("both", "a's")
		time.Sleep(time.Second)
		b.write("both", "b's own")
		b.write("x.tmp", "ignored")
		b.cfg.Exclude = []string{"*.tmp"}
		a.write("a.tmp", "ignored there")
		c.start(a)
		c.settle(10 * time.Second)
		atA, atB, at, peers := c.everything(a.dir), c.everything(b.dir), c.position(), len(a.f.Status().Peers)
		c.want(b.dryRun(), "here add only a 5", "there add only b 3", "there conflict both 7")
		c.unchanged(a.dir, atA)
		c.unchanged(b.dir, atB)
		if now := c.position(); now != at || len(a.f.Status().Peers) != peers {
			c.Error("the peer's map changed:", at, now, a.f.Status().Peers)
		}
		if _, err := os.Stat(b.mapFile()); err == nil {
			c.Error("a map was made")
		}
	})
}

// TestPlanLater: a dry run of folders that have been in sync before tells of
// what is new.
func TestPlanLater(t *testing.T) {
	t.Parallel()
	bubble(t, 3, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.star()
		for i := range 20 {
			a.write(fmt.Sprintf("a%d", i), "a")
			b.write(fmt.Sprintf("b%d", i), "b")
		}
		c.start()
		c.converged(20 * time.Second)
		b.stop()
		a.write("a1", "edited by a")
		a.remove("b7")
		b.write("b1", "edited by b")
		b.remove("a7")
		b.chmod("a3", 0o600)
		b.write("new", "new")
		c.settle(20 * time.Second)
		dir, state := c.everything(b.dir), c.everything(b.state)
		c.want(b.dryRun(),
			"here replace a1 11", "here delete b7 0",
			"there replace b1 11", "there delete a7 0", "there metadata a3 0", "there add new 3")
		c.unchanged(b.dir, dir)
		c.unchanged(b.state, state)
		c.start(b)
		c.converged(20 * time.Second)
	})
}

// TestPlanPair: the same for two directories of one machine.
func TestPlanPair(t *testing.T) {
	t.Parallel()
	bubble(t, 0, func(c *cluster) {
		m := c.add()
		src, dst := m.dir, filepath.Join(c.dir, "dst")
		m.must(os.Mkdir(dst, 0o755))
		m.write("f", "12345")
		m.write("same", "x")
		m.touch("same", time.Unix(1e9, 0))
		m.must(os.WriteFile(dst+"/same", []byte("x"), 0o644))
		m.must(os.Chtimes(dst+"/same", time.Unix(1e9, 0), time.Unix(1e9, 0)))
		m.must(os.WriteFile(dst+"/extra", []byte("y"), 0o644))
		before := c.everything(c.dir)
		id, err := certs.NewSyncID()
		m.must(err)
		var p planned
		n, err := New(Config{Name: "n", Device: m.device, Log: slog.New(slog.NewTextHandler(logWriter{m}, logOptions()))})
		m.must(err)
		_, d, err := n.Pair(
			FolderConfig{ID: id, Dir: src, State: c.dir + "/s1", Mode: Send, Once: true, Plan: p.add},
			FolderConfig{ID: id, Dir: dst, State: c.dir + "/s2", Mode: Mirror, Once: true, Plan: p.add})
		m.must(err)
		ctx, cancel := context.WithCancel(c.Context())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		if err := d.Wait(ctx, 1); err != nil {
			c.Error(err)
		}
		synctest.Wait()
		cancel()
		m.must(<-done)
		c.want(p.list(), "here add f 5", "here delete extra 0")
		c.unchanged(c.dir, before)
	})
}

// TestPlanMirror: the same for a source whose receiver, on the network, was a
// source before: what the receiver wrote then goes.
func TestPlanMirror(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{false, true} {
		t.Run(fmt.Sprint("told before ", told), func(t *testing.T) {
			bubble(t, 3, func(c *cluster) {
				a, b, z := c.nodes[0], c.nodes[1], c.nodes[2]
				z.dials(b)
				a.dials(b)
				b.cfg.Mode, z.cfg.Mode = Send, Mirror
				b.write("both", "b's own")
				b.write("d/only b", "b")
				b.write("same", "same")
				b.write("again", "1")
				if told { // to a two-way folder, which later is the source
					c.start()
				} else {
					c.start(b, z)
				}
				c.settle(20 * time.Second)
				for _, m := range c.nodes {
					m.stop()
				}
				if told {
					a.remove("d")
				}
				a.cfg.Mode, a.cfg.Mirror, b.cfg.Mode = Send, true, Mirror
				a.write("both", "a's")
				a.write("only a", "12345")
				a.write("same", "same")
				a.write("again", "1")
				stamp := b.tree()["same"].mtime
				a.touch("same", time.Unix(0, stamp))
				a.touch("again", time.Unix(0, stamp+1e9))
				c.start(b)
				c.settle(20 * time.Second)
				atA, atB, at := c.everything(a.dir), c.everything(b.dir), c.position()
				c.want(a.dryRun(), "there replace both 3", "there add only a 5", "there metadata again 0", "there delete d 0", "there delete d/only b 0")
				c.unchanged(a.dir, atA)
				c.unchanged(b.dir, atB)
				if now := c.position(); now != at {
					c.Error("the peer's map changed:", at, now)
				}
				c.start(a)
				c.settle(20 * time.Second)
				if d := a.tree().diff(b.tree()); d != "" {
					c.Error(d)
				}
			})
		})
	}
}

// TestPlanUntold: a receiver that no source has told anything yet is one to make
// a plan with, too.
func TestPlanUntold(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.dials(b)
		a.cfg.Mode, b.cfg.Mode = Send, Mirror
		a.write("f", "12345")
		c.start(b)
		c.settle(20 * time.Second)
		c.want(a.dryRun(), "there add f 5")
	})
}
