package disk

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"strings"
	"time"

	"qsync/folder"
	"qsync/folder/fault"
)

// pruneEvery is after how many kept versions the directories that they went to
// are looked through for surplus ones.
const pruneEvery = 256

// SetVersions sets how many older versions of each path are kept, 0 for none.
// It holds for what is replaced or removed from now on.
func (r *Root) SetVersions(n int) { r.keep.Store(int64(max(n, 0))) }

// Kept returns how many versions were added since the root was opened.
func (r *Root) Kept() int64 { return r.added.Load() }

// retain keeps the entry old of a staging directory, which is what p was, as a
// version, or drops it where none are kept and it is nothing special. If it can
// do neither, the entry stays where it is, and the next PrepareReserved sees to
// it. It returns where among the versions the entry is now, "" if it is not.
func (r *Root) retain(w *work, old slot, p folder.Path, i info) folder.Path {
	if r.keep.Load() == 0 && !i.Special && i.Kind != folder.Dir {
		_ = old.dir.unlink(old.base())
		return ""
	}
	kept, err := r.moveVersion(w, old, p)
	if err != nil { // under its own name it could not be held there
		kept, err = r.recover(w, old)
	}
	if err != nil {
		return ""
	}
	return kept
}

// recover keeps an entry of which it is not known, or cannot be said, what it was.
func (r *Root) recover(w *work, old slot) (folder.Path, error) {
	name, err := r.noReplaceVersion(old, w.versions, versionOf(lostPrefix+rand.Text(), time.Now()))
	return folder.Path(name), err
}

func (r *Root) moveVersion(w *work, old slot, p folder.Path) (kept folder.Path, err error) {
	err = r.addVersion(w, p, func(d *dir, v version) error {
		name, err := r.noReplaceVersion(old, d, v)
		kept = p.Dir().Join(name)
		return err
	})
	return kept, err
}

// addVersion has add make a version of p in the directory for it. That may be
// removed as an empty one in the same moment.
func (r *Root) addVersion(w *work, p folder.Path, add func(*dir, version) error) error {
	const tries = 3
	err := error(fs.ErrNotExist)
	for try := 0; try < tries && errors.Is(err, fs.ErrNotExist); try++ {
		var d *dir
		if d, err = makeDirs(w.versions, p.Dir()); err != nil {
			continue
		}
		fault.Point("version-dir")
		if isLong(p.Base()) {
			err = saveName(w, d, p.Base()) // whoever restores it can also give a name
		}
		if !errors.Is(err, fs.ErrNotExist) {
			err = add(d, versionOf(p.Base(), time.Now()))
		}
		d.Close()
	}
	if err == nil {
		fault.Point("version-kept")
		r.countVersion(p.Dir())
	}
	return err
}

// retainDir notes that directory p, of mode and time of v, was removed.
func (r *Root) retainDir(p folder.Path, v folder.Value) {
	if r.keep.Load() == 0 {
		return
	}
	// Its entries are kept already: what is lost here is a mode and a time.
	_ = r.inWork(func(w *work) error {
		return r.addVersion(w, p, func(d *dir, x version) error {
			for x.dir, x.mode = true, v.Mode; ; x.n++ {
				x = x.named()
				f, err := d.create(x.name, 0o600)
				if errors.Is(err, fs.ErrExist) {
					continue
				}
				if err != nil {
					return err
				}
				_, err = d.setFileMeta(f, x.name, 0o600, v.MTime)
				return errors.Join(err, f.Close())
			}
		})
	})
}

// countVersion notes that dir has one more version, and prunes now and then.
func (r *Root) countVersion(dir folder.Path) {
	r.added.Add(1)
	r.mu.Lock()
	r.kept[dir]++
	r.mu.Unlock()
	r.prune(pruneEvery)
}

// makeDirs opens directory p below d, made where it is missing.
func makeDirs(d *dir, p folder.Path) (*dir, error) {
	c, err := d.walk(p)
	if !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	at, err := d.walk("")
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(string(p), "/") {
		next, err := ensureDir(at, name)
		at.Close()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

// prune removes surplus versions from the directories that got some, if there
// were at least so many since the last time. It leaves for another time what
// it cannot look through.
func (r *Root) prune(atLeast int) {
	r.mu.Lock()
	total := 0
	for _, n := range r.kept {
		total += n
	}
	w, dirs := r.work, r.kept
	if total < atLeast || w == nil {
		r.mu.Unlock()
		return
	}
	r.kept = map[folder.Path]int{}
	r.mu.Unlock()
	x := &pruner{r: r, w: w, now: time.Now()}
	for p := range dirs {
		_ = x.surplus(p)
	}
}
