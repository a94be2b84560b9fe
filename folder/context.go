package folder

import (
	"cmp"
	"slices"
)

// ReplicaID names one incarnation of a folder's database: random, born and
// lost with it. Zero is never a replica.
type ReplicaID uint64

// Dot names one write event of a folder: the Counter-th write of a replica,
// counting from 1. The zero Dot is no event.
type Dot struct {
	Replica ReplicaID
	Counter uint64
}

// IsZero reports whether d is no event.
func (d Dot) IsZero() bool { return d == Dot{} }

// Compare orders dots by replica, then counter.
func (d Dot) Compare(e Dot) int {
	if c := cmp.Compare(d.Replica, e.Replica); c != 0 {
		return c
	}
	return cmp.Compare(d.Counter, e.Counter)
}

// MaxContext is how many replicas one register's context may name on the wire,
// MaxFolderContext how many a folder context may.
const (
	MaxContext       = 64
	MaxFolderContext = 4096
)

// Context is a set of events: for each replica named, all its events up to a
// counter. It is sorted by replica, each at most once; nil is the empty set.
// A Context is not modified once made: the methods return new ones.
type Context []Dot

// Counter returns up to which counter c holds the events of r, 0 if none.
func (c Context) Counter(r ReplicaID) uint64 {
	i, ok := c.find(r)
	if !ok {
		return 0
	}
	return c[i].Counter
}

func (c Context) find(r ReplicaID) (int, bool) {
	return slices.BinarySearchFunc(c, r, func(d Dot, r ReplicaID) int { return cmp.Compare(d.Replica, r) })
}

// Covers reports whether event d is in c.
func (c Context) Covers(d Dot) bool { return d.Counter <= c.Counter(d.Replica) }

// CoversAll reports whether every event of o is in c.
func (c Context) CoversAll(o Context) bool {
	for _, d := range o {
		if !c.Covers(d) {
			return false
		}
	}
	return true
}

// With returns c with event d, and all before it, added.
func (c Context) With(d Dot) Context {
	if c.Covers(d) {
		return c
	}
	i, ok := c.find(d.Replica)
	if ok {
		n := slices.Clone(c)
		n[i] = d
		return n
	}
	return slices.Insert(slices.Clone(c), i, d)
}

// Merge returns the union of c and o.
func (c Context) Merge(o Context) Context {
	if len(c) == 0 {
		return o
	}
	if c.CoversAll(o) {
		return c
	}
	out := make(Context, 0, max(len(c), len(o)))
	for len(c) > 0 && len(o) > 0 {
		switch cmp.Compare(c[0].Replica, o[0].Replica) {
		case -1:
			out, c = append(out, c[0]), c[1:]
		case 1:
			out, o = append(out, o[0]), o[1:]
		default:
			out = append(out, Dot{c[0].Replica, max(c[0].Counter, o[0].Counter)})
			c, o = c[1:], o[1:]
		}
	}
	return append(append(out, c...), o...)
}

// Minus returns the entries of c that o does not cover.
func (c Context) Minus(o Context) Context {
	var out Context
	for i, d := range c {
		if o.Covers(d) {
			if out == nil {
				out = slices.Clone(c[:i])
			}
		} else if out != nil {
			out = append(out, d)
		}
	}
	if out == nil {
		return c
	}
	return out[:len(out):len(out)]
}
