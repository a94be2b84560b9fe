package peer

import (
	"context"

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
