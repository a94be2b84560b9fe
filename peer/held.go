package peer

import (
	"context"
	"errors"
	"time"

	"qsync/folder"
)

// HeldList is what the brake stopped a folder for, path by path as far as there
// is room.
type HeldList struct {
	Held
	Bytes int64      `json:"bytes"` // of the files among all of them
	Paths []HeldPath `json:"paths"`
}

// HeldPath is one entry that would go or be replaced.
type HeldPath struct {
	Path    string `json:"path"`
	RawPath []byte `json:"raw_path,omitempty"` // where it is not UTF-8
	Kind    string `json:"kind"`
	Size    int64  `json:"size"`
}

// HeldList is [Folder.Held] with the first paths, limit at most. It goes through
// all that the map knows, which takes a second for a million entries.
func (f *Folder) HeldList(ctx context.Context, limit int) (HeldList, error) {
	l := HeldList{Held: f.Held(), Paths: []HeldPath{}}
	if l.Entries == 0 {
		return l, nil
	}
	held, err := f.store.Held()
	if err != nil {
		return l, err
	}
	for r, err := range f.store.Records("") {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return l, err
		}
		v := r.Local.Value
		if v.Kind == folder.Absent || !held.Has(r.Path) {
			continue
		}
		if v.Kind == folder.File {
			l.Bytes += v.Size
		}
		if len(l.Paths) < limit {
			l.Paths = append(l.Paths, HeldPath{string(r.Path), raw(r.Path), v.Kind.String(), v.Size})
		}
	}
	return l, nil
}

// Bounds of what is kept of a stop of the brake when the map is closed.
const (
	heldKept = 200 // paths
	heldTime = 10 * time.Second
)

// recordHeld keeps what the brake has stopped the folder for, while its map is open
// still.
func (f *Folder) recordHeld() {
	if !errors.Is(f.Err(), ErrBrake) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), heldTime)
	defer cancel()
	l, err := f.HeldList(ctx, heldKept)
	if err != nil {
		f.node.cfg.Log.Warn("what the brake has stopped cannot be listed", "folder", f.cfg.Dir, "error", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heldAtEnd = l
}

// HeldAtEnd is what the brake stopped the folder for, with the first 200 paths,
// once [Node.Remove] has returned; empty if it did not.
func (f *Folder) HeldAtEnd() HeldList {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.heldAtEnd
}
