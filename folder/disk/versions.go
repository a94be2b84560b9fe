package disk

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"qsync/folder"
)

// Older versions are kept in .qsync/versions, in directories like the folder's
// own, each under stem~YYYYMMDD-HHMMSS.mmm.ext with the UTC time at which sync
// replaced or removed it. Where that is taken, -2, -3, ... follow the time.
const (
	stampFormat = "20060102-150405.000"
	lostPrefix  = "recovered-"
)

// pruneEvery is after how many kept versions the directories that they went to
// are looked through for surplus ones.
const pruneEvery = 256

// SetVersions sets how many older versions of each path are kept, 0 for none.
// It holds for what is replaced or removed from now on.
func (r *Root) SetVersions(n int) { r.keep.Store(int64(max(n, 0))) }

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
	if err == nil {
		return kept
	}
	// The name could not be held there; under this one it can.
	lost := folder.Path(lostPrefix + rand.Text())
	if r.noReplace(old.dir, old.base(), w.versions, lost.Base()) != nil {
		return ""
	}
	return lost
}

func (r *Root) moveVersion(w *work, old slot, p folder.Path) (folder.Path, error) {
	d, err := makeDirs(w.versions, p.Dir())
	if err != nil {
		return "", err
	}
	defer d.Close()
	now := time.Now()
	for n := 1; ; n++ {
		name := versionName(p.Base(), now, n)
		err := r.noReplace(old.dir, old.base(), d, name)
		if err == nil {
			r.countVersion(p.Dir())
			return p.Dir().Join(name), nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
}

// countVersion notes that dir has one more version, and prunes now and then.
func (r *Root) countVersion(dir folder.Path) {
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

// versionName returns under which name the n-th version of base of that moment
// is kept. Of a name that would be too long, the stem is cut and a hash of it
// all put in its place, so that two long names do not become one.
func versionName(base string, at time.Time, n int) string {
	stem, ext := splitExt(base)
	tag := "~" + at.UTC().Format(stampFormat)
	if n > 1 {
		tag += "-" + strconv.Itoa(n)
	}
	// Whether and where to cut depends on the name alone: all its versions must
	// look like its versions.
	if len(base) <= folder.MaxName-longestTag {
		return stem + tag + ext
	}
	if len(ext) > longestExt {
		ext = ""
	}
	sum := sha256.Sum256([]byte(base))
	return strings.ToValidUTF8(stem[:min(len(stem), cutStem)], "") + "~" + hex.EncodeToString(sum[:6]) + tag + ext
}

// How long names of versions are put together: the parts of the longest add up
// to less than folder.MaxName, with 13 bytes of hash.
const (
	longestTag = 1 + len(stampFormat) + 6 // up to -99999
	longestExt = 64
	cutStem    = 128
)

func splitExt(base string) (stem, ext string) {
	if i := strings.LastIndexByte(base, '.'); i > 0 {
		return base[:i], base[i:]
	}
	return base, ""
}

// version is a version's name taken apart: of what it is one, and how new.
type version struct {
	of    string
	stamp string
	n     int
	name  string
}

// parseVersion reports whether name is of the form that versionName makes. The
// last stamp in it is the one: an extension has a dot in front alone, and so
// can hold none.
func parseVersion(name string) (version, bool) {
	for end := len(name); ; {
		i := strings.LastIndexByte(name[:end], '~')
		if i < 0 {
			return version{}, false
		}
		end = i
		rest := name[i+1:]
		if len(rest) < len(stampFormat) {
			continue
		}
		stamp, ext := rest[:len(stampFormat)], rest[len(stampFormat):]
		if _, err := time.Parse(stampFormat, stamp); err != nil {
			continue
		}
		n := 1
		if tail, ok := strings.CutPrefix(ext, "-"); ok {
			digits, _, _ := strings.Cut(tail, ".")
			if v, err := strconv.Atoi(digits); err == nil {
				n, ext = v, tail[len(digits):]
			}
		}
		return version{of: name[:i] + "/" + ext, stamp: stamp, n: n, name: name}, true
	}
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
	keep := int(r.keep.Load())
	for p := range dirs {
		_ = pruneDir(w.versions, p, keep)
	}
}

func pruneDir(versions *dir, p folder.Path, keep int) error {
	d, err := versions.walk(p)
	if err != nil {
		return err
	}
	defer d.Close()
	entries, err := d.list(nil)
	if err != nil {
		return err
	}
	of := map[string][]version{}
	for _, e := range entries {
		if v, ok := parseVersion(e.Name); ok && e.Kind != folder.Dir {
			of[v.of] = append(of[v.of], v)
		}
	}
	var errs []error
	for _, vs := range of {
		if len(vs) <= keep {
			continue
		}
		slices.SortFunc(vs, func(a, b version) int {
			return cmp.Or(cmp.Compare(b.stamp, a.stamp), cmp.Compare(b.n, a.n))
		})
		for _, v := range vs[keep:] {
			errs = append(errs, d.unlink(v.name))
		}
	}
	return errors.Join(errs...)
}

// partAge is after how long a file that could be resumed is given up.
const partAge = 7 * 24 * time.Hour

// PrepareReserved makes the reserved directory ready, and clears away what an
// earlier process left unfinished in it: staged files go, except those that
// [Root.StagePart] can go on with; what may have been a user's is kept among
// the versions. Only the holder of the lock may call it, before it stages.
func (r *Root) PrepareReserved() error {
	err := r.inWork(func(w *work) error {
		entries, err := w.tmp.list(nil)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := r.clear(w, e.Name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("prepare %s: %w", folder.Reserved, err)
	}
	return nil
}

func (r *Root) clear(w *work, name string) error {
	i, err := w.tmp.stat(name)
	if err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(name, swapPrefix):
		return r.noReplace(w.tmp, name, w.versions, lostPrefix+rand.Text())
	case strings.HasSuffix(name, partSuffix) && i.MTime > time.Now().Add(-partAge).UnixNano():
		return nil
	case i.Kind == folder.Dir:
		return w.tmp.rmdir(name)
	}
	return w.tmp.unlink(name)
}
