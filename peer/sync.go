package peer

import (
	"context"
	"errors"
	"time"

	"qsync/folder"
	"qsync/store"
)

// wantPage is how many wanted paths are read at a time.
const wantPage = 1000

// syncLoop makes the disk like the map whenever they differ.
func (f *Folder) syncLoop(ctx context.Context) error {
	select {
	case <-f.modeSet:
	case <-ctx.Done():
		return nil
	}
	if f.cfg.Plan != nil {
		return f.planLoop(ctx)
	}
	if f.mirror() {
		return f.mirrorLoop(ctx)
	}
	if !f.Mode().applies() {
		return nil
	}
	for ctx.Err() == nil {
		began := time.Now()
		more, err := f.syncRound(ctx)
		if err != nil {
			return err
		}
		if !more {
			f.awaitWork(ctx, began)
		}
	}
	return nil
}

// awaitWork blocks until the syncer is woken or a parked path is due that was
// not when the last round began.
func (f *Folder) awaitWork(ctx context.Context, began time.Time) {
	var due <-chan time.Time
	if at, ok := f.parked.next(began); ok {
		t := time.NewTimer(max(time.Until(at), 10*time.Millisecond))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-ctx.Done():
	case <-f.wake:
	case <-due:
	}
}

// round is one pass over the wanted paths.
type round struct {
	f        *Folder
	ctx      context.Context
	place    *placer
	fetch    *fetcher
	made     map[folder.Path]bool // directories made, or seen to be there, in this round; false: they cannot be
	removals []folder.Path
	moves    []move               // of files that have another name now
	taken    map[folder.Path]bool // by one of them: not to be removed

	databases map[folder.Path]*wantedDatabase
	together  map[folder.Path]bool // databases, by whether they wait for what belongs to them
	unpacked  map[folder.Path]bool // directories of packs, by whether one that is wanted is missed
	packs     *packs
	ignore    *folder.Ignore // of the command line
	rules     dirRules       // of the directory handled last
	ignored   store.Want
	extras    bool // entries that the source never had may go
	did       int
}

// syncRound handles every wanted path once and reports whether something was
// done, so that another round may find more.
func (f *Folder) syncRound(ctx context.Context) (more bool, err error) {
	if !f.scanned.isOpen() {
		return false, nil
	}
	began := time.Now()
	if err := f.keepHeld(); err != nil {
		return false, err
	}
	if f.store.Want().Entries == 0 && !f.hollow.any() && !f.touched.any() {
		f.parked.sweep(began)
		f.holders.clear()
		f.pass(store.Want{}) // nothing is wanted, so nothing is passed over
		return false, f.settleHeld()
	}
	risk, err := f.atRisk()
	if err != nil {
		return false, err
	}
	atStake := risk.all()
	if before, _ := f.removed.sum(); atStake > 0 {
		atStake += before
	}
	ready, extras := f.ready(atStake)
	if !ready {
		return false, nil
	}
	if err := f.checkRoot(false); err != nil {
		return false, err
	}
	if err := f.checkBrake(risk); err != nil {
		return false, err
	}
	f.setState("syncing")
	defer f.setState("idle")
	r := &round{f: f, ctx: ctx, made: make(map[folder.Path]bool), taken: make(map[folder.Path]bool), ignore: f.ignore(), extras: extras, unpacked: make(map[folder.Path]bool)}
	r.packs = newPacks(r)
	r.place = newPlacer(f)
	defer r.place.close()
	r.fetch = newFetcher(ctx, f, r.place)
	err = r.walk() // even if it fails, what was started has to end
	err = errors.Join(err, r.fetch.finish())
	err = errors.Join(err, r.place.finish())
	if err != nil {
		return false, err
	}
	if len(r.removals) > 0 {
		// What has been wanted away since the round began was not counted. Of the
		// rest some may have its new name by now.
		now, err := f.atRisk()
		if err != nil {
			return false, err
		}
		if now.all() > risk.all() {
			if err := f.checkBrake(now); err != nil {
				return false, err
			}
		}
	}
	if err := r.remove(); err != nil {
		return false, err
	}
	if err := r.settleDirs(); err != nil {
		return false, err
	}
	if err := f.settleHeld(); err != nil {
		return false, err
	}
	f.pass(r.ignored)
	f.parked.sweep(began)
	f.changed()
	return r.did+int(r.place.placed.Load()) > 0, nil
}

// pass notes how much of what is wanted the last round has left out on purpose.
func (f *Folder) pass(w store.Want) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ignored = w
}

// want is what differs here and is meant to become equal.
func (f *Folder) want() store.Want {
	w := f.store.Want()
	w.Entries += f.touched.count() // their times are still to be set right
	w.Entries += f.rivals.count()
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Entries = max(w.Entries-f.ignored.Entries, 0)
	w.Bytes = max(w.Bytes-f.ignored.Bytes-f.underway.bytes(), 0)
	return w
}

// walk plans every wanted path.
func (r *round) walk() error {
	parts, err := r.segments()
	for _, part := range parts {
		if err == nil {
			err = r.walkTo(part.after, part.last)
		}
	}
	if err != nil || r.ctx.Err() != nil {
		return err
	}
	return errors.Join(r.bringDatabases(), r.settleMoves())
}

// walkTo plans the wanted paths behind after, up to and with last, "" for all.
func (r *round) walkTo(after, last folder.Path) error {
	for r.ctx.Err() == nil {
		page, err := r.f.store.Wanted(after, wantPage)
		if err != nil {
			return err
		}
		if err := r.expect(page); err != nil {
			return err
		}
		if len(page) == wantPage {
			next, err := r.f.store.Wanted(page[len(page)-1].Path, besideLast)
			if err == nil {
				err = r.expect(next)
			}
			if err != nil {
				return err
			}
		}
		for i := range page {
			if last != "" && page[i].Path.Compare(last) > 0 {
				return nil
			}
			if err := r.plan(&page[i]); err != nil {
				return err
			}
		}
		if len(page) < wantPage {
			return nil
		}
		after = page[len(page)-1].Path
	}
	return nil
}

// besideLast is how many of the next page are looked at for what stands beside a
// database that is the last of a page.
const besideLast = 16

// plan decides what one wanted path needs and starts it.
func (r *round) plan(rec *store.Record) error {
	f := r.f
	res := rec.Register.Resolve()
	parked, lost := f.parked.parked(rec.Path, res.Value.Digest)
	if lost {
		r.pass(rec)
	}
	if r.holdsBack(rec.Path) {
		return nil
	}
	with := r.database(rec.Path)
	if parked {
		if with != nil {
			with.blocked = true
		}
		return nil
	}
	ignored, err := r.isIgnored(rec, res)
	if err != nil {
		return r.failed(rec.Path, err)
	}
	if ignored {
		r.pass(rec)
		return nil
	}
	here := rec.Local.Value
	switch {
	case f.keepsOwn(rec):
		r.pass(rec)
		return nil
	case res.Winner.Dot.IsZero():
		if with != nil {
			with.away = append(with.away, rec.Path)
			return nil
		}
		r.removals = append(r.removals, rec.Path)
		return nil
	case here.Kind == folder.Dir && res.Value.Kind != folder.Dir:
		return r.dirInTheWay(rec)
	case here.Kind == folder.Dir:
		f.touched.add(rec.Path) // its metadata is set when the round ends
		return nil
	}
	ok, err := r.parents(rec.Path)
	if err != nil {
		return err
	}
	if !ok {
		f.below(rec.Path)
		return nil
	}
	if folder.SameContent(here, res.Value) {
		return r.metadata(rec, res)
	}
	if res.Value.Kind == folder.File && with != nil {
		with.files = append(with.files, want{rec: *rec, res: res})
		return nil
	}
	if res.Value.Kind != folder.File {
		return r.special(rec, res)
	}
	if moves, err := r.mayMove(rec, res); moves || err != nil {
		return err
	}
	return r.fetch.add(want{rec: *rec, res: res})
}

// pass leaves out a wanted path: nobody should wait for it.
func (r *round) pass(rec *store.Record) {
	_, bytes := rec.Wanted()
	r.ignored.Entries++
	r.ignored.Bytes += bytes
}

// isIgnored reports whether this machine ignores the path, or a directory above.
// Ignored paths are neither fetched nor removed here.
func (r *round) isIgnored(rec *store.Record, res folder.Resolution) (bool, error) {
	dir := rec.Path.Dir()
	if dir != r.rules.dir || r.rules.ignore == nil {
		above, err := r.f.rulesAt(r.ignore, dir)
		if err != nil {
			return false, err
		}
		r.rules = above
	}
	if r.rules.all {
		return true, nil
	}
	kind := res.Value.Kind
	if kind == folder.Absent {
		kind = rec.Local.Value.Kind
	}
	return r.rules.ignore.Match(rec.Path, kind == folder.Dir), nil
}

// dirRules are the ignore rules in force in one directory.
type dirRules struct {
	dir    folder.Path
	ignore *folder.Ignore
	all    bool // the directory itself is ignored
}

// rulesAt finds the rules for the entries of dir: those of the command line and
// of every .syncignore on the way. A rule speaks only of what is below its
// file, so those of the deepest directory decide about the ones above as well.
func (f *Folder) rulesAt(base *folder.Ignore, dir folder.Path) (dirRules, error) {
	rules := dirRules{dir: dir}
	var err error
	if rules.ignore, err = f.root.Ignore(base, dir); err != nil {
		return rules, err
	}
	for d := dir; d != "" && !rules.all; d = d.Dir() {
		rules.all = rules.ignore.Match(d, true)
	}
	return rules, nil
}
