package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// Version is one older state of a path, and who made it an older one.
type Version struct {
	disk.Version
	Number int    // among those of the path: 1 is the newest
	By     string // the name of the node that replaced or removed it, "" if that is not known
	Via    bool   // By only told of it
	Own    bool   // it was done here: a version was taken back, say

	At folder.Path // the content is at that path of the folder, to which it was moved, and no version; "" if it is one
}

// errEnough ends a walk that has found what was asked for.
var errEnough = errors.New("enough")

// Versions returns the versions of the paths at and below under behind the path
// after, for at least so many versions if there are as many, and how to go on:
// with next as the path after, if there is more. It works on a folder that runs
// and on one that does not, and in every mode.
func (f *Folder) Versions(ctx context.Context, under, after folder.Path, limit int) (all []Version, next folder.Path, more bool, err error) {
	err = f.root.Versions(ctx, under, after, func(vs []disk.Version) error {
		if len(all) >= limit {
			more = true
			return errEnough
		}
		for i, v := range vs {
			all = append(all, Version{Version: v, Number: i + 1})
		}
		next = vs[0].Path
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, "", false, err
	}
	return all, next, more, f.blame(all)
}

// numbered is the index of the version that has a number among those of one path,
// or had it when somebody saw it: each newer one shifts the numbers, but not when
// a version was replaced. Without one it is -1.
func numbered(vs []disk.Version, number int, seen time.Time) int {
	i := number - 1
	switch there := i < len(vs); {
	case seen.IsZero() && there, there && vs[i].Replaced.Equal(seen):
		return i
	case seen.IsZero():
		return -1
	}
	return slices.IndexFunc(vs, func(v disk.Version) bool { return v.Replaced.Equal(seen) })
}

func gone(p folder.Path, seen time.Time) error {
	return fmt.Errorf("%w of %s that was replaced at %s: newer ones have taken its place meanwhile", ErrNoVersion, called(p), seen.UTC().Format(time.RFC3339))
}

// KeepsVersions reports whether what is replaced or removed here is kept.
func (f *Folder) KeepsVersions() bool { return f.cfg.Versions > 0 }

// tellingTime is how long after a file was replaced the map may have been told.
const tellingTime = 2 * time.Minute

// blame finds in the log who replaced the versions. It names the commit of that
// path that came next.
func (f *Folder) blame(all []Version) error {
	if len(all) == 0 {
		return nil
	}
	first, last := all[0].Replaced, all[0].Replaced
	of := make(map[folder.Path][]*Version)
	for i := range all {
		v := &all[i]
		of[v.Path] = append(of[v.Path], v)
		if v.Replaced.Before(first) {
			first = v.Replaced
		}
		if v.Replaced.After(last) {
			last = v.Replaced
		}
	}
	for e, err := range f.store.Log(store.LogSpan{Since: first.Add(-time.Second), Until: last.Add(tellingTime)}) {
		if err != nil {
			return err
		}
		for _, v := range of[e.Path] {
			// The log is read backwards: an earlier commit is nearer.
			wait := e.Time.Sub(v.Replaced)
			if e.Action != store.Added && wait >= 0 && wait < tellingTime || v.Is(e.Kept) {
				v.By, v.Via, v.Own = e.Author.Name, e.Author.Via, e.Author.Own
			}
			if v.Is(e.Kept) {
				of[e.Path] = slices.DeleteFunc(slices.Clone(of[e.Path]), func(x *Version) bool { return x == v })
			}
		}
	}
	return nil
}
