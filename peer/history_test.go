package peer

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestLogFilters: the log by node, kind and action, in pages that leave nothing
// out and repeat nothing, wherever in a commit they end.
func TestLogFilters(t *testing.T) {
	t.Parallel()
	bubble(t, 2, func(c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		c.full()
		c.start()
		c.converged(20 * time.Second)
		for i := range 20 {
			a.write(fmt.Sprintf("a%02d", i), "x")
		}
		a.mkdir("dir")
		a.symlink("link", "a00")
		c.converged(20 * time.Second)
		b.write("b", "x")
		b.remove("a00")
		c.converged(20 * time.Second)
		node := b.f.node.cfg.Device.ID().String()
		for _, x := range []struct {
			q    LogQuery
			want int
		}{
			{LogQuery{}, 24}, {LogQuery{Kind: "file"}, 22}, {LogQuery{Kind: "dir"}, 1}, {LogQuery{Kind: "symlink"}, 1},
			{LogQuery{Action: "deleted"}, 1}, {LogQuery{Action: "added", Kind: "file"}, 21}, {LogQuery{Action: "none"}, 0},
			{LogQuery{Peer: "here"}, 22}, {LogQuery{Peer: a.name}, 22}, {LogQuery{Peer: b.name}, 2}, {LogQuery{Peer: strings.ToUpper(node[:8])}, 2},
			{LogQuery{Peer: node[:3]}, 0}, {LogQuery{Peer: "nobody"}, 0}, {LogQuery{Glob: "a0*", Peer: "here"}, 10},
		} {
			for _, limit := range []int{0, 1, 3, 7} {
				q, n, seen := x.q, 0, map[string]bool{}
				q.Limit = limit
				for more := true; more; {
					page, err := a.f.Log(q)
					a.must(err)
					for _, e := range page.Changes {
						n++
						seen[e.Action+e.Path] = true
					}
					if limit > 0 && len(page.Changes) > limit {
						c.Errorf("%d changes for a limit of %d", len(page.Changes), limit)
					}
					q.Before, q.Skip = page.Next, page.Skip
					more = page.Next != 0
				}
				if n != x.want || len(seen) != n {
					c.Errorf("%+v: %d changes, %d different ones, want %d", x.q, n, len(seen), x.want)
				}
			}
		}
		days, err := b.f.LogDays()
		b.must(err)
		var sum DayCount
		for _, d := range days {
			sum.Added += d.Sync.Added
			sum.AddedDirs += d.Sync.AddedDirs
		}
		if sum.Added != 22 || sum.AddedDirs != 1 {
			c.Errorf("days %+v", days)
		}
	})
}
