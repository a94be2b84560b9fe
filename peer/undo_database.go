package peer

import (
	"context"
	"errors"
	"fmt"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// undoneDatabase is what becomes of a database and of what stands beside it: all
// of it is as it was before the batch, or none. An older database with a younger
// log is a damaged one (F38).
type undoneDatabase struct {
	path  folder.Path
	steps []undoStep // in the order in which they are put in place
	stays map[folder.Path]string
	skip  map[folder.Path]bool // came and went with the batch: nothing is to be done
	told  bool                 // what goes was listed
}

// undoStep is one file of a database that is to come back, or, without a version,
// to go because it came with what is taken back.
type undoStep struct {
	rec     store.Record
	version disk.Version
	want    folder.Value
	staged  *disk.Staged
	away    bool        // what was there is taken away
	kept    folder.Path // where that is
	placed  disk.Placed
	put     bool
	why     store.Why
	source  *store.Record // what comes is a copy of this, and no version
}

// database returns what becomes of the database that p is, or stands beside; nil
// if it is a file like any other. The first to ask has it done.
func (u *undoing) database(ctx context.Context, p folder.Path) (*undoneDatabase, error) {
	db, ok := u.databaseOf(p)
	if !ok {
		return nil, nil
	}
	if d := u.databases[db]; d != nil {
		return d, nil
	}
	d := &undoneDatabase{path: db, stays: make(map[folder.Path]string), skip: make(map[folder.Path]bool)}
	if u.databases == nil {
		u.databases = make(map[folder.Path]*undoneDatabase)
	}
	u.databases[db] = d
	if err := u.plan(d); err != nil {
		return nil, err
	}
	if len(d.stays) == 0 && !u.q.Dry {
		if err := u.f.swapBack(ctx, d.steps); err != nil {
			d.stays[db] = plain(err)
		}
	}
	return d, nil
}

// databaseOf returns the database that p is, or stands beside, if something does.
func (u *undoing) databaseOf(p folder.Path) (folder.Path, bool) {
	db, beside := folder.Sidecar(p)
	if !beside {
		db = p
	}
	is := u.f.isDatabase(db) || u.f.root.SQLiteVersion(u.kept[db]) == disk.Database
	for _, s := range folder.Sidecars(db) {
		_, taken := u.by[s]
		_, came := u.fresh[s]
		beside = beside || taken || came || u.f.root.Glimpse(s).Kind == folder.File
		is = is || u.f.root.SQLiteVersion(u.kept[s]) != disk.NotSQLite
	}
	return db, is && beside
}

// plan finds what is to be done about a database, or why it stays as it is.
func (u *undoing) plan(d *undoneDatabase) error {
	side := folder.Sidecars(d.path)
	// A journal must be there before what it would undo, and a log is nothing
	// without its database.
	for _, p := range []folder.Path{side[0], d.path, side[1], side[2]} {
		rec, err := u.f.store.Record(p)
		if err != nil {
			return err
		}
		_, lost := u.by[p]
		_, fresh := u.fresh[p]
		if p == side[2] && !lost && !fresh {
			continue // the index of a log says nothing, and is made anew
		}
		if why := u.hinders(&rec, lost && !fresh); why != "" {
			d.stays[p] = why
		}
		v := u.kept[p]
		switch here := rec.Local.Value.Kind; {
		case lost && !fresh:
			want := folder.Value{Kind: folder.File, Mode: v.Mode & folder.ModeMask, MTime: v.MTime}
			d.steps = append(d.steps, undoStep{rec: rec, why: store.WhyUndo, version: v, want: want, away: p != d.path && here == folder.File})
		case fresh && here == folder.File:
			d.steps = append(d.steps, undoStep{rec: rec, why: store.WhyUndo, away: true})
		case lost:
			d.skip[p] = true
		}
	}
	return nil
}

// hinders says why a file of a database cannot be made what it was.
func (u *undoing) hinders(rec *store.Record, back bool) string {
	here := rec.Local.Value.Kind
	switch {
	case u.since[rec.Path] && (here != folder.Absent || u.by[rec.Path].Action == store.Modified), here != folder.Absent && here != folder.File:
		return staysChanged
	case !u.f.asKnown(rec):
		return staysChanged
	case back && u.kept[rec.Path].Kind != folder.File:
		return staysNone
	}
	return ""
}

// asKnown reports whether the disk holds at rec's path what the map says; else it
// is looked at. What is in a directory that is gone is known to be gone.
func (f *Folder) asKnown(rec *store.Record) bool {
	known := f.root.Unchanged(rec.Path, rec.Local)
	if rec.Local.Value.Kind == folder.Absent {
		known = f.root.Glimpse(rec.Path).Kind == folder.Absent
	}
	if !known {
		f.look.add(rec.Path, true)
	}
	return known
}

// why says why p of the database stays as it is, "" if it does not.
func (d *undoneDatabase) why(p folder.Path) string {
	if len(d.stays) == 0 || d.stays[p] != "" {
		return d.stays[p]
	}
	side := folder.Sidecars(d.path)
	for _, x := range []folder.Path{d.path, side[0], side[1], side[2]} {
		if d.stays[x] != "" {
			return fmt.Sprintf("belongs to %q: %s", x.Base(), d.stays[x])
		}
	}
	return ""
}

// removed lists what went because it came with what was taken back.
func (u *undoing) removed(d *undoneDatabase) (out []UndoItem) {
	if d.told {
		return nil
	}
	d.told = true
	for i := range d.steps {
		e, came := u.fresh[d.steps[i].rec.Path]
		if !came {
			continue
		}
		it := undoItem(&e)
		it.Size, it.Stays = e.Size, d.why(e.Path)
		out = append(out, it)
	}
	return out
}

// swapBack does the steps, or none of them: content durable, then what stands
// beside the database goes, then all comes, and the map hears of it at once.
func (f *Folder) swapBack(ctx context.Context, steps []undoStep) (err error) {
	defer func() {
		for i := range steps {
			if s := steps[i].staged; s != nil {
				s.Discard() // nothing once it is placed
			}
		}
	}()
	for i := range steps {
		s := &steps[i]
		if err := f.parentsOf(s.rec.Path); err != nil {
			return err
		}
		switch {
		case s.source != nil:
			s.staged, err = f.stageRecord(s.source, &s.want)
		case s.version.Kind == folder.File:
			s.staged, err = f.stageVersion(s.version, &s.want)
		}
		if err != nil {
			return err
		}
	}
	for i := range steps {
		rec := &steps[i].rec
		f.placing.add(rec.Path)
		defer f.placed(rec.Path)
		if !f.asKnown(rec) {
			err = disk.ErrChanged
		}
	}
	if err != nil {
		return err
	}
	if err := f.putBack(steps); err != nil {
		return errors.Join(err, f.takeBack(ctx, steps))
	}
	if err := f.root.SyncDir(steps[0].rec.Path.Dir()); err != nil {
		return err
	}
	return f.tellBack(steps)
}

// stageRecord makes a durable copy of the file at rec's path.
func (f *Folder) stageRecord(rec *store.Record, want *folder.Value) (*disk.Staged, error) {
	from, err := f.root.OpenFile(rec.Path, rec.Local)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	return f.stageCopy(from, want)
}

// putBack changes the disk.
func (f *Folder) putBack(steps []undoStep) (err error) {
	for i := range steps {
		s := &steps[i]
		if !s.away {
			continue
		}
		if s.kept, err = f.root.Remove(s.rec.Path, s.rec.Local); err != nil {
			s.away = false
			for j := i + 1; j < len(steps); j++ {
				steps[j].away = false
			}
			return err
		}
	}
	for i := range steps {
		s := &steps[i]
		if s.staged == nil {
			continue
		}
		before := s.rec.Local
		if s.away {
			before = folder.Local{}
		}
		if s.placed, err = f.root.Put(s.rec.Path, s.staged, before); err != nil {
			return err
		}
		s.put = true
		if s.placed.Kept != "" {
			s.kept = s.placed.Kept
		}
		if s.placed.Displaced != "" {
			f.look.add(s.placed.Displaced, false)
		}
	}
	return nil
}

// takeBack undoes what putBack has done before it failed: the database first,
// which must not stand beside what is not its own.
func (f *Folder) takeBack(ctx context.Context, steps []undoStep) error {
	var errs []error
	for i := len(steps) - 1; i >= 0; i-- {
		s := &steps[i]
		f.look.add(s.rec.Path, true)
		if !s.put && !s.away {
			continue
		}
		here := folder.Local{}
		if s.put {
			here = s.placed.Local
		}
		if s.kept == "" { // nothing was there, or no versions are kept
			if s.put && s.rec.Local.Value.Kind == folder.Absent {
				_, err := f.root.Remove(s.rec.Path, here)
				errs = append(errs, err)
			}
			continue
		}
		v, err := f.versionAt(ctx, s.rec.Path, s.kept)
		if err == nil {
			_, err = f.putVersion(v, folder.Value{Kind: v.Kind, Mode: v.Mode & folder.ModeMask, MTime: v.MTime}, here)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// versionAt returns the version of p that was kept at that place.
func (f *Folder) versionAt(ctx context.Context, p, kept folder.Path) (found disk.Version, err error) {
	err = f.root.Versions(ctx, p, "", func(vs []disk.Version) error {
		for _, v := range vs {
			if v.Path == p && v.Is(kept) {
				found = v
			}
		}
		return nil
	})
	if err == nil && found.Kind == folder.Absent {
		err = errors.New(staysNone)
	}
	return found, err
}

// tellBack tells the map of all steps in one transaction.
func (f *Folder) tellBack(steps []undoStep) error {
	var changes []store.Change
	for i := range steps {
		s := &steps[i]
		changes = append(changes, store.Change{Path: s.rec.Path, Before: s.rec.Local, After: s.placed.Local, Why: s.why, Kept: s.kept})
	}
	db, beside := folder.Sidecar(steps[0].rec.Path)
	if !beside {
		db = steps[0].rec.Path
	}
	changes, err := f.together(db, changes)
	if err != nil {
		return err
	}
	var out store.Outcome
	if f.Mode() != ModeAuto { // else it is not settled what is told to whom
		out, err = f.store.Commit(changes, f.Mode().announces())
	}
	for _, p := range out.Stale {
		f.look.add(p, false)
	}
	for i := range steps {
		f.echoes.drop(steps[i].rec.Path)
		f.look.add(steps[i].rec.Path, false) // should somebody have been faster
	}
	if dir := steps[0].rec.Path.Dir(); dir != "" {
		f.look.add(dir, false) // its time has moved
	}
	return err
}

func undoItem(e *store.Logged) UndoItem {
	return UndoItem{Path: string(e.Path), Kind: e.Kind.String(), Change: e.Action.String(), Time: e.Time, By: e.Author.Name, RawPath: raw(e.Path)}
}
