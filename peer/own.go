package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// OwnChange is one entry of a receiving folder that is as somebody here made it,
// or of a source that peers have made other than it is here.
type OwnChange struct {
	Path   string `json:"path"`
	Change string `json:"change"` // added, modified or deleted, as seen from the others
	Kind   string `json:"kind"`
	Size   int64  `json:"size"`
	MTime  int64  `json:"mtime_ns"`          // nanoseconds since 1970 UTC
	Failed string `json:"problem,omitempty"` // why it was left as it is

	RawPath []byte `json:"raw_path,omitempty"` // where it is not UTF-8
	Unkept  bool   `json:"unkept,omitempty"`   // what is here goes for good: no versions are kept
}

// Errors of [Folder.Revert] and [Folder.Override].
var (
	ErrNotReceiver = errors.New("only a folder of mode receive keeps changes to itself")
	ErrNotSource   = errors.New("only a one-way source, of mode send or backup, can put what it has above the others")
)

// ownChanges counts what Revert would take back.
func (f *Folder) ownChanges() OwnChanges {
	if f.Mode() != Receive {
		return OwnChanges{}
	}
	o := OwnChanges(f.store.Own())
	if f.store.Kept() {
		o.Added = 0 // beside a backup that is nothing extra
	}
	return o
}

// differing counts what peers have made other than it is in this source. What is
// ignored here is none of its business.
func (f *Folder) differing() int64 {
	now := differingAt{want: f.store.Want(), seq: f.store.Identity().Seq}
	f.mu.Lock()
	last := f.differ
	f.mu.Unlock()
	if now.want == last.want && now.seq == last.seq {
		return last.n
	}
	r := &round{f: f, ignore: f.ignore()}
	for after := folder.Path(""); ; {
		page, err := f.store.Wanted(after, wantPage)
		if err != nil {
			return last.n
		}
		for i := range page {
			if differs, err := r.differs(&page[i]); differs && err == nil {
				now.n++
			}
		}
		if len(page) < wantPage {
			break
		}
		after = page[len(page)-1].Path
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.differ = now
	return now.n
}

// differingAt is how much differed when the map was as it says.
type differingAt struct {
	want store.Want
	seq  uint64
	n    int64
}

func (f *Folder) wrongMode(err error) error {
	return fmt.Errorf("%w, and %s is of mode %s", err, typed(f.Dir()), f.Mode())
}

// pageOf bounds how many entries are handled in one transaction.
const pageOf = 500

// Revert takes back what was changed in a receiving folder and is known here
// alone: what was added moves to the versions at once; what was modified or
// deleted is wanted as the source has it, and comes when somebody has the
// content. A dry run only tells. It works on a folder that does not run too,
// which then does the rest when it does. It returns [ErrNotReceiver] for a folder
// of another mode.
func (f *Folder) Revert(ctx context.Context, dry bool) ([]OwnChange, error) {
	if f.Mode() != Receive {
		return nil, f.wrongMode(ErrNotReceiver)
	}
	if err := f.lookNow(ctx); err != nil {
		return nil, err
	}
	var out []OwnChange
	var back, extra []folder.Path
	rules := &round{f: f, ignore: f.ignore()}
	for r, err := range f.store.Records("") {
		if err != nil {
			return nil, err
		}
		if !r.Stands() || f.keepsOwn(&r) {
			continue
		}
		if ignored, err := rules.ignores(&r); err != nil {
			return nil, err
		} else if ignored {
			continue // nobody's business but this machine's
		}
		c := ownChange(&r)
		c.Unkept = !f.KeepsVersions() && c.Change != "deleted" && r.Local.Value.Kind != folder.Dir
		out = append(out, c)
		if r.Register.Live() {
			back = append(back, r.Path)
		} else {
			extra = append(extra, r.Path)
		}
	}
	if dry || len(out) == 0 {
		return out, nil
	}
	failed, err := f.removeOwn(ctx, extra)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Failed = failed[folder.Path(out[i].Path)]
	}
	for page := range slices.Chunk(back, pageOf) {
		for _, p := range page {
			f.undone.add(p) // a person asked for it: nothing for the brake
		}
		if err := f.store.Revert(page); err != nil {
			return nil, err
		}
	}
	f.wakeSyncer()
	f.changed()
	return out, nil
}

func ownChange(r *store.Record) OwnChange {
	v, change := r.Local.Value, "added"
	switch {
	case v.Kind == folder.Absent:
		v, change = r.Register.Resolve().Value, "deleted"
	case r.Register.Live():
		change = "modified"
	}
	return OwnChange{Path: string(r.Path), Change: change, Kind: v.Kind.String(), Size: v.Size, MTime: v.MTime, RawPath: raw(r.Path)}
}

// removeOwn moves what only this machine has to the versions, the deepest first,
// and returns why some of it stays.
func (f *Folder) removeOwn(ctx context.Context, paths []folder.Path) (failed map[folder.Path]string, err error) {
	failed = make(map[folder.Path]string)
	slices.Reverse(paths) // what is inside comes behind its directory
	for page := range slices.Chunk(paths, pageOf) {
		var done []store.Change
		dirs := make(map[folder.Path]bool)
		for _, p := range page {
			if ctx.Err() != nil {
				return failed, ctx.Err()
			}
			rec, err := f.store.Record(p)
			if err != nil {
				return failed, err
			}
			if !rec.Stands() || rec.Register.Live() || rec.Local.Value.Kind == folder.Absent || rec.Local.Ignored {
				continue
			}
			kept, err := f.takeAway(&rec)
			if err != nil {
				failed[p] = plain(err)
				continue
			}
			done = append(done, store.Change{Path: p, Before: rec.Local, Applied: true, Kept: kept})
			dirs[p.Dir()] = true
		}
		if err := f.settleOwn(done, dirs); err != nil {
			return failed, err
		}
	}
	return failed, nil
}

// takeAway moves an entry to the versions, and returns where it is there. Until
// the map says so, its absence is no change of a user's.
func (f *Folder) takeAway(rec *store.Record) (kept folder.Path, err error) {
	f.placing.add(rec.Path)
	if kept, err = f.root.Remove(rec.Path, rec.Local); err == nil {
		return kept, nil
	}
	f.placed(rec.Path)
	switch {
	case errors.Is(err, disk.ErrNotEmpty):
		return "", errDirHolds
	case errors.Is(err, disk.ErrChanged):
		f.look.add(rec.Path, true)
	}
	return "", err
}

// settleOwn makes durable, and tells the map, what was done to the disk outside a
// round of the syncer.
func (f *Folder) settleOwn(done []store.Change, dirs map[folder.Path]bool) error {
	if len(done) == 0 {
		return nil
	}
	defer func() {
		for i := range done {
			f.placed(done[i].Path)
		}
	}()
	for d := range dirs {
		if err := f.root.SyncDir(d); err != nil && !errors.Is(err, disk.ErrNoParent) {
			return err
		}
	}
	out, err := f.store.Commit(done, f.Mode().announces())
	if err != nil {
		return err
	}
	for _, p := range out.Stale {
		f.look.add(p, false)
	}
	f.counts.announced.Add(int64(out.Issued))
	f.noteConflicts(done)
	for d := range dirs {
		if d != "" {
			f.look.add(d, false) // its time has moved
		}
	}
	for i := range done {
		if done[i].After.Value.Kind == folder.Absent {
			f.lostEntry(done[i].Path.Dir())
		}
	}
	f.wakeSyncer()
	f.changed()
	return nil
}

// lookNow looks at the whole folder afresh, also where nothing runs.
func (f *Folder) lookNow(ctx context.Context) error {
	f.mu.Lock()
	works := f.working
	f.mu.Unlock()
	if works {
		return f.Rescan(ctx)
	}
	err := f.scanAll(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.working {
		f.scanned.shut() // the next shift begins with a look of its own
	}
	return err
}

// Override makes what a one-way source holds the outcome everywhere: where its
// peers have made something else of an entry, they get the source's state again,
// and what they had goes to their versions. A dry run only tells; of a backup,
// what it has not is left to the others. It returns [ErrNotSource] for a folder
// of another mode.
func (f *Folder) Override(ctx context.Context, dry bool) ([]OwnChange, error) {
	if !f.Mode().gives() {
		return nil, f.wrongMode(ErrNotSource)
	}
	if err := f.lookNow(ctx); err != nil {
		return nil, err
	}
	out := []OwnChange{}
	r := &round{f: f, ignore: f.ignore()}
	var page []store.Record
	flush := func() error {
		if dry || len(page) == 0 {
			return nil
		}
		err := r.override(page)
		page = page[:0]
		return err
	}
	for rec, err := range f.store.Records("") {
		if err != nil {
			return nil, err
		}
		if differs, err := r.differs(&rec); err != nil {
			return nil, err
		} else if !differs {
			continue
		}
		out = append(out, differing(&rec))
		if page = append(page, rec); len(page) >= pageOf {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	f.changed()
	return out, nil
}

// differs reports whether peers have made something else of a source's entry.
func (r *round) differs(rec *store.Record) (bool, error) {
	if wanted, _ := rec.Wanted(); !wanted && !rec.Rivals() {
		return false, nil
	}
	if r.f.Mode() == Backup && rec.Local.Value.Kind == folder.Absent {
		return false, nil
	}
	ignored, err := r.ignores(rec)
	return !ignored, err
}

// ignores reports whether this machine ignores what it holds, or lacks, at rec's path.
func (r *round) ignores(rec *store.Record) (bool, error) {
	if rec.Local.Ignored {
		return true, nil
	}
	return r.isIgnored(rec, rec.Register.Resolve())
}

// differing tells what the peers have made of an entry.
func differing(rec *store.Record) OwnChange {
	v, change := rec.Register.Resolve().Value, "modified"
	switch {
	case v.Kind == folder.Absent:
		v, change = rec.Local.Value, "deleted"
	case rec.Local.Value.Kind == folder.Absent:
		change = "added"
	}
	return OwnChange{Path: string(rec.Path), Change: change, Kind: v.Kind.String(), Size: v.Size, MTime: v.MTime, RawPath: raw(rec.Path)}
}
