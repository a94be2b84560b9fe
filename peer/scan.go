package peer

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/folder/fault"
	"qsync/store"
)

// Bounds of the scanner's batches: so many entries, or so long, whichever
// comes first, go into one transaction.
const (
	scanBatch = 2000
	scanDelay = 200 * time.Millisecond
	hintDelay = time.Millisecond / 2 // the watcher has gathered a burst already
	racyWait  = 3 * time.Second      // until stamps of a coarse clock have moved on
	busyWait  = 5 * time.Second      // before a file that is being written is read again
)

// scanLoop looks at everything first, then at what hints point to, and at
// everything again now and then.
func (f *Folder) scanLoop(ctx context.Context) error {
	select {
	case <-f.modeSet:
	case <-ctx.Done():
		return nil
	}
	watch, err := f.watch(ctx)
	if err != nil {
		return err
	}
	var hints <-chan disk.Hint
	if watch != nil {
		hints = watch.Hints()
	}
	f.motion.forget()
	f.bases.forget()
	began := f.node.wall()
	if err := f.scanAll(ctx); err != nil {
		return err
	}
	next := f.newPasses(began)
	defer next.end()
	rest := time.NewTimer(time.Hour) // there is nothing yet to wait for
	defer rest.Stop()
	f.awaitRest(rest)
	for waited := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case h := <-hints:
			f.hint(h)
			continue
		case <-f.look.signal():
			err = f.scanHints(ctx, hints)
		case <-rest.C:
			err = f.scanRested(ctx)
		case <-next.timer.C:
			if f.cfg.Once || !next.due() {
				continue
			}
			began = f.node.wall()
			err = f.scanAll(ctx)
			next.plan(began)
		case done := <-f.rescans:
			f.takeHints(hints)
			err = f.scanAll(ctx)
			done <- err
		}
		if err != nil {
			return err
		}
		f.awaitRest(rest)
		waits := f.motion.waiting() + f.bases.waiting()
		if waits < waited {
			f.changed() // nothing new may have been found in them, but they are waited for no more
		}
		waited = waits
	}
}

// scanAll looks at every entry.
func (f *Folder) scanAll(ctx context.Context) error { return f.newScan(ctx, true).all() }

func (s *scan) all() error {
	defer s.end()
	f := s.f
	if err := f.checkRoot(false); err != nil {
		return err
	}
	f.setState("scanning")
	f.motion.looked()
	f.links.clear()
	began := time.Now()
	defer f.wakeSyncer()
	defer f.setState("idle")
	if err := s.one("", false); err != nil {
		return err
	}
	f.unsynced.Store(s.ignored)
	if err := s.finish(); err != nil {
		return err
	}
	if f.cfg.Once || f.cfg.Plan != nil {
		rest := f.newScan(s.ctx, false)
		defer rest.end()
		if err := rest.awaitDatabases(s.ctx); err != nil {
			return err
		}
	}
	if err := f.store.Looked(); err != nil {
		return err
	}
	f.swaps.looked()
	f.looks.took = time.Since(began)
	f.sayLimited()
	f.scanned.open()
	f.changed()
	return nil
}

// scan is one pass over all or some of the tree.
type scan struct {
	f        *Folder
	ctx      context.Context
	end      func() // the caller's to call
	whole    bool
	batch    []store.Change
	since    time.Time
	asked    time.Time            // when the hints had been given that it is about
	gone     []store.Change       // vanished entries, held back until they are counted
	turned   []store.Change       // directories that are something else now: told once what was below is told to be gone
	seen     map[folder.Path]int  // which of gone they are, from 1; hints overlap
	renamed  []store.Change       // new names of what seems to be gone, held back as long
	toll     tally                // those of them that were to stay
	counted  map[folder.Path]bool // the same, one by one
	packed   map[folder.Path]bool // directories of packs, by whether they hold one: see tally
	born     []loss               // entries that were not there, as far as the window knows more than their number
	ignored  int64                // entries that are ignored: all of them, or how many more
	let      bool                 // a person has let through what is gone
	named    renames              // new entries
	added    int64                // entries that were not there
	top      int                  // of those gone, how many lay in the root itself
	failed   error                // what found has ended the walk with
	bad      map[folder.Path]bool // what this look has found wrong
	began    time.Time            // the look at one path
	verify   bool                 // read what has not changed, too
	database folder.Path          // what is found now belongs to this one, and is told of at once
	deep     bool                 // this look is at many paths
	under    folder.Path          // the highest of them
	initial  bool
	kept     atomic.Int64 // bytes of content for the peers

	renamedAt map[folder.Path]int // which of renamed they are, from 1
}

func (f *Folder) newScan(ctx context.Context, whole bool) *scan {
	f.bases.ask(f.databaseGone)
	f.settled.clear() // from here on: what is settled while this look is under way
	return &scan{
		f: f, ctx: ctx, end: f.store.Looks(), whole: whole, since: time.Now(), asked: time.Now(), initial: f.store.Fresh() && !f.scanned.isOpen(),
		seen: make(map[folder.Path]int), counted: make(map[folder.Path]bool), packed: make(map[folder.Path]bool),
	}
}

func (s *scan) one(under folder.Path, shallow bool) error {
	f := s.f
	if s.whole {
		f.clearProblems()
	}
	s.bad = make(map[folder.Path]bool)
	s.began, s.deep, s.under = time.Now(), !shallow, under
	wrote := !s.deep && f.written.has(under)
	if wrote {
		f.written.drop(under) // what is written from here on is hinted at
	}
	stats, err := f.root.Scan(s.ctx, disk.ScanOptions{
		Under:   under,
		Shallow: shallow,
		Verify:  s.verify || wrote,
		Since:   s.asked,
		Holds:   f.holds,
		Known:   s.counting(f.known(under, shallow)),
		Ignore:  f.ignore(),
		Mounts:  f.mounts.has,
		Whole:   s.unmounted,
		Touched: f.isOurTime,
		Watch:   f.diskWatcher(),
		Linked:  s.linked,
		Renamed: f.wasAt,
		Split:   f.splitWanted,
		Keep:    s.keepsFresh(),
		Found:   func(x disk.Found) error { s.failed = s.found(x); return s.failed },
		Problem: s.problem,
	})
	f.counts.read.Add(stats.Hashed)
	switch {
	case s.failed != nil:
		return s.failed // our own words, not those of the walk that it ended
	case errors.Is(err, disk.ErrRootGone):
		return f.rootGone()
	case err == nil && !s.whole:
		if shallow && f.mounts.has(under) {
			s.bad[under] = true // what is missing below it was not looked for
		}
		f.solved(under, !shallow, s.bad)
	}
	if stats.Racy > 0 && !f.cfg.Once {
		f.lookLater(under, !shallow, racyWait)
	}
	return err
}

// problem notes what cannot be synced. A file that somebody is writing is no
// more than looked at again a little later.
func (s *scan) problem(p disk.Problem) {
	s.bad[p.Path] = true
	s.f.problem(p.Path, p.Err)
	s.mounted(p)
	if errors.Is(p.Err, disk.ErrChanging) && !s.f.cfg.Once {
		s.f.motion.found(p.Path, true, time.Since(s.began))
		s.f.lookLater(p.Path, false, busyWait)
	}
}

func (s *scan) found(x disk.Found) error {
	if s.f.placing.passed(x.Path) {
		// Taken for a user's it would be announced, and be in the map before it
		// is durable. What a user did to it meanwhile is found then.
		return nil
	}
	if x.Recipe != nil {
		s.f.keepRecipe(x.After.Value.Digest, x.Recipe)
	}
	if x.After.Ignored != x.Before.Ignored && x.After.Value.Kind != folder.Absent {
		n := int64(1)
		if x.Before.Ignored {
			n = -1
		}
		s.ignored += n
	}
	if x.After.Ignored {
		s.batch = append(s.batch, store.Change{Path: x.Path, Before: x.Before, After: x.After, Applied: true})
		return s.flushFull()
	}
	if s.f.other != nil {
		rec, err := s.f.store.Record(x.Path)
		if err != nil {
			return err
		}
		s.f.other.changes(&rec)
	}
	if s.deep && !s.whole && x.After.Value.Kind == folder.File && s.f.motion.holds(x.Path) {
		return nil // this look is about many paths; its own is to come
	}
	if s.putOff(&x) {
		if x.Before.Stat == x.After.Stat {
			s.f.written.add(x.Path) // nor will its stat tell of it then
		}
		return nil
	}
	s.read(&x)
	if s.foundAgain(&x) {
		return nil
	}
	c := store.Change{Path: x.Path, Before: x.Before, After: x.After, Looked: true}
	if s.initial {
		c.Why = store.WhyFound
	}
	if x.After.Value.Kind == folder.Absent {
		if s.database == "" {
			return s.vanished(c)
		}
		c.Applied = x.Before.Ignored && !s.f.mirror() // see vanished
	}
	if hides, err := s.f.hides(x); hides || err != nil {
		s.bad[x.Path] = true
		return err
	}
	made, err := s.madeDir(&x)
	if err != nil {
		return err
	}
	if made {
		c.Applied, c.After.Implicit = true, true
	}
	if x.Before.Value.Kind == folder.Absent {
		s.added++
		if len(s.born) < windowPaths {
			s.born = append(s.born, lossOf(c.Path, c.After.Value))
		}
	}
	if !s.initial && x.Before.Value.Kind == folder.Absent {
		c.After.Value.Origin = s.f.origin(x)
		s.named.add(c.After.Value)
	}
	if err := s.swappedIn(&c, &x); err != nil {
		return err
	}
	s.linkChanged(&c)
	s.moved(&c)
	if s.database == "" && c.Before.Value.Kind == folder.Dir && c.After.Value.Kind != folder.Dir {
		s.turned = append(s.turned, c)
		return nil
	}
	if s.holdBack(&c) {
		return nil
	}
	s.batch = append(s.batch, c)
	return s.flushFull()
}

// flushFull commits a batch that has waited long enough.
func (s *scan) flushFull() error {
	if s.database == "" && (len(s.batch) >= scanBatch || time.Since(s.since) > scanDelay) {
		return s.flush(&s.batch)
	}
	return nil
}

func (s *scan) flush(batch *[]store.Change) error {
	if len(*batch) == 0 {
		return nil
	}
	fault.Point("scanned")
	out, err := s.f.store.Commit(*batch, s.f.Mode().announces())
	if err != nil {
		return err
	}
	fault.Point("scan-committed")
	s.f.noteConflicts(*batch)
	for i := range *batch {
		s.f.echoes.drop((*batch)[i].Path)
	}
	s.f.unblock(*batch)
	*batch = (*batch)[:0]
	s.since = time.Now()
	for _, p := range out.Stale {
		s.f.look.add(p, false)
	}
	if s.f.mirror() {
		for _, p := range out.Rivals {
			s.f.rivals.add(p)
		}
	}
	s.f.counts.announced.Add(int64(out.Issued))
	s.f.wakeSyncer()
	s.f.changed()
	return nil
}
