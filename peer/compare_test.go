package peer

import (
	"context"
	"fmt"
	"testing"
	"time"

	"qsync/folder"
	"qsync/protocol"
)

// comparing runs fn with an intruder that has met a machine of a few files, and
// compares maps however small they are.
func comparing(t *testing.T, caps uint32, fn func(c *cluster, m *machine, l *authLink)) {
	bubble(t, 1, func(c *cluster) {
		m := c.nodes[0]
		m.cfg.compare = &compareLimits{1, [...]int{64, 16, 4, 1}, 2}
		for k := range 40 {
			m.write(fmt.Sprintf("f%02d", k), fmt.Sprint(k))
		}
		c.start()
		c.settle(10 * time.Second)
		i := c.intruder()
		i.caps, i.seq = caps, 5000
		l, err := i.meet(m)
		if err != nil {
			c.Fatal(err)
		}
		fn(c, m, l)
	})
}

// nextIndex reads the next message of a machine's index.
func (l *authLink) nextIndex(r **protocol.Reader) (protocol.Message, error) {
	if *r == nil {
		in, err := l.AcceptUni(context.Background())
		if err != nil {
			return nil, err
		}
		*r = protocol.NewReader(in, protocol.Indexes)
	}
	return (*r).Next()
}

// TestCompareOnlyWithWhoCan: who does not say that it compares is told everything.
func TestCompareOnlyWithWhoCan(t *testing.T) {
	t.Parallel()
	comparing(t, capRecipes, func(c *cluster, m *machine, l *authLink) {
		var r *protocol.Reader
		got, err := l.nextIndex(&r)
		if i, ok := got.(*protocol.Index); !ok || len(i.Entries) != 40 || !i.Complete {
			c.Errorf("%+v, %v", got, err)
		}
	})
}

// TestHostileVerdicts: who judges what it was not asked, or goes on asking for
// more, ends its own link.
func TestHostileVerdicts(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*protocol.Ranges) []protocol.Verdict{
		"too many": func(r *protocol.Ranges) []protocol.Verdict { return make([]protocol.Verdict, len(r.Ranges)+1) },
		"splits without end": func(r *protocol.Ranges) []protocol.Verdict {
			v := make([]protocol.Verdict, len(r.Ranges))
			for k := range v {
				v[k] = protocol.Split
			}
			return v
		},
	}
	for name, judge := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			comparing(t, capCompares, func(c *cluster, m *machine, l *authLink) {
				var r *protocol.Reader
				for n := 0; ; n++ {
					got, err := l.nextIndex(&r)
					if err != nil {
						break
					}
					ranges, ok := got.(*protocol.Ranges)
					if !ok || n == compareRounds {
						c.Fatalf("message %d is %+v", n, got)
					}
					if err := protocol.Write(l.Control, &protocol.Verdicts{Verdicts: judge(ranges)}); err != nil {
						c.Fatal(err)
					}
				}
				if code := l.ended(); code != CodeProtocol {
					c.Errorf("ended with code %d: %v", code, l.Err())
				}
			})
		})
	}
	t.Run("of nothing", func(t *testing.T) {
		t.Parallel()
		comparing(t, capRecipes, func(c *cluster, m *machine, l *authLink) {
			if err := protocol.Write(l.Control, &protocol.Verdicts{Verdicts: []protocol.Verdict{protocol.Same}}); err != nil {
				c.Fatal(err)
			}
			if code := l.ended(); code != CodeProtocol {
				c.Errorf("ended with code %d: %v", code, l.Err())
			}
		})
	})
}

// TestHostileRanges: a comparison ends after a few rounds whatever the peer says,
// and what does not belong to it ends the link.
func TestHostileRanges(t *testing.T) {
	t.Parallel()
	ranges := func(from folder.Path, to ...folder.Path) *protocol.Ranges {
		r := &protocol.Ranges{From: from, Upto: 7}
		for _, p := range to {
			r.Ranges = append(r.Ranges, protocol.Range{To: p, Count: 30, Sum: [16]byte{1}})
		}
		return r
	}
	snapshot := func(from, to folder.Path, upto uint64) *protocol.Index {
		return &protocol.Index{Snapshot: true, From: from, To: to, Upto: upto}
	}
	cases := map[string][]protocol.Message{
		"from the middle":            {ranges("f05", "")},
		"the same for ever":          {ranges("", ""), ranges("", ""), ranges("", "")},
		"new ones without end":       {ranges("", ""), ranges("", "f20", ""), ranges("", "f10", "f20", "f30", ""), ranges("", "f05", "f10", "f20", "f30", ""), ranges("", "f02", "f05", "f10", "f20", "f30", "")},
		"parts that end elsewhere":   {ranges("", "f30"), ranges("", "f20", "f31")},
		"parts of what was not told": {ranges("", "f20", ""), ranges("", "f10", "f15", "f30")},
		"another key":                {ranges("", ""), &protocol.Ranges{Key: [32]byte{1}, Upto: 7, Ranges: ranges("", "f20", "").Ranges}},
		"told before it is judged":   {ranges("", ""), snapshot("", "f01", 7)},
		"told of something else":     {ranges("", "f00", "f01"), snapshot("f00", "f01", 7)},
		"told of another time":       {&protocol.Ranges{Upto: 7, Ranges: []protocol.Range{{Count: 1}}}, snapshot("", "", 8)},
		"told beyond the end":        {&protocol.Ranges{Upto: 7, Ranges: []protocol.Range{{To: "f01", Count: 1}}}, snapshot("", "f02", 7)},
		"the journal instead":        {ranges("", ""), &protocol.Index{Upto: 1}},
	}
	for name, messages := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			comparing(t, 0, func(c *cluster, m *machine, l *authLink) {
				before := m.position()
				out, err := l.OpenUni(context.Background())
				if err != nil {
					c.Fatal(err)
				}
				for _, x := range messages {
					if err := protocol.Write(out, x); err != nil {
						break
					}
					time.Sleep(time.Second)
				}
				if code := l.ended(); code != CodeProtocol {
					c.Errorf("ended with code %d: %v", code, l.Err())
				}
				if now := m.position(); now != before {
					c.Errorf("the journal is at %d, was at %d", now, before)
				}
			})
		})
	}
}

func (m *machine) position() uint64 { return m.f.store.Identity().Seq }
