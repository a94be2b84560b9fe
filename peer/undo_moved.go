package peer

import (
	"errors"
	"fmt"
	"io/fs"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// What sync has moved to another path is among no versions: it is where it was
// moved to, or where that has gone since. The log, read backwards, tells.

// whereabouts are where the content is that a path once had: at a path of the
// folder, or among the versions, as one of a path; if nowhere, they are zero.
type whereabouts struct{ at, kept, of folder.Path }

// places are where the contents are of the paths that have changed since the
// moment to which the log has been read; the others have theirs.
type places map[folder.Path]whereabouts

func (w places) of(p folder.Path) whereabouts {
	if at, changed := w[p]; changed {
		return at
	}
	return whereabouts{at: p}
}

// before goes back behind a change.
func (w places) before(e *store.Logged) {
	switch {
	case e.Action == store.Deleted && e.To != "":
		w[e.Path] = w.of(e.To)
	case e.Action == store.Added:
		w[e.Path] = whereabouts{}
	case e.Action != store.Metadata:
		w[e.Path] = whereabouts{kept: e.Kept, of: e.Path}
	}
}

// bringMoved makes what was moved away to at, a file of that size, what p holds
// once more, as a copy.
func (f *Folder) bringMoved(p, at folder.Path, size int64, why store.Why) error {
	if err := f.parentsOf(p); err != nil {
		return err
	}
	from, err := f.store.Record(at)
	if err != nil {
		return err
	}
	rec, err := f.store.Record(p)
	if err != nil {
		return err
	}
	if from.Local.Value.Kind != folder.File || from.Local.Value.Size != size {
		return errMovedOn
	}
	file, err := f.root.OpenFile(at, from.Local)
	if errors.Is(err, disk.ErrChanged) || errors.Is(err, disk.ErrNoParent) || errors.Is(err, fs.ErrNotExist) {
		return errMovedOn
	}
	if err != nil {
		return err
	}
	defer file.Close()
	want := from.Local.Value
	if folder.SameContent(rec.Local.Value, want) {
		return errThere
	}
	want.Base, want.Origin, want.Ext = folder.Base{}, "", ""
	s, err := f.stageCopy(file, &want)
	if err != nil {
		return err
	}
	defer s.Discard() // nothing once it is placed
	f.placing.add(p)
	defer f.placed(p)
	placed, err := f.root.Put(p, s, rec.Local)
	return f.broughtBack(&rec, placed, why, err)
}

// errMovedOn: what was moved is not there any more.
var errMovedOn = fmt.Errorf("%s, and what it was renamed to has changed", staysNone)
