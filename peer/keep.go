package peer

import (
	"errors"
	"fmt"
	"io/fs"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/folder/fault"
	"qsync/store"
)

// keepLosers makes a conflict copy of what the disk holds at rec's path, if
// that is a write which loses there: first durably under the other name, then
// retired. Who does not hold the losing content leaves it to those who do; all
// of them make the same copy. It returns the changes for the map.
func (f *Folder) keepLosers(rec *store.Record, res folder.Resolution) ([]store.Change, error) {
	if f.Mode() != TwoWay {
		return f.keepOwn(rec)
	}
	if c, done := absorbed(rec, res); done {
		return c, nil
	}
	return f.keep(rec, res.Losers, res.Value.Kind)
}

// absorbed retires the write that the disk holds if an edit of its very content
// is about to replace it: that loses nothing, so there is no copy.
func absorbed(rec *store.Record, res folder.Resolution) ([]store.Change, bool) {
	var retire []folder.Dot
	for _, a := range res.Absorbed {
		if folder.SameContent(a.Value, rec.Local.Value) {
			retire = append(retire, a.Dot)
		}
	}
	if len(retire) == 0 {
		return nil, false
	}
	return []store.Change{{Path: rec.Path, Before: rec.Local, After: rec.Local, Applied: true, Retire: retire}}, true
}

// keepForDir does the same where a directory must stand because something
// below lives: then every other write at the path loses.
func (f *Folder) keepForDir(rec *store.Record, res folder.Resolution) ([]store.Change, error) {
	if f.Mode() != TwoWay {
		return f.keepOwn(rec)
	}
	if res.Winner.Dot.IsZero() {
		return nil, nil
	}
	var losers []folder.Sibling
	for _, s := range rec.Register.Sibs {
		if s.Value.Kind != folder.Dir {
			losers = append(losers, s)
		}
	}
	return f.keep(rec, losers, folder.Dir)
}

// keepOwn makes a conflict copy of what a user of this receiving folder has put
// at rec's path, where something of the source's takes its place. The copy is
// known here alone.
func (f *Folder) keepOwn(rec *store.Record) ([]store.Change, error) {
	if !rec.Owned() {
		return nil, nil
	}
	v := rec.Local.Value
	v.Ext = ""
	copied, name, err := f.conflictCopy(rec, v.WithLost(folder.Lost{Base: rec.Aside.Value.ContentID()}))
	if err != nil {
		return nil, fmt.Errorf("keeping a conflict copy: %w", err)
	}
	f.tellConflict(name, "changed here and by the source: "+string(rec.Path))
	return copied, nil
}

// tellConflict counts a conflict that was kept under that name.
func (f *Folder) tellConflict(name folder.Path, why string) {
	f.counts.conflicts.Add(1)
	f.event(Event{Event: "conflict", Path: string(name), Text: why})
}

// lostBase is what a write that lost was made of. One that changed the metadata
// alone was made of itself, of which there is nothing to merge.
func lostBase(v folder.Value) uint64 {
	if v.Base.Content == v.ContentID() {
		return 0
	}
	return v.Base.Content
}

// waived reports whether what the disk holds at rec's path makes no conflict copy
// where it loses: its authors asked for none, and neither does this folder. It is
// kept among the versions. What gives way to a directory is no older than that.
func (f *Folder) waived(rec *store.Record, losers []folder.Sibling, winner folder.Kind) bool {
	if !f.newest() || winner == folder.Dir {
		return false
	}
	for _, l := range losers {
		if folder.SameContent(l.Value, rec.Local.Value) && !l.Value.Waives() {
			return false
		}
	}
	return true
}

// newest reports whether what loses a conflict is kept among the versions alone.
func (f *Folder) newest() bool { return f.cfg.Conflict == Newest && f.cfg.Versions > 0 }

func (f *Folder) keep(rec *store.Record, losers []folder.Sibling, winner folder.Kind) ([]store.Change, error) {
	var loser folder.Sibling
	var retire []folder.Dot
	for _, l := range losers {
		if !folder.SameContent(l.Value, rec.Local.Value) {
			continue
		}
		retire = append(retire, l.Dot)
		if loser.Dot.IsZero() || l.Value.MTime > loser.Value.MTime {
			loser = l // of equal contents the youngest names the copy, on every machine
		}
	}
	if len(retire) == 0 {
		return nil, nil
	}
	if f.waived(rec, losers, winner) || f.isScratch(rec.Path) {
		return []store.Change{{Path: rec.Path, Before: rec.Local, After: rec.Local, Applied: true, Retire: retire}}, nil
	}
	v := loser.Value
	v.Ext = ""
	copied, name, err := f.conflictCopy(rec, v.WithLost(folder.Lost{Author: loser.Dot, Base: lostBase(loser.Value)}))
	if err != nil {
		return nil, fmt.Errorf("keeping a conflict copy: %w", err)
	}
	f.tellConflict(name, "changed on two sides: "+string(rec.Path))
	return append(copied, store.Change{Path: rec.Path, Before: rec.Local, After: rec.Local, Applied: true, Retire: retire}), nil
}

// copies are those of the changes that stand whatever becomes of the rest: a
// conflict copy that was made is in the map, even if what it makes way for could not
// come. The write that it is of is retired when that does.
func copies(kept []store.Change) (c []store.Change) {
	for i := range kept {
		if kept[i].Why == store.WhyConflict {
			c = append(c, kept[i])
		}
	}
	return c
}

// conflictCopy puts a copy of the file at rec's path under the conflict name of
// v, or finds that it is there.
func (f *Folder) conflictCopy(rec *store.Record, v folder.Value) ([]store.Change, folder.Path, error) {
	v.Base, v.Origin = folder.Base{}, ""
	for width := folder.HashWidth; ; width += folder.HashWidth {
		name := folder.ConflictName(rec.Path, v, width)
		there, err := f.store.Record(name)
		if err != nil {
			return nil, "", err
		}
		if folder.SameContent(there.Local.Value, v) {
			return nil, name, nil
		}
		taken := there.Local.Value.Kind != folder.Absent ||
			there.Register.Live() && !folder.SameContent(there.Register.Resolve().Value, v)
		if taken && width < 64 {
			continue
		}
		if taken {
			return nil, "", fs.ErrExist
		}
		after, err := f.copyTo(rec, name, v)
		if errors.Is(err, disk.ErrChanged) {
			f.look.add(name, true) // there is something that the map has not heard of
		}
		if err != nil {
			return nil, "", err
		}
		return []store.Change{{Path: name, Before: there.Local, After: after, Why: store.WhyConflict}}, name, nil
	}
}

func (f *Folder) copyTo(rec *store.Record, name folder.Path, v folder.Value) (folder.Local, error) {
	f.touched.add(name.Dir())
	if v.Kind == folder.Symlink {
		p, err := f.root.Symlink(name, v, folder.Local{})
		return p.Local, err
	}
	from, err := f.root.OpenFile(rec.Path, rec.Local)
	if err != nil {
		return folder.Local{}, err
	}
	defer from.Close()
	s, err := f.root.Stage()
	if err != nil {
		return folder.Local{}, err
	}
	defer s.Discard() // nothing once it is placed
	if err := s.CopyFrom(from); err != nil {
		return folder.Local{}, err
	}
	if err := s.Finish(v); err != nil {
		return folder.Local{}, err
	}
	if err := s.Sync(); err != nil {
		return folder.Local{}, err
	}
	p, err := f.root.Put(name, s, folder.Local{})
	if err != nil {
		return folder.Local{}, err
	}
	fault.Point("conflict-copied")
	if err := f.root.SyncDir(name.Dir()); err != nil {
		// It is made again when the disk takes it; this one would pass for a user's.
		_, gone := f.root.Remove(name, p.Local)
		return folder.Local{}, errors.Join(fmt.Errorf("%w: %w", errFlush, err), gone)
	}
	return p.Local, nil
}
