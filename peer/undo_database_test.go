package peer

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestUndoDatabase: a database and what stands beside it come back as one of a
// time, or stay as they are (F38, F31).
func TestUndoDatabase(t *testing.T) {
	t.Parallel()
	type step struct {
		generation int
		log        bool
	}
	for _, x := range []struct {
		name   string
		before step
		batch  []step
		since  func(b *machine)
		want   []string
	}{
		{"log replaced", step{1, true}, []step{{2, true}}, nil, []string{"modified d/x.db ", "modified d/x.db-wal "}},
		{"log gone", step{1, true}, []step{{2, false}}, nil, []string{"modified d/x.db ", "deleted d/x.db-wal "}},
		{"log new", step{1, false}, []step{{2, true}}, nil, []string{"modified d/x.db ", "added d/x.db-wal "}},
		{"log came and went", step{1, false}, []step{{2, true}, {3, false}}, nil, []string{"modified d/x.db "}},
		{"log went and came", step{1, true}, []step{{2, false}, {3, true}}, nil, []string{"modified d/x.db ", "deleted d/x.db-wal "}},
		{"all gone", step{1, true}, []step{{0, false}}, nil, []string{"deleted d ", "deleted d/x.db ", "deleted d/x.db-wal "}},
		{
			"log changed since", step{1, true}, []step{{2, false}}, func(b *machine) {
				b.must(os.WriteFile(b.path("d/x.db-wal"), []byte("\x37\x7f\x06\x82 of b's own"), 0o644))
				b.hint("d/x.db-wal", false)
			}, []string{`modified d/x.db belongs to "x.db-wal": changed since`, "deleted d/x.db-wal changed since"},
		},
		{
			"log written to just now", step{1, true}, []step{{2, false}}, func(b *machine) {
				time.Sleep(time.Minute)
				b.c.sync = false // and not looked at yet
				b.must(os.WriteFile(b.path("d/x.db-wal"), []byte("\x37\x7f\x06\x82 of b's own"), 0o644))
			}, []string{`modified d/x.db belongs to "x.db-wal": changed since`, "deleted d/x.db-wal changed since"},
		},
		{
			"log's version lost", step{1, true}, []step{{2, true}}, func(b *machine) {
				all, err := filepath.Glob(filepath.Join(b.dir, ".qsync/versions/d/x~*.db-wal"))
				b.must(err)
				for _, p := range all {
					b.must(os.Remove(p))
				}
			}, []string{`modified d/x.db belongs to "x.db-wal": no older version is kept`, "modified d/x.db-wal no older version is kept"},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				a.mkdir("d")
				a.standIn("d/x.db", x.before.generation, x.before.log)
				c.start()
				c.converged(20 * time.Second)
				before := b.tree()
				time.Sleep(5 * time.Minute)
				for _, s := range x.batch {
					if s.generation == 0 {
						a.remove("d")
					} else {
						a.standIn("d/x.db", s.generation, s.log)
					}
					time.Sleep(10 * time.Second)
				}
				c.converged(20 * time.Second)
				if x.since != nil {
					if x.since(b); c.sync {
						time.Sleep(10 * time.Second)
						c.converged(20 * time.Second)
					}
				}
				now := b.tree()
				for _, dry := range []bool{true, false} {
					items, err := b.f.UndoBatch(c.Context(), UndoQuery{Batch: 1, Dry: dry})
					if err != nil {
						c.Fatal(err)
					}
					var got []string
					for _, it := range items {
						got = append(got, fmt.Sprintf("%s %s %s", it.Change, it.Path, it.Stays))
					}
					slices.Sort(got)
					want := slices.Sorted(slices.Values(x.want))
					if !slices.Equal(got, want) {
						c.Errorf("dry %v: got\n%q, want\n%q", dry, got, want)
					}
					if d := now.diff(b.tree()); dry && d != "" {
						c.Errorf("a dry run changed:\n%s", d)
					}
				}
				if x.since != nil {
					if d := now.diff(b.tree()); d != "" {
						c.Errorf("not left as it was:\n%s", d)
					}
					return
				}
				after := c.converged(20 * time.Second)
				delete(before, "d")
				delete(after, "d") // its time is of now
				if d := before.diff(after); d != "" || strings.Contains(b.generation("d/x.db"), "torn") {
					c.Errorf("it is not what it was:\n%s", d)
				}
				time.Sleep(10 * time.Minute)
				if got := c.converged(20 * time.Second); len(b.f.Status().Conflicts) != 0 {
					c.Error(got)
				}
			})
		})
	}
}
