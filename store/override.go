package store

import (
	"qsync/folder"
)

// Override makes what this machine's disk holds at the paths the outcome
// everywhere: a fresh write, or a removal where there is nothing, that
// supersedes every write known. It returns how many registers changed; a path
// that is not wanted here and has no [Record.Rivals] is left alone.
func (s *Store) Override(paths []folder.Path) (int, error) {
	changed := 0
	err := s.update(func(t *txn) error {
		changed = 0
		for _, p := range paths {
			old, err := t.record(p)
			if err != nil {
				return err
			}
			if wanted, _ := old.Wanted(); !wanted && !old.Rivals() {
				continue
			}
			changed++
			if err := t.put(old, t.override(old), true, 0); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}

// Rivals reports whether the register holds live writes beside the one that it
// shows, of other content. Where nobody keeps conflict copies they would stay
// for ever, and show when that one goes, perhaps when nobody has their content
// any more.
func (r Record) Rivals() bool {
	if len(r.Register.Sibs) < 2 {
		return false
	}
	res := r.Register.Resolve()
	return len(res.Losers)+len(res.Absorbed) > 0
}

func (t *txn) override(old Record) Record {
	r := old
	for _, s := range old.Register.Sibs {
		r.Register = r.Register.Retire(s.Dot)
	}
	if old.Local.Value.Kind == folder.Absent {
		return r
	}
	v := old.Local.Value
	v.Base, v.Origin = folder.Base{}, ""
	t.meta.Counter++
	d := folder.Dot{Replica: t.meta.Replica, Counter: t.meta.Counter}
	t.meta.Context = t.meta.Context.With(d)
	r.Register = r.Register.Edit(folder.Local{}, d, v)
	r.Local.Dot, r.Local.Value, r.Local.Implicit = d, v, false
	return r
}
