package peer

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
)

// A database and the journal or log beside it belong together: one of them with
// an older other is a damaged database (F38). They are told of in one
// transaction, and only when all of them have been quiet for databaseQuiet before
// they were read, and until they were. While there is a rollback journal somebody
// is most likely in the middle of a transaction, so that it has to be quiet for
// longer. A database that nothing stands beside is a file like any other.
const (
	databaseQuiet = 2 * time.Second
	journalQuiet  = 30 * time.Second
	databaseTries = 5               // of a single pass
	databaseLong  = 5 * time.Minute // without a moment of quiet, and people are told
)

// errBusyDatabase is told of a database that never rests.
var errBusyDatabase = errors.New("this database has been in use without a pause, so that no whole copy of it could be made; it needs a backup of its own")

// databases are those whose change has been noticed and not been told of yet.
type databases struct {
	mu   sync.Mutex
	m    map[folder.Path]*database
	gone func(folder.Path) bool // from the disk
}

type database struct {
	seen  [4]disk.Glimpse // of it and of what stands beside it
	since time.Time       // they have been seen like that
	first time.Time       // it was noticed
	due   time.Time       // for another look
}

// owner returns the database that p is, or stands beside, if that is noticed.
// One that is gone itself leaves nothing to wait for: put off, it would count as
// there when the brake asks what is left of a root (F25).
func (d *databases) owner(p folder.Path) (folder.Path, bool) {
	db, ok, gone := d.noticed(p)
	if ok && gone != nil && gone(db) {
		d.drop(db)
		return "", false
	}
	return db, ok
}

func (d *databases) noticed(p folder.Path) (db folder.Path, ok bool, gone func(folder.Path) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.m) == 0 {
		return "", false, nil
	}
	if d.m[p] != nil {
		return p, true, d.gone
	}
	db, ok = folder.Sidecar(p)
	return db, ok && d.m[db] != nil, d.gone
}

// ask has owner ask whether a database is gone.
func (d *databases) ask(gone func(folder.Path) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = gone
}

// databaseGone reports whether no file is at db any more. What is left beside it
// are files like any other, which are looked at then.
func (f *Folder) databaseGone(db folder.Path) bool {
	if f.root.Glimpse(db).Kind == folder.File {
		return false
	}
	f.look.add(db, false)
	for _, p := range folder.Sidecars(db) {
		f.look.add(p, false)
	}
	return true
}

// notice puts off everything about database p.
func (d *databases) notice(p folder.Path, seen [4]disk.Glimpse) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.m[p] != nil {
		return
	}
	if d.m == nil {
		d.m = make(map[folder.Path]*database)
	}
	now := time.Now()
	d.m[p] = &database{seen: seen, since: now, first: now, due: now.Add(databaseQuiet)}
}

// due returns the databases that are due for another look, in path order.
func (d *databases) due() (out []folder.Path) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p, e := range d.m {
		if !time.Now().Before(e.due) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, folder.Path.Compare)
	return out
}

func (d *databases) next() (at time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.m {
		if !ok || e.due.Before(at) {
			at, ok = e.due, true
		}
	}
	return at, ok
}

func (d *databases) waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.m)
}

func (d *databases) forget() (forgotten []folder.Path) {
	d.mu.Lock()
	defer d.mu.Unlock()
	forgotten = slices.Collect(maps.Keys(d.m))
	clear(d.m)
	return forgotten
}

func (d *databases) drop(p folder.Path) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.m, p)
}

// rests notes what is seen of database p now, and reports whether it has been so
// for long enough. If not, it is due later.
func (d *databases) rests(p folder.Path, seen [4]disk.Glimpse, hot bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, now := d.m[p], time.Now()
	if e == nil {
		return false
	}
	if !quietly(seen, e.seen) {
		e.since = now
	}
	e.seen = seen
	quiet := databaseQuiet
	if hot {
		quiet = journalQuiet
	}
	e.due = e.since.Add(quiet)
	return !now.Before(e.due)
}

// quietly reports whether two glimpses show no change. The index of a log is
// shared memory that says nothing: readers write to it, and it is made anew.
func quietly(a, b [4]disk.Glimpse) bool { return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] }

// late puts the next look off, and reports whether there has been none of rest
// for so long that people should know.
func (d *databases) late(p folder.Path, wait time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.m[p]
	if e == nil {
		return false
	}
	if at := time.Now().Add(wait); e.due.Before(at) {
		e.due = at
	}
	return time.Since(e.first) > databaseLong
}

// glimpses looks at database p and at what stands beside it.
func (f *Folder) glimpses(p folder.Path) (all [4]disk.Glimpse) {
	all[0] = f.root.Glimpse(p)
	for i, side := range folder.Sidecars(p) {
		all[i+1] = f.root.Glimpse(side)
	}
	return all
}

// putOff reports whether x is not to be told of as it is, because it belongs to a
// database that something stands beside, or did when it was read.
func (s *scan) putOff(x *disk.Found) bool {
	f := s.f
	if db, ok := f.bases.owner(x.Path); ok {
		return db != s.database
	}
	db, beside := folder.Sidecar(x.Path)
	if !beside {
		db = x.Path
	}
	sees := s.whole || s.deep && x.Path != s.under // what stands beside it, too
	if !beside && (x.After.Value.Kind != folder.File || sees && !x.Database && !folder.LooksLikeDatabase(db)) {
		return false
	}
	all := f.glimpses(db)
	alone := all[1].Kind != folder.File && all[2].Kind != folder.File && !f.accompanied(db)
	switch {
	case all[0].Kind != folder.File:
		return false
	case !beside && alone && (!x.Database || all[0].Shows(x.After)):
		// No transaction is under way, and nothing has been written since it was
		// read: none was under way then.
		return false
	case !x.Database && !f.isDatabase(db):
		return false // it is only called like one
	}
	f.bases.notice(db, all)
	return true
}

// accompanied reports whether the map has something beside database db, which may
// be about to hear that it is gone.
func (f *Folder) accompanied(db folder.Path) bool {
	for _, p := range folder.Sidecars(db) {
		if rec, err := f.store.Record(p); err == nil && rec.Local.Value.Kind == folder.File {
			return true
		}
	}
	return false
}

// isDatabase reports whether the first bytes of the file at db, or of what stands
// beside it, are those of a database. An encrypted one is known by the latter.
func (f *Folder) isDatabase(db folder.Path) bool {
	side := folder.Sidecars(db)
	return f.root.SQLite(db) == disk.Database ||
		f.root.SQLite(side[0]) == disk.HotJournal || f.root.SQLite(side[1]) == disk.WriteLog
}

// settleDatabases tells of the databases that have come to rest.
func (s *scan) settleDatabases() error {
	for _, db := range s.f.bases.due() {
		if err := s.settle(db); err != nil {
			return err
		}
	}
	return nil
}

// settle tells of database db if it rests: of all that has changed of it at once.
func (s *scan) settle(db folder.Path) (err error) {
	f, members := s.f, folder.Sidecars(db)
	all := append([]folder.Path{db}, members[:]...)
	before := f.glimpses(db)
	if before[0].Kind != folder.File {
		f.bases.drop(db) // what is left of it are files like any other
		for _, p := range all {
			f.look.add(p, false)
		}
		return nil
	}
	hot := f.root.SQLite(members[0]) == disk.HotJournal
	if !f.bases.rests(db, before, hot) {
		s.busy(db, 0)
		return nil
	}
	if wait := f.motion.wait(all); wait > 0 || slices.ContainsFunc(all, f.placing.has) {
		s.busy(db, max(wait, databaseQuiet))
		return nil
	}
	if err := s.flush(&s.batch); err != nil {
		return err
	}
	began := time.Now()
	s.database = db
	defer func() { s.database = "" }()
	bad := false
	for _, p := range all {
		if err := s.one(p, true); err != nil {
			return err
		}
		bad = bad || len(s.bad) > 0
	}
	if bad || !quietly(before, f.glimpses(db)) {
		s.batch = s.batch[:0]
		s.busy(db, max(databaseQuiet, motionCost*time.Since(began)))
		return nil
	}
	if s.batch, err = f.together(db, s.batch); err != nil {
		return err
	}
	f.bases.drop(db)
	f.solved(db, false, nil)
	return s.flush(&s.batch)
}

// busy puts a database off that does not rest.
func (s *scan) busy(db folder.Path, wait time.Duration) {
	if s.f.bases.late(db, wait) {
		s.f.problem(db, errBusyDatabase)
	}
}

// awaitDatabases settles what a single pass has put off: it waits for a while, and
// leaves out what does not rest.
func (s *scan) awaitDatabases(ctx context.Context) error {
	for range databaseTries {
		at, ok := s.f.bases.next()
		if !ok {
			return nil
		}
		t := time.NewTimer(time.Until(at))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		if err := s.settleDatabases(); err != nil {
			return err
		}
	}
	for _, db := range s.f.bases.forget() {
		s.f.problem(db, errBusyDatabase)
	}
	return nil
}
