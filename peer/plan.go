package peer

import (
	"context"

	"qsync/folder"
	"qsync/store"
)

// planLoop is the syncer of a dry run: when everything is known it reports what
// it would do, and does nothing.
func (f *Folder) planLoop(ctx context.Context) error {
	for {
		change := f.changes()
		if f.allKnown() {
			break
		}
		select {
		case <-ctx.Done():
			return nil
		case <-change:
		}
	}
	if f.Mode().applies() {
		if err := f.planHere(); err != nil {
			return err
		}
		if err := f.checkBrake(); err != nil {
			return err
		}
	}
	if f.twin == nil && f.Mode().announces() {
		if err := f.planThere(); err != nil {
			return err
		}
	}
	close(f.planned)
	f.changed()
	return nil
}

// allKnown reports whether both sides have told all they hold.
func (f *Folder) allKnown() bool {
	if !isClosed(f.scanned) {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sessions {
		s.mu.Lock()
		done := s.caught && s.peerScanned
		s.mu.Unlock()
		if done {
			return true
		}
	}
	return false
}

func (f *Folder) planHere() error {
	for after := folder.Path(""); ; {
		page, err := f.store.Wanted(after, wantPage)
		if err != nil {
			return err
		}
		for _, rec := range page {
			f.cfg.Plan(planOf(&rec, f.Dir()))
		}
		if len(page) < wantPage {
			return nil
		}
		after = page[len(page)-1].Path
	}
}

func planOf(rec *store.Record, dir string) PlanItem {
	res := rec.Register.Resolve()
	here := rec.Local.Value
	it := PlanItem{Here: true, Dir: dir, Path: rec.Path, Kind: res.Value.Kind, Bytes: res.Value.Size}
	switch {
	case res.Value.Kind == folder.Absent:
		it.Action, it.Kind, it.Bytes = "delete", here.Kind, 0
	case here.Kind == folder.Absent:
		it.Action = "add"
	case folder.SameContent(here, res.Value):
		it.Action, it.Bytes = "metadata", 0
	case holdsLoser(rec, res):
		it.Action = "conflict"
	default:
		it.Action = "replace"
	}
	return it
}

func holdsLoser(rec *store.Record, res folder.Resolution) bool {
	for _, l := range res.Losers {
		if folder.SameContent(l.Value, rec.Local.Value) {
			return true
		}
	}
	return false
}

// planThere reports what the peer would be sent: the rows of the journal that
// it has not told us itself.
func (f *Folder) planThere() error {
	peers := f.store.Peers()
	if len(peers) == 0 {
		return nil
	}
	for after, done := uint64(0), false; !done; {
		b, _, err := f.store.Since(peers[0].ID, after, batchLimits)
		if err != nil {
			return err
		}
		for _, e := range b.Entries {
			it := PlanItem{Path: e.Path, Action: "delete"}
			if e.Register.Live() {
				res := e.Register.Resolve()
				it.Kind, it.Bytes, it.Action = res.Value.Kind, res.Value.Size, "add"
				if len(e.Register.Sibs) > 1 || res.Value.Base != (folder.Base{}) {
					it.Action = "replace"
				}
			}
			f.cfg.Plan(it)
		}
		after, done = b.Upto, b.Complete
	}
	return nil
}
