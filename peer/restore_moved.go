package peer

import (
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// What was renamed away is among no versions of its old name: restoring that
// brings back a copy of what it has become, as the log tells.

// movedAway finds when sync last moved away what was at p, and where its content is;
// of what was not there at that time, zero meaning the last, it finds nothing.
func (f *Folder) movedAway(p folder.Path, at time.Time) (found whereabouts, gone store.Logged, err error) {
	w, last := make(places), true
	for e, err := range f.store.Log(store.LogSpan{Since: at}) {
		switch {
		case err != nil:
			return found, gone, err
		case e.Path != p || e.Action == store.Metadata:
		case last && (e.Action != store.Deleted || e.To == ""):
			return found, gone, nil
		case last:
			found, gone, last = w.of(e.To), e, false
			if at.IsZero() {
				return found, gone, nil
			}
		case e.Action == store.Added:
			return whereabouts{}, gone, nil // it was not there then
		}
		w.before(&e)
	}
	return found, gone, nil
}

// moved brings back what was at the path asked for and was moved away since then,
// where no version of that path itself has it.
func (b *restoration) moved() error {
	f, p := b.f, b.q.Path
	if p == "" || b.q.At.IsZero() || len(b.picked) > 0 || b.q.Settle || b.q.After != "" {
		return nil
	}
	at, gone, err := f.movedAway(p, b.q.At)
	if err != nil || gone.Kind != folder.File {
		return err
	}
	if at.at == "" {
		if at.kept == "" {
			return nil
		}
		v, err := f.versionAt(b.ctx, at.of, at.kept)
		if v.Path = p; err == nil && v.Kind == folder.File {
			b.picked = append(b.picked, Version{Version: v})
		}
		return err
	}
	rec, err := f.store.Record(at.at)
	if err != nil {
		return err
	}
	now, err := f.root.Look(p)
	if err != nil {
		return err
	}
	l := rec.Local.Value
	v := Version{Version: disk.Version{Path: p, Replaced: gone.Time, Kind: folder.File, Mode: l.Mode, Size: gone.Size, MTime: l.MTime}, At: at.at}
	action := "add"
	if now.Value.Kind != folder.Absent {
		action = "replace"
	}
	switch {
	case now.Value.Kind == folder.Dir:
		err = errInTheWay
	case l.Kind != folder.File || l.Size != gone.Size:
		err = errMovedOn
	case action == "replace" && f.cfg.Versions == 0:
		err = errNotKept
	case !b.q.Dry:
		if err = f.bringMoved(p, at.at, gone.Size, store.WhyRestore); err == errThere {
			action, err = "same", nil
		}
	}
	if err != nil {
		b.failed(v, err)
		return nil
	}
	b.say(v, action, nil)
	f.changed()
	return nil
}
