package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
	"qsync/folder/disk"
	"qsync/store"
)

// Resolution is what is to become of a conflict.
type Resolution struct {
	Path string `json:"path"` // of the copy, or of what it is a copy of if that has no other
	Keep string `json:"keep"` // one of the four below
	From string `json:"from"` // with KeepMerged: the file that holds the result, elsewhere

	// The contents that were looked at, as [Side.Digest] has them, "" for any: if
	// they are others by now nothing is done.
	This  string `json:"this"`
	Other string `json:"other"`
}

// What a [Resolution] can keep.
const (
	KeepThis   = "this"   // what has the plain name; the copy goes
	KeepOther  = "other"  // the copy, under the plain name
	KeepBoth   = "both"   // the copy under a name that is no conflict's
	KeepMerged = "merged" // a third content, under the plain name; the copy goes
)

// Errors of [Folder.Resolve].
var (
	ErrNoConflict = errors.New("there is no conflict copy of this name, and none of it")
	ErrSeveral    = errors.New("there are several conflict copies")
	ErrMoved      = errors.New("it has just been changed by somebody else; look at it and try again")
	ErrUnkept     = errors.New("what goes would be lost, for no versions are kept here (--versions 0): use --keep both and remove yourself what you do not want")
	ErrUnwritten  = errors.New("nothing is written into the folder of a one-way source: remove or rename the copy yourself")
)

// Resolve ends a conflict as q says and returns what it was. What goes is kept
// among the versions; to the peers it is an edit and a removal like any other. It
// works on a folder that does not run too.
func (f *Folder) Resolve(ctx context.Context, q Resolution) (Conflict, error) {
	if f.bare {
		return Conflict{}, ErrUnwritten
	}
	cp, err := f.conflictOf(ctx, folder.Path(q.Path))
	if err != nil {
		return Conflict{}, err
	}
	c, err := f.conflictAt(cp, f.authors())
	if err != nil {
		return c, err
	}
	if q.This != "" && q.This != c.This.Digest || q.Other != "" && q.Other != c.Other.Digest {
		return c, ErrMoved
	}
	if f.cfg.Versions == 0 && q.Keep != KeepBoth {
		return c, ErrUnkept
	}
	plain, err := f.store.Record(folder.Path(c.Path))
	if err != nil {
		return c, err
	}
	r := resolving{f: f, copy: cp, plain: &plain, dirs: map[folder.Path]bool{cp.Path.Dir(): true}}
	if err := r.pair(); err != nil {
		return c, err
	}
	switch q.Keep {
	case KeepThis:
	case KeepOther:
		err = r.putOther(ctx)
	case KeepBoth:
		err = r.putAsidePair()
	case KeepMerged:
		if r.paired {
			return c, errMergePair
		}
		err = r.putMerged(q.From)
	default:
		return c, fmt.Errorf("cannot keep %q", q.Keep)
	}
	if err == nil {
		err = errors.Join(r.dropCopy(), r.dropPair())
	}
	if serr := f.settleOwn(r.done, r.dirs); err == nil {
		err = serr
	}
	if errors.Is(err, disk.ErrChanged) {
		f.look.add(r.copy.Path, false)
		f.look.add(r.plain.Path, false)
		err = ErrMoved
	}
	return c, err
}

// Conflict describes the conflict whose copy is at p, or the only one of what is
// at p. Errors to branch on: [ErrNoConflict], [ErrSeveral].
func (f *Folder) Conflict(ctx context.Context, p folder.Path) (Conflict, error) {
	cp, err := f.conflictOf(ctx, p)
	if err != nil {
		return Conflict{}, err
	}
	return f.conflictAt(cp, f.authors())
}

// conflictOf finds the conflict copy at p, or the only one of what is at p.
func (f *Folder) conflictOf(ctx context.Context, p folder.Path) (*store.Record, error) {
	if err := f.lookAt(ctx, p, p.Dir()); err != nil {
		return nil, err
	}
	rec, err := f.store.Record(p)
	if err != nil {
		return nil, err
	}
	if _, is := folder.ConflictOf(p); is && isCopy(&rec) {
		return &rec, nil
	}
	var found []*store.Record
	for r, err := range f.store.Records(p.Dir()) {
		if err != nil {
			return nil, err
		}
		if _, is := folder.ConflictOf(r.Path); !is || r.Path.Dir() != p.Dir() || !isCopy(&r) {
			continue
		}
		of, err := f.originalOf(&r)
		if err != nil {
			return nil, err
		}
		if of == p {
			found = append(found, &r)
		}
	}
	switch len(found) {
	case 0:
		return nil, ErrNoConflict
	case 1:
		return found[0], nil
	}
	names := make([]string, len(found))
	for i, r := range found {
		names[i] = string(r.Path)
	}
	return nil, fmt.Errorf("%w of it; name one: %q", ErrSeveral, names)
}

// lookAt looks at some paths where nothing runs that would.
func (f *Folder) lookAt(ctx context.Context, paths ...folder.Path) error {
	f.mu.Lock()
	works := f.working
	f.mu.Unlock()
	if works || f.store.Hold().Why != store.NoHold {
		return nil // what is gone is the brake's business
	}
	s := f.newScan(ctx, false)
	defer s.end()
	for _, p := range paths {
		if p != "" {
			if err := s.glance(look{path: p}); err != nil {
				return err
			}
		}
	}
	return s.finish()
}

// resolving is a conflict that is being resolved.
type resolving struct {
	f           *Folder
	copy, plain *store.Record
	beside      []store.Record // what stands beside the copy, of a database
	paired      bool           // something stands beside one of them
	done        []store.Change
	dirs        map[folder.Path]bool // to be made durable
}

// dropCopy moves the copy to the versions.
func (r *resolving) dropCopy() error {
	kept, err := r.f.takeAway(r.copy)
	if err != nil {
		return err
	}
	r.done = append(r.done, store.Change{Path: r.copy.Path, Before: r.copy.Local, Kept: kept})
	return nil
}

// putOther puts what the copy holds under the plain name.
func (r *resolving) putOther(ctx context.Context) error {
	if r.paired {
		return r.putOtherPair(ctx)
	}
	v := r.copy.Local.Value
	v.Base, v.Origin, v.Ext = folder.Base{}, "", ""
	return r.place(r.plain, v)
}

// putAside puts what the copy holds under a name that is no conflict's.
func (r *resolving) putAside() error {
	name := folder.SettledName(r.copy.Path)
	at, err := r.f.store.Record(name)
	if err != nil {
		return err
	}
	v := r.copy.Local.Value
	if folder.SameContent(at.Local.Value, v) {
		return nil
	}
	if at.Local.Value.Kind != folder.Absent {
		return fmt.Errorf("%q is there already; rename it or the copy", name)
	}
	v.Base, v.Origin, v.Ext = folder.Base{}, r.copy.Path, ""
	return r.place(&at, v)
}

// place makes the entry at hold the copy's content.
func (r *resolving) place(at *store.Record, v folder.Value) error {
	if at.Local.Value.Kind == folder.Dir {
		return fmt.Errorf("%q is a directory now: move the copy where you want it, or keep both", at.Path)
	}
	if v.Kind == folder.Symlink {
		r.f.placing.add(at.Path)
		p, err := r.f.root.Symlink(at.Path, v, at.Local)
		return r.placed(at, p, err)
	}
	from, err := r.f.root.OpenFile(r.copy.Path, r.copy.Local)
	if err != nil {
		return err
	}
	defer from.Close()
	return r.put(at, from, v)
}

// put makes the entry at hold the content of from, which is v's.
func (r *resolving) put(at *store.Record, from *os.File, v folder.Value) error {
	s, err := r.f.root.Stage()
	if err != nil {
		return err
	}
	defer s.Discard() // nothing once it is placed
	if err := s.CopyFrom(from); err != nil {
		return err
	}
	if err := s.Finish(v); err != nil {
		return err
	}
	if err := s.Sync(); err != nil {
		return err
	}
	r.f.placing.add(at.Path)
	p, err := r.f.root.Put(at.Path, s, at.Local)
	return r.placed(at, p, err)
}

func (r *resolving) placed(at *store.Record, p disk.Placed, err error) error {
	if err != nil {
		r.f.placed(at.Path)
		return err
	}
	if p.Displaced != "" {
		r.f.look.add(p.Displaced, false)
	}
	after := p.Local
	after.Dot = folder.Dot{}
	r.done = append(r.done, store.Change{Path: at.Path, Before: at.Local, After: after})
	return nil
}

// putMerged puts the content of a file elsewhere under the plain name.
func (r *resolving) putMerged(file string) error {
	if at := r.plain.Local.Value.Kind; at != folder.File && at != folder.Absent {
		return fmt.Errorf("%q is no file", r.plain.Path)
	}
	from, err := os.Open(filepath.Clean(file))
	if err != nil {
		return err
	}
	defer from.Close()
	digest, size, err := chunk.Sum(from, make([]byte, 1<<20))
	if err != nil {
		return err
	}
	v := folder.Value{Kind: folder.File, Mode: r.plain.Local.Value.Mode, MTime: time.Now().UnixNano(), Size: size, Digest: digest}
	if r.plain.Local.Value.Kind == folder.Absent {
		v.Mode = r.copy.Local.Value.Mode
	}
	if folder.SameContent(v, r.plain.Local.Value) {
		return nil // what has the plain name is the result
	}
	return r.put(r.plain, from, v)
}
