package peer

import (
	"slices"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// then is what was at a path at a moment, of kind Absent if nothing was.
type then struct {
	kind        folder.Kind
	size, mtime int64
	number      int           // the version that has it, 0: what is there now has
	version     *disk.Version // that version
	lost        bool          // nothing has it
	moved       folder.Path   // what is at that path has
	when        time.Time     // of the move
}

// was tells what p was: now is what is there, older are its versions, the newest
// first.
func (w *past) was(p folder.Path, now folder.Value, older []disk.Version) then {
	first := w.first[p]
	if first != nil && first.Action == store.Added {
		return then{}
	}
	next := -1 // the version that was replaced first after the moment
	for i := range older {
		if older[i].Replaced.After(w.at) {
			next = i
		}
	}
	if next >= 0 {
		return w.wasVersion(older, next, first)
	}
	if first == nil {
		return w.wasNow(now)
	}
	switch {
	case first.Action == store.Metadata && now.Kind != folder.Absent:
		return then{kind: now.Kind, size: now.Size, mtime: now.MTime}
	case first.Action == store.Deleted && first.To != "":
		return then{kind: first.Kind, size: first.Size, moved: first.To, when: first.Time}
	case first.Action == store.Deleted && w.renamed(p, first) != nil:
		e := w.renamed(p, first)
		return then{kind: first.Kind, size: first.Size, moved: e.Path, when: e.Time}
	case first.Kind == folder.Dir:
		return then{kind: first.Kind}
	case first.Action == store.Deleted:
		return then{kind: first.Kind, size: first.Size, lost: true}
	}
	return then{kind: first.Kind, lost: true}
}

// renamed is the change by which p got another name, if that ended it; nil else.
func (w *past) renamed(p folder.Path, end *store.Logged) *store.Logged {
	e := w.went[p]
	if e == nil || e.Time.Sub(end.Time).Abs() > burst {
		return nil
	}
	return e
}

// wasVersion is what version i says, if what the log says does not speak against
// it: a user here may have changed it before sync did.
func (w *past) wasVersion(older []disk.Version, i int, first *store.Logged) then {
	v := &older[i]
	t := then{kind: v.Kind, size: v.Size, mtime: v.MTime, number: i + 1, version: v}
	switch {
	case v.Kind == folder.Dir, first != nil && v.Is(first.Kept):
		return t
	case first == nil && v.MTime > w.at.UnixNano():
		return then{} // it was not there yet
	case first != nil && first.Action != store.Metadata && first.Time.Before(v.Replaced):
		return then{kind: v.Kind, lost: true}
	}
	return t
}

// wasNow is what is there now, if no change since is known.
func (w *past) wasNow(now folder.Value) then {
	if !w.whole && now.MTime > w.at.UnixNano() {
		return then{}
	}
	return then{kind: now.Kind, size: now.Size, mtime: now.MTime}
}
