package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"qsync/folder"
)

// Version is an older state of a path, kept when sync replaced or removed it.
// Kind, Mode, MTime, of a file the size and of a symlink the target are those
// that it had then.
type Version struct {
	Path     folder.Path
	Replaced time.Time // when it was replaced or removed, in UTC and milliseconds
	Kind     folder.Kind
	Mode     uint16
	Size     int64
	MTime    int64 // ns since 1970 UTC
	Target   string

	dir, name string // where it is
	inode     uint64
}

// File is where the version is, below .qsync/versions.
func (v Version) File() folder.Path { return folder.Path(v.dir).Join(v.name) }

// Is reports whether v is the version that was kept at file: it may have got a
// longer name since, when it came to share its inode with an older one.
func (v Version) Is(file folder.Path) bool {
	if v.File() == file {
		return true
	}
	a, ok := parseVersion(v.name)
	b, too := parseVersion(file.Base())
	return ok && too && string(file.Dir()) == v.dir &&
		a.of() == b.of() && a.stamp == b.stamp && a.n == b.n && a.dir == b.dir
}

// Versions yields the versions of every path at or below under that comes after
// the path after ("" is all), path by path in their order, those of one path the
// newest first. Two versions of a path have different moments, or stand in the
// order in which they were kept. The error is ctx's, yield's or the system's.
func (r *Root) Versions(ctx context.Context, under, after folder.Path, yield func([]Version) error) error {
	d, err := r.dir.walk(versionsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("versions: %w", err)
	}
	defer d.Close()
	l := &versionList{ctx: ctx, root: d, under: under, after: after, yield: yield}
	start := folder.Path("")
	if under != "" {
		start = under.Dir()
	}
	if err := l.visit(start, 0); err != nil {
		return fmt.Errorf("versions: %w", err)
	}
	return nil
}

const versionsDir = folder.Reserved + "/versions"

type versionList struct {
	ctx          context.Context
	root         *dir
	under, after folder.Path
	yield        func([]Version) error
}

// versionEntry is what one name stands for: versions, a directory below, or both.
type versionEntry struct {
	versions []version
	below    bool
}

func (l *versionList) visit(p folder.Path, depth int) error {
	if err := l.ctx.Err(); err != nil || depth > folder.MaxDepth {
		return err
	}
	d, err := l.root.walk(p)
	if err != nil {
		return gone(err)
	}
	defer d.Close() // a descriptor a level; there are few
	entries, err := l.read(d)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(entries) {
		child, e := p.Join(name), entries[name]
		within := l.under == "" || child == l.under || child.Below(l.under)
		if !within && !l.under.Below(child) {
			continue
		}
		if within && len(e.versions) > 0 && (l.after == "" || child.Compare(l.after) > 0) {
			if err := l.tell(d, child, e.versions); err != nil {
				return err
			}
		}
		passed := l.after != "" && child.Compare(l.after) < 0 && !l.after.Below(child)
		if e.below && !passed {
			if err := l.visit(child, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func sortedKeys(m map[string]*versionEntry) []string {
	all := make([]string, 0, len(m))
	for name := range m {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func (l *versionList) read(d *dir) (map[string]*versionEntry, error) {
	found, err := d.list(nil)
	if err != nil {
		return nil, err
	}
	entries := map[string]*versionEntry{}
	at := func(name string) *versionEntry {
		if entries[name] == nil {
			entries[name] = &versionEntry{}
		}
		return entries[name]
	}
	for _, e := range found {
		if strings.HasPrefix(e.Name, namePrefix) {
			continue
		}
		if e.Kind == folder.Dir {
			at(e.Name).below = true
		} else if v, ok := parseVersion(e.Name); ok {
			group := at(v.base(d))
			group.versions = append(group.versions, v)
		}
	}
	return entries, nil
}

func (l *versionList) tell(d *dir, p folder.Path, vs []version) error {
	slices.SortFunc(vs, newer)
	var all []Version
	for _, v := range vs {
		i, err := d.stat(v.name)
		if err != nil || i.Kind == folder.Absent || i.Kind == folder.Dir {
			continue // gone by now, or nothing of ours
		}
		x := Version{Path: p, Replaced: v.at(), Kind: i.Kind, Mode: i.Mode, Size: i.Size, MTime: i.MTime,
			dir: string(p.Dir()), name: v.name, inode: i.Inode}
		switch {
		case v.dir:
			x.Kind, x.Mode, x.Size = folder.Dir, v.mode, 0
		case v.timed:
			x.MTime = v.mtime
		}
		if x.Kind == folder.Symlink {
			x.Size = 0
			if x.Target, err = d.readlink(v.name); err != nil {
				continue
			}
		}
		all = append(all, x)
	}
	if len(all) == 0 {
		return nil
	}
	return l.yield(all)
}

// OpenVersion opens the content of a version of a file. The error wraps
// fs.ErrNotExist when it is gone, or has been replaced.
func (r *Root) OpenVersion(v Version) (*os.File, error) {
	d, err := r.dir.walk(folder.Path(strings.TrimSuffix(versionsDir+"/"+v.dir, "/")))
	if err == nil {
		defer d.Close()
		var f *os.File
		var i info
		if f, i, err = d.open(v.name); err == nil && i.Inode == v.inode {
			return f, nil
		} else if err == nil {
			f.Close()
			err = fs.ErrNotExist
		}
	}
	return nil, fmt.Errorf("version of %q: %w", v.Path, err)
}
