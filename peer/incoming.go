package peer

import (
	"errors"

	"qsync/folder"
	"qsync/store"
)

// checkBrake stops the folder if that much at risk is too much, be it together
// with what went before, and nobody has let it through.
func (f *Folder) checkBrake(r risk) error {
	f.let = false
	h, err := f.tooMuch(r)
	if h.Why == store.NoHold || err != nil {
		return err
	}
	var paths []folder.Path
	err = f.eachAtRisk(func(rec *store.Record) { paths = append(paths, rec.Path) })
	if err != nil {
		return err
	}
	if f.let, err = f.confirmed(false, paths); f.let || err != nil {
		f.removed.clear()
		return err
	}
	return f.hold(h, paths)
}

// tooMuch is what the brake would stop for, the zero Hold if for nothing.
func (f *Folder) tooMuch(r risk) (store.Hold, error) {
	total, stop := f.stops(r)
	before, _ := f.removed.sum()
	if !stop && (before == 0 || !f.cfg.MaxDelete.Stops(r.lost+before, total+before)) {
		return store.Hold{}, nil
	}
	renamed, err := f.renamedAway()
	if err != nil {
		return store.Hold{}, err
	}
	h := store.Hold{Why: store.HoldIncoming, Count: r.lost - renamed, Total: total + before, Passed: before}
	if f.cfg.MaxDelete.Stops(h.Count, total) {
		return h, nil
	}
	lost, err := f.lossesThere()
	if err != nil {
		return store.Hold{}, err
	}
	if before, stop, err = f.overdone(&f.removed, lost, total); !stop || err != nil {
		return store.Hold{}, err
	}
	h.Total, h.Passed = total+before, before
	return h, nil
}

// lossesThere are the entries at risk that count: git is not to move them, nor are
// they to have another name.
func (f *Folder) lossesThere() (all []loss, err error) {
	var named renames
	err = f.eachWanted(func(rec *store.Record) {
		if rec.Register.Live() {
			named.add(rec.Register.Resolve().Value)
		}
	})
	if err != nil {
		return nil, err
	}
	packs := newPacks(&round{f: f, ignore: f.ignore()})
	err = f.eachAtRisk(func(rec *store.Record) {
		v, live := rec.Local.Value, rec.Register.Live()
		if live || !named.take(v) && !packs.move(rec) {
			all = append(all, lossOf(rec.Path, v))
		}
	})
	return all, errors.Join(err, packs.err)
}

// packs tells which removals only move something into a pack of git's.
type packs struct {
	r     *round
	known map[folder.Path]bool
	err   error
}

func newPacks(r *round) *packs { return &packs{r: r, known: make(map[folder.Path]bool)} }

func (k *packs) move(rec *store.Record) bool {
	dir, ok := folder.PackDir(rec.Path, rec.Local.Value.Kind)
	if !ok || rec.Seq == 0 {
		return false
	}
	held, known := k.known[dir]
	if !known {
		var err error
		held, err = k.r.willPack(dir)
		k.known[dir], k.err = held, errors.Join(k.err, err)
	}
	return held
}

// renamedAway counts the entries that are to be removed here because they are to
// have another name.
func (f *Folder) renamedAway() (n int64, err error) {
	var named renames
	err = f.eachWanted(func(rec *store.Record) {
		if rec.Register.Live() {
			named.add(rec.Register.Resolve().Value)
		}
	})
	if err != nil {
		return 0, err
	}
	err = f.eachAtRisk(func(rec *store.Record) {
		if !rec.Register.Live() && named.take(rec.Local.Value) {
			n++
		}
	})
	return n, err
}
