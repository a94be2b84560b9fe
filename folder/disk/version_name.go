package disk

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"qsync/folder"
)

// Older versions are kept in .qsync/versions, in directories like the folder's
// own, each under
//
//	stem~YYYYMMDD-HHMMSS.mmm[-n][+mHEX][+dOCTAL].ext
//
// with the UTC time at which sync replaced or removed it. Where that is taken,
// -2, -3, ... follow the time. +m is the modification time, in nanoseconds, of
// one that shares its inode with an older version of the same content. +d marks
// an empty file that stands for a directory of that mode, which was removed.
const (
	stampFormat = "20060102-150405.000"
	lostPrefix  = "recovered-"
	namePrefix  = ".name~"
)

// How long names of versions are put together: the parts of the longest add up
// to less than folder.MaxName, with 13 bytes of hash.
const (
	longestTag = 1 + len(stampFormat) + 6 + 18 // up to -99999, and a time
	longestExt = 64
	cutStem    = 128
	hashBytes  = 6
)

// version is a version's name taken apart: of what it is one, and how new.
type version struct {
	stem, ext string
	stamp     string
	n         int
	mtime     int64 // if timed: instead of that of the inode
	timed     bool
	mode      uint16 // if dir
	dir       bool
	name      string
}

// of is what all versions of one path have in common, and only those.
func (v version) of() string { return v.stem + "/" + v.ext }

// at is when it was replaced.
func (v version) at() time.Time {
	t, err := time.Parse(stampFormat, v.stamp)
	if err != nil {
		return time.Time{} // not of a version that parseVersion made
	}
	return t
}

// newer orders versions, the newest first.
func newer(a, b version) int {
	return cmp.Or(cmp.Compare(b.stamp, a.stamp), cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name))
}

// named completes the name that the other fields make.
func (v version) named() version {
	v.name = v.stem + "~" + v.stamp
	if v.n > 1 {
		v.name += "-" + strconv.Itoa(v.n)
	}
	if v.timed {
		v.name += "+m" + strconv.FormatUint(uint64(v.mtime), 16)
	}
	if v.dir {
		v.name += "+d" + strconv.FormatUint(uint64(v.mode), 8)
	}
	v.name += v.ext
	return v
}

// versionOf is the first version of base of that moment. Of a name that would be
// too long, the stem is cut and a hash of it all put in its place, so that two
// long names do not become one.
func versionOf(base string, at time.Time) version {
	v := version{stamp: at.UTC().Format(stampFormat), n: 1}
	v.stem, v.ext = splitExt(base)
	// Whether and where to cut depends on the name alone: all its versions must
	// look like its versions.
	if isLong(base) {
		if len(v.ext) > longestExt {
			v.ext = ""
		}
		v.stem = strings.ToValidUTF8(v.stem[:min(len(v.stem), cutStem)], "") + "~" + nameHash(base)
	}
	return v.named()
}

func isLong(base string) bool { return len(base) > folder.MaxName-longestTag }

func nameHash(base string) string {
	sum := sha256.Sum256([]byte(base))
	return hex.EncodeToString(sum[:hashBytes])
}

func splitExt(base string) (stem, ext string) {
	if i := strings.LastIndexByte(base, '.'); i > 0 {
		return base[:i], base[i:]
	}
	return base, ""
}

// parseVersion reports whether name is one of a version. The last stamp in it is
// the one: an extension has a dot in front alone, and so can hold none.
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
		v := version{stem: name[:i], stamp: rest[:len(stampFormat)], n: 1, name: name}
		if _, err := time.Parse(stampFormat, v.stamp); err != nil {
			continue
		}
		tags, ext, dotted := strings.Cut(rest[len(stampFormat):], ".")
		if dotted {
			v.ext = "." + ext
		}
		if v.tags(tags) {
			return v, true
		}
	}
}

// tags reads what stands between stamp and extension.
func (v *version) tags(s string) bool {
	number, rest, _ := strings.Cut(s, "+")
	if digits, ok := strings.CutPrefix(number, "-"); ok {
		n, err := strconv.Atoi(digits)
		if err != nil || n < 2 {
			return false
		}
		v.n = n
	} else if number != "" {
		return false
	}
	for rest != "" {
		var tag string
		tag, rest, _ = strings.Cut(rest, "+")
		if text, ok := strings.CutPrefix(tag, "m"); ok {
			t, err := strconv.ParseUint(text, 16, 64)
			if err != nil {
				return false
			}
			v.mtime, v.timed = int64(t), true
		} else if text, ok := strings.CutPrefix(tag, "d"); ok {
			m, err := strconv.ParseUint(text, 8, 16)
			if err != nil || m > folder.ModeMask {
				return false
			}
			v.mode, v.dir = uint16(m), true
		} else {
			return false
		}
	}
	return true
}

// saveName writes the whole of a name that its versions have cut beside them.
func saveName(w *work, d *dir, base string) error {
	name := namePrefix + nameHash(base)
	if savedName(d, nameHash(base)) == base {
		return nil
	}
	tmp := newPrefix + rand.Text()
	f, err := w.tmp.create(tmp, 0o600)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, base)
	if err = errors.Join(err, f.Close()); err == nil {
		err = w.tmp.rename(tmp, d, name)
	}
	if err != nil {
		return errors.Join(err, w.tmp.unlink(tmp))
	}
	return nil
}

// savedName returns the name that was saved under that hash, "" if there is none.
func savedName(d *dir, hash string) string {
	f, _, err := d.open(namePrefix + hash)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, folder.MaxName+1))
	if err != nil || nameHash(string(b)) != hash {
		return ""
	}
	return string(b)
}

// hashOf returns the hash in a stem that was cut, "" if it was not.
func hashOf(stem string) string {
	i := strings.LastIndexByte(stem, '~')
	if i < 0 || len(stem)-i-1 != 2*hashBytes {
		return ""
	}
	if _, err := hex.DecodeString(stem[i+1:]); err != nil {
		return ""
	}
	return stem[i+1:]
}

// base is the name of which v, found in d, is a version.
func (v version) base(d *dir) string {
	if hash := hashOf(v.stem); hash != "" {
		if name := savedName(d, hash); name != "" {
			return name
		}
	}
	return v.stem + v.ext
}

// noReplaceVersion moves an entry to the first free name of v in d.
func (r *Root) noReplaceVersion(old slot, d *dir, v version) (name string, err error) {
	for ; ; v.n++ {
		v = v.named()
		if err := r.noReplace(old.dir, old.base(), d, v.name); !errors.Is(err, fs.ErrExist) {
			return v.name, err
		}
	}
}
