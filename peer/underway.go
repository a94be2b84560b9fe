package peer

import (
	"sync"
	"sync/atomic"

	"qsync/folder"
	"qsync/folder/disk"
)

// underway is what has come of large files that are not in the map yet: it is
// wanted no more, as far as people are concerned who watch it come. Others that
// want the same can have of it what has come.
type underway struct {
	mu    sync.Mutex
	m     map[folder.Path]*arrival
	going rations // to others

	misled pathSet // what came by way of others was something else
}

// arrival is a large file that comes.
type arrival struct {
	came   atomic.Int64 // bytes, also what is not on the disk yet
	digest folder.Digest
	size   int64
	file   *disk.Coming // nil where nobody can read it
	ended  chan struct{}
}

// begin notes that w is about to come.
func (u *underway) begin(w *want) *arrival {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.m == nil {
		u.m = make(map[folder.Path]*arrival)
	}
	a := &arrival{digest: w.digest(), size: w.size(), ended: make(chan struct{})}
	if old := u.m[w.rec.Path]; old != nil {
		close(old.ended)
	}
	u.m[w.rec.Path] = a
	return a
}

// show lets others read what comes.
func (u *underway) show(a *arrival, file *disk.Coming) {
	u.mu.Lock()
	defer u.mu.Unlock()
	a.file = file
}

// end is for a file that is in the map, or comes from elsewhere or not at all.
func (u *underway) end(p folder.Path) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if a := u.m[p]; a != nil {
		close(a.ended)
		delete(u.m, p)
	}
}

// of returns what can be read of content d while it comes, nil for nothing.
func (u *underway) of(d folder.Digest) *arrival {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, a := range u.m {
		if a.digest == d && a.file != nil {
			return a
		}
	}
	return nil
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
	for _, a := range u.m {
		sum += a.came.Load()
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
