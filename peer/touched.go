package peer

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
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
	notes *os.File // outlives a crash; nil for none
	noted bool     // something is in them
}

// touchedName is the file, beside the map, in which touched directories are noted.
const touchedName = "touched"

// remember adds what a run that was killed had touched, so that nothing of it is
// taken for a user's change, and notes from now on what is touched. The notes are
// not made durable: after a power cut a directory's time may be announced that
// nobody set.
func (t *touchedDirs) remember(state string) error {
	const most = 64 << 20
	f, err := os.OpenFile(filepath.Join(state, touchedName), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return errors.Join(err, f.Close())
	}
	for line := range strings.Lines(string(text)) {
		name, err := strconv.Unquote(strings.TrimSuffix(line, "\n"))
		if p, perr := folder.ParsePath(name); err == nil && perr == nil {
			t.add(p) // else the line was cut off
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes, t.noted = f, len(text) > 0
	t.settled()
	return nil
}

// settled empties the notes when nothing is touched; t.mu is held.
func (t *touchedDirs) settled() {
	if t.noted && len(t.m) == 0 {
		t.noted = t.notes.Truncate(0) != nil // then a later run sets some times once more
	}
}

func (t *touchedDirs) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.notes == nil {
		return nil
	}
	err := t.notes.Close()
	t.notes, t.noted = nil, false
	return err
}

func (t *touchedDirs) add(p folder.Path) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = make(map[folder.Path]int)
	}
	if t.m[p] == 0 && t.notes != nil && p != "" {
		_, err := t.notes.WriteString(strconv.Quote(string(p)) + "\n")
		t.noted = t.noted || err == nil
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
