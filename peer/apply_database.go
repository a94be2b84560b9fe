package peer

import (
	"slices"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// wantedDatabase is a database that is wanted together with something beside it:
// both come into place at once, so that nobody finds one with an older other.
type wantedDatabase struct {
	path    folder.Path
	files   []want
	away    []folder.Path // from beside it
	blocked bool          // one of them cannot be had yet
}

// expect notes the databases of a page of wanted records of which something
// beside them is wanted too.
func (r *round) expect(page []store.Record) error {
	for i := range page {
		if err := r.keepTogether(&page[i]); err != nil {
			return err
		}
		db, ok := folder.Sidecar(page[i].Path)
		if !ok || r.databases[db] != nil {
			continue
		}
		rec, err := r.f.store.Record(db)
		if err != nil {
			return err
		}
		if res := rec.Register.Resolve(); rec.Have() || res.Value.Kind != folder.File || folder.SameContent(res.Value, rec.Local.Value) {
			continue
		}
		if r.databases == nil {
			r.databases = make(map[folder.Path]*wantedDatabase)
		}
		r.databases[db] = &wantedDatabase{path: db}
	}
	return nil
}

// database returns the expected database that p is, or stands beside.
func (r *round) database(p folder.Path) *wantedDatabase {
	if len(r.databases) == 0 {
		return nil
	}
	if d := r.databases[p]; d != nil {
		return d
	}
	db, _ := folder.Sidecar(p)
	return r.databases[db]
}

// bringDatabases starts what the walk has put together.
func (r *round) bringDatabases() error {
	for _, d := range r.databases {
		if d.blocked {
			continue
		}
		at := slices.IndexFunc(d.files, func(w want) bool { return w.rec.Path == d.path })
		if at < 0 {
			// Itself it is ignored here, or has failed: what is beside it goes on.
			r.removals = append(r.removals, d.away...)
			for _, w := range d.files {
				if err := r.fetch.add(w); err != nil {
					return err
				}
			}
			continue
		}
		job, err := r.databaseJob(d)
		if err != nil {
			return err
		}
		if len(job.files) > 0 {
			r.fetch.jobs <- job
		}
	}
	slices.SortFunc(r.removals, folder.Path.Compare)
	return nil
}

// databaseJob is the order to bring d; an empty one if something beside it is to
// go and may not yet.
func (r *round) databaseJob(d *wantedDatabase) (fetchOrder, error) {
	job := fetchOrder{whole: true}
	for _, p := range d.away {
		rec, err := r.removable(p)
		if err != nil || rec == nil {
			return fetchOrder{}, err
		}
		job.away = append(job.away, *rec)
	}
	side := folder.Sidecars(d.path)
	// A journal must be there before what it would undo; a log of the old content
	// must be gone, and that of the new one is nothing without it.
	for _, p := range []folder.Path{side[0], d.path, side[1], side[2]} {
		for _, w := range d.files {
			if w.rec.Path != p {
				continue
			}
			if p != d.path && w.rec.Local.Value.Kind == folder.File {
				job.away = append(job.away, w.rec)
			}
			job.files = append(job.files, w)
		}
	}
	return job, nil
}

// whole brings all files of a job, or none.
// Those of all fetchers together hold fewer descriptors than there are at least.
func (x *fetcher) whole(job fetchOrder) error {
	j := &fetchJob{fetcher: x, whole: true}
	for _, w := range job.files {
		if err := j.run([]want{w}); err != nil || len(j.ready) == 0 || j.ready[len(j.ready)-1].want.rec.Path != w.rec.Path {
			x.place.discard(j.ready)
			return err
		}
	}
	first := j.ready[0]
	first.with, first.away = j.ready[1:], job.away
	x.place.put([]stagedFile{first})
	return nil
}

// all returns a staged file and those that come into place with it.
func (s *stagedFile) all() []stagedFile {
	return append([]stagedFile{{want: s.want, staged: s.staged}}, s.with...)
}

// swapWhole puts a database in place with what stands beside it. What did so
// until now goes first: no log is ever found with the content of another time.
func (p *placer) swapWhole(s stagedFile, strangers []store.Record) error {
	var ready []swap
	for _, one := range s.all() {
		x, ok, err := p.prepare(one)
		if err != nil || !ok {
			return err
		}
		ready = append(ready, x)
	}
	for i := range s.away { // before the first of them goes
		if old := &s.away[i]; !p.f.root.Unchanged(old.Path, old.Local) {
			return p.f.pathFailed(old.Path, disk.ErrChanged)
		}
	}
	for i := range ready {
		if _, beside := folder.Sidecar(ready[i].want.rec.Path); beside {
			continue
		}
		if err := p.clear(&ready[i], strangers); err != nil {
			return p.f.pathFailed(ready[i].want.rec.Path, err)
		}
	}
	for i := range s.away {
		old := &s.away[i]
		at := slices.IndexFunc(ready, func(x swap) bool { return x.want.rec.Path == old.Path })
		kept, err := p.takeAway(old, at >= 0)
		if err != nil {
			return p.f.pathFailed(old.Path, err)
		}
		if at >= 0 {
			ready[at].before, ready[at].version = folder.Local{}, kept
		}
	}
	for i := range ready {
		ok, err := p.swapIn(&ready[i])
		if err == nil && ok {
			continue
		}
		for _, x := range ready[i:] { // what went before them is missed now
			p.f.placed(x.want.rec.Path)
			p.f.look.add(x.want.rec.Path, false)
		}
		return err
	}
	return nil
}

// takeAway removes what stood beside a database. Where something else comes
// there, the map hears of that alone: should there be a crash in between, the old
// one is missed, which is no news about the new one. It returns where it is kept.
func (p *placer) takeAway(old *store.Record, replaced bool) (kept folder.Path, err error) {
	p.f.touched.add(old.Path.Dir())
	p.f.placing.add(old.Path)
	if kept, err = p.f.root.Remove(old.Path, old.Local); err != nil {
		p.f.placed(old.Path)
		return "", err
	}
	p.dirs[old.Path.Dir()] = true
	if replaced {
		return kept, nil
	}
	p.f.counts.deleted.Add(1)
	p.pending = append(p.pending, store.Change{Path: old.Path, Before: old.Local, Applied: true, Kept: kept})
	return kept, nil
}
