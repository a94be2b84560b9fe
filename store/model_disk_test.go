package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"qsync/folder"
)

// scan commits what differs between the disk and the records, of some paths.
func (n *node) scan(all bool) error {
	seen := maps.Clone(n.disk)
	for r, err := range n.s.Records("") {
		if err != nil {
			return err
		}
		if _, ok := seen[r.Path]; !ok {
			seen[r.Path] = folder.Value{}
		}
	}
	var changes []Change
	for _, p := range slices.Sorted(maps.Keys(seen)) {
		if !all && n.w.IntN(3) == 0 {
			continue
		}
		r, err := n.s.Record(p)
		if err != nil {
			return err
		}
		if !folder.SameOnDisk(r.Local.Value, seen[p]) {
			changes = append(changes, Change{Path: p, Before: r.Local, After: folder.Local{Value: seen[p]}})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	n.w.log("%d scans %d", n.n, len(changes))
	out, err := n.s.Commit(changes, true)
	if err == nil && len(out.Stale) > 0 {
		err = fmt.Errorf("stale %q", out.Stale)
	}
	return err
}

// apply brings the disk to what the registers show, for up to limit paths.
func (n *node) apply(limit int) error {
	after := folder.Path("")
	for limit > 0 {
		page, err := n.s.Wanted(after, 1+n.w.IntN(4))
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			after = r.Path
			if now, err := n.s.Record(r.Path); err != nil || now.Seq != r.Seq || now.Local != r.Local {
				continue // an apply before it made it a conflict copy
			}
			if err := n.applyOne(r); err != nil {
				return fmt.Errorf("apply %q: %w", r.Path, err)
			}
			limit--
		}
	}
	return nil
}

func (n *node) applyOne(r Record) error {
	if !folder.SameOnDisk(n.disk[r.Path], r.Local.Value) {
		return nil // changed and not scanned yet
	}
	res := r.Register.Resolve()
	c := Change{Path: r.Path, Before: r.Local, Applied: true}
	for _, l := range res.Losers {
		if folder.SameContent(l.Value, r.Local.Value) {
			if len(c.Retire) == 0 {
				if ok, err := n.keep(r.Path, l.Value); err != nil || !ok {
					return err
				}
			}
			c.Retire = append(c.Retire, l.Dot)
		}
	}
	if r.Register.Live() {
		c.After = folder.Local{Value: res.Value, Dot: res.Winner.Dot}
		n.disk[r.Path] = res.Value
	} else {
		delete(n.disk, r.Path)
	}
	n.w.log("%d applies %q: %d, retires %v", n.n, r.Path, contentOf(res.Value), c.Retire)
	out, err := n.s.Commit([]Change{c}, true)
	if err == nil && len(out.Stale) > 0 {
		err = errors.New("stale")
	}
	return err
}

// keep makes the conflict copy of v. It reports false if the place is taken by
// something that the next scan has to see first.
func (n *node) keep(p folder.Path, v folder.Value) (bool, error) {
	v.Base = folder.Base{}
	for width := folder.HashWidth; ; width += 8 {
		name := folder.ConflictName(p, v, width)
		there, taken := n.disk[name]
		if taken && folder.SameContent(there, v) {
			return true, nil
		}
		r, err := n.s.Record(name)
		if err != nil {
			return false, err
		}
		if taken || r.Local.Value.Kind != folder.Absent {
			if width > 64 {
				return false, nil
			}
			continue
		}
		n.disk[name] = v
		n.w.log("%d keeps %d as %q", n.n, contentOf(v), name)
		_, err = n.s.Commit([]Change{{Path: name, Before: r.Local, After: folder.Local{Value: v}}}, true)
		return true, err
	}
}
