package peer

import (
	"testing"
	"time"
)

// TestResolveDatabase: of a conflict of databases one side's goes and the other's
// comes with what stands beside it, however the copy is named (F38).
func TestResolveDatabase(t *testing.T) {
	t.Parallel()
	for _, k := range []struct {
		name, keep, by string
		a, b           [2]string
		want           []string
	}{
		{"this", KeepThis, "", [2]string{"1", "1 a"}, [2]string{"2", "2 b"}, []string{"2|2 b"}},
		{"other", KeepOther, "", [2]string{"1", "1 a"}, [2]string{"2", "2 b"}, []string{"1|1 a"}},
		{"other, without a log", KeepOther, "", [2]string{"1", ""}, [2]string{"2", "2 b"}, []string{"1|"}},
		{"other, in place of none", KeepOther, "", [2]string{"1", "1 a"}, [2]string{"2", ""}, []string{"1|1 a"}},
		{"other, by its log", KeepOther, "-wal", [2]string{"0", "0 a"}, [2]string{"0", "0 b"}, []string{"0|0 a"}},
		{"both", KeepBoth, "", [2]string{"1", "1 a"}, [2]string{"2", "2 b"}, []string{"1|1 a", "2|2 b"}},
		{"this, by its log", KeepThis, "-wal", [2]string{"1", "1 a"}, [2]string{"2", "2 b"}, []string{"2|2 b"}},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, 2, func(c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				c.line()
				a.write("other", "other")
				a.database("x.db", "0", "0 first")
				c.start()
				time.Sleep(10 * time.Second)
				c.converged(20 * time.Second)
				got := c.apart(c.nodes[:1], c.nodes[1:], func() {
					a.database("x.db", k.a[0], k.a[1])
					time.Sleep(10 * time.Second)
					b.database("x.db", k.b[0], k.b[1])
					time.Sleep(10 * time.Second)
				})
				cp := ""
				for _, p := range got.conflicts() {
					if k.by == "" && len(p) > 4 && p[len(p)-3:] == ".db" || k.by != "" && len(p) > 4 && p[len(p)-4:] == k.by {
						cp = p
					}
				}
				_, err := b.f.Resolve(c.Context(), Resolution{Path: cp, Keep: k.keep})
				b.must(err)
				b.notTorn("x.db")
				time.Sleep(10 * time.Second)
				end := c.converged(20 * time.Second)
				for _, m := range c.nodes {
					all := m.pairs()
					for _, want := range k.want {
						if !all[want] || len(all) != len(k.want) {
							c.Errorf("%s: %v", m.name, all)
						}
					}
				}
				if left := end.conflicts(); len(left) > 0 {
					c.Error("left:", left)
				}
				c.quiet()
			})
		})
	}
}
