package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The two forms of é: one code point, and e with an accent (NFC and NFD).
const (
	composed   = "\u00e9"
	decomposed = "e\u0301"
)

// Look tries out what the file system of a directory does, in a directory of its
// own below it that it removes again. It is for a folder's staging area alone:
// nothing watches that, and nothing there is synced.
func Look(dir string) (t Traits, err error) {
	own, err := os.MkdirTemp(dir, "doctor-")
	if err != nil {
		return t, fmt.Errorf("doctor: %w", err)
	}
	defer func() {
		if rerr := os.RemoveAll(own); err == nil && rerr != nil {
			err = fmt.Errorf("doctor: %w", rerr)
		}
	}()
	t.Type = typeOf(own)
	lower, other := filepath.Join(own, "name"), filepath.Join(own, "other")
	for _, path := range []string{lower, other, filepath.Join(own, composed)} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return t, fmt.Errorf("doctor: %w", err)
		}
	}
	t.FoldsCase = there(filepath.Join(own, "NAME"))
	t.Normalises = there(filepath.Join(own, decomposed))
	t.NoSymlinks = os.Symlink("name", filepath.Join(own, "link")) != nil
	if t.Granularity, err = granularity(lower); err != nil {
		return t, fmt.Errorf("doctor: %w", err)
	}
	t.Exchange, t.NoReplace = swaps(lower, other)
	return t, nil
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// granularity is how much of a modification time is kept, in nanoseconds.
func granularity(path string) (int64, error) {
	want := time.Unix(1_600_000_001, 123_456_789)
	if err := os.Chtimes(path, want, want); err != nil {
		return 0, err
	}
	fi, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	// FAT counts in two seconds and rounds as the system likes.
	off := max(want.Sub(fi.ModTime()), fi.ModTime().Sub(want))
	for _, step := range []time.Duration{1, 100, time.Microsecond, time.Millisecond, 10 * time.Millisecond, time.Second} {
		if off < step {
			return int64(step), nil
		}
	}
	return int64(2 * time.Second), nil
}
