package peer

import (
	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// maxHeldBack is how many new names a look holds back.
const maxHeldBack = 1 << 17

// holdBack keeps a file that seems to have been renamed until its old name is told
// to be gone. Who hears of both at once gives it its new name; who hears of the new
// one alone would copy it.
func (s *scan) holdBack(c *store.Change) bool {
	if c.After.Value.Origin == "" || s.database != "" || len(s.renamed) >= maxHeldBack || folder.IsPack(c.Path) {
		return false
	}
	if s.renamedAt == nil {
		s.renamedAt = make(map[folder.Path]int)
	}
	s.renamed = append(s.renamed, *c)
	s.renamedAt[c.Path] = len(s.renamed)
	return true
}

// foundAgain notes what has become of a new name that is held back: it is found
// anew by every look until the map knows of it.
func (s *scan) foundAgain(x *disk.Found) bool {
	i := s.renamedAt[x.Path]
	if i == 0 || x.After.Value.Kind != folder.File {
		return false
	}
	c := &s.renamed[i-1]
	was := c.After.Value
	if c.After = x.After; folder.SameContent(was, x.After.Value) {
		c.After.Value.Origin = was.Origin
	}
	return true
}

// tellRenamed tells what was held back before anything is told to be gone.
func (s *scan) tellRenamed() error {
	s.checkRenamed()
	for all := s.takeRenamed(); len(all) > 0; {
		part := all[:min(len(all), scanBatch)]
		all = all[len(part):]
		if err := s.flush(&part); err != nil {
			return err
		}
	}
	return nil
}

func (s *scan) takeRenamed() []store.Change {
	all := s.renamed
	s.renamed, s.renamedAt = nil, nil
	return all
}

// checkRenamed drops what is not there any more, or waits with its database: the map did not know of it, so
// that no look has found it gone.
func (s *scan) checkRenamed() {
	kept := s.renamed[:0]
	for i := range s.renamed {
		c := &s.renamed[i]
		if _, waits := s.f.bases.owner(c.Path); !waits && s.f.root.Unchanged(c.Path, c.After) {
			kept = append(kept, *c)
		} else {
			s.f.look.add(c.Path, false)
		}
	}
	s.renamed = kept
}

// paired is what is to be told in the end: what is gone, in its order, and right
// before it the name that it has now.
func (s *scan) paired() []store.Change {
	s.checkRenamed()
	if len(s.renamed) == 0 {
		return s.gone
	}
	of := make(map[folder.Path]int, len(s.renamed))
	for i := range s.renamed {
		of[s.renamed[i].After.Value.Origin] = i + 1
	}
	taken := make([]bool, len(s.renamed))
	var all, pairs []store.Change
	for _, c := range s.gone {
		if i := of[c.Path]; i > 0 && !taken[i-1] {
			if now := &s.renamed[i-1]; folder.SameContent(c.Before.Value, now.After.Value) {
				c.To = now.Path // for the log: nothing else keeps what was there
			}
			pairs, taken[i-1] = append(pairs, s.renamed[i-1]), true
		}
		pairs = append(pairs, c)
	}
	for i, c := range s.takeRenamed() {
		if !taken[i] {
			all = append(all, c)
		}
	}
	return append(all, pairs...)
}
