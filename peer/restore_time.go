package peer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
)

// burst is the longest pause within what counts as one removal.
const burst = time.Minute

// Restorable is what is meant where neither time nor number is given: of a file
// the latest version; of a directory, or of what was one, how it was just before
// the last removal below it began. Removals that follow each other within a
// minute are one. The error is [ErrNoVersion] where there is none.
func (f *Folder) Restorable(ctx context.Context, p folder.Path) (Restoring, error) {
	q := Restoring{Path: p}
	var file time.Time   // when the latest version of p itself was replaced
	var latest time.Time // when anything below was
	var removed []int64  // when what is missing now was, in milliseconds
	err := f.root.Versions(ctx, p, "", func(vs []disk.Version) error {
		v := vs[0]
		if v.Path == p && v.Kind != folder.Dir {
			file = v.Replaced
			return nil
		}
		if v.Replaced.After(latest) {
			latest = v.Replaced
		}
		now, err := f.root.Look(v.Path)
		if err == nil && now.Value.Kind == folder.Absent {
			removed = append(removed, v.Replaced.UnixMilli())
		}
		return nil
	})
	if err != nil {
		return q, err
	}
	switch {
	case !file.IsZero() && file.After(latest):
		q.Number = 1
		return q, nil
	case len(removed) == 0 && latest.IsZero():
		return q, fmt.Errorf("%w of %q", ErrNoVersion, p)
	case len(removed) == 0:
		return q, fmt.Errorf("%w of anything that is missing below %q; --at TIME brings back what was replaced since then", ErrNoVersion, p)
	}
	slices.Sort(removed)
	began := removed[len(removed)-1]
	for _, at := range slices.Backward(removed) {
		if began-at > burst.Milliseconds() {
			break
		}
		began = at
	}
	q.At = time.UnixMilli(began - 1)
	return q, nil
}
