package peer

import (
	"errors"
	"sync"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// blocks are the paths that cannot be here because another is, which this disk
// takes for the same name. Both are in the map; when the one goes, the other is
// tried at once.
type blocks struct {
	mu sync.Mutex
	m  map[folder.Path]map[folder.Path]bool // rival -> those that wait for it to go
}

func (b *blocks) add(rival, p folder.Path) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m == nil {
		b.m = make(map[folder.Path]map[folder.Path]bool)
	}
	if b.m[rival] == nil {
		b.m[rival] = make(map[folder.Path]bool)
	}
	b.m[rival][p] = true
}

func (b *blocks) take(rival folder.Path) map[folder.Path]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting := b.m[rival]
	delete(b.m, rival)
	return waiting
}

// unblock lets paths be tried again whose rivals are gone from the disk.
func (f *Folder) unblock(changes []store.Change) {
	for i := range changes {
		c := &changes[i]
		if c.After.Value.Kind != folder.Absent {
			continue
		}
		f.renamed.drop(c.Path)
		for p := range f.blocked.take(c.Path) {
			f.parked.freeAll(p)
			f.wakeSyncer()
		}
	}
}

// collides handles a wanted path whose name this disk takes for that of an entry
// which is there. The two stay in the map, one on the disk, unless the other is
// to go and the path is what becomes of it: then it is given the new name (F51 to
// F53).
func (f *Folder) collides(p folder.Path, c *disk.CollisionError) error {
	rival := p.Dir().Join(c.Other)
	if p.Base() != c.Name {
		f.blocks(p, c) // a conflict copy of p has the rival
		return nil
	}
	old, err := f.store.Record(rival)
	if err != nil {
		return err
	}
	rec, err := f.store.Record(p)
	if err != nil {
		return err
	}
	kept, err := f.store.LiveBelow(rival)
	if err != nil {
		return err
	}
	if !old.Register.Live() && !kept && becomes(&old, &rec) {
		f.touched.add(p.Dir())
		f.renamed.add(rival)
		err := f.root.Respell(rival, p, old.Local)
		if err == nil {
			f.parked.park(p, "")
			f.look.add(rival, true)
			f.look.add(p, true)
			return nil
		}
		f.renamed.drop(rival)
		if !errors.Is(err, disk.ErrChanged) {
			return f.pathFailed(p, err)
		}
		f.look.add(rival, true)
	}
	f.blocked.add(rival, p)
	f.blocks(p, c)
	return nil
}

// becomes reports whether new is old under another name, as after a rename.
func becomes(old, new *store.Record) bool {
	here, wanted := old.Local.Value, new.Register.Resolve().Value
	if here.Kind == folder.Dir {
		return wanted.Kind == folder.Dir || wanted.Kind == folder.Absent // which lives through what is below it
	}
	return here.Kind != folder.Absent && folder.SameContent(here, wanted)
}

// blocks makes err a problem of p until that is tried again.
func (f *Folder) blocks(p folder.Path, err error) {
	why := plain(err)
	if f.parked.park(p, why) {
		f.event(Event{Event: "problem", Path: string(p), Text: why})
	}
	f.changed()
	if f.twin != nil {
		f.twin.changed() // a single pass ends when both know what cannot be done
	}
}

// below parks a wanted path whose directory cannot be made, for the same reason.
func (f *Folder) below(p folder.Path) {
	for dir := p.Dir(); dir != ""; dir = dir.Dir() {
		if why := f.parked.reason(dir); why != "" {
			f.parked.park(p, "in "+string(dir)+": "+why)
			return
		}
	}
}

// holds reports whether the map has something on disk at p.
func (f *Folder) holds(p folder.Path) bool {
	rec, err := f.store.Record(p)
	return err == nil && rec.Local.Value.Kind != folder.Absent
}
