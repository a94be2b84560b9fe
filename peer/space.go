package peer

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"qsync/folder/disk"
)

// room reports whether a file of size bytes may be fetched without filling the
// disk.
func (f *Folder) room(size int64) error {
	free, spare, err := f.space.take(f.root, size)
	if err == nil && free-size < spare {
		return fmt.Errorf(noRoom+": %s free, %s needed and %s kept free", inMiB(free), inMiB(size), inMiB(spare))
	}
	return nil // or unknown here: the write itself will tell
}

// noRoom begins the sentence about a file for which there is no room.
const noRoom = "not enough space on the disk"

// full is why a path that is wanted waits for room on the disk, "" if none does.
func (k *parking) full() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.m {
		for _, text := range []string{noRoom, syscall.ENOSPC.Error(), syscall.EDQUOT.Error()} {
			if strings.Contains(e.why, text) {
				return e.why
			}
		}
	}
	return ""
}

// spareOf is what a transfer leaves free on a disk of total bytes.
func spareOf(total int64) int64 { return min(max(total/100, spareMin), total/20) }

func inMiB(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// spaceFor is how long a look at the free space is good for.
const spaceFor = time.Second

// spaceMeter asks the file system for its free space now and then, and counts
// down in between.
type spaceMeter struct {
	mu          sync.Mutex
	at          time.Time
	free, total int64
}

// take returns the free space and what is to be left of it, and counts size off
// where there is room for it.
func (m *spaceMeter) take(root *disk.Root, size int64) (free, spare int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.at) > spaceFor {
		if m.free, m.total, err = root.FreeSpace(); err != nil {
			return 0, 0, err
		}
		m.at = time.Now()
	}
	free, spare = m.free, spareOf(m.total)
	if free-size >= spare {
		m.free -= size
	}
	return free, spare, nil
}
