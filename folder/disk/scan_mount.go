package disk

import "qsync/folder"

// A directory at which something was mounted, and nothing is now, looks as if
// somebody had removed what is known below it. Whoever moves a directory to a
// disk of its own has such a one when that disk is not there one day (F27).

// bareAt notes that the walk comes to a directory that was a mount, and reports
// whether it is the outermost of them.
func (s *scanner) bareAt(p folder.Path) bool {
	if s.bare != "" || s.o.Mounts == nil || !s.o.Mounts(p) {
		return false
	}
	s.bare, s.missing, s.unsure = p, false, false
	return true
}

// misses reports that the entry that is known at p, below a directory that was a
// mount, is not what is there now: it is as missing as if nothing was.
func (s *scanner) misses(p folder.Path, now folder.Kind) bool {
	return s.bare != "" && s.known.ok && s.known.cur.Path == p && s.known.cur.Local.Value.Kind != now
}

// left ends what [scanner.bareAt] began, once all below p was looked at.
func (s *scanner) left(p folder.Path) error {
	if !s.missing && !s.unsure && s.o.Whole != nil {
		s.o.Whole(p)
	}
	return s.told()
}

// told tells of what is missing below the directory that was a mount.
func (s *scanner) told() error {
	p := s.bare
	s.bare = ""
	if p == "" || !s.missing {
		return nil
	}
	return s.problem(p, ErrUnmounted)
}
