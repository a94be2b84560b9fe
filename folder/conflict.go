package folder

import (
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// HashWidth is how many base32 characters of the content a conflict name
// carries at first; [ConflictName] takes more of them where a name is taken.
const HashWidth = 8

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// ConflictName returns where the losing write v of path p is kept:
// name.conflict-YYYYMMDD-HHMMSS-HASH.ext in the same directory, with v's UTC
// modification time and the first width base32 characters of its content hash
// (of the target's SHA-256, if a symlink). It depends on nothing else, so every
// replica that resolves the conflict makes the same file. A name that would be
// too long, or make the path so, gives up the end of its stem, never its
// extension's. In a directory so deep that even this is not enough the result
// exceeds [MaxPath]; [ParsePath] tells, and the loser must stay where it is.
func ConflictName(p Path, v Value, width int) Path {
	digest := v.Digest
	if v.Kind == Symlink {
		digest = sha256.Sum256([]byte(v.Target))
	}
	hash := lowerBase32.EncodeToString(digest[:])
	hash = hash[:min(max(width, 1), len(hash))]

	stem, ext := splitExt(p.Base())
	tag := ".conflict-" + stamp(v.MTime) + "-" + hash
	if len(tag)+len(ext) >= MaxName {
		stem, ext = stem+ext, ""
	}
	room := min(MaxName, MaxPath-len(p)+len(p.Base())) - len(tag) - len(ext)
	if len(stem) > room {
		stem = cut(stem, max(room, 0))
	}
	return p.Dir().Join(stem + tag + ext)
}

// splitExt takes a name apart. The mark of a conflict copy is no extension.
func splitExt(base string) (stem, ext string) {
	i := strings.LastIndexByte(base, '.')
	if i <= 0 || conflictMark.MatchString(base[i:]) {
		return base, ""
	}
	return base[:i], base[i:]
}

var conflictMark = regexp.MustCompile(`\.conflict-[0-9]{8}-[0-9]{6}-[a-z2-7]{8,52}(\.[^.]*)?$`)

// ConflictOf reports whether p has the name of a conflict copy, and of which path
// it is one. Where the copy's name had to give up the end of a long stem, of is
// what is left: see [ConflictName].
func ConflictOf(p Path) (of Path, ok bool) {
	base := p.Base()
	at, ext := markOf(base)
	if at < 0 {
		return "", false
	}
	return p.Dir().Join(base[:at] + base[ext:]), true
}

// SettledName is the name under which the conflict copy p stays beside what it
// was a copy of, and is one no longer: "kept" takes the place of "conflict". Of
// anything else it is p itself.
func SettledName(p Path) Path {
	base := p.Base()
	for at, _ := markOf(base); at >= 0; at, _ = markOf(base) {
		base = base[:at] + ".kept" + strings.TrimPrefix(base[at:], ".conflict")
	}
	return p.Dir().Join(base)
}

// markOf returns where in a name the mark of a conflict copy begins and ends, -1
// if there is none. The last one counts: a copy of a copy has two.
func markOf(base string) (at, end int) {
	for from := len(base); ; from = at {
		if at = strings.LastIndex(base[:from], ".conflict-"); at <= 0 {
			return -1, 0
		}
		if m := conflictMark.FindStringSubmatchIndex(base[at:]); m != nil && m[0] == 0 {
			if m[2] < 0 {
				return at, len(base)
			}
			return at, at + m[2]
		}
	}
}

// stamp formats ns for a name; an int64 of them ends before the year 2263.
func stamp(ns int64) string {
	return time.Unix(0, ns).UTC().Format("20060102-150405")
}

// cut shortens s to at most n bytes without splitting a UTF-8 sequence. What is
// not UTF-8 is cut anywhere.
func cut(s string, n int) string {
	for m := n; m > 0 && n-m < utf8.UTFMax; m-- {
		if utf8.RuneStart(s[m]) {
			return s[:m]
		}
	}
	return s[:n]
}
