package peer

import (
	"context"
	"sync"

	"qsync/folder"
	"qsync/protocol"
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
		risk, err := f.atRisk()
		if err == nil {
			err = f.checkBrake(risk)
		}
		if err != nil {
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
	if !f.scanned.isOpen() {
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

// planHere reports what is wanted here.
func (f *Folder) planHere() error {
	r := &round{f: f, ignore: f.ignore()}
	for after := folder.Path(""); ; {
		page, err := f.store.Wanted(after, wantPage)
		if err != nil {
			return err
		}
		for _, rec := range page {
			ignored, err := r.isIgnored(&rec, rec.Register.Resolve())
			if err != nil {
				return err
			}
			if !ignored {
				f.cfg.Plan(planOf(&rec, f.Dir()))
			}
		}
		if len(page) < wantPage {
			return nil
		}
		after = page[len(page)-1].Path
	}
}

func planOf(rec *store.Record, dir string) PlanItem {
	it := itemOf(rec, rec.Local.Value)
	it.Here, it.Dir = true, dir
	return it
}

// itemOf is what has to be done where a path holds the value now, to make it
// what the register shows.
func itemOf(rec *store.Record, now folder.Value) PlanItem {
	res := rec.Register.Resolve()
	it := PlanItem{Path: rec.Path, Kind: res.Value.Kind, Bytes: res.Value.Size}
	switch {
	case res.Value.Kind == folder.Absent:
		it.Action, it.Kind, it.Bytes = "delete", now.Kind, 0
	case now.Kind == folder.Absent:
		it.Action = "add"
	case folder.SameContent(now, res.Value):
		it.Action, it.Bytes = "metadata", 0
	case loses(now, res):
		it.Action = "conflict"
	default:
		it.Action = "replace"
	}
	return it
}

func loses(v folder.Value, res folder.Resolution) bool {
	for _, l := range res.Losers {
		if folder.SameContent(l.Value, v) {
			return true
		}
	}
	return false
}

// otherSide is what a dry run knows of the peer's files.
type otherSide struct {
	mu     sync.Mutex
	told   map[folder.Path]folder.Value // what it told now
	before map[folder.Path]folder.Value // what it has of paths that have changed here since, if we were in sync
	whole  bool                         // it told of everything: what it did not tell of is not there
}

func (o *otherSide) hear(i *protocol.Index) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.whole = o.whole || i.Snapshot
	for _, e := range i.Entries {
		o.told[e.Path] = e.Register.Resolve().Value
	}
}

func (o *otherSide) changed(p folder.Path, before folder.Value) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.before[p]; !ok {
		o.before[p] = before
	}
}

// holds returns what the peer has of a path whose latest change here stands
// behind the position that the peer has confirmed, or not. A change that was
// made in an earlier run and never sent shows at least whether it replaced
// something.
func (o *otherSide) holds(rec *store.Record, confirmed bool) folder.Value {
	o.mu.Lock()
	defer o.mu.Unlock()
	if v, ok := o.told[rec.Path]; ok {
		return v
	}
	res := rec.Register.Resolve()
	v, seen := o.before[rec.Path]
	switch {
	case o.whole:
		return folder.Value{}
	case seen:
		return v
	case confirmed:
		return res.Value
	case res.Winner.Dot.IsZero():
		return rec.Local.Value
	case res.Value.Base == (folder.Base{}):
		return folder.Value{}
	}
	v = res.Value
	if res.Value.Base.Content != res.Value.ContentID() {
		v.Digest = folder.Digest{}
	}
	v.Mode ^= 1
	return v
}

// planThere reports what would change at the peer.
func (f *Folder) planThere() error {
	confirmed := uint64(0)
	f.mu.Lock()
	for id := range f.sessions {
		confirmed = f.store.Peer(id).Confirmed
	}
	f.mu.Unlock()
	for rec, err := range f.store.Records("") {
		if err != nil {
			return err
		}
		if rec.Seq == 0 {
			continue
		}
		there := f.other.holds(&rec, rec.Seq <= confirmed)
		if !folder.SameOnDisk(there, rec.Register.Resolve().Value) {
			f.cfg.Plan(itemOf(&rec, there))
		}
	}
	return nil
}
