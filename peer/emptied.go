package peer

import (
	"slices"
	"time"

	"qsync/folder"
	"qsync/store"
)

// emptied reports whether nothing is left of several entries that the root held
// (F25). Who sets a brake wants it to count, not this.
func (s *scan) emptied() (bool, error) {
	if s.top < 2 || !s.minded() {
		return false, nil
	}
	left, err := s.leftOfTop(1)
	return left == 0, err
}

// emptying reports whether what is gone of the root's own entries, a few perhaps,
// and what went a moment ago, is no less than what is left: somebody may be on the
// way to empty it, and of two entries the first would be told of before the second
// is gone. Such a look waits for what follows.
func (s *scan) emptying() (bool, error) {
	if s.top == 0 || !s.minded() {
		return false, nil
	}
	went := s.top + s.f.topped.lately()
	left, err := s.leftOfTop(went + 1)
	return left > 0 && left <= went, err
}

// topped are the root's own entries that went within [topTime] and were passed on.
// They belong to the scanner.
type topped []topLoss

type topLoss struct {
	at time.Time
	n  int
}

const topTime = 10 * time.Second

func (t *topped) lately() (n int) {
	*t = slices.DeleteFunc(*t, func(l topLoss) bool { return time.Since(l.at) > topTime })
	for _, l := range *t {
		n += l.n
	}
	return n
}

func (t *topped) passed(n int) {
	if t.lately(); n > 0 {
		*t = append(*t, topLoss{time.Now(), n})
	}
}

// minded reports whether it matters that the root is empty.
func (s *scan) minded() bool {
	return s.f.cfg.MaxDelete == (Brake{}) && s.f.Mode().announces() && !s.f.store.Drops()
}

// leftOfTop counts the root's own entries that are there, up to most.
func (s *scan) leftOfTop(most int) (n int, err error) {
	if slices.ContainsFunc(s.renamed, func(c store.Change) bool { return c.Path.Dir() == "" }) {
		return most, nil
	}
	err = s.f.store.Top(func(r store.Record) bool {
		if r.Local.Value.Kind != folder.Absent && !r.Local.Ignored && s.seen[r.Path] == 0 {
			n++
		}
		return n < most
	})
	return n, err
}
