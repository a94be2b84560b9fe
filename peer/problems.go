package peer

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"

	"qsync/folder"
	"qsync/folder/disk"
)

// problem records that an entry cannot be synced for now.
func (f *Folder) problem(p folder.Path, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	f.mu.Lock()
	_, known := f.problems[p]
	if known || len(f.problems) < maxListed {
		f.problems[p] = plain(err)
	}
	f.mu.Unlock()
	if !known {
		f.event(Event{Event: "problem", Path: string(p), Text: plain(err)})
		f.changed()
	}
}

func (f *Folder) clearProblems() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.problems)
}

// solved takes back the problems at under, and where the look was deep below it,
// that this look has not met again.
func (f *Folder) solved(under folder.Path, deep bool, still map[folder.Path]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.problems, func(p folder.Path, _ string) bool {
		return (p == under || deep && p.Below(under)) && !still[p]
	})
}

// plain is an error in words for people: without the layers it came through.
func plain(err error) string {
	var taken *disk.CollisionError
	if errors.As(err, &taken) {
		return taken.Error()
	}
	for _, e := range []error{disk.ErrName, disk.ErrNoLinks} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	var no syscall.Errno
	if errors.As(err, &no) {
		return no.Error()
	}
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "peer: "), "disk: ")
}

// Problems lists the entries that cannot be synced for now, sorted by path.
func (f *Folder) Problems() []Problem {
	all := make(map[folder.Path]string)
	f.mu.Lock()
	maps.Copy(all, f.problems)
	f.mu.Unlock()
	f.parked.forget(func(p folder.Path) bool {
		rec, err := f.store.Record(p)
		wanted, _ := rec.Wanted()
		if err != nil || wanted || rec.Local.Implicit {
			return false
		}
		live, err := f.store.LiveBelow(p)
		return err == nil && !live
	})
	f.parked.mu.Lock()
	for p, e := range f.parked.m {
		if e.why != "" && len(all) < maxListed {
			all[p] = e.why
		}
	}
	f.parked.mu.Unlock()
	out := []Problem{}
	for _, p := range slices.SortedFunc(maps.Keys(all), folder.Path.Compare) {
		out = append(out, Problem{Path: string(p), Problem: all[p], RawPath: raw(p)})
	}
	return out
}
