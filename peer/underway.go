package peer

import (
	"sync"
	"sync/atomic"

	"qsync/folder"
	"qsync/folder/disk"
)

// underway is what has come of large files that are not in the map yet: it is
// wanted no more, as far as people are concerned who watch it come.
type underway struct {
	mu sync.Mutex
	m  map[folder.Path]*atomic.Int64
}

// begin counts the bytes of a file that is about to come.
func (u *underway) begin(p folder.Path) *atomic.Int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.m == nil {
		u.m = make(map[folder.Path]*atomic.Int64)
	}
	n := new(atomic.Int64)
	u.m[p] = n
	return n
}

// end is for a file that is in the map, or comes from elsewhere or not at all.
func (u *underway) end(p folder.Path) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.m, p)
}

// busy reports whether anything comes.
func (u *underway) busy() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.m) > 0
}

func (u *underway) bytes() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	sum := int64(0)
	for _, n := range u.m {
		sum += n.Load()
	}
	return sum
}

// counted is a staged file that says how much of it is there.
type counted struct {
	*disk.Staged
	n *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Staged.Write(b)
	c.n.Add(int64(n))
	return n, err
}
