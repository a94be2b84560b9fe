package peer

import (
	"errors"
	"fmt"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// What stands beside a database and is this machine's alone (a log that a program
// wrote here, told to nobody or ignored) belongs to the database as it is, and
// would be played into any that takes its place (F38). So the two are an edit of
// the database, whichever of them was written to: both are kept under a conflict
// name, as a pair that opens, and the log goes before the new one comes.

// errInUse is told of a database that cannot be replaced for long.
var errInUse = errors.New("a program here writes beside the database that is to be replaced; close it, or wait until it rests")

// inUseTries is how often it is tried before people are told: about a minute.
const inUseTries = 9

// inUse puts the database off that p belongs to.
func (f *Folder) inUse(p folder.Path) error {
	if f.cfg.Once || f.parked.tries(p) >= inUseTries {
		f.blocks(p, errInUse)
		return nil
	}
	return f.pathFailed(p, fmt.Errorf("%w: %w", disk.ErrChanged, errInUse))
}

// maybeDatabase reports whether s is a database, as far as it shows, or stands
// beside one.
func maybeDatabase(s *stagedFile) bool {
	at := s.want.rec.Path
	_, beside := folder.Sidecar(at)
	return beside || folder.LooksLikeDatabase(at) || s.staged.SQLite() == disk.Database
}

// strangers returns the journal and the log beside the database that s puts in
// place which are none of the shared folder's. The error is errInUse where it is
// not known yet what they are.
func (p *placer) strangers(s *stagedFile) (found []store.Record, err error) {
	if len(s.with)+len(s.away) == 0 && !maybeDatabase(s) {
		return nil, nil
	}
	f, handled := p.f, make(map[folder.Path]bool)
	var db folder.Path
	var main stagedFile
	all := s.all()
	for _, one := range all {
		at := one.want.rec.Path
		handled[at] = true
		if _, beside := folder.Sidecar(at); !beside && (folder.LooksLikeDatabase(at) || one.staged.SQLite() == disk.Database) {
			db, main = at, one
		}
	}
	if db == "" {
		return nil, p.standsAlone(s)
	}
	for i := range s.away {
		handled[s.away[i].Path] = true
	}
	side := folder.Sidecars(db)
	for _, at := range side[:2] { // the index of a log is made anew
		seen := f.root.Glimpse(at)
		if handled[at] || seen.Kind != folder.File {
			continue
		}
		rec, err := f.store.Record(at)
		if err != nil {
			return nil, err
		}
		known := seen.Shows(rec.Local)
		switch ignored, err := f.leavesOut(&rec); {
		case err != nil:
			return nil, err
		case known && rec.Register.Live() && rec.Have() && !rec.Local.Ignored && belongs(&rec, main.want.res.Value):
			// It belongs to what comes as well as to what was there.
		case known && (rec.Stands() || f.keepsOwn(&rec)), known && ignored && restsSince(seen):
			found = append(found, rec)
		case ignored && restsSince(seen):
			if rec.Local, err = f.root.Look(at); err != nil {
				return nil, err
			}
			rec.Local.Ignored = true // of which the map does not know this
			found = append(found, rec)
		default:
			f.look.add(at, false)
			return nil, errInUse
		}
	}
	return found, nil
}

// leavesOut reports whether the file that is at rec's path is ignored here.
func (f *Folder) leavesOut(rec *store.Record) (bool, error) {
	res := folder.Resolution{Value: folder.Value{Kind: folder.File}}
	return (&round{f: f, ignore: f.ignore()}).isIgnored(rec, res)
}

// restsSince reports whether a file has been left alone for a moment.
func restsSince(g disk.Glimpse) bool {
	return time.Since(time.Unix(0, max(g.MTime, g.CTime))).Abs() >= databaseQuiet
}

// clear keeps the database that x replaces together with what is a stranger
// beside it, and takes that away.
func (p *placer) clear(x *swap, strangers []store.Record) error {
	if len(strangers) == 0 {
		return nil
	}
	f, rec := p.f, &x.want.rec
	if !f.asKnown(rec) {
		return disk.ErrChanged
	}
	if err := p.keepPair(x, strangers); err != nil {
		return fmt.Errorf("keeping a conflict copy: %w", err)
	}
	for i := range strangers {
		old := &strangers[i]
		now, err := f.store.Record(old.Path)
		if err != nil {
			return err
		}
		unknown := now.Local != old.Local
		if _, err := p.takeAway(old, unknown); err != nil {
			return err
		}
		if unknown {
			f.placed(old.Path)
			f.look.add(old.Path, false)
		}
	}
	return nil
}

// keepPair copies the database and the strangers that hold something.
func (p *placer) keepPair(x *swap, strangers []store.Record) error {
	f, rec := p.f, &x.want.rec
	written := false
	for i := range strangers {
		written = written || strangers[i].Local.Value.Size > 0
	}
	if !written || rec.Local.Value.Kind != folder.File {
		return nil // the log of nothing: it is among the versions
	}
	v := rec.Local.Value
	v.Ext = ""
	var name folder.Path
	var copied []store.Change
	for i := range x.kept { // where it was edited itself
		if x.kept[i].Why == store.WhyConflict {
			name = x.kept[i].Path
		}
	}
	if name == "" {
		var err error
		if copied, name, err = f.conflictCopy(rec, v.WithLost(folder.Lost{Base: v.ContentID()})); err != nil {
			return err
		}
	}
	for i := range strangers {
		old := &strangers[i]
		at := name + old.Path[len(rec.Path):]
		there, err := f.store.Record(at)
		if err != nil {
			return err
		}
		if folder.SameContent(there.Local.Value, old.Local.Value) {
			continue // as an earlier try has left it
		}
		c := store.Change{Path: at, Before: there.Local, Why: store.WhyConflict}
		if c.After, err = f.copyBeside(old, at); err != nil {
			return err
		}
		c.After.Value, c.Again = c.After.Value.WithBeside(v), true
		copied = append(copied, c)
	}
	f.tellConflict(name, "changed here and by others, with what stands beside it: "+string(rec.Path))
	x.kept = append(x.kept, copied...)
	return nil
}

// copyBeside puts a copy of the file at old's path at another one, durably.
func (f *Folder) copyBeside(old *store.Record, at folder.Path) (folder.Local, error) {
	local := old.Local
	want := folder.Value{Kind: folder.File, Mode: local.Value.Mode, MTime: local.Value.MTime, Size: local.Value.Size}
	s, err := f.stageRecord(old, &want)
	if err != nil {
		return folder.Local{}, err
	}
	defer s.Discard() // nothing once it is placed
	f.touched.add(at.Dir())
	placed, err := f.root.Put(at, s, folder.Local{})
	if errors.Is(err, disk.ErrChanged) {
		f.look.add(at, true) // there is something that the map has not heard of
	}
	if err != nil {
		return folder.Local{}, err
	}
	return placed.Local, f.root.SyncDir(at.Dir())
}
