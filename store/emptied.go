package store

import (
	"sync"

	"qsync/folder"
)

// emptied are the paths of which commits have said, while a look at the disk is
// under way, that nothing is there any more. What the look has read there, and
// believes to be new, can be older than that. It is not kept: no look outlives its
// process.
type emptied struct {
	mu    sync.Mutex
	looks int
	m     map[folder.Path]struct{}
}

func (e *emptied) add(paths []folder.Path) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.looks == 0 || len(paths) == 0 {
		return
	}
	if e.m == nil {
		e.m = make(map[folder.Path]struct{})
	}
	for _, p := range paths {
		e.m[p] = struct{}{}
	}
}

func (e *emptied) has(p folder.Path) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.m[p]
	return ok
}

// Looks begins a look at the disk, before it reads anything, and returns what ends
// it, once all that it has found is committed. See [Change.Looked].
func (s *Store) Looks() (end func()) {
	e := &s.emptied
	e.mu.Lock()
	defer e.mu.Unlock()
	e.looks++
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.looks--; e.looks == 0 {
			e.m = nil
		}
	}
}
