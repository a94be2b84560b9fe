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
	if f.mirrors() {
		if err := f.override(); err != nil {
			return err
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
	if f.twin != nil {
		f.twin.changed()
	}
	return nil
}

// allKnown reports whether both sides have told all they hold, and the source of
// a pair what it puts above it.
func (f *Folder) allKnown() bool {
	head := uint64(0)
	if !f.scanned.isOpen() {
		return false
	}
	if t := f.twin; t != nil && t.mirror() {
		if !isClosed(t.planned) {
			return false
		}
		head = t.store.Identity().Seq
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, s := range f.sessions {
		s.mu.Lock()
		done := s.caught && s.peerScanned && f.store.Peer(id).Cursor >= head
		s.mu.Unlock()
		if done {
			return true
		}
	}
	return false
}

// planHere reports what is wanted here.
func (f *Folder) planHere() error {
	r := &round{f: f, ignore: f.ignore(), made: make(map[folder.Path]bool)}
	for after := folder.Path(""); ; {
		page, err := f.store.Wanted(after, wantPage)
		if err != nil {
			return err
		}
		for i := range page {
			if err := r.foresee(&page[i]); err != nil {
				return err
			}
		}
		if len(page) < wantPage {
			return r.foreseeHollow()
		}
		after = page[len(page)-1].Path
	}
}

// foresee reports what would be done about one wanted path, and about the
// directories above it that are there for its sake alone.
func (r *round) foresee(rec *store.Record) error {
	f, res := r.f, rec.Register.Resolve()
	if ignored, err := r.isIgnored(rec, res); ignored || err != nil || f.keepsOwn(rec) {
		return err
	}
	for dir := rec.Path.Dir(); res.Value.Kind != folder.Absent && dir != "" && !r.made[dir]; dir = dir.Dir() {
		r.made[dir] = true
		above, err := f.store.Record(dir)
		if err != nil {
			return err
		}
		if !above.Register.Live() && above.Local.Value.Kind == folder.Absent {
			f.cfg.Plan(PlanItem{Here: true, Dir: f.Dir(), Path: dir, Action: "add", Kind: folder.Dir})
		}
	}
	it := itemOf(rec, rec.Local.Value, f.Mode())
	switch {
	case it.Action == "replace" && rec.Owned():
		it.Action = "conflict"
	case it.Action == "conflict" && f.waived(rec, res.Losers, res.Value.Kind):
		it.Action = "replace"
	}
	it.Here, it.Dir = true, f.Dir()
	return f.plan(it)
}

// foreseeHollow reports the directories that nothing keeps any more.
func (r *round) foreseeHollow() error {
	for rec, err := range r.f.store.Records("") {
		if err != nil {
			return err
		}
		if !rec.Local.Implicit || rec.Register.Live() {
			continue
		}
		it := PlanItem{Here: true, Dir: r.f.Dir(), Path: rec.Path, Action: "delete", Kind: folder.Dir}
		if err := r.f.plan(it); err != nil {
			return err
		}
	}
	return nil
}

// plan reports one item, unless it is a directory to be removed that stays for
// what lives in it.
func (f *Folder) plan(it PlanItem) error {
	if it.Action == "delete" && it.Kind == folder.Dir {
		if live, err := f.store.LiveBelow(it.Path); live || err != nil {
			return err
		}
	}
	f.cfg.Plan(it)
	return nil
}

// itemOf is what has to be done where a path holds the value now, in a folder of
// that mode, to make it what the register shows.
func itemOf(rec *store.Record, now folder.Value, mode Mode) PlanItem {
	res := rec.Register.Resolve()
	it := PlanItem{Path: rec.Path, Kind: res.Value.Kind, Bytes: res.Value.Size}
	switch {
	case res.Value.Kind == folder.Absent:
		it.Action, it.Kind, it.Bytes = "delete", now.Kind, 0
	case now.Kind == folder.Absent:
		it.Action = "add"
	case folder.SameContent(now, res.Value):
		it.Action, it.Bytes = "metadata", 0
	case mode == TwoWay && loses(now, res): // the others keep no conflict copies
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
	before map[folder.Path]folder.Value // what it has of paths that have changed here since, as far as was known
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

// changes notes what the peer has where rec is about to change: what the
// register shows, which the disk here need not.
func (o *otherSide) changes(rec *store.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.before[rec.Path]; ok {
		return
	}
	o.before[rec.Path] = rec.Register.Resolve().Value
	if rec.Local.Implicit {
		o.before[rec.Path] = rec.Local.Value
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
	confirmed, mode := uint64(0), TwoWay
	f.mu.Lock()
	for id := range f.sessions {
		p := f.store.Peer(id)
		confirmed, mode = p.Confirmed, Mode(p.Mode)
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
		if folder.SameOnDisk(there, rec.Register.Resolve().Value) {
			continue
		}
		if err := f.plan(itemOf(&rec, there, mode)); err != nil {
			return err
		}
	}
	return nil
}
