package peer

import (
	"fmt"
	"sync"
	"time"

	"qsync/folder/disk"
)

// room reports whether a file of size bytes may be fetched without filling the
// disk.
func (f *Folder) room(size int64) error {
	free, total, err := f.space.measure(f.root, size)
	if err != nil {
		return nil // unknown here: the write itself will tell
	}
	if spare := max(total/100, spareMin); free-size < spare {
		return fmt.Errorf("not enough space on the disk: %d bytes free, %d needed and %d kept free", free, size, spare)
	}
	return nil
}

// spaceFor is how long a look at the free space is good for.
const spaceFor = time.Second

// spaceMeter asks the file system for its free space now and then, and counts
// down in between.
type spaceMeter struct {
	mu          sync.Mutex
	at          time.Time
	free, total int64
}

func (m *spaceMeter) measure(root *disk.Root, size int64) (free, total int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.at) > spaceFor {
		if m.free, m.total, err = root.FreeSpace(); err != nil {
			return 0, 0, err
		}
		m.at = time.Now()
	}
	free = m.free
	m.free -= size
	return free, m.total, nil
}
