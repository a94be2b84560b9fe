package peer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
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
	Change string    `json:"change"` // what sync did: deleted, modified; added, beside a database: it goes
	Size   int64     `json:"size"`   // of what comes back
	Time   time.Time `json:"time"`
	By     string    `json:"by"`
	Stays  string    `json:"stays,omitempty"` // why it is left as it is

	RawPath []byte `json:"raw_path,omitempty"` // where it is not UTF-8
}

// batchGap is the time that parts one batch of what sync did from the next.
const batchGap = time.Minute

// UndoBatch brings back from the older versions what sync has removed or
// replaced here, as edits of this machine's user. What has changed since then,
// and what there is no older version of, stays as it is and says why. What was
// added stays too. A database comes back with its journal and log, or not at all.
// The error of a folder that becomes like its source whatever happens in it wraps
// [ErrOneWay].
func (f *Folder) UndoBatch(ctx context.Context, q UndoQuery) ([]UndoItem, error) {
	if f.Mode() == Mirror {
		return nil, fmt.Errorf("%w: %s becomes like its source at once, whatever comes back; 'qsync restore' with --to takes older versions elsewhere", ErrOneWay, f.Dir())
	}
	u := &undoing{f: f, q: q}
	if err := u.read(); err != nil || len(u.by) == 0 {
		return nil, err
	}
	var err error
	if u.kept, err = f.keptOf(ctx, u.by, u.places); err != nil {
		return nil, err
	}
	var out []UndoItem
	for _, e := range u.lost() {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		items, err := u.one(ctx, &e)
		if err != nil {
			return out, err
		}
		out = append(out, items...)
	}
	f.changed()
	return out, nil
}

// Why something stays as it is.
const (
	staysChanged = "changed since"
	staysNone    = "no older version is kept"
	staysUnkept  = "what is there now would be lost, for no versions are kept here any more; 'qsync restore PATH --to FILE' writes the older one elsewhere"
)

// undoing is one [Folder.UndoBatch].
type undoing struct {
	f         *Folder
	q         UndoQuery
	by        map[folder.Path]store.Logged // the first that sync took from each path
	fresh     map[folder.Path]store.Logged // what was not there before, by how it came
	since     map[folder.Path]bool         // changed since
	places    places                       // where what was taken from each path is
	kept      map[folder.Path]disk.Version
	databases map[folder.Path]*undoneDatabase
}

// lost returns what is to be taken back, in the order of a walk.
func (u *undoing) lost() []store.Logged {
	all := slices.Collect(maps.Values(u.by))
	all = slices.DeleteFunc(all, func(e store.Logged) bool {
		of, is := folder.ConflictOf(e.Path)
		// Its conflict was resolved; it did not go with what it is a copy of.
		return is && e.Action == store.Deleted && u.by[of].Action != store.Deleted
	})
	slices.SortFunc(all, func(a, b store.Logged) int { return a.Path.Compare(b.Path) })
	return all
}

// one takes one path back, or the database that it belongs to.
func (u *undoing) one(ctx context.Context, e *store.Logged) ([]UndoItem, error) {
	it := undoItem(e)
	v, ok := u.kept[e.Path]
	it.Size = v.Size
	moved := u.places[e.Path].at
	if moved != "" {
		it.Size = e.Size
	}
	d, err := u.database(ctx, e.Path)
	if err != nil {
		return nil, err
	}
	switch {
	case d != nil && d.skip[e.Path]:
		return u.removed(d), nil
	case d != nil:
		it.Stays = d.why(e.Path)
		return append([]UndoItem{it}, u.removed(d)...), nil
	case u.since[e.Path]:
		it.Stays = staysChanged
	case !ok && moved == "" && e.Kind != folder.Dir:
		it.Stays = staysNone
	case u.f.cfg.Versions == 0 && e.Kind != folder.Dir && u.f.holds(e.Path):
		it.Stays = staysUnkept
	case !u.q.Dry && moved != "":
		if err := u.f.bringMoved(e.Path, moved, e.Size, store.WhyUndo); err != nil {
			it.Stays = plain(err)
		}
	case !u.q.Dry:
		if v.Kind == folder.Absent {
			v = disk.Version{Path: e.Path, Kind: folder.Dir, Mode: 0o755}
		}
		if err := u.f.bringBack(v); err != nil {
			it.Stays = plain(err)
		}
	}
	return []UndoItem{it}, nil
}

// read finds in the log what sync has removed or replaced, as the query says, and
// what has changed since.
func (u *undoing) read() error {
	q := u.q
	u.by, u.fresh, u.since = make(map[folder.Path]store.Logged), make(map[folder.Path]store.Logged), make(map[folder.Path]bool)
	batch, apart, last := 0, true, time.Time{}
	u.places = make(places)
	at := make(places)
	var came []store.Logged // by sync, and nothing that it took is known of the same time yet
	after := func(all []store.Logged) {
		for _, e := range all {
			if _, later := u.by[e.Path]; !later {
				u.since[e.Path] = true
			}
		}
	}
	for e, err := range u.f.store.Log(store.LogSpan{Since: q.Since}) {
		if err != nil {
			return err
		}
		takes := e.Why.BySync() && e.Why != store.WhyConflict && (e.Action == store.Deleted || e.Action == store.Modified)
		if e.Why.BySync() {
			if last.Sub(e.Time) > batchGap {
				after(came)
				apart, came = true, nil
			}
			last = e.Time
		}
		if takes && apart {
			if batch, apart = batch+1, false; batch == q.Batch {
				for _, e := range came {
					u.fresh[e.Path] = e
				}
			} else {
				after(came)
			}
			came = nil
		}
		if q.Batch > 0 && batch > q.Batch {
			break
		}
		at.before(&e)
		in := q.Batch == 0 || batch == q.Batch && !apart
		_, beside := folder.Sidecar(e.Path)
		adds := e.Why.BySync() && e.Action == store.Added
		switch {
		case in && takes:
			u.by[e.Path] = e // the first of several is what it was before
			u.places[e.Path] = at.of(e.Path)
			delete(u.fresh, e.Path)
		case in && adds: // what came and went again is brought back too
			if _, went := u.by[e.Path]; went || beside {
				u.fresh[e.Path] = e
			}
		case adds && apart && beside:
			came = append(came, e)
		case e.Action != store.Metadata:
			after([]store.Logged{e})
		}
	}
	return nil
}

// keptOf finds the older versions that the log names, be it as those of the paths to
// which something was moved. Of directories it does not name them: there it is the
// one of that time.
func (f *Folder) keptOf(ctx context.Context, by map[folder.Path]store.Logged, at places) (map[folder.Path]disk.Version, error) {
	found, moved := make(map[folder.Path]disk.Version), make(map[folder.Path][]folder.Path)
	for p, x := range at {
		if x.kept != "" && x.of != p {
			moved[x.of] = append(moved[x.of], p)
		}
	}
	err := f.root.Versions(ctx, "", "", func(vs []disk.Version) error {
		for _, v := range vs {
			for _, p := range moved[v.Path] {
				if v.Is(at[p].kept) {
					as := v
					as.Path = p
					found[p] = as
				}
			}
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
	defer f.placed(v.Path)
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
	return f.broughtBack(&rec, placed, store.WhyUndo, err)
}

// broughtBack makes what was put in place last, and an edit.
func (f *Folder) broughtBack(rec *store.Record, placed disk.Placed, why store.Why, err error) error {
	p := rec.Path
	if err != nil {
		if errors.Is(err, disk.ErrChanged) {
			f.look.add(p, true)
		}
		return err
	}
	if err := f.root.SyncDir(p.Dir()); err != nil {
		return err
	}
	out, err := f.store.Commit([]store.Change{{Path: p, Before: rec.Local, After: placed.Local, Why: why, Kept: placed.Kept}}, f.Mode().announces())
	for _, p := range out.Stale {
		f.look.add(p, false)
	}
	if placed.Displaced != "" {
		f.look.add(placed.Displaced, false)
	}
	f.echoes.drop(p)
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
	s, err := f.stageVersion(v, &want)
	if err != nil {
		return disk.Placed{}, err
	}
	defer s.Discard() // nothing once it is placed
	return f.root.Put(v.Path, s, before)
}

// stageVersion makes a durable copy of an older version of a file that is yet to
// be put in place, and completes want, which it is to be.
func (f *Folder) stageVersion(v disk.Version, want *folder.Value) (*disk.Staged, error) {
	from, err := f.root.OpenVersion(v)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("no older version is kept any more")
	}
	if err != nil {
		return nil, err
	}
	defer from.Close()
	want.Size = v.Size
	return f.stageCopy(from, want)
}

// stageCopy makes a durable copy of a file of about that size that is yet to be
// put in place.
func (f *Folder) stageCopy(from *os.File, want *folder.Value) (*disk.Staged, error) {
	if err := f.room(want.Size); err != nil {
		return nil, err
	}
	s, err := f.root.Stage()
	if err != nil {
		return nil, err
	}
	err = s.CopyFrom(from)
	if err == nil {
		want.Digest, want.Size, err = s.Digest()
	}
	if err == nil {
		err = errors.Join(s.Finish(*want), s.Sync())
	}
	if err != nil {
		s.Discard()
		return nil, err
	}
	return s, nil
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
