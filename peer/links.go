package peer

import (
	"slices"
	"sync"
	"time"

	"qsync/folder"
	"qsync/store"
)

// links are the files that have several names in the folder, by inode. A write
// through one name changes what all of them show, and the watcher tells of that
// one alone (F59).
type links struct {
	mu    sync.Mutex
	names map[uint64][]folder.Path
	n     int
	due   bool // a look at everything, for the other names of new ones
}

const (
	maxLinks = 1 << 16         // names remembered; a look at everything now and then makes up for the rest
	maxNames = 1000            // of one file
	linkWait = 5 * time.Second // before the other names of a new one are looked for
)

func (l *links) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names, l.n = nil, 0
}

// add notes a name and reports whether it is new.
func (l *links) add(inode uint64, p folder.Path) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n >= maxLinks || len(l.names[inode]) >= maxNames || slices.Contains(l.names[inode], p) {
		return false
	}
	if l.names == nil {
		l.names = make(map[uint64][]folder.Path)
	}
	l.names[inode] = append(l.names[inode], p)
	l.n++
	return true
}

// of returns the names of an inode.
func (l *links) of(inode uint64) []folder.Path {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.names[inode])
}

// search reports whether a look at everything is to be planned now.
func (l *links) search() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.due
	l.due = true
	return !was
}

func (l *links) searched() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due = false
}

// linked notes a name of a file that has several. Where the others are nobody can
// tell but by a look at everything.
func (s *scan) linked(p folder.Path, inode uint64) {
	f := s.f
	if !f.links.add(inode, p) || s.whole || f.cfg.Once || !f.links.search() {
		return
	}
	time.AfterFunc(linkWait, func() {
		f.links.searched()
		if f.ctx.Err() == nil {
			f.look.addAll()
		}
	})
}

// linkChanged has the other names looked at of a file that was found changed.
func (s *scan) linkChanged(c *store.Change) {
	if s.whole || c.After.Value.Kind != folder.File {
		return
	}
	for _, p := range s.f.links.of(c.After.Stat.Inode) {
		if p != c.Path {
			s.f.look.add(p, false)
		}
	}
}
