package peer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// wantPage is how many wanted paths are read at a time.
const wantPage = 1000

// guardBelow: a folder with no more entries than this cannot meet the default
// brake, so what arrives may be applied before the peers have told everything.
const guardBelow = 100

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
	made     map[folder.Path]bool // directories made, or seen to be there, in this round
	removals []folder.Path
	ignore   *folder.Ignore // of the command line
	rules    dirRules       // of the directory handled last
	ignored  store.Want
	extras   bool // entries that the source never had may go
	did      int
}

// syncRound handles every wanted path once and reports whether something was
// done, so that another round may find more.
func (f *Folder) syncRound(ctx context.Context) (more bool, err error) {
	if !isClosed(f.scanned) {
		return false, nil
	}
	began := time.Now()
	if f.store.Want().Entries == 0 && !f.hollow.any() {
		f.parked.sweep(began)
		return false, nil
	}
	ready, extras := f.ready()
	if !ready {
		return false, nil
	}
	if err := f.checkRoot(false); err != nil {
		return false, err
	}
	if err := f.checkBrake(); err != nil {
		return false, err
	}
	f.setState("syncing")
	defer f.setState("idle")
	r := &round{f: f, ctx: ctx, made: make(map[folder.Path]bool), ignore: f.ignore(), extras: extras}
	r.place = newPlacer(f)
	defer r.place.close()
	r.fetch = newFetcher(ctx, f, r.place)
	err = r.walk() // even if it fails, what was started has to end
	err = errors.Join(err, r.fetch.finish())
	err = errors.Join(err, r.place.finish())
	if err != nil {
		return false, err
	}
	if err := r.remove(); err != nil {
		return false, err
	}
	if err := r.settleDirs(); err != nil {
		return false, err
	}
	f.mu.Lock()
	f.ignored = r.ignored
	f.mu.Unlock()
	f.parked.sweep(began)
	f.changed()
	return r.did+int(r.place.placed.Load()) > 0, nil
}

// ready reports whether wanted changes may be applied now, and whether entries
// that no peer ever told of may be removed (the mirror of a one-way source).
func (f *Folder) ready() (ready, extras bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, complete := true, false
	for _, s := range f.sessions {
		s.mu.Lock()
		all = all && s.caught
		complete = complete || s.caught && s.peerScanned
		s.mu.Unlock()
	}
	extras = Mode(f.mode.Load()) == Receive && complete
	if f.cfg.MaxDelete.Percent >= 100 || f.store.Totals().Entries() <= guardBelow {
		return true, extras
	}
	// The brake counts what is about to go, so it has to know all of it.
	if Mode(f.mode.Load()) == Receive {
		return all && complete, extras
	}
	return all, extras
}

// checkBrake stops the folder if what is wanted would remove or replace too
// much of it at once.
func (f *Folder) checkBrake() error {
	total := f.store.Totals().Entries()
	if f.cfg.MaxDelete.Percent >= 100 || f.cfg.MaxDelete == (Brake{}) && total <= guardBelow {
		return nil
	}
	var n int64
	for after := folder.Path(""); ; {
		page, err := f.store.Wanted(after, wantPage)
		if err != nil {
			return err
		}
		for _, rec := range page {
			if rec.Local.Value.Kind == folder.Absent || rec.Local.Implicit {
				continue
			}
			if !rec.Register.Live() || !folder.SameContent(rec.Local.Value, rec.Register.Resolve().Value) {
				n++
			}
		}
		if len(page) < wantPage {
			break
		}
		after = page[len(page)-1].Path
	}
	if f.cfg.MaxDelete.Stops(n, total) {
		return fmt.Errorf("%w: this would remove or replace %d of %d entries in %s; nothing was touched. If that is meant, run again with --max-delete 100%%", ErrBrake, n, total, f.Dir())
	}
	return nil
}

// want is what differs here and is meant to become equal.
func (f *Folder) want() store.Want {
	w := f.store.Want()
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Entries = max(w.Entries-f.ignored.Entries, 0)
	w.Bytes = max(w.Bytes-f.ignored.Bytes, 0)
	return w
}

func (r *round) walk() error {
	for after := folder.Path(""); r.ctx.Err() == nil; {
		page, err := r.f.store.Wanted(after, wantPage)
		if err != nil {
			return err
		}
		for i := range page {
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

// plan decides what one wanted path needs and starts it.
func (r *round) plan(rec *store.Record) error {
	f := r.f
	if f.parked.parked(rec.Path) {
		return nil
	}
	res := rec.Register.Resolve()
	ignored, err := r.isIgnored(rec, res)
	if err != nil {
		return r.failed(rec.Path, err)
	}
	if ignored {
		_, bytes := rec.Wanted()
		r.ignored.Entries++
		r.ignored.Bytes += bytes
		return nil
	}
	here := rec.Local.Value
	switch {
	case res.Winner.Dot.IsZero():
		r.removals = append(r.removals, rec.Path)
		return nil
	case here.Kind == folder.Dir && res.Value.Kind != folder.Dir:
		return r.dirInTheWay(rec)
	case here.Kind == folder.Dir:
		f.touched.add(rec.Path) // its metadata is set when the round ends
		return nil
	}
	ok, err := r.parents(rec.Path)
	if err != nil || !ok {
		return err
	}
	if folder.SameContent(here, res.Value) {
		return r.metadata(rec, res)
	}
	if res.Value.Kind == folder.File {
		return r.fetch.add(want{rec: *rec, res: res})
	}
	return r.special(rec, res)
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

// dirInTheWay handles a directory on disk where something else should be. What
// still lives below it keeps it there: then whoever holds the other entry makes
// a conflict copy of that, and the register changes.
func (r *round) dirInTheWay(rec *store.Record) error {
	live, err := r.f.store.LiveBelow(rec.Path)
	if err != nil {
		return err
	}
	if live {
		r.f.parked.park(rec.Path, "")
		return r.unmake(rec)
	}
	r.removals = append(r.removals, rec.Path)
	return nil
}

// special makes a directory or a symlink.
func (r *round) special(rec *store.Record, res folder.Resolution) error {
	f := r.f
	kept, err := f.keepLosers(rec, res)
	if err != nil {
		return r.failed(rec.Path, err)
	}
	f.touched.add(rec.Path.Dir())
	var p disk.Placed
	if res.Value.Kind == folder.Dir {
		p, err = f.root.Mkdir(rec.Path, res.Value, rec.Local)
	} else {
		p, err = f.root.Symlink(rec.Path, res.Value, rec.Local)
	}
	if err != nil {
		return r.failed(rec.Path, err)
	}
	after := p.Local
	after.Dot = res.Winner.Dot
	if res.Value.Kind == folder.Dir {
		// What comes into it moves its time: until that is set right it counts
		// as made for its content only, so that a crash announces nothing.
		after.Dot, after.Implicit = folder.Dot{}, true
		f.touched.add(rec.Path)
		r.made[rec.Path] = true
	} else {
		after.Value = asPlaced(res.Value, p)
	}
	r.did++
	f.tally(rec.Local, after)
	return r.place.add(append(kept, store.Change{Path: rec.Path, Before: rec.Local, After: after, Applied: true}), p.Displaced)
}

// metadata sets mode and time of something whose content is right.
func (r *round) metadata(rec *store.Record, res folder.Resolution) error {
	p, err := r.f.root.SetMeta(rec.Path, res.Value, rec.Local)
	if err != nil {
		return r.failed(rec.Path, err)
	}
	after := p.Local
	after.Dot, after.Value = written(res), asPlaced(res.Value, p)
	r.did++
	r.f.counts.modified.Add(1)
	r.place.meta()
	return r.place.add([]store.Change{{Path: rec.Path, Before: rec.Local, After: after, Applied: true}}, "")
}

// parents makes sure that the directories above p are there. It reports false
// if they cannot be, for now.
func (r *round) parents(p folder.Path) (bool, error) {
	dir := p.Dir()
	if dir == "" || r.made[dir] {
		return true, nil
	}
	rec, err := r.f.store.Record(dir)
	if err != nil {
		return false, err
	}
	if rec.Local.Value.Kind == folder.Dir {
		r.made[dir] = true
		return true, nil
	}
	if ok, err := r.parents(dir); err != nil || !ok {
		return false, err
	}
	// A directory that lives only through what is below it, or whose own turn
	// has not come.
	res := rec.Register.Resolve()
	kept, err := r.f.keepForDir(&rec, res)
	if err != nil {
		return false, r.failed(dir, err)
	}
	v := folder.Value{Kind: folder.Dir, Mode: 0o755, MTime: time.Now().UnixNano()}
	if res.Value.Kind == folder.Dir {
		v = res.Value
	}
	r.f.touched.add(dir.Dir())
	r.f.touched.add(dir)
	placed, err := r.f.root.Mkdir(dir, v, rec.Local)
	if err != nil {
		return false, r.failed(dir, err)
	}
	after := placed.Local
	after.Dot, after.Implicit = folder.Dot{}, true
	r.made[dir] = true
	r.did++
	return true, r.place.add(append(kept, store.Change{Path: dir, Before: rec.Local, After: after, Applied: true}), placed.Displaced)
}

// failed sorts what went wrong with one path: a disk that changed is looked at
// again, everything else is that path's problem and stops nothing else.
func (r *round) failed(p folder.Path, err error) error { return r.f.pathFailed(p, err) }

func (f *Folder) pathFailed(p folder.Path, err error) error {
	switch {
	case errors.Is(err, disk.ErrChanged), errors.Is(err, disk.ErrNoParent):
		f.parked.park(p, "")
		f.look.add(p, true)
		if d := p.Dir(); d != "" {
			f.look.add(d, false)
		}
		return nil
	case errors.Is(err, disk.ErrRootGone):
		return fmt.Errorf("%w: %w", ErrRoot, err)
	case errors.Is(err, context.Canceled):
		return nil
	}
	f.parked.park(p, plain(err))
	f.event(Event{Event: "problem", Path: string(p), Text: plain(err)})
	f.changed()
	return nil
}
