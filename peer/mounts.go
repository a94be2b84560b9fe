package peer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"qsync/folder"
	"qsync/folder/disk"
)

// mounts are the directories at which something was mounted when they were last
// looked at, and below which the map has entries: what was here before it, and
// counts as still there. Where a mount goes, its directory is an empty one like any
// that a person has emptied, unless it is remembered, over a restart too (F27).
type mounts struct {
	mu   sync.Mutex
	m    map[folder.Path]bool
	file string // "" to write nothing
}

// mountsName is the file, beside the map, that has a quoted path a line.
const mountsName = "mounts"

func (m *mounts) remember(state string, plan bool) error {
	file := filepath.Join(state, mountsName)
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.m = make(map[folder.Path]bool)
	for line := range strings.Lines(string(text)) {
		name, err := strconv.Unquote(strings.TrimSuffix(line, "\n"))
		if p, perr := folder.ParsePath(name); err == nil && perr == nil {
			m.m[p] = true
		}
	}
	if !plan {
		m.file = file
	}
	return nil
}

func (m *mounts) has(p folder.Path) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.m[p]
}

// set notes whether p is one, durably.
func (m *mounts) set(p folder.Path, is bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.m[p] == is {
		return nil
	}
	if is {
		m.m[p] = true
	} else {
		delete(m.m, p)
	}
	if m.file == "" {
		return nil
	}
	var text strings.Builder
	for p := range m.m {
		text.WriteString(strconv.Quote(string(p)) + "\n")
	}
	return replaced(m.file, text.String())
}

// replaced writes a file of ours anew; a crash leaves the old or the new one.
func replaced(file, text string) error {
	tmp := file + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, file)
}

// mounted notes that a look has come by a mount. What the map has below it may be
// all that there is of it here one day.
func (s *scan) mounted(p disk.Problem) {
	if !errors.Is(p.Err, disk.ErrMount) || s.f.mounts.has(p.Path) {
		return
	}
	for r, err := range s.f.store.Records(p.Path) {
		if err == nil && (r.Path == p.Path || r.Local.Value.Kind == folder.Absent) {
			continue
		}
		s.notes(p.Path, true)
		return
	}
}

// unmounted forgets a directory that was a mount: all that was below is there.
func (s *scan) unmounted(p folder.Path) { s.notes(p, false) }

func (s *scan) notes(p folder.Path, mount bool) {
	if err := s.f.mounts.set(p, mount); err != nil {
		s.f.node.cfg.Log.Warn("what is mounted in the folder cannot be noted", "folder", s.f.cfg.Dir, "error", err)
	}
}
