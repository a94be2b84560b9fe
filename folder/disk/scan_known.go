package disk

import (
	"fmt"
	"iter"
	"strings"

	"qsync/folder"
)

// cursor is the index side of the merge: one entry of look-ahead.
type cursor struct {
	next  func() (Known, error, bool)
	stop  func()
	under folder.Path
	cur   Known
	ok    bool // cur is an entry that was not consumed yet
}

func newCursor(seq iter.Seq2[Known, error], under folder.Path) *cursor {
	if seq == nil {
		seq = func(func(Known, error) bool) {}
	}
	c := &cursor{under: under}
	c.next, c.stop = iter.Pull2(seq)
	return c
}

// advance consumes cur. An index out of order would make entries look
// vanished that are there, so it ends the scan instead.
func (c *cursor) advance() error {
	for {
		k, err, ok := c.next()
		if err != nil {
			c.ok = false
			return fmt.Errorf("index: %w", err)
		}
		if !ok {
			c.ok = false
			return nil
		}
		if c.cur.Path.Compare(k.Path) >= 0 {
			return fmt.Errorf("index out of order: %q after %q", k.Path, c.cur.Path)
		}
		if c.under != "" && k.Path != c.under && !k.Path.Below(c.under) {
			return fmt.Errorf("index entry %q is not at or below %q", k.Path, c.under)
		}
		c.cur, c.ok = k, true
		if k.Local.Value.Kind != folder.Absent {
			return nil
		}
	}
}

// component returns the name in directory dir that leads to the next entry,
// and whether the entry is that name itself and not below it. ok is false when
// the next entry is not below dir. It allocates nothing.
func (c *cursor) component(dir folder.Path) (name string, exact, ok bool) {
	if !c.ok || !c.cur.Path.Below(dir) {
		return "", false, false
	}
	rest := string(c.cur.Path)
	if dir != "" {
		rest = rest[len(dir)+1:]
	}
	name, _, more := strings.Cut(rest, "/")
	return name, !more, true
}

// in reports whether the next entry is p or below it.
func (c *cursor) in(p folder.Path) bool {
	return c.ok && (c.cur.Path == p || c.cur.Path.Below(p))
}

// skip consumes all entries at or below p: nothing is known about them now.
func (c *cursor) skip(p folder.Path) error {
	for c.in(p) {
		if err := c.advance(); err != nil {
			return err
		}
	}
	return nil
}
