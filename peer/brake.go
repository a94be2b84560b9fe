package peer

import (
	"qsync/folder"
	"qsync/store"
)

// guardBelow: a round that would remove or replace no more than this cannot
// meet the default brake, so it need not wait until the peers have told all.
const guardBelow = 100

// stopsAbove is the number from which on the brake may stop a round.
func (b Brake) stopsAbove() int64 {
	switch {
	case b == Brake{}:
		return guardBelow
	case b.Percent > 0:
		return 0
	}
	return b.Entries
}

// risk is how many entries a pass or a batch would remove or replace.
type risk struct {
	lost   int64 // these count
	packed int64 // beside them, removals by which git has only moved something: see [folder.PackDir]
}

func (r risk) all() int64 { return r.lost + r.packed }

// tally adds up a risk. Whether git has moved something, or somebody removed a
// repository, shows only when all is known.
type tally struct {
	lost  int64
	moved map[folder.Path]int64 // by the directory that must then hold a pack
}

func (t *tally) remove(p folder.Path, k folder.Kind) {
	dir, ok := folder.PackDir(p, k)
	if !ok {
		t.lost++
		return
	}
	if t.moved == nil {
		t.moved = make(map[folder.Path]int64)
	}
	t.moved[dir]++
}

// sum is the risk, where holds reports whether a directory will hold a pack.
func (t *tally) sum(holds func(folder.Path) (bool, error)) (risk, error) {
	r := risk{lost: t.lost}
	for dir, n := range t.moved {
		held, err := holds(dir)
		if err != nil {
			return r, err
		}
		if held {
			r.packed += n
		} else {
			r.lost += n
		}
	}
	return r, nil
}

// packIn reports whether some pack directly in dir passes the test.
func (f *Folder) packIn(dir folder.Path, test func(*store.Record) (bool, error)) (bool, error) {
	for r, err := range f.store.Records(dir) {
		if err != nil {
			return false, err
		}
		if r.Path.Dir() != dir || !folder.IsPack(r.Path) {
			continue
		}
		if ok, err := test(&r); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// total is of how many entries so much is at risk: what is ignored is no part of
// the folder, though the map may know it. Of what git has packed neither
// side of the comparison knows: most of a small repository is such, and counted
// in the total alone it would let as much of somebody's own files go along with
// it unnoticed.
func (f *Folder) total(r risk) int64 {
	return f.store.Totals().Entries() - f.unsynced.Load() - r.packed
}

// stops reports whether that much is too much, and of how many entries.
func (f *Folder) stops(r risk) (total int64, stop bool) {
	total = f.total(r)
	return total, f.cfg.MaxDelete.Stops(r.lost, total)
}

// atRisk counts the entries on disk that the wanted changes known so far would
// remove or replace. What is ignored here, they would not.
func (f *Folder) atRisk() (risk, error) {
	if f.cfg.MaxDelete.Percent >= 100 || f.store.Totals().Entries() == 0 {
		return risk{}, nil
	}
	var t tally
	r := &round{f: f, ignore: f.ignore()}
	err := f.eachWanted(func(rec *store.Record) { r.weigh(&t, rec) })
	if err != nil {
		return risk{}, err
	}
	return t.sum(r.willPack)
}

// willPack reports whether dir is to hold a pack.
func (r *round) willPack(dir folder.Path) (bool, error) {
	return r.f.packIn(dir, func(rec *store.Record) (bool, error) {
		res := rec.Register.Resolve()
		return res.Value.Kind == folder.File && !r.spared(rec, res), nil
	})
}

func (f *Folder) eachWanted(do func(*store.Record)) error {
	for after := folder.Path(""); ; {
		page, err := f.store.Wanted(after, wantPage)
		if err != nil {
			return err
		}
		for i := range page {
			do(&page[i])
		}
		if len(page) < wantPage {
			return nil
		}
		after = page[len(page)-1].Path
	}
}

// eachAtRisk calls do with what [Folder.atRisk] counts, and what git has moved.
func (f *Folder) eachAtRisk(do func(*store.Record)) error {
	r := &round{f: f, ignore: f.ignore()}
	return f.eachWanted(func(rec *store.Record) {
		var t tally
		if r.weigh(&t, rec); t.lost > 0 || t.moved != nil {
			do(rec)
		}
	})
}

// weigh adds what a wanted path would cost to the tally.
func (r *round) weigh(t *tally, rec *store.Record) {
	here, res := rec.Local.Value, rec.Register.Resolve()
	switch {
	case here.Kind == folder.Absent || rec.Local.Implicit:
	case rec.Register.Live() && folder.SameContent(here, res.Value):
	case r.f.undone.has(rec.Path):
	case r.spared(rec, res), r.f.keepsOwn(rec):
	case rec.Register.Live() || rec.Seq == 0:
		t.lost++ // nobody has moved what nobody else ever had
	default:
		t.remove(rec.Path, here.Kind)
	}
}

// spared is isIgnored for counting: where the rules cannot be read nothing is.
func (r *round) spared(rec *store.Record, res folder.Resolution) bool {
	ignored, err := r.isIgnored(rec, res)
	return ignored && err == nil
}

// ready reports whether wanted changes may be applied now, and whether entries
// that no peer ever told of may be removed (the mirror of a one-way source).
// Where so much is at risk that the brake may have to stop it, the peers must
// have told all they know first, so that the count is whole and nothing has
// been touched. To risk counts here whatever would go: the next part of what
// they tell may take away the pack by which some of it was harmless.
func (f *Folder) ready(risk int64) (ready, extras bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, complete := true, false
	for _, s := range f.sessions {
		s.mu.Lock()
		all = all && s.caught
		complete = complete || s.caught && s.peerScanned
		s.mu.Unlock()
	}
	receives := f.Mode().receives()
	if risk > f.cfg.MaxDelete.stopsAbove() {
		return all && (complete || !receives), receives && complete
	}
	return true, receives && complete
}
