package peer

import (
	"fmt"
	"slices"

	"qsync/folder"
	"qsync/protocol"
	"qsync/store"
)

// gatherEntries and gatherBytes are from where on what was gathered is merged.
const (
	gatherEntries = protocol.MaxEntries
	gatherBytes   = protocol.MaxIndex / 2
)

// compared is the receiving side of a comparison: a snapshot of which only what
// differs is told.
type compared struct {
	s      *session
	key    [32]byte
	upto   uint64
	at     folder.Path // up to here the snapshot has come
	round  int         // of the window under way, 0 for none
	ranges []judged    // of the window, from at on
	cost   uint64      // registers looked at for the last message
	done   bool        // the snapshot has come to its end

	indexes []*protocol.Index // gathered, and not merged yet
	batches []store.Batch
	entries int
	bytes   int
}

func badRanges(what string) error { return fmt.Errorf("%w: ranges %s", protocol.ErrProtocol, what) }

// judge returns the answer to a message of ranges.
func (c *compared) judge(m *protocol.Ranges) (*protocol.Verdicts, error) {
	c.cost = 0
	if len(c.ranges) == 0 {
		if m.From != c.at || c.round != 0 && m.Upto != c.upto {
			return nil, badRanges("of another part of the map")
		}
		c.key, c.upto, c.round = m.Key, m.Upto, 0
		c.ranges = []judged{{protocol.Range{To: m.Ranges[len(m.Ranges)-1].To, Count: ^uint64(0)}, protocol.Split}}
	}
	if m.Key != c.key || m.Upto != c.upto || m.From != c.at {
		return nil, badRanges("that do not belong to those before")
	}
	c.round++
	parts, said := m.Ranges, make([]protocol.Verdict, 0, len(m.Ranges))
	var out []judged
	from := c.at
	for _, r := range c.ranges {
		if r.verdict == protocol.Split {
			n := slices.IndexFunc(parts, func(p protocol.Range) bool { return p.To == r.To }) + 1
			if n == 0 || parts[0].To != "" && from.Compare(parts[0].To) >= 0 {
				return nil, badRanges("that do not make up those asked for")
			}
			done, err := c.look(from, parts[:n], r)
			if err != nil {
				return nil, err
			}
			for _, d := range done {
				said = append(said, d.verdict)
			}
			out, parts = append(out, done...), parts[n:]
		} else {
			out = append(out, r)
		}
		from = r.To
	}
	if len(parts) > 0 || len(said) == 0 || len(out) > protocol.MaxRanges {
		return nil, badRanges("that nobody asked for")
	}
	c.ranges = out
	if !slices.Contains(said, protocol.Split) {
		c.skip()
	}
	return &protocol.Verdicts{Verdicts: said}, nil
}

// look judges the parts of a range that begins after from.
func (c *compared) look(from folder.Path, parts []protocol.Range, whole judged) ([]judged, error) {
	theirs := make([]store.Range, len(parts))
	for i, p := range parts {
		theirs[i] = store.Range(p)
	}
	ours, err := c.s.f.store.Compare(c.key, from, theirs)
	if err != nil {
		return nil, err
	}
	out := make([]judged, len(parts))
	for i, p := range parts {
		c.cost += ours[i].Count
		out[i] = judged{p, c.verdict(p, ours[i], whole)}
	}
	return out, nil
}

func (c *compared) verdict(theirs protocol.Range, ours store.Range, whole judged) protocol.Verdict {
	again := theirs.To == whole.To && theirs.Count == whole.Count // there was no room to split it
	last := c.round == compareRounds
	least := uint64(c.s.f.compareLimits().each[compareRounds-1])
	switch {
	case theirs.Count == ours.Count && theirs.Sum == ours.Sum:
		return protocol.Same
	case again || last || theirs.Count <= least || ours.Count < theirs.Count/2:
		return protocol.Tell
	}
	return protocol.Split
}

// hear takes the next batch of what differs.
func (c *compared) hear(i *protocol.Index) error {
	if !i.Snapshot || i.From != c.at || i.Upto != c.upto {
		return badRanges("left for something else")
	}
	for more := true; more; {
		if len(c.ranges) == 0 || c.ranges[0].verdict != protocol.Tell {
			return badRanges("told of that nobody asked for")
		}
		order := compareEnds(i.To, c.ranges[0].To)
		if order >= 0 {
			c.ranges = c.ranges[1:]
		}
		more = order > 0
	}
	c.at, c.done = i.To, i.To == ""
	c.indexes, c.batches = append(c.indexes, i), append(c.batches, batchOf(i))
	c.entries, c.bytes = c.entries+len(i.Entries), c.bytes+i.Size()
	c.skip()
	return nil
}

// skip goes past what is equal.
func (c *compared) skip() {
	for len(c.ranges) > 0 && c.ranges[0].verdict == protocol.Same {
		to := c.ranges[0].To
		if n := len(c.batches); n > 0 && c.batches[n-1].Same {
			c.batches[n-1].To = to
		} else {
			c.batches = append(c.batches, store.Batch{Snapshot: true, Same: true, From: c.at, To: to, Upto: c.upto})
		}
		c.at, c.done, c.ranges = to, to == "", c.ranges[1:]
	}
}

// gathered returns what is to be merged now, if it is time.
func (c *compared) gathered() ([]*protocol.Index, []store.Batch) {
	if len(c.ranges) > 0 && c.entries < gatherEntries && c.bytes < gatherBytes {
		return nil, nil
	}
	i, b := c.indexes, c.batches
	c.indexes, c.batches, c.entries, c.bytes = nil, nil, 0, 0
	return i, b
}

// compareEnds compares two ends of ranges, of which "" is behind all keys.
func compareEnds(a, b folder.Path) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	return a.Compare(b)
}
