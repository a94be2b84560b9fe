package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"qsync/folder"
	"qsync/folder/fault"
)

// partAge is after how long a file that could be resumed is given up.
const partAge = 7 * 24 * time.Hour

// PrepareReserved makes the reserved directory ready, and clears away what an
// earlier process left unfinished in it: staged files go, except those that
// [Root.StagePart] can go on with; what may have been a user's is kept among
// the versions. Only the holder of the lock may call it, before it stages.
func (r *Root) PrepareReserved() error {
	err := r.inWork(func(w *work) error {
		entries, err := w.tmp.list(nil)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := r.clear(w, e.Name); err != nil {
				return err
			}
			fault.Point("cleared")
		}
		hide(w)
		return nil
	})
	if err != nil {
		return fmt.Errorf("prepare %s: %w", folder.Reserved, err)
	}
	return nil
}

// hideName is a file in the reserved directory that has git leave all of it out,
// itself too, where the folder is, or is in, a repository.
const hideName = ".gitignore"

// hide writes that file. What a user made of it stays; that it cannot be written
// stands in nobody's way.
func hide(w *work) {
	if i, err := w.self.stat(hideName); err == nil && (i.Size > 0 || i.Kind != folder.File) {
		return
	}
	name := "new-" + rand.Text()
	f, err := w.tmp.create(name, 0o600)
	if err != nil {
		return
	}
	_, err = f.WriteString("*\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = w.tmp.rename(name, w.self, hideName)
	}
	if err != nil {
		_ = w.tmp.unlink(name) // or the next start does
	}
}

func (r *Root) clear(w *work, name string) error {
	i, err := w.tmp.stat(name)
	if err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(name, swapPrefix):
		_, err := r.recover(w, slot{w.tmp, folder.Path(name)})
		return err
	case strings.HasSuffix(name, partSuffix) && i.MTime > time.Now().Add(-partAge).UnixNano():
		return nil
	case i.Kind == folder.Dir:
		return w.tmp.rmdir(name)
	}
	return w.tmp.unlink(name)
}
