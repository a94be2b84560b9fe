package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"qsync/folder"
)

// Listing is one directory for somebody who looks into it: what is in it, and of
// what was in it older versions are kept. The caller closes it.
type Listing struct {
	path  folder.Path
	here  *dir // nil where there is no such directory now
	found []dirent
	kept  *dir // nil where nothing that was in it is kept
	older map[string]*versionEntry
}

// List opens directory p for looking, "" is the root. What is qsync's own is no
// part of it, nor what no folder can hold. The error wraps fs.ErrNotExist where
// neither the directory nor a version of what was in it is there, and is
// [ErrNotDir] where something else is.
func (r *Root) List(p folder.Path) (*Listing, error) {
	l, err := r.ListNow(p)
	if l == nil && !errors.Is(err, ErrNotDir) && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if l == nil {
		l = &Listing{path: p}
	}
	kept := versionsDir
	if p != "" {
		kept += "/" + string(p)
	}
	if d, kerr := r.dir.walk(folder.Path(kept)); kerr == nil {
		l.kept = d
		if l.older, kerr = (&versionList{}).read(d); kerr != nil {
			l.Close()
			return nil, fmt.Errorf("list %q: %w", p, kerr)
		}
	}
	if l.here == nil && l.kept == nil {
		return nil, err
	}
	return l, nil
}

// ListNow is List without older versions.
func (r *Root) ListNow(p folder.Path) (*Listing, error) {
	l := &Listing{path: p}
	var err error
	if l.here, err = r.dir.walk(p); err == nil {
		err = l.read()
	}
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) {
		err = ErrNotDir
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("list %q: %w", p, err)
	}
	return l, nil
}

// Ignore returns base with the [IgnoreName] file of the directory, if it has one,
// layered on it, as [Root.Ignore] does.
func (l *Listing) Ignore(base *folder.Ignore) (*folder.Ignore, error) {
	if l.here == nil {
		return base, nil
	}
	return layerIgnore(base, l.here, l.path)
}

func (l *Listing) read() (err error) {
	if l.found, err = l.here.list(nil); err != nil {
		return err
	}
	l.found = slices.DeleteFunc(l.found, func(e dirent) bool { return !l.holds(e.Name) })
	slices.SortFunc(l.found, func(a, b dirent) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// holds reports whether a name can be one of the folder's.
func (l *Listing) holds(name string) bool {
	return folder.CheckName(name) == nil && (l.path != "" || !folder.IsReserved(name))
}

// IsHere reports whether the directory is there now.
func (l *Listing) IsHere() bool { return l.here != nil }

// Close gives up the directories.
func (l *Listing) Close() {
	for _, d := range []*dir{l.here, l.kept} {
		if d != nil {
			_ = d.Close() // they were only read from
		}
	}
}

// Names returns the names behind after ("" is all) in their order, of which each
// is there now, or was and has versions, or a directory with some in it.
func (l *Listing) Names(after string) []string {
	i, _ := slices.BinarySearchFunc(l.found, after, func(e dirent, n string) int { return strings.Compare(e.Name, n) })
	names := make([]string, 0, len(l.found)-i+len(l.older))
	for _, e := range l.found[i:] {
		names = append(names, e.Name)
	}
	for name := range l.older {
		if l.holds(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	i, is := slices.BinarySearch(names, after)
	if is {
		i++
	}
	return names[i:]
}

// Kind is the kind of what has that name now, as far as the directory tells
// without a look at it; Absent where there is nothing of ours.
func (l *Listing) Kind(name string) folder.Kind {
	i, is := slices.BinarySearchFunc(l.found, name, func(e dirent, n string) int { return strings.Compare(e.Name, n) })
	switch {
	case !is:
		return folder.Absent
	case l.found[i].Kind != folder.Absent:
		return l.found[i].Kind
	}
	return l.Value(name).Kind
}

// Value is what has that name now, of kind Absent if nothing of ours has, and
// without a digest.
func (l *Listing) Value(name string) folder.Value {
	if l.here == nil || !l.holds(name) {
		return folder.Value{}
	}
	i, err := l.here.stat(name)
	if err != nil || i.Kind == folder.Absent {
		return folder.Value{}
	}
	v := folder.Value{Kind: i.Kind, Mode: i.Mode, MTime: i.MTime}
	switch i.Kind {
	case folder.File:
		v.Size = i.Size
	case folder.Symlink:
		v.Target, _ = l.here.readlink(name) // it may be gone by now
	}
	return v
}

// Versions returns the versions of what has or had that name, the newest first.
func (l *Listing) Versions(name string) (all []Version) {
	e := l.older[name]
	if e == nil || len(e.versions) == 0 {
		return nil
	}
	t := versionList{yield: func(vs []Version) error { all = vs; return nil }}
	_ = t.tell(l.kept, l.path.Join(name), slices.Clone(e.versions)) // nor does yield fail
	return all
}

// KeptBelow reports whether there may be versions of what was in a directory of
// that name.
func (l *Listing) KeptBelow(name string) bool { return l.older[name] != nil && l.older[name].below }

// VersionsOf returns the versions of p alone, the newest first.
func (r *Root) VersionsOf(ctx context.Context, p folder.Path) (all []Version, err error) {
	stop := errors.New("it has been found")
	err = r.Versions(ctx, p, "", func(vs []Version) error {
		if vs[0].Path == p {
			all = vs
		}
		return stop
	})
	if errors.Is(err, stop) {
		err = nil
	}
	return all, err
}

// OpenNow opens what is the file at p now, whatever it holds, for reading, and
// returns its size and time as it was then. The error wraps fs.ErrNotExist where
// there is none: nothing, a directory, or a symlink, which is never followed.
func (r *Root) OpenNow(p folder.Path) (Content, folder.Value, error) {
	d, err := r.parent(p)
	if err != nil {
		return nil, folder.Value{}, fmt.Errorf("open %q: %w", p, err)
	}
	defer d.Close()
	f, i, err := d.openContent(p.Base())
	if errors.Is(err, errNotFile) || errors.Is(err, syscall.ELOOP) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, folder.Value{}, fmt.Errorf("open %q: %w", p, err)
	}
	return f, folder.Value{Kind: folder.File, Mode: i.Mode, MTime: i.MTime, Size: i.Size}, nil
}
