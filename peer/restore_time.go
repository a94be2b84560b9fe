package peer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
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
		if solved, err := f.resolvedCopy(v, q); err != nil || solved {
			return err
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
	if now, err := f.root.Look(p); err == nil && now.Value.Kind == folder.Absent && p != "" {
		at, gone, err := f.movedAway(p, time.Time{})
		if err != nil {
			return q, err
		}
		if at != (whereabouts{}) && gone.Kind == folder.File && gone.Time.After(file) && gone.Time.After(latest) {
			q.At = gone.Time.Add(-time.Millisecond)
			return q, nil
		}
	}
	switch {
	case !file.IsZero() && file.After(latest):
		q.Number = 1
		return q, nil
	case len(removed) == 0 && latest.IsZero():
		return q, fmt.Errorf("%w of %s", ErrNoVersion, called(p))
	case len(removed) == 0:
		return q, fmt.Errorf("%w of anything that is missing in %s; --at TIME brings back what was replaced since then", ErrNoVersion, called(p))
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

// resolvedCopy reports whether a version is that of a conflict copy which went when its
// conflict was resolved: what it is a copy of outlived it. A tree comes back
// without those; who names one gets it. A copy that went together with what it is
// a copy of belongs to the tree.
func (f *Folder) resolvedCopy(v disk.Version, q Restoring) (bool, error) {
	of, is := folder.ConflictOf(v.Path)
	if !is || v.Path == q.Path || v.Kind == folder.Dir {
		return false, nil
	}
	now, err := f.root.Look(of)
	if err != nil || now.Value.Kind == folder.Absent {
		return false, err
	}
	// It may have gone with the copy, and been brought back a moment ago.
	for e, err := range f.store.Log(store.LogSpan{Since: v.Replaced.Add(-burst), Until: v.Replaced.Add(burst)}) {
		if err != nil {
			return false, err
		}
		if e.Path == of && e.Action == store.Deleted {
			return false, nil
		}
	}
	return true, nil
}

// called is what a path of a folder is called in a sentence.
func called(p folder.Path) string {
	if p == "" {
		return "this folder"
	}
	return fmt.Sprintf("%q", p)
}
