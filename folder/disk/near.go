package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"syscall"
	"time"

	"qsync/folder"
)

// Directories reached lately are kept open for a moment, since work goes
// directory by directory, several at a time. What somebody moves away in that
// moment could have been moved between look-up and use as well.
const (
	nearFor  = 20 * time.Millisecond
	nearDirs = 8
)

// nearby is the set of directories reached lately.
type nearby struct {
	mu   sync.Mutex
	dirs [nearDirs]*nearDir
	next int // the one to make way
}

// nearDir is an open directory that several users share.
type nearDir struct {
	dir   *dir
	path  folder.Path
	at    time.Time
	users int // and one more while it is in the set
}

// shared is a directory in use; Close gives it back.
type shared struct {
	*dir
	from *nearby
	near *nearDir
}

// Close gives the directory back.
func (s *shared) Close() error {
	s.from.mu.Lock()
	defer s.from.mu.Unlock()
	return s.near.leave()
}

func (n *nearDir) leave() error {
	if n.users--; n.users == 0 {
		return n.dir.Close()
	}
	return nil
}

// parent opens the directory that holds p.
func (r *Root) parent(p folder.Path) (*shared, error) {
	c, name := &r.near, p.Dir()
	c.mu.Lock()
	for _, n := range c.dirs {
		if n != nil && n.path == name && time.Since(n.at) < nearFor {
			n.users++
			c.mu.Unlock()
			return &shared{n.dir, c, n}, nil
		}
	}
	c.mu.Unlock()
	d, err := r.dir.walk(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%w: %w", ErrNoParent, err)
	}
	if err != nil {
		return nil, err
	}
	n := &nearDir{dir: d, path: name, at: time.Now(), users: 2}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.dirs[c.next]; old != nil {
		_ = old.leave() // it was only read from
	}
	c.dirs[c.next] = n
	c.next = (c.next + 1) % nearDirs
	return &shared{d, c, n}, nil
}

// forget empties the set: directories come, go or move.
func (r *Root) forget() {
	c := &r.near
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, n := range c.dirs {
		if n != nil {
			_ = n.leave()
			c.dirs[i] = nil
		}
	}
}
