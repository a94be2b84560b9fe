package peer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/folder/disk"
	"qsync/store"
)

// UndoQuery says which of the removals and replacements that sync made here are
// to be taken back.
type UndoQuery struct {
	Batch int       // the last is 1; with 0 what Since says
	Since time.Time // all since then
	Dry   bool      // only list them
}

// UndoItem is a path that is taken back.
type UndoItem struct {
	Path   string    `json:"path"`
	Kind   string    `json:"kind"`
	Change string    `json:"change"` // what sync did: deleted, modified
	Size   int64     `json:"size"`   // of what comes back
	Time   time.Time `json:"time"`
	By     string    `json:"by"`
	Stays  string    `json:"stays,omitempty"` // why it is left as it is
}

// batchGap is the time that parts one batch of what sync did from the next.
const batchGap = time.Minute

// UndoBatch brings back from the older versions what sync has removed or
// replaced here, as edits of this machine's user. What has changed since then,
// and what there is no older version of, stays as it is and says why. What was
// added stays too. The error of a folder that becomes like its source whatever
// happens in it wraps [ErrOneWay].
func (f *Folder) UndoBatch(ctx context.Context, q UndoQuery) ([]UndoItem, error) {
	if f.Mode() == Mirror {
		return nil, fmt.Errorf("%w: %s becomes like its source at once, whatever comes back; 'qsync restore' with --to takes older versions elsewhere", ErrOneWay, f.Dir())
	}
	lost, since, err := f.taken(q)
	if err != nil || len(lost) == 0 {
		return nil, err
	}
	kept, err := f.keptOf(ctx, lost)
	if err != nil {
		return nil, err
	}
	var out []UndoItem
	for _, e := range lost {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		it := UndoItem{Path: string(e.Path), Kind: e.Kind.String(), Change: e.Action.String(), Time: e.Time, By: e.Author.Name}
		v, ok := kept[e.Path]
		it.Size = v.Size
		switch {
		case since[e.Path]:
			it.Stays = "changed since"
		case !ok && e.Kind != folder.Dir:
			it.Stays = "no older version is kept"
		case !q.Dry:
			if v.Kind == folder.Absent {
				v = disk.Version{Path: e.Path, Kind: folder.Dir, Mode: 0o755}
			}
			if err := f.bringBack(v); err != nil {
				it.Stays = plain(err)
			}
		}
		out = append(out, it)
	}
	f.changed()
	return out, nil
}

// taken returns what sync has removed or replaced, as the query says, in the
// order of a walk, and what has changed since.
func (f *Folder) taken(q UndoQuery) ([]store.Logged, map[folder.Path]bool, error) {
	first, since := make(map[folder.Path]store.Logged), make(map[folder.Path]bool)
	batch, apart, last := 0, true, time.Time{}
	for e, err := range f.store.Log(store.LogSpan{Since: q.Since}) {
		if err != nil {
			return nil, nil, err
		}
		takes := e.Why.BySync() && e.Why != store.WhyConflict && (e.Action == store.Deleted || e.Action == store.Modified)
		if e.Why.BySync() {
			apart = apart || last.Sub(e.Time) > batchGap
			last = e.Time
		}
		if takes && apart {
			batch, apart = batch+1, false
		}
		if q.Batch > 0 && batch > q.Batch {
			break
		}
		in := q.Batch == 0 || batch == q.Batch && !apart
		switch {
		case in && takes:
			first[e.Path] = e // the first of several is what it was before
		case in && e.Why.BySync() && e.Action == store.Added:
			// What came and went again is brought back too.
		case e.Action != store.Metadata:
			if _, later := first[e.Path]; !later {
				since[e.Path] = true
			}
		}
	}
	var lost []store.Logged
	for _, e := range first {
		if of, is := folder.ConflictOf(e.Path); is && e.Action == store.Deleted && first[of].Action != store.Deleted {
			continue // its conflict was resolved; it did not go with what it is a copy of
		}
		lost = append(lost, e)
	}
	slices.SortFunc(lost, func(a, b store.Logged) int { return a.Path.Compare(b.Path) })
	return lost, since, nil
}

// keptOf finds the older versions that the log names. Of directories it does not
// name them: there it is the one of that time.
func (f *Folder) keptOf(ctx context.Context, lost []store.Logged) (map[folder.Path]disk.Version, error) {
	by := make(map[folder.Path]store.Logged, len(lost))
	for _, e := range lost {
		by[e.Path] = e
	}
	found := make(map[folder.Path]disk.Version)
	err := f.root.Versions(ctx, "", "", func(vs []disk.Version) error {
		for _, v := range vs {
			e, ok := by[v.Path]
			if ok && (v.Is(e.Kept) || e.Kind == folder.Dir && v.Kind == folder.Dir && e.Time.Sub(v.Replaced).Abs() < batchGap) {
				found[v.Path] = v
			}
		}
		return nil
	})
	return found, err
}

// errThere: nothing needs to be done about a path.
var errThere = errors.New("it is as it was already")

// bringBack makes an older version what its path holds, as an edit.
func (f *Folder) bringBack(v disk.Version) error {
	if err := f.parentsOf(v.Path); err != nil {
		return err
	}
	rec, err := f.store.Record(v.Path)
	if err != nil {
		return err
	}
	var placed disk.Placed
	f.placing.add(v.Path)
	defer f.placing.drop(v.Path)
	want := folder.Value{Kind: v.Kind, Mode: v.Mode & folder.ModeMask, MTime: v.MTime, Size: v.Size, Target: v.Target}
	switch v.Kind {
	case folder.Dir:
		if rec.Local.Value.Kind == folder.Dir {
			return errThere
		}
		want.Size, want.MTime = 0, time.Now().UnixNano()
		placed, err = f.root.Mkdir(v.Path, want, rec.Local)
	case folder.Symlink:
		want.Mode, want.Size = 0, 0
		placed, err = f.root.Symlink(v.Path, want, rec.Local)
	default:
		placed, err = f.putVersion(v, want, rec.Local)
	}
	if err != nil {
		if errors.Is(err, disk.ErrChanged) {
			f.look.add(v.Path, true)
		}
		return err
	}
	if err := f.root.SyncDir(v.Path.Dir()); err != nil {
		return err
	}
	out, err := f.store.Commit([]store.Change{{Path: v.Path, Before: rec.Local, After: placed.Local, Why: store.WhyUndo, Kept: placed.Kept}}, f.Mode().announces())
	for _, p := range out.Stale {
		f.look.add(p, false)
	}
	if placed.Displaced != "" {
		f.look.add(placed.Displaced, false)
	}
	f.echoes.drop(v.Path)
	return err
}

// putVersion puts a copy of an older version of a file in place.
func (f *Folder) putVersion(v disk.Version, want folder.Value, before folder.Local) (disk.Placed, error) {
	from, err := f.root.OpenVersion(v)
	if errors.Is(err, fs.ErrNotExist) {
		return disk.Placed{}, errors.New("no older version is kept any more")
	}
	if err != nil {
		return disk.Placed{}, err
	}
	defer from.Close()
	if want.Digest, want.Size, err = chunk.Sum(from, make([]byte, 64<<10)); err != nil {
		return disk.Placed{}, err
	}
	if folder.SameContent(before.Value, want) {
		return disk.Placed{}, errThere
	}
	s, err := f.root.Stage()
	if err != nil {
		return disk.Placed{}, err
	}
	defer s.Discard() // nothing once it is placed
	if err := s.CopyFrom(from); err != nil {
		return disk.Placed{}, err
	}
	if err := errors.Join(s.Finish(want), s.Sync()); err != nil {
		return disk.Placed{}, err
	}
	return f.root.Put(v.Path, s, before)
}

// parentsOf makes the directories above p that are gone.
func (f *Folder) parentsOf(p folder.Path) error {
	dir := p.Dir()
	if dir == "" {
		return nil
	}
	rec, err := f.store.Record(dir)
	if err != nil {
		return err
	}
	switch rec.Local.Value.Kind {
	case folder.Dir:
		return nil
	case folder.Absent:
		return f.bringBack(disk.Version{Path: dir, Kind: folder.Dir, Mode: 0o755})
	}
	return fmt.Errorf("%q is no directory now", dir)
}
