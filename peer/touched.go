package peer

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"qsync/folder"
)

// touchedDirs is a set of directories: of those whose modification time our own
// work has moved and will set right again, so that it is no user's change, and
// of those that may have lost the last entry that kept them.
type touchedDirs struct {
	mu    sync.Mutex
	m     map[folder.Path]int
	notes notes
}

// touchedName is the file, beside the map, in which touched directories are noted.
const touchedName = "touched"

// remember adds what a run that was killed had touched, so that nothing of it is
// taken for a user's change, and notes from now on what is touched. After a power
// cut a directory's time may be announced that nobody set.
func (t *touchedDirs) remember(state string) error {
	notes, text, err := openNotes(state, touchedName)
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		name, err := strconv.Unquote(strings.TrimSuffix(line, "\n"))
		if p, perr := folder.ParsePath(name); err == nil && perr == nil {
			t.add(p)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = notes
	t.settled()
	return nil
}

// settled empties the notes when nothing is touched; t.mu is held.
func (t *touchedDirs) settled() {
	if len(t.m) == 0 {
		t.notes.clear()
	}
}

func (t *touchedDirs) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.notes.close()
}

func (t *touchedDirs) add(p folder.Path) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = make(map[folder.Path]int)
	}
	if t.m[p] == 0 && p != "" {
		t.notes.add(strconv.Quote(string(p)) + "\n")
	}
	t.m[p]++
}

func (t *touchedDirs) has(p folder.Path) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.m[p] > 0
}

// all returns the touched directories, deepest first.
func (t *touchedDirs) all() []folder.Path {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(maps.Keys(t.m), func(a, b folder.Path) int { return b.Compare(a) })
}

func (t *touchedDirs) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.m)
	t.settled()
}

func (t *touchedDirs) count() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(len(t.m))
}

func (t *touchedDirs) any() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.m) > 0
}

func (t *touchedDirs) drop(p folder.Path) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.m, p)
	t.settled()
}

// isOurTime reports whether the modification time of a directory is, or may be, what
// our own work in it has left.
func (f *Folder) isOurTime(p folder.Path) bool { return f.touched.has(p) || f.settled.has(p) }
