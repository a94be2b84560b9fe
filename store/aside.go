package store

import (
	"qsync/folder"
)

// Own counts what users have changed here that is told to nobody and stays: see
// [Record.Aside].
type Own struct {
	Added, Modified, Deleted int64
}

// All is the number of all of them.
func (o Own) All() int64 { return o.Added + o.Modified + o.Deleted }

// Own returns how many paths are as this machine's users made them, against what
// the registers show.
func (s *Store) Own() Own { return s.now().Own }

// Stands reports whether what a user made of the path here stays as it is: until
// others make something new of it. A change of metadata gives way to any news, a
// change of content to news of the content, and a content of one's own stays
// where others remove the path.
func (r Record) Stands() bool {
	if r.Aside == nil {
		return false
	}
	meta := folder.SameContent(r.Local.Value, r.Aside.Value)
	if !r.Register.Live() {
		return r.Local.Value.Kind != folder.Absent && !meta
	}
	res := r.Register.Resolve()
	if meta {
		return folder.SameOnDisk(res.Value, r.Aside.Value) || res.Winner.Dot == r.Aside.Dot
	}
	return folder.SameContent(res.Value, r.Aside.Value)
}

// Owned reports whether the disk holds content that is this machine's alone: what
// is to take its place must let it be kept under another name first.
func (r Record) Owned() bool {
	here := r.Local.Value
	return r.Aside != nil && (here.Kind == folder.File || here.Kind == folder.Symlink) &&
		!folder.SameContent(here, r.Aside.Value) && !folder.SameContent(here, r.Register.Resolve().Value)
}

// own is what the record adds to [Store.Own].
func (r Record) own() (o Own) {
	switch {
	case !r.Stands(), r.Local.Ignored: // what is ignored is no difference to anybody
	case r.Local.Value.Kind == folder.Absent:
		o.Deleted = 1
	case r.Register.Live():
		o.Modified = 1
	default:
		o.Added = 1
	}
	return o
}

func (o *Own) add(x Own, n int64) {
	o.Added += n * x.Added
	o.Modified += n * x.Modified
	o.Deleted += n * x.Deleted
}

// keepAside notes in r, of which a user has changed what the disk holds, what
// sync had put there last. The time of a directory is no change: whatever comes
// into one moves it.
func (t *txn) keepAside(r *Record, old Record) {
	r.Aside = nil
	if !t.meta.Keeps {
		return
	}
	last := folder.Local{Value: old.Local.Value, Dot: old.Local.Dot}
	if old.Local.Implicit {
		last = folder.Local{}
	}
	if old.Aside != nil {
		last = *old.Aside
	}
	now, res := r.Local.Value, r.Register.Resolve()
	switch {
	case now.Kind == folder.Absent:
		if r.Register.Live() && last.Value.Kind != folder.Absent {
			r.Aside = &last
		}
	case !r.Local.Dot.IsZero() || r.Local.Implicit:
	case folder.SameOnDisk(old.Local.Value, now):
		r.Aside = old.Aside
	case last.Value.Kind != folder.Absent && folder.SameOnDisk(last.Value, now):
		r.Local.Dot = last.Dot // as it was
	case now.Kind == folder.Dir && res.Value.Kind == folder.Dir && now.Mode == res.Value.Mode:
	default:
		r.Aside = &last
	}
}

// Revert gives up what users have made of the paths here: what the registers
// show is wanted again. A path that is not [Record.Stands] is left alone.
func (s *Store) Revert(paths []folder.Path) error {
	return s.update(func(t *txn) error {
		for _, p := range paths {
			old, err := t.record(p)
			if err != nil {
				return err
			}
			if !old.Stands() {
				continue
			}
			r := old
			r.Aside = nil
			if err := t.put(old, r, false, 0); err != nil {
				return err
			}
		}
		return nil
	})
}
