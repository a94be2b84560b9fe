package peer

import (
	"cmp"
	"errors"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// Why a database, or what stands beside it, does not come back by itself: one of
// them with the other of another time is damage (F38).
var (
	errLogNotKept = errors.New("what stood beside this database then is not kept; --to FILE writes the database alone elsewhere")
	errOtherBase  = errors.New("the database that it belongs to has changed since; restore that, or use --to")
)

// database brings v back together with what stood beside it then, while what does
// so now goes to the versions, or leaves all as it is. It reports false of what is
// a file like any other.
func (b *restoration) database(v Version) bool {
	f := b.f
	db, beside := folder.Sidecar(v.Path)
	if !beside {
		db = v.Path
	}
	if v.Kind != folder.File || !f.isDatabase(db) && f.root.SQLiteVersion(v.Version) == disk.NotSQLite {
		return false
	}
	if b.whole[db] {
		return true // it has come with its database
	}
	since, err := b.since(v)
	if err == nil && beside {
		return b.besideOther(v, db, since)
	}
	var steps []undoStep
	if err == nil {
		steps, err = b.stepsOf(v, since)
	}
	if err == nil && len(steps) == 1 {
		return false
	}
	if b.whole == nil {
		b.whole = make(map[folder.Path]bool)
	}
	b.whole[db] = true
	action := "add"
	for i := range steps {
		if steps[i].rec.Local.Value.Kind != folder.Absent {
			action = "replace"
		}
	}
	if err == nil && action == "replace" && f.cfg.Versions == 0 {
		err = errNotKept
	}
	if err == nil && !b.q.Dry {
		if err = b.parents(db); err == nil {
			err = f.swapBack(b.ctx, steps)
		}
	}
	b.say(v, action, nil)
	if err != nil {
		b.done = b.done[:len(b.done)-1]
		b.failed(v, err)
	}
	return true
}

// besideOther refuses what stood beside a database that has changed since.
func (b *restoration) besideOther(v Version, db folder.Path, since time.Time) bool {
	first, err := b.firstSince(since)
	if _, changed := first[db]; err == nil && !changed {
		return false
	}
	x := &restored{v: v}
	if same, _ := b.isThere(x); same {
		return false // as an earlier part has left it
	}
	b.failed(v, cmp.Or(err, errOtherBase))
	return true
}

// since is the moment of which all files of a database are to be.
func (b *restoration) since(v Version) (at time.Time, err error) {
	if b.q.Number == 0 {
		return b.q.At, nil
	}
	for e, err := range b.f.store.Log(store.LogSpan{Since: v.Replaced.Add(-time.Minute)}) {
		if err != nil {
			return at, err
		}
		if e.Path == v.Path && v.Is(e.Kept) {
			return e.Time, nil
		}
	}
	return v.Replaced, nil
}

// firstSince finds the first change of each path of a folder since then.
func (b *restoration) firstSince(at time.Time) (map[folder.Path]store.Logged, error) {
	first := make(map[folder.Path]store.Logged)
	for e, err := range b.f.store.Log(store.LogSpan{Since: at}) {
		if err != nil {
			return nil, err
		}
		if e.Action != store.Metadata {
			first[e.Path] = e // the last one that is read is the oldest
		}
	}
	return first, nil
}

// stepsOf finds what is to be done about a database and what stands beside it.
func (b *restoration) stepsOf(v Version, since time.Time) ([]undoStep, error) {
	f, side := b.f, folder.Sidecars(v.Path)
	first, err := b.firstSince(since)
	if err != nil {
		return nil, err
	}
	kept, err := f.keptOf(b.ctx, first, nil)
	if err != nil {
		return nil, err
	}
	var steps []undoStep
	for _, p := range []folder.Path{side[0], v.Path, side[1], side[2]} {
		rec, err := b.asOnDisk(p)
		if err != nil {
			return nil, err
		}
		s := undoStep{rec: rec, why: store.WhyRestore}
		here := rec.Local.Value.Kind == folder.File
		e, changed := first[p]
		switch {
		case p == v.Path:
			s.version = v.Version
		case !changed && !(here && rec.Local.Dot.IsZero()):
			continue
		case p == side[2] || !changed || e.Action == store.Added:
			if !here {
				continue
			}
			s.away = true
		case kept[p].Kind != folder.File:
			return nil, errLogNotKept
		default:
			s.version, s.away = kept[p], here
		}
		s.want = folder.Value{Kind: folder.File, Mode: s.version.Mode & folder.ModeMask, MTime: s.version.MTime}
		steps = append(steps, s)
	}
	return steps, nil
}

// asOnDisk is the record of p with what is on disk, also where nothing runs and
// the map does not know that yet.
func (b *restoration) asOnDisk(p folder.Path) (store.Record, error) {
	rec, err := b.f.store.Record(p)
	if err != nil || b.f.asKnown(&rec) {
		return rec, err
	}
	if rec.Local, err = b.f.root.Look(p); err == nil && rec.Local.Value.Kind == folder.Dir {
		err = errInTheWay
	}
	return rec, err
}
