package disk

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"qsync/folder"
)

// Pruning says what is to go from the versions, see [Root.Prune].
type Pruning struct {
	Age   time.Duration // what was replaced longer ago; 0: age is no reason
	Bytes int64         // the oldest, while all take up more; 0: size is no reason
	Now   time.Time     // the wall clock
}

// Pruned is what [Root.Prune] has done.
type Pruned struct {
	Files, Bytes int64 // that are left; bytes as the disk counts them
	Removed      int64
	Linked       int64 // that share their content with an older one from now on
	More         bool  // there is more to remove: call it again
}

const (
	// Grace is how long a version is safe from the bound on size: whoever still
	// had the file open for writing when it was replaced writes into the version.
	Grace = time.Hour

	pruneOldest  = 10000     // so many are removed for their size at a time, lest it take memory
	pruneCompare = 256 << 20 // bytes that are read at a time to find equal versions
	prunedName   = "pruned"  // its time is that of the last look
	farAhead     = 24 * time.Hour
)

// Prune removes versions that are surplus, old, or more than may be kept, and
// lets equal ones of one path share their content. Work and memory of a call are
// bounded, beside one lstat a version. A crash in it loses nothing but what was
// to go.
//
// More than SetVersions of a path do not stay. For its size nothing goes that is
// younger than [Grace]; the oldest go first. Age is counted to the last call but
// one, at least an hour ago, and for that too to the last one, so that no leap of the
// clock empties the versions at once. What somebody has written to since it was replaced (an editor that had it
// open) is a new version as of now, whatever was to become of it.
func (r *Root) Prune(ctx context.Context, o Pruning) (Pruned, error) {
	var out Pruned
	if r.readOnly {
		return out, fmt.Errorf("prune: %w", ErrReadOnly)
	}
	err := r.inWork(func(w *work) error {
		x := &pruner{r: r, w: w, now: o.Now, grace: o.Now.Add(-Grace), bytes: o.Bytes, compare: pruneCompare, whole: true}
		if err := x.looked(o.Age); err != nil {
			return err
		}
		_, err := x.visit(ctx, "", 0)
		if err == nil {
			err = x.shrink(ctx)
		}
		out = x.out
		return err
	})
	if err != nil {
		return out, fmt.Errorf("prune: %w", err)
	}
	return out, nil
}

// pruner is one Prune, or a look at single directories for surplus versions.
type pruner struct {
	r     *Root
	w     *work
	now   time.Time
	whole bool // else only the number of versions counts

	grace   time.Time // what is younger may still be written to
	young   time.Time // what is younger does not go for its size
	due     time.Time // what is older goes; zero: nothing
	since   time.Time // what was replaced before was compared already
	bytes   int64
	compare int64 // bytes that may still be read
	oldest  oldest
	out     Pruned
}

// looked reads when the last look was, and notes this one.
func (x *pruner) looked(age time.Duration) error {
	x.young = x.grace
	i, err := x.w.self.stat(prunedName)
	if errors.Is(err, fs.ErrNotExist) {
		f, err := x.w.self.create(prunedName, 0o600)
		if err != nil {
			return err
		}
		f.Close()
		return x.w.self.utimesNoFollow(prunedName, x.now.UnixNano())
	}
	if err != nil {
		return err
	}
	last := time.Unix(0, i.MTime)
	if last.Before(x.now) {
		x.young = last.Add(-Grace) // the clock may have leapt since
	}
	if x.now.Sub(last) < Grace && !last.After(x.now) {
		x.since = x.grace // everything that is old enough by now was looked at, or is at the next
		return nil
	}
	if !last.After(x.now) {
		x.since = last.Add(-Grace)
		if age > 0 {
			x.due = last.Add(-age)
		}
	}
	return x.w.self.utimesNoFollow(prunedName, x.now.UnixNano())
}

// visit prunes a directory and what is below it, and reports whether it is empty.
func (x *pruner) visit(ctx context.Context, p folder.Path, depth int) (bool, error) {
	if err := ctx.Err(); err != nil || depth > folder.MaxDepth {
		return false, err
	}
	dirs, left, err := x.directory(p)
	if err != nil {
		return false, err
	}
	var empty []string
	for _, name := range dirs {
		is, err := x.visit(ctx, p.Join(name), depth+1)
		if err != nil {
			return false, err
		}
		if is {
			empty = append(empty, name)
		}
	}
	if len(empty) > 0 {
		d, err := x.w.versions.walk(p)
		if err != nil {
			return false, gone(err)
		}
		defer d.Close()
		for _, name := range empty {
			if d.rmdir(name) == nil {
				left--
			}
		}
	}
	return left == 0, nil
}

// gone passes over a directory that is not there, or is none.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) {
		return nil
	}
	return err
}

// directory prunes the versions in one directory, and returns the directories in
// it and how many entries are left.
func (x *pruner) directory(p folder.Path) (dirs []string, left int, err error) {
	d, err := x.w.versions.walk(p)
	if err != nil {
		return nil, 1, gone(err)
	}
	defer d.Close()
	entries, err := d.list(nil)
	if err != nil {
		return nil, 1, err
	}
	of, hashes := map[string][]version{}, map[string]bool{}
	var saved []string
	for _, e := range entries {
		v, ok := parseVersion(e.Name)
		switch hash, isName := strings.CutPrefix(e.Name, namePrefix); {
		case e.Kind == folder.Dir:
			dirs = append(dirs, e.Name)
		case ok:
			of[v.of()] = append(of[v.of()], v)
		case isName:
			saved = append(saved, hash)
		}
	}
	left = len(entries)
	for _, vs := range of {
		slices.SortFunc(vs, newer)
		went := x.group(d, p, vs)
		left -= went
		if went < len(vs) {
			hashes[hashOf(vs[0].stem)] = true
		}
	}
	for _, hash := range saved {
		// One that is new may belong to a version that is about to come.
		i, err := d.stat(namePrefix + hash)
		if x.whole && !hashes[hash] && err == nil && i.MTime < x.grace.UnixNano() && d.unlink(namePrefix+hash) == nil {
			left--
		}
	}
	slices.Sort(dirs)
	return dirs, left, nil
}

// surplus removes what is too much in number in one directory.
func (x *pruner) surplus(p folder.Path) error {
	_, _, err := x.directory(p)
	return err
}

// group prunes the versions of one path, the newest first, and returns how many
// went.
func (x *pruner) group(d *dir, p folder.Path, vs []version) (went int) {
	keep := len(vs)
	if n := int(x.r.keep.Load()); n > 0 { // else what is here is of a time when some were kept
		keep = min(n, keep)
	}
	var stay []kept
	for i, v := range vs {
		if i >= keep || x.whole && v.at().Before(x.due) {
			if x.drop(d, v) {
				went++
			}
			continue
		}
		if x.whole {
			if i, err := d.stat(v.name); err == nil {
				stay = append(stay, kept{v, i})
			}
		}
	}
	x.share(d, stay)
	counted := map[uint64]bool{}
	for _, k := range stay {
		if k.at().After(x.now.Add(farAhead)) {
			_ = x.restamp(d, k.version) // of a time in which the clock was wrong
		}
		size := int64(0)
		if !counted[k.Inode] || k.Inode == 0 {
			size = d.allocated(k.name, k.info)
		}
		counted[k.Inode] = true
		x.out.Files++
		x.out.Bytes += size
		if x.bytes > 0 && k.at().Before(x.young) {
			x.oldest.offer(old{p, k.version, size})
		}
	}
	return went
}

// kept is a version and what lstat says of it.
type kept struct {
	version
	info
}

// drop removes a version, unless somebody has written to it.
func (x *pruner) drop(d *dir, v version) bool {
	if i, err := d.stat(v.name); err == nil && writtenSince(i, v.at(), x.now) && x.restamp(d, v) == nil {
		return false
	}
	if d.unlink(v.name) != nil {
		return false
	}
	x.out.Removed++
	return true
}

// restamp makes v a version of now.
func (x *pruner) restamp(d *dir, v version) error {
	from := slot{d, folder.Path(v.name)}
	v.stamp, v.n = x.now.UTC().Format(stampFormat), 1
	_, err := x.r.noReplaceVersion(from, d, v)
	return err
}

// writtenSince reports whether a version was written to after it was put away.
// A time in the future, which a file may have been given, is no sign of it: who
// writes moves the change time as well.
func writtenSince(i info, at, now time.Time) bool {
	return i.Kind == folder.File && i.MTime > at.Add(fineTick).UnixNano() && i.MTime <= now.Add(clockSkew).UnixNano() &&
		(i.CTime == 0 || i.CTime >= i.MTime-int64(fineTick))
}

// old is a version that may go for its size.
type old struct {
	dir folder.Path
	version
	size int64
}

// oldest holds the pruneOldest oldest versions, the newest of them at the top.
type oldest []old

func (o oldest) Len() int           { return len(o) }
func (o oldest) Less(i, j int) bool { return newer(o[i].version, o[j].version) < 0 }
func (o oldest) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *oldest) Push(v any)        { *o = append(*o, v.(old)) }
func (o *oldest) Pop() any {
	last := (*o)[len(*o)-1]
	*o = (*o)[:len(*o)-1]
	return last
}

func (o *oldest) offer(v old) {
	switch {
	case len(*o) < pruneOldest:
		heap.Push(o, v)
	case newer((*o)[0].version, v.version) < 0:
		(*o)[0] = v
		heap.Fix(o, 0)
	}
}

// shrink removes the oldest versions while all of them take up too much.
func (x *pruner) shrink(ctx context.Context) error {
	if x.bytes <= 0 || x.out.Bytes <= x.bytes {
		return nil
	}
	all := x.oldest
	slices.SortFunc(all, func(a, b old) int { return cmp.Or(newer(b.version, a.version), a.dir.Compare(b.dir)) })
	for _, v := range all {
		if x.out.Bytes <= x.bytes {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		d, err := x.w.versions.walk(v.dir)
		if err != nil {
			continue
		}
		if x.drop(d, v.version) {
			x.out.Files--
			x.out.Bytes -= v.size
		}
		d.Close()
	}
	x.out.More = len(all) == pruneOldest && x.out.Bytes > x.bytes
	return nil
}
