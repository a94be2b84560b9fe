package peer

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// BrowseQuery asks for a part of a directory as it is, or was.
type BrowseQuery struct {
	Path  folder.Path // "" is the root
	At    time.Time   // as it was then; zero: as it is, and what was there
	After string      // go on behind this name
	Limit int         // entries at most
}

// BrowsePage is a part of a directory, by name.
type BrowsePage struct {
	Entries []BrowseEntry
	Next    string // the name to go on behind
	More    bool   // if there are more
}

// BrowseEntry is what has, or had, a name in a directory.
type BrowseEntry struct {
	Name     string
	Kind     folder.Kind
	Size     int64
	MTime    int64       // ns since 1970 UTC, 0 if it is not known
	Here     bool        // something of that name is there now
	Versions int         // how many older versions of it are kept
	Number   int         // which of them this is, 0: what is there now
	Lost     bool        // it was there, but what it held then is not kept on this machine
	Moved    folder.Path // what it held is there now, by another name
	Ignored  bool        // what is there now is left out
}

// Reasons why a path shows nothing, beside fs.ErrNotExist.
var (
	ErrNotDir        = disk.ErrNotDir
	ErrNothingToShow = disk.ErrSpecial // a device, a socket or a pipe
)

// maxBrowse bounds a page.
const maxBrowse = 5000

// Browse looks into a directory. What was there at a moment is told by the
// versions, and by the log of what changed since. Where a user of this machine
// changed or removed something himself, nothing is kept: then it is told that it
// was there and is lost. The error wraps fs.ErrNotExist or [ErrNotDir].
func (f *Folder) Browse(ctx context.Context, q BrowseQuery) (BrowsePage, error) {
	page := BrowsePage{Entries: []BrowseEntry{}}
	q.Limit = min(max(q.Limit, 1), maxBrowse)
	b := &browsing{f: f, ctx: ctx, dir: q.Path}
	names, err := b.open(q)
	if err != nil {
		return page, err
	}
	defer b.close()
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return page, err
		}
		e, there, err := b.entry(name)
		if err != nil {
			return page, err
		}
		if page.Next = name; !there {
			continue
		}
		page.Entries = append(page.Entries, e)
		if len(page.Entries) == q.Limit {
			page.More = i+1 < len(names)
			break
		}
	}
	return page, nil
}

// browsing is a look into one directory.
type browsing struct {
	f      *Folder
	ctx    context.Context
	dir    folder.Path
	past   *past // nil for the present
	list   *disk.Listing
	ignore *folder.Ignore
}

// open returns the names to go through.
func (b *browsing) open(q BrowseQuery) (names []string, err error) {
	b.list, err = b.f.root.List(b.dir)
	if err != nil && (q.At.IsZero() || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, disk.ErrNotDir)) {
		return nil, err
	}
	if b.list != nil {
		names = b.list.Names(q.After)
		b.ignore, _ = b.f.root.Ignore(b.f.ignore(), b.dir) // one that cannot be read is a problem of the folder
	}
	if q.At.IsZero() {
		return names, nil
	}
	within := func(p folder.Path) bool { return p.Dir() == b.dir && p.Base() > q.After }
	if b.past, err = b.f.pastOf(b.ctx, q.At, within); err != nil {
		b.close()
		return nil, err
	}
	if names = b.past.merge(names); b.list == nil && len(names) == 0 && q.After == "" {
		return nil, fs.ErrNotExist
	}
	return names, nil
}

func (b *browsing) close() {
	if b.list != nil {
		b.list.Close()
	}
}

// entry is what has a name, or had it then.
func (b *browsing) entry(name string) (BrowseEntry, bool, error) {
	e := BrowseEntry{Name: name}
	var now folder.Value
	var older []disk.Version
	below := false
	if b.list != nil {
		now, older, below = b.list.Value(name), b.list.Versions(name), b.list.KeptBelow(name)
	}
	p := b.dir.Join(name)
	e.Here, e.Versions = now.Kind != folder.Absent, len(older)
	e.Ignored = e.Here && b.ignore.Match(p, now.Kind == folder.Dir)
	if b.past == nil {
		return b.present(e, now, older, below)
	}
	was := b.past.was(p, now, older)
	if was.kind == folder.Absent && below && !b.past.began(p) {
		deep, err := b.past.below(p)
		if err != nil {
			return e, false, err
		}
		if deep {
			was = then{kind: folder.Dir}
		}
	}
	e.Kind, e.Size, e.MTime, e.Number, e.Lost, e.Moved = was.kind, was.size, was.mtime, was.number, was.lost, was.moved
	return e, was.kind != folder.Absent, nil
}

// present is what has a name now or, of what is gone, had it last.
func (b *browsing) present(e BrowseEntry, now folder.Value, older []disk.Version, below bool) (BrowseEntry, bool, error) {
	switch {
	case e.Here:
		e.Kind, e.Size, e.MTime = now.Kind, now.Size, now.MTime
	case len(older) > 0:
		v := older[0]
		e.Kind, e.Size, e.MTime, e.Number = v.Kind, v.Size, v.MTime, 1
	case below:
		e.Kind = folder.Dir
	default:
		return e, false, nil // a special file
	}
	return e, true, nil
}

// past is what is known of how paths were at a moment.
type past struct {
	f     *Folder
	ctx   context.Context
	at    time.Time
	whole bool                          // the log reaches back to it
	first map[folder.Path]*store.Logged // of each path the first change after it
	went  map[folder.Path]*store.Logged // of each path that was renamed after it, the new one as it came
}

// maxPast bounds the paths of which changes are remembered.
const maxPast = 1 << 19

// errTooMuch: more has changed since than is looked through.
var errTooMuch = errors.New("more than half a million paths have changed in this directory since then; choose a later time")

// pastOf reads in the log what became of the paths that within names.
func (f *Folder) pastOf(ctx context.Context, at time.Time, within func(folder.Path) bool) (*past, error) {
	w := &past{f: f, ctx: ctx, at: at, first: make(map[folder.Path]*store.Logged), went: make(map[folder.Path]*store.Logged)}
	begins, err := f.store.LogBegins()
	if err != nil {
		return nil, err
	}
	w.whole = !begins.IsZero() && !begins.After(at)
	n := 0
	for e, err := range f.store.Log(store.LogSpan{Since: at.Add(time.Millisecond)}) {
		if n++; err == nil && n%1024 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		// The latest comes first.
		if e.From != "" && within(e.From) {
			w.went[e.From] = &e
		}
		if within(e.Path) && e.Why != store.WhyFound {
			w.first[e.Path] = &e
		}
		if len(w.first)+len(w.went) > maxPast {
			return nil, errTooMuch
		}
	}
	return w, nil
}

// merge adds the names that only the log knows.
func (w *past) merge(names []string) []string {
	for p := range w.first {
		names = append(names, p.Base())
	}
	return sorted(names)
}

// began reports whether p came only after the moment.
func (w *past) began(p folder.Path) bool {
	e := w.first[p]
	return e != nil && e.Action == store.Added
}

// manyBelow bounds how many versions are looked at to tell that a directory was
// there.
const manyBelow = 2000

// below reports whether something in directory p was replaced or removed after the
// moment, and had been there before it.
func (w *past) below(p folder.Path) (there bool, err error) {
	n := 0
	err = w.f.root.Versions(w.ctx, p, "", func(vs []disk.Version) error {
		for _, v := range vs {
			there = there || v.Replaced.After(w.at) && (v.Kind == folder.Dir || v.MTime <= w.at.UnixNano())
		}
		if n += len(vs); there || n > manyBelow {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return there, err
}
