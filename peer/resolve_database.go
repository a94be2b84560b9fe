package peer

import (
	"context"
	"errors"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// errMergePair: what a person merged is a database without a log.
var errMergePair = errors.New("a log stands beside this database; close what has it open, so that it is written back, or keep one side")

// pair finds what stands beside the copy of a database, and takes the copy of a
// log for that of the database which it is kept with.
func (r *resolving) pair() error {
	f := r.f
	if db, beside := folder.Sidecar(r.copy.Path); beside {
		main, err := f.store.Record(db)
		if err != nil {
			return err
		}
		of, is := folder.Sidecar(r.plain.Path)
		if main.Local.Value.Kind == folder.File && is && f.isDatabase(db) {
			plain, err := f.store.Record(of)
			if err != nil {
				return err
			}
			r.copy, r.plain = &main, &plain
		}
	}
	if !f.isDatabase(r.copy.Path) && !f.isDatabase(r.plain.Path) {
		return nil
	}
	there := folder.Sidecars(r.plain.Path)
	for i, p := range folder.Sidecars(r.copy.Path) {
		rec, err := f.store.Record(p)
		if err != nil {
			return err
		}
		if rec.Local.Value.Kind == folder.File {
			r.beside = append(r.beside, rec)
		}
		r.paired = r.paired || rec.Local.Value.Kind == folder.File || f.root.Glimpse(there[i]).Kind == folder.File
	}
	return nil
}

// putOtherPair puts what the copies hold under the plain names, all of it or
// nothing; what stood beside the plain one goes.
func (r *resolving) putOtherPair(ctx context.Context) error {
	f, from, to := r.f, folder.Sidecars(r.copy.Path), folder.Sidecars(r.plain.Path)
	var steps []undoStep
	// A journal must be there before what it would undo, and a log is nothing
	// without its database.
	for _, x := range [][2]folder.Path{{from[0], to[0]}, {r.copy.Path, r.plain.Path}, {from[1], to[1]}, {from[2], to[2]}} {
		src, err := f.store.Record(x[0])
		if err != nil {
			return err
		}
		rec, err := f.store.Record(x[1])
		if err != nil {
			return err
		}
		if !f.asKnown(&rec) || !f.asKnown(&src) || rec.Local.Value.Kind == folder.Dir {
			return disk.ErrChanged
		}
		v := src.Local.Value
		s := undoStep{rec: rec, why: store.WhyHere, away: x[1] != r.plain.Path && rec.Local.Value.Kind == folder.File}
		if v.Kind == folder.File && x[1] != to[2] {
			s.source, s.want = &src, folder.Value{Kind: folder.File, Mode: v.Mode, MTime: v.MTime, Size: v.Size}
		}
		if s.source != nil || s.away {
			steps = append(steps, s)
		}
	}
	return f.swapBack(ctx, steps)
}

// putAsidePair gives all copies names that are no conflict's.
func (r *resolving) putAsidePair() error {
	main := r.copy
	defer func() { r.copy = main }()
	if err := r.putAside(); err != nil {
		return err
	}
	for i := range r.beside {
		r.copy = &r.beside[i]
		if err := r.putAside(); err != nil {
			return err
		}
	}
	var err error
	r.done, err = r.f.together(folder.SettledName(main.Path), r.done)
	return err
}

// dropPair moves all copies to the versions.
func (r *resolving) dropPair() error {
	main := r.copy
	defer func() { r.copy = main }()
	for i := range r.beside {
		r.copy = &r.beside[i]
		if err := r.dropCopy(); err != nil {
			return err
		}
	}
	return nil
}
