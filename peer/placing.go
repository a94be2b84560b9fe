package peer

import (
	"sync"

	"qsync/folder"
)

// placing is what sync has put on disk and the map has not heard of yet. Hints and
// looks that come by such a path see our own work; they leave a mark, so that it
// is looked at when the map has it. What the commit itself finds unchanged needs
// that only if the mark came later.
type placing struct {
	mu sync.Mutex
	m  map[folder.Path]bool // and whether somebody came by since
}

func (s *placing) add(p folder.Path) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = make(map[folder.Path]bool)
	}
	if _, ok := s.m[p]; !ok { // else its mark stays
		s.m[p] = false
	}
}

func (s *placing) has(p folder.Path) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.m[p]
	return ok
}

// passed is has for who would have looked at p.
func (s *placing) passed(p folder.Path) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.m[p]
	if ok {
		s.m[p] = true
	}
	return ok
}

// looks says that p is about to be looked at: what came by so far sees no more.
func (s *placing) looks(p folder.Path) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.m[p]; ok {
		s.m[p] = false
	}
}

// drop ends it, and reports whether p is still to be looked at.
func (s *placing) drop(p folder.Path) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	passed := s.m[p]
	delete(s.m, p)
	return passed
}

// placed ends the time in which a change of p counts as our own doing.
func (f *Folder) placed(p folder.Path) {
	f.underway.end(p)
	if f.placing.drop(p) {
		f.look.add(p, false)
	}
}
