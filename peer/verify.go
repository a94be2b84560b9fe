package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/folder/disk"
	"qsync/store"
)

// Verifying says what [Folder.Verify] is to do.
type Verifying struct {
	After  folder.Path // go on behind this path
	Repair bool
	For    time.Duration // about as long; at least one file is read
}

// Verified is a part of a verification.
type Verified struct {
	Files, Bytes int64 // read
	Found        []Finding
	Next         folder.Path // the path after which to go on
	More         bool
}

// Finding is a file that is not as the map says.
type Finding struct {
	Path folder.Path
	Size int64
	// State is "rotten" (the content is another one, though nobody has written to
	// it), "changed" (somebody has; it is scanned as any change) or "unreadable".
	State string
	Why   string // of what is unreadable, in words
	// Repaired is how far a repair came: "done", with a copy from this machine, or
	// "wanted": the good content is fetched from a peer as soon as one has it.
	Repaired string
}

// ErrNoRepair: nothing may be written into this folder.
var ErrNoRepair = errors.New("a one-way source is never written, so it is not repaired")

const (
	verifyPage   = 500
	verifyBuffer = 1 << 20
	maxFindings  = 200 // of a part
)

// Verify reads a part of the files that the map knows, in the order of their
// paths, and compares them with their digests. It never makes rot an edit: what
// differs though size, times and inode are those of the last look is rotten, and
// stays a matter of this machine. With q.Repair a good copy takes its place: from
// a version or another file here, else from a peer; the rotten one is kept among
// the versions. Memory is bounded. The error is [ErrNoRepair], ctx's or the map's.
func (f *Folder) Verify(ctx context.Context, q Verifying) (Verified, error) {
	out := Verified{Next: q.After}
	if q.Repair && f.bare {
		return out, ErrNoRepair
	}
	if err := f.checkRoot(false); err != nil {
		return out, err
	}
	began, buf := time.Now(), make([]byte, verifyBuffer)
	for {
		page, err := f.store.Page(out.Next, verifyPage)
		if err != nil || len(page) == 0 {
			return out, err
		}
		for i := range page {
			if out.Files > 0 && time.Since(began) >= q.For || len(out.Found) >= maxFindings {
				out.More = true
				return out, nil
			}
			rec := &page[i]
			if rec.Local.Value.Kind == folder.File {
				if err := f.verify(ctx, rec, buf, &out, q.Repair); err != nil {
					return out, err
				}
			}
			out.Next = rec.Path
		}
	}
}

// verify reads one file.
func (f *Folder) verify(ctx context.Context, rec *store.Record, buf []byte, out *Verified, repair bool) error {
	x := Finding{Path: rec.Path, Size: rec.Local.Value.Size, State: "unreadable"}
	lately := f.unproven(&rec.Local) // before it is read, which takes its time
	got, err := f.digestOf(ctx, rec, buf)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	out.Files++
	out.Bytes += rec.Local.Value.Size
	same := f.root.Unchanged(rec.Path, rec.Local)
	switch {
	case errors.Is(err, disk.ErrChanged), errors.Is(err, disk.ErrNoParent), err == nil && !same && got != rec.Local.Value.Digest:
		x.State = "changed"
		f.look.add(rec.Path, true)
	case err != nil:
		x.Why = plain(err)
		f.problem(rec.Path, err)
	case got == rec.Local.Value.Digest:
		return nil
	case f.mayMove(rec, lately):
		x.State = "changed"
	default:
		x.State = "rotten"
		f.problem(rec.Path, errRotten)
		if repair {
			if x.Repaired, err = f.repair(ctx, rec, got); err != nil {
				x.Why = plain(err)
			}
		}
	}
	out.Found = append(out.Found, x)
	return nil
}

// mayMove reports whether what rec's file held when its reading began, then, may be
// somebody's work though no stamp tells of it: it was edited here so lately that a
// store into a mapping leaves none (F34). It is read once more then, in a while or,
// where too much waits for that, at once, and an edit is told of.
func (f *Folder) mayMove(rec *store.Record, lately bool) bool {
	if f.motion.proves(rec.Path) {
		return true
	}
	if !lately {
		return false
	}
	if !f.motion.prove(rec.Path, rec.Local.Value.Size, 1) {
		f.written.add(rec.Path)
	}
	f.look.add(rec.Path, false) // and when that is due is thought about anew
	return true
}

var errRotten = errors.New("its content has changed on the disk though nobody wrote to it; 'qsync verify --repair' fetches a good copy")

// digestOf reads the file of a record, which is known by its stat.
func (f *Folder) digestOf(ctx context.Context, rec *store.Record, buf []byte) (folder.Digest, error) {
	file, err := f.root.OpenFile(rec.Path, rec.Local)
	if err != nil {
		return folder.Digest{}, err
	}
	defer file.Close()
	defer context.AfterFunc(ctx, func() { file.Close() })() // a large file is given up with the rest
	disk.Uncached(file)
	d, _, err := chunk.Sum(file, buf)
	disk.Uncached(file) // nor does it push out what others need
	return d, err
}

// repair puts the right content in the place of a rotten file, of which got is
// what it holds.
func (f *Folder) repair(ctx context.Context, rec *store.Record, got folder.Digest) (string, error) {
	good, err := f.goodCopy(ctx, rec)
	if err != nil {
		return "", err
	}
	if good != nil {
		return "done", f.replaceRotten(rec, good)
	}
	// The map learns what the disk really holds. That is no write of anybody's, so
	// that the path is wanted, and is handled like any other: who has it is asked,
	// and the swap is guarded. Until then a scan finds what it knows.
	c := store.Change{Path: rec.Path, Before: rec.Local, After: rec.Local, Applied: true, Why: store.WhyRestore}
	c.After.Value.Digest = got
	out, err := f.store.Commit([]store.Change{c}, f.Mode().announces())
	if err != nil {
		return "", err
	}
	if len(out.Stale) > 0 {
		f.look.add(rec.Path, false)
		return "", disk.ErrChanged
	}
	f.changed()
	f.wakeSyncer()
	return "wanted", nil
}

// goodCopy stages the content that rec should have from this machine's disk, nil
// if that has it nowhere.
func (f *Folder) goodCopy(ctx context.Context, rec *store.Record) (*disk.Staged, error) {
	var found *disk.Staged
	try := func(open func() (*os.File, error)) {
		from, err := open()
		if err != nil {
			return
		}
		defer from.Close()
		s, err := f.root.Stage()
		if err != nil {
			return
		}
		if err = s.CopyFrom(from); err == nil {
			err = s.Finish(rec.Local.Value)
		}
		if err != nil {
			s.Discard() // what is there is as rotten, or another content
			return
		}
		found = s
	}
	if err := f.room(rec.Local.Value.Size); err != nil {
		return nil, err
	}
	held, err := f.store.Holding(rec.Local.Value.Digest, 8)
	if err != nil {
		return nil, err
	}
	for _, r := range held {
		if r.Path != rec.Path && found == nil {
			try(func() (*os.File, error) { return f.root.OpenFile(r.Path, r.Local) })
		}
	}
	err = f.root.Versions(ctx, rec.Path, "", func(vs []disk.Version) error {
		for _, v := range vs {
			if found == nil && v.Path == rec.Path && v.Kind == folder.File && v.Size == rec.Local.Value.Size {
				try(func() (*os.File, error) { return f.root.OpenVersion(v) })
			}
		}
		return errEnough
	})
	if found == nil && err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return found, nil
}

// replaceRotten swaps a good copy in. The rotten file goes to the versions.
func (f *Folder) replaceRotten(rec *store.Record, good *disk.Staged) error {
	defer good.Discard() // nothing once it is placed
	if err := good.Sync(); err != nil {
		return err
	}
	f.placing.add(rec.Path)
	defer f.placed(rec.Path)
	placed, err := f.root.Put(rec.Path, good, rec.Local)
	if err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	if err := f.root.SyncDir(rec.Path.Dir()); err != nil {
		return err
	}
	if placed.Displaced != "" {
		f.look.add(placed.Displaced, false)
	}
	after := rec.Local
	after.Value.Mode, after.Stat = placed.Local.Value.Mode, placed.Local.Stat
	if coarse(placed.Local.Value.MTime, after.Value.MTime) {
		after.Value.MTime = placed.Local.Value.MTime
	}
	if st, ok := f.root.Restat(rec.Path, after); ok {
		after.Stat = st
	}
	_, err = f.store.Commit([]store.Change{{Path: rec.Path, Before: rec.Local, After: after, Applied: true, Why: store.WhyRestore, Kept: placed.Kept}}, f.Mode().announces())
	f.solved(rec.Path, false, nil)
	f.changed()
	if dir, e := f.store.Record(rec.Path.Dir()); e == nil && dir.Local.Value.Kind == folder.Dir {
		// Its time has moved, and nobody has changed anything in it.
		_, _ = f.root.SetMeta(dir.Path, dir.Local.Value, dir.Local)
	}
	return err
}

// Unrepaired returns those of the paths that still wait for a good copy, and how
// many peers are here that could be asked.
func (f *Folder) Unrepaired(paths []folder.Path) (left []folder.Path, peers int, err error) {
	for _, p := range paths {
		rec, err := f.store.Record(p)
		if err != nil {
			return nil, 0, err
		}
		if wanted, _ := rec.Wanted(); wanted {
			left = append(left, p)
		} else {
			f.solved(p, false, nil)
		}
	}
	return left, len(f.connected()), nil
}
