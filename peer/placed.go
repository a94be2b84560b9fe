package peer

import (
	"sync"

	"qsync/folder"
	"qsync/folder/disk"
)

// refresh reads the record of w again: while its content was on the way a peer
// may have told of another write, which makes what is on disk a conflict's
// loser. It reports false if something else is wanted now.
func (f *Folder) refresh(w *want) (bool, error) {
	now, err := f.store.Record(w.rec.Path)
	if err != nil {
		return false, err
	}
	res := now.Register.Resolve()
	if now.Local != w.rec.Local || !folder.SameOnDisk(res.Value, w.res.Value) {
		f.wakeSyncer()
		return false, nil
	}
	w.rec, w.res = now, res
	return true, nil
}

// asPlaced is the value v with the mode and time that the disk could keep of it.
func asPlaced(v folder.Value, p disk.Placed) folder.Value {
	v.Mode = p.Local.Value.Mode
	if coarse(p.Local.Value.MTime, v.MTime) {
		v.MTime = p.Local.Value.MTime
	}
	return v
}

// coarse reports whether a file system that was asked to keep time want could
// have made got of it. Any other time is somebody's change since, which a scan
// must find.
func coarse(got, want int64) bool {
	for _, unit := range []int64{100, 1e3, 1e6, 1e7, 1e9, 2e9} {
		if d := got - want; got%unit == 0 && -unit < d && d < unit {
			return true
		}
	}
	for _, end := range timeEnds {
		if got == end.at*1e9 && (want < got) == end.first {
			return true
		}
	}
	return false
}

// timeEnds are the first and the last second that file systems can store: they
// make that of any time beyond it.
var timeEnds = []struct {
	at    int64
	first bool
}{{-1 << 31, true}, {0, true}, {1<<31 - 1, false}, {1<<32 - 1, false}}

// written names the write that was placed: none where another's mode was merged
// into it, since the map takes a file placed by a write for all that this write
// asks for, and the other may be gone by the time it hears of it.
func written(res folder.Resolution) folder.Dot {
	if res.Value.Mode != res.Winner.Value.Mode {
		return folder.Dot{}
	}
	return res.Winner.Dot
}

// tally counts what was done to the disk, for the totals of the run.
func (f *Folder) tally(before, after folder.Local) {
	if before.Value.Kind == folder.Absent {
		f.counts.added.Add(1)
	} else {
		f.counts.modified.Add(1)
	}
	switch {
	case after.Value.Kind != folder.Dir:
	case before.Value.Kind == folder.Absent:
		f.counts.dirsAdded.Add(1)
	default:
		f.counts.dirsModified.Add(1)
	}
	f.counts.bytes.Add(after.Value.Size)
}

// maxEchoes bounds what is remembered of files placed lately.
const maxEchoes = 8192

// echoes is what files were placed lately. The watcher reports all that sync
// does; to know its own work again must cost less than asking the map for each
// path. What somebody else has put in its place since must be forgotten: on FAT a
// file that is restored with its old time has the old stamps.
type echoes struct {
	mu   sync.Mutex
	m    map[folder.Path]folder.Local
	ring []folder.Path // of the keys of m, the oldest at next
	next int
}

func (e *echoes) add(p folder.Path, l folder.Local) {
	if l.Value.Kind != folder.File || l.Stat.Racy || l.Stat.CTime == 0 {
		e.drop(p)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.m == nil {
		e.m = make(map[folder.Path]folder.Local)
	}
	if _, ok := e.m[p]; !ok {
		if len(e.ring) < maxEchoes {
			e.ring = append(e.ring, p)
		} else {
			delete(e.m, e.ring[e.next])
			e.ring[e.next] = p
			e.next = (e.next + 1) % maxEchoes
		}
	}
	e.m[p] = l
}

func (e *echoes) of(p folder.Path) (folder.Local, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.m[p]
	return l, l.Value.Kind != folder.Absent
}

// drop forgets what was placed at p. Its place in the ring stays.
func (e *echoes) drop(p folder.Path) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.m[p]; ok {
		e.m[p] = folder.Local{}
	}
}
