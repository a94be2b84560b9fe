package peer

import (
	"errors"
	"slices"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// A file that has another name now is wanted away at the one path and wanted at
// the other. Where its author says so, the disk holds it and nothing else wants
// it, it is given its new name instead of being copied and removed. That is done
// in place of the removal, when everything is here, so that whoever copies from
// it has done so, and the brake has counted. What the removal would have kept
// among the versions is at the new path; the log tells where.

// move is a file that is to be given another name.
type move struct{ to, from folder.Path }

// mayMove reports whether the file that is wanted at rec's path seems to be here
// under the name that it had before, and notes it then.
func (r *round) mayMove(rec *store.Record, res folder.Resolution) (bool, error) {
	v := res.Value
	if rec.Local.Value.Kind != folder.Absent || v.Origin == "" || v.Size == 0 || looksShared(rec.Path) {
		return false, nil
	}
	old, err := r.f.store.Record(v.Origin)
	if err != nil {
		return false, err
	}
	ok := r.movable(&old, v)
	if !ok && v.Size >= copyFrom { // renamed twice, say
		held, err := r.f.store.Holding(v.Digest, 4)
		if err != nil {
			return false, err
		}
		for _, old = range held {
			if ok = r.movable(&old, v); ok {
				break
			}
		}
	}
	if ok {
		r.taken[old.Path] = true
		r.moves = append(r.moves, move{to: rec.Path, from: old.Path})
	}
	return ok, nil
}

// movable reports whether what the map has at old's path can become v at another
// by nothing but a new name. A database is more than its name. What was edited here a
// moment ago may have changed without a trace: it is read once more at its new path,
// where that is found as what it is, an edit.
func (r *round) movable(old *store.Record, v folder.Value) bool {
	f, here := r.f, old.Local.Value
	switch {
	case here.Kind != folder.File, old.Register.Live(), old.Seq == 0, old.Local.Ignored, old.Local.Stat.Racy:
		return false
	case !folder.SameContent(here, v), here.Mode != v.Mode, here.MTime != v.MTime && !coarse(here.MTime, v.MTime):
		return false
	case r.taken[old.Path], f.immovable.has(old.Path), looksShared(old.Path):
		return false
	}
	const page = 512 // bytes of a database's, at least
	return here.Size%page != 0 || f.root.SQLite(old.Path) == disk.NotSQLite
}

// looksShared reports whether p is named as what SQLite keeps.
func looksShared(p folder.Path) bool {
	_, beside := folder.Sidecar(p)
	return beside || folder.LooksLikeDatabase(p)
}

// settleMoves has what is to be moved brought in the ordinary way where its old
// name is not to go in this round after all.
func (r *round) settleMoves() error {
	var stay []move
	for _, m := range r.moves {
		_, goes := slices.BinarySearchFunc(r.removals, m.from, folder.Path.Compare)
		if goes {
			old, err := r.removable(m.from)
			if err != nil {
				return err
			}
			goes = old != nil
		}
		if goes {
			stay = append(stay, m)
			continue
		}
		delete(r.taken, m.from)
		rec, err := r.f.store.Record(m.to)
		if err != nil {
			return err
		}
		if res := rec.Register.Resolve(); res.Value.Kind == folder.File {
			if err := r.fetch.add(want{rec: rec, res: res}); err != nil {
				return err
			}
		}
	}
	r.moves = stay
	return nil
}

// move gives files their new names, and notes in above the directories that they
// have left. What could not be moved has its old name after it, and is not to be
// removed in this round.
func (r *round) move(above map[folder.Path]bool) error {
	for len(r.moves) > 0 && r.ctx.Err() == nil {
		part := r.moves[:min(len(r.moves), placeFiles)]
		r.moves = r.moves[len(part):]
		var gone []store.Record
		var ready []stagedFile
		for _, m := range part {
			s, err := r.stageMove(m)
			if err != nil {
				r.place.discard(ready)
				return err
			}
			if s == nil {
				continue
			}
			if !r.f.files.takeNow(1) {
				r.place.put(ready) // else they could be what is waited for
				ready = nil
				if err := r.f.files.take(r.ctx, 1); err != nil {
					return nil
				}
			}
			ready, gone = append(ready, *s), append(gone, *s.from)
		}
		r.place.put(ready)
		if err := r.place.finish(); err != nil {
			return err
		}
		if err := r.moved(gone, above); err != nil {
			return err
		}
	}
	return nil
}

// stageMove looks at both paths again, and returns nil if there is nothing to move.
func (r *round) stageMove(m move) (*stagedFile, error) {
	old, err := r.removable(m.from)
	if err != nil || old == nil {
		return nil, err
	}
	rec, err := r.f.store.Record(m.to)
	if err != nil {
		return nil, err
	}
	res := rec.Register.Resolve()
	if rec.Local.Value.Kind != folder.Absent || res.Value.Kind != folder.File || !folder.SameContent(old.Local.Value, res.Value) {
		r.f.wakeSyncer()
		return nil, nil
	}
	return &stagedFile{want: want{rec: rec, res: res}, from: old, staged: r.f.root.StageMove(old.Path, old.Local, res.Value)}, nil
}

// moved notes which of the files are gone from their old paths.
func (r *round) moved(files []store.Record, above map[folder.Path]bool) error {
	for i := range files {
		rec, err := r.f.store.Record(files[i].Path)
		if err != nil {
			return err
		}
		if rec.Local.Value.Kind != folder.Absent {
			r.f.wakeSyncer() // which copies it, where that is the better way
			continue
		}
		delete(r.taken, rec.Path)
		above[rec.Path.Dir()] = true
		r.did++
		r.f.counts.deleted.Add(1)
		r.windowed(&files[i])
	}
	return nil
}

// isAway reports whether what is to be moved is still wanted away and nothing else.
func (p *placer) isAway(old *store.Record) (bool, error) {
	now, err := p.f.store.Record(old.Path)
	if err != nil {
		return false, err
	}
	if now.Local != old.Local || now.Register.Live() {
		p.f.wakeSyncer()
		return false, nil
	}
	return true, nil
}

// notMoved sorts what went wrong with a move. Where the file cannot be moved, it
// is copied by the next round.
func (p *placer) notMoved(s *swap, err error) error {
	f, old := p.f, s.from.Path
	f.placed(old)
	var taken *disk.CollisionError
	switch {
	case errors.Is(err, disk.ErrChanged), errors.Is(err, disk.ErrNoParent):
		f.look.add(old, false)
	case errors.Is(err, disk.ErrName), errors.As(err, &taken):
	default:
		f.node.cfg.Log.Debug("not moved", "folder", f.Dir(), "path", string(old), "error", err)
		f.immovable.add(old)
		f.wakeSyncer()
		return nil
	}
	return f.pathFailed(s.want.rec.Path, err)
}
