package peer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
)

// Restoring says what [Folder.Restore] is to bring back.
type Restoring struct {
	Path   folder.Path // a file, a symlink, or a directory with all below it; "" is everything
	At     time.Time   // as it was then; zero with Number 0: see [Folder.RestoreTime]
	Number int         // this version of one path, 1 is the newest; instead of At
	Seen   time.Time   // with Number: when that version was replaced, and what it is known by if newer ones have come since
	After  folder.Path // go on behind this path
	Settle bool        // the last part: give directories their times back
	Dry    bool        // only say what would be done
	Copy   bool        // with Dry: it is for a copy elsewhere, which may be made in every mode
}

// Restored is one path that was brought back, or could not be.
type Restored struct {
	Version
	Action  string // "add", "replace", "same" (nothing to do), "newer" (it was not there yet), "failed"
	Problem string // why it failed
}

// ErrNoVersion: nothing is kept that could be brought back.
var ErrNoVersion = errors.New("no older version is kept")

// ErrNoRestore: in this mode nothing can be brought back into the folder.
var ErrNoRestore = errors.New("nothing can be brought back into this folder")

// Bounds of what is brought back at a time, and made durable together.
const (
	restoreFiles = 100
	restoreBytes = 64 << 20
)

// Restore brings back a part of what q names, and says how to go on: with next as
// q.After while there is more, and once with q.Settle in the end. What it brings
// back is an edit like a user's, which syncs, or in a receiving folder stays here
// alone; what is at the path now goes to the
// versions first. Each file is replaced as a whole or not at all, and durably
// before the answer. A single path fails without the others. The error is
// [ErrNoVersion], [ErrNoRestore], ctx's or the system's.
func (f *Folder) Restore(ctx context.Context, q Restoring) (done []Restored, next folder.Path, more bool, err error) {
	switch mode := f.Mode(); {
	case q.Copy:
	case f.bare:
		return nil, "", false, fmt.Errorf("%w: it is a one-way source (%s), which is never written; --to FILE writes a copy elsewhere", ErrNoRestore, mode)
	case mode == Mirror:
		return nil, "", false, fmt.Errorf("%w: it is a mirror, and would become like its source again; --to FILE writes a copy elsewhere, or restore it at the source", ErrNoRestore)
	}
	if !q.Dry {
		if err := f.checkRoot(false); err != nil {
			return nil, "", false, err
		}
	}
	b := &restoration{f: f, ctx: ctx, q: q}
	err = f.root.Versions(ctx, q.Path, q.After, func(vs []disk.Version) error {
		if len(b.picked) >= restoreFiles || b.bytes >= restoreBytes {
			more = true
			return errEnough
		}
		next = vs[0].Path
		return b.pick(vs)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, "", false, err
	}
	if !q.Seen.IsZero() && !b.found && !q.Settle {
		return nil, "", false, gone(q.Path, q.Seen)
	}
	if err := b.moved(); err != nil {
		return nil, "", false, err
	}
	b.run()
	return b.done, next, more, ctx.Err()
}

// restoration is one part of what is brought back.
type restoration struct {
	f      *Folder
	ctx    context.Context
	q      Restoring
	picked []Version
	bytes  int64
	found  bool // what q names is kept
	done   []Restored
	staged []*restored
	whole  map[folder.Path]bool // databases that have come, or not, with what stands beside them
}

// restored is one file or symlink under way.
type restored struct {
	v      Version
	before folder.Local // on disk
	value  folder.Value
	file   *disk.Staged // nil of a symlink
	placed disk.Placed
}

// pick chooses among the versions of one path, the newest first: that which was
// replaced next after the time asked for.
func (b *restoration) pick(vs []disk.Version) error {
	chosen := -1
	switch {
	case b.q.Number > 0:
		if vs[0].Path == b.q.Path {
			chosen = numbered(vs, b.q.Number, b.q.Seen)
		}
	default:
		for i, v := range vs {
			if v.Replaced.After(b.q.At) {
				chosen = i
			}
		}
	}
	if chosen < 0 {
		return nil
	}
	b.found = true
	if solved, err := b.f.resolvedCopy(vs[chosen], b.q); err != nil || solved {
		return err
	}
	v := Version{Version: vs[chosen], Number: chosen + 1}
	b.picked = append(b.picked, v)
	b.bytes += v.Size
	return nil
}

func (b *restoration) run() {
	for _, v := range b.picked {
		single := v.Path == b.q.Path
		switch {
		case v.Kind == folder.Dir:
			b.directory(v)
		case b.q.Settle:
		case !single && b.q.Number == 0 && v.MTime > b.q.At.UnixNano():
			b.say(v, "newer", nil)
		case b.database(v):
		default:
			b.stage(v)
		}
	}
	if len(b.staged) > 0 {
		b.place()
	}
}

func (b *restoration) say(v Version, action string, err error) {
	r := Restored{Version: v, Action: action}
	if err != nil {
		r.Problem = plain(err)
	}
	b.done = append(b.done, r)
}

func (b *restoration) failed(v Version, err error) { b.say(v, "failed", err) }

// directory makes a directory, or gives it its time when all is in it.
func (b *restoration) directory(v Version) {
	f := b.f
	now, err := f.root.Look(v.Path)
	value := folder.Value{Kind: folder.Dir, Mode: v.Mode, MTime: v.MTime}
	switch {
	case err != nil:
	case b.q.Settle && now.Value.Kind == folder.Dir && !b.q.Dry:
		_, err = f.root.SetMeta(v.Path, value, now)
		f.look.add(v.Path, false)
		if err == nil {
			return
		}
	case b.q.Settle, now.Value.Kind == folder.Dir:
		return
	case now.Value.Kind != folder.Absent:
		err = errInTheWay
	case !b.q.Dry:
		if err = b.parents(v.Path); err == nil {
			_, err = f.root.Mkdir(v.Path, value, now)
			f.look.add(v.Path, false)
		}
	}
	if err != nil {
		b.failed(v, err)
	} else {
		b.say(v, "add", nil)
	}
}

var (
	errInTheWay = errors.New("something of another kind is there; move it away, or use --to")
	errParent   = errors.New("a directory above it is something else now; move that away, or use --to")
)

// parents makes the directories above p that are missing.
func (b *restoration) parents(p folder.Path) error {
	dir := p.Dir()
	if dir == "" {
		return nil
	}
	now, err := b.f.root.Look(dir)
	switch {
	case err != nil:
		return err
	case now.Value.Kind == folder.Dir:
		return nil
	case now.Value.Kind != folder.Absent:
		return errParent
	}
	if err := b.parents(dir); err != nil {
		return err
	}
	_, err = b.f.root.Mkdir(dir, folder.Value{Kind: folder.Dir, Mode: 0o755, MTime: time.Now().UnixNano()}, now)
	b.f.look.add(dir, false)
	return err
}
