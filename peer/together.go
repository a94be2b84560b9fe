package peer

import (
	"errors"
	"io/fs"
	"slices"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/folder/disk"
	"qsync/store"
)

// Two sides can write to one database without each other, one of them to its log
// alone: then no path of it has two writes, and the log of one would stand beside
// the database of the other, which is damage (F38). So each write of a journal or
// log says which content of the database it belongs to, and is made again when
// that changes. The database decides: whoever holds what belongs to a content
// that has lost keeps both under a conflict name, as a pair that opens, and
// retires the write of the log; until then nobody puts it in place.

// errApart is told of a database that waits for that.
var errApart = errors.New("its log here and elsewhere belong to different contents of this database; connect the machines that have changed it")

// belongs reports whether what the disk, or the register, shows at rec's path may
// stand beside the database of value db.
func belongs(rec *store.Record, db folder.Value) bool {
	return fits(rec.Register, rec.Local.Value, db)
}

func fits(r folder.Register, v, db folder.Value) bool {
	return slices.ContainsFunc(r.Sibs, func(s folder.Sibling) bool {
		b, says := folder.BesideOf(s.Value)
		return folder.SameContent(s.Value, v) && (!says || db.Kind == folder.File && b.Digest == db.Digest)
	})
}

// together has what stands beside database db say to which content of it it
// belongs, where changes are made of one of them.
func (f *Folder) together(db folder.Path, changes []store.Change) ([]store.Change, error) {
	if len(changes) == 0 || !f.Mode().announces() {
		return changes, nil
	}
	at := func(p folder.Path) int {
		return slices.IndexFunc(changes, func(c store.Change) bool { return c.Path == p })
	}
	main, err := f.store.Record(db)
	if err != nil {
		return nil, err
	}
	v := main.Local.Value
	if i := at(db); i >= 0 {
		v = changes[i].After.Value
	}
	if v.Kind != folder.File {
		return changes, nil
	}
	side := folder.Sidecars(db)
	for _, p := range side[:2] { // the index of a log is made anew
		if i := at(p); i >= 0 {
			c := &changes[i]
			if !c.Applied && c.After.Value.Kind == folder.File {
				c.After.Value, c.Again = c.After.Value.WithBeside(v), true
			}
			continue
		}
		rec, err := f.store.Record(p)
		if err != nil {
			return nil, err
		}
		if rec.Local.Value.Kind != folder.File || rec.Local.Ignored || !rec.Register.Live() {
			continue
		}
		c := store.Change{Path: p, Before: rec.Local, After: rec.Local, Again: true}
		c.After.Value = c.After.Value.WithBeside(v)
		changes = append(changes, c)
	}
	return changes, nil
}

// holdsBack reports whether p is part of a database that waits.
func (r *round) holdsBack(p folder.Path) bool {
	if r.together[p] {
		return true
	}
	db, beside := folder.Sidecar(p)
	return beside && r.together[db]
}

// keepTogether sees to it that the database which a wanted path is part of comes
// with what belongs to it, or waits.
func (r *round) keepTogether(rec *store.Record) error {
	db, beside := folder.Sidecar(rec.Path)
	if !beside {
		if db = rec.Path; rec.Local.Value.Kind != folder.File {
			return nil
		}
	}
	if _, known := r.together[db]; known {
		return nil
	}
	d, err := r.parts(db)
	if err != nil || d == nil {
		return err
	}
	kept := false
	if r.f.Mode() == TwoWay {
		kept, err = r.keepParts(d)
	}
	if r.together == nil {
		r.together = make(map[folder.Path]bool)
	}
	r.together[db] = kept || d.apart || err != nil
	switch {
	case err != nil:
		return r.failed(rec.Path, err)
	case kept:
		r.did++ // the next round brings it
	case d.apart:
		r.waitsFor(rec.Path)
	}
	return nil
}

// waitsFor tells people of what waits for longer than a moment.
func (r *round) waitsFor(p folder.Path) {
	if r.f.parked.tries(p) >= inUseTries {
		r.f.blocks(p, errApart)
		return
	}
	r.f.parked.park(p, "")
}

// parts is what is known of a database and of what stands beside it.
type parts struct {
	db     store.Record
	res    folder.Resolution
	beside []store.Record // on disk
	yields []store.Change // writes of them that do not stay beside the database
	author folder.Dot     // of one of those
	copies bool           // somebody who made them wants a copy
	orphan bool           // the database is gone for the others, and its log was written to
	apart  bool           // what is wanted beside it belongs to another content
}

// parts returns nil where nothing stands beside db.
func (r *round) parts(db folder.Path) (*parts, error) {
	f, d, any, side := r.f, &parts{}, false, folder.Sidecars(db)
	for _, p := range side[:2] {
		rec, err := f.store.Record(p)
		if err != nil {
			return nil, err
		}
		here := rec.Local.Value.Kind == folder.File
		if !here && !rec.Register.Live() || rec.Stands() {
			continue
		}
		if !any {
			if d.db, err = f.store.Record(db); err != nil {
				return nil, err
			}
			d.res, any = d.db.Register.Resolve(), true
		}
		ignored, err := f.leavesOut(&rec)
		if err != nil {
			return nil, err
		}
		if ignored || rec.Local.Ignored {
			continue
		}
		if here {
			d.beside = append(d.beside, rec)
		}
		if rec.Register.Live() {
			d.add(&rec)
		}
	}
	if !any {
		return nil, nil
	}
	return d, nil
}

// add looks at a journal or log that lives.
func (d *parts) add(rec *store.Record) {
	side, v := rec.Register.Resolve(), rec.Local.Value
	right := fits(rec.Register, side.Value, d.res.Value)
	d.apart = d.apart || !right
	var own []folder.Dot
	copies := false
	for _, s := range rec.Register.Sibs {
		if v.Kind == folder.File && folder.SameContent(s.Value, v) {
			own, copies = append(own, s.Dot), copies || !s.Value.Waives()
		}
	}
	switch {
	case len(own) == 0:
		return
	case !d.res.Winner.Dot.IsZero():
	case fits(rec.Register, v, d.db.Local.Value):
		d.orphan = true
		return
	}
	away := !folder.SameContent(d.db.Local.Value, d.res.Value) && !belongs(rec, d.res.Value)
	loses := right && slices.ContainsFunc(side.Losers, func(s folder.Sibling) bool { return folder.SameContent(s.Value, v) })
	if away || loses {
		d.author, d.copies = own[0], d.copies || copies
		d.yields = append(d.yields, store.Change{Path: rec.Path, Before: rec.Local, After: rec.Local, Applied: true, Retire: own})
	}
}

// keepParts keeps what this machine holds of a database and is to be replaced, as
// a pair, and reports whether there was something to be done.
func (r *round) keepParts(d *parts) (bool, error) {
	f := r.f
	if d.db.Local.Value.Kind != folder.File || !d.orphan && len(d.beside) == 0 {
		return false, nil
	}
	var loser folder.Sibling
	retire := store.Change{Path: d.db.Path, Before: d.db.Local, After: d.db.Local, Applied: true}
	for _, l := range d.res.Losers {
		if folder.SameContent(l.Value, d.db.Local.Value) {
			retire.Retire = append(retire.Retire, l.Dot)
			if loser.Dot.IsZero() || l.Value.MTime > loser.Value.MTime {
				loser = l
			}
		}
	}
	if !d.orphan && len(d.yields) == 0 && len(retire.Retire) == 0 {
		return false, nil
	}
	if _, waits := f.bases.owner(d.db.Path); waits || !f.asKnown(&d.db) {
		return true, disk.ErrChanged
	}
	for i := range d.beside {
		if !f.asKnown(&d.beside[i]) {
			return true, disk.ErrChanged
		}
	}
	if d.orphan { // an edit survives a removal that did not see it
		_, err := f.store.Commit([]store.Change{{Path: d.db.Path, Before: d.db.Local, After: d.db.Local, Again: true}}, true)
		f.changed()
		return true, err
	}
	written := slices.DeleteFunc(slices.Clone(d.beside), func(rec store.Record) bool { return rec.Local.Value.Size == 0 })
	if len(written) == 0 && len(d.yields) == 0 {
		return false, nil // a file like any other
	}
	changes := d.yields
	if len(written) > 0 {
		changes = append(changes, retire)
		v, lost := d.db.Local.Value, folder.Lost{Author: d.author, Base: d.db.Local.Value.ContentID()}
		if !loser.Dot.IsZero() {
			v, lost = loser.Value, folder.Lost{Author: loser.Dot, Base: lostBase(loser.Value)}
		}
		v.Ext = ""
		if d.copies || !f.waived(&d.db, d.res.Losers, d.res.Value.Kind) {
			copied, err := f.copyPair(&d.db, v.WithLost(lost), written)
			if err != nil {
				return false, err
			}
			changes = append(copied, changes...)
		}
	}
	return true, errors.Join(r.place.add(changes, ""), r.place.finish())
}

// copyPair puts copies of a database and of what stands beside it under the
// conflict name of v with that: other logs of the same content have other names.
func (f *Folder) copyPair(db *store.Record, v folder.Value, beside []store.Record) ([]store.Change, error) {
	v.Base, v.Origin = folder.Base{}, ""
	sum := chunk.New()
	_, _ = sum.Write(v.Digest[:]) // it cannot fail
	for i := range beside {
		_, _ = sum.Write(beside[i].Local.Value.Digest[:])
	}
	named := v
	named.Digest = sum.Sum()
	for width := folder.HashWidth; width <= 64; width += folder.HashWidth {
		name := folder.ConflictName(db.Path, named, width)
		changes, err := f.pairAt(name, db, v, beside)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			f.tellConflict(name, "changed on two sides, with what stands beside it: "+string(db.Path))
		}
		return changes, err
	}
	return nil, fs.ErrExist
}

// pairAt makes the copies at name and beside it. The error is fs.ErrExist where
// there is something else.
func (f *Folder) pairAt(name folder.Path, db *store.Record, v folder.Value, beside []store.Record) ([]store.Change, error) {
	var at []store.Record
	for _, p := range append([]folder.Path{name}, suffixed(name, db.Path, beside)...) {
		there, err := f.store.Record(p)
		if err != nil {
			return nil, err
		}
		at = append(at, there)
	}
	want := []folder.Value{v}
	for i := range beside {
		want = append(want, beside[i].Local.Value)
	}
	for i := range at {
		here, reg := at[i].Local.Value, at[i].Register
		if here.Kind != folder.Absent && !folder.SameContent(here, want[i]) ||
			reg.Live() && !folder.SameContent(reg.Resolve().Value, want[i]) {
			return nil, fs.ErrExist
		}
	}
	var changes []store.Change
	for i := range at {
		if at[i].Local.Value.Kind != folder.Absent {
			continue // as an earlier try has left it
		}
		c := store.Change{Path: at[i].Path, Before: at[i].Local, Why: store.WhyConflict}
		var err error
		if i == 0 {
			c.After, err = f.copyTo(db, name, v)
		} else {
			c.After, err = f.copyBeside(&beside[i-1], at[i].Path)
			c.After.Value, c.Again = c.After.Value.WithBeside(v), true
		}
		if err != nil {
			return nil, err
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// suffixed are the paths beside name of what stands beside db.
func suffixed(name, db folder.Path, beside []store.Record) (all []folder.Path) {
	for i := range beside {
		all = append(all, name+beside[i].Path[len(db):])
	}
	return all
}

// standsAlone is errInUse where what comes beside a database, without it, belongs
// to another content of it than is here.
func (p *placer) standsAlone(s *stagedFile) error {
	for _, one := range s.all() {
		w := &one.want
		db, beside := folder.Sidecar(w.rec.Path)
		if _, says := folder.BesideOf(w.res.Value); !beside || !says {
			continue
		}
		main, err := p.f.store.Record(db)
		if err != nil {
			return err
		}
		seen := p.f.root.Glimpse(db)
		if seen.Kind != folder.Absent && !(seen.Shows(main.Local) && fits(w.rec.Register, w.res.Value, main.Local.Value)) {
			p.f.look.add(db, false)
			return errInUse
		}
	}
	return nil
}

// isScratch reports whether p is the index of a database's log, of which no copy
// is worth anything: it is made anew.
func (f *Folder) isScratch(p folder.Path) bool {
	db, beside := folder.Sidecar(p)
	return beside && p == folder.Sidecars(db)[2] && f.isDatabase(db)
}
