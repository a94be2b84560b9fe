package folder

import (
	"crypto/sha256"
	"encoding/base32"
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
// too long gives up the end of its stem, never its extension's.
func ConflictName(p Path, v Value, width int) Path {
	digest := v.Digest
	if v.Kind == Symlink {
		digest = sha256.Sum256([]byte(v.Target))
	}
	hash := lowerBase32.EncodeToString(digest[:])
	hash = hash[:min(max(width, 1), len(hash))]

	stem, ext := p.Base(), ""
	if i := strings.LastIndexByte(stem, '.'); i > 0 {
		stem, ext = stem[:i], stem[i:]
	}
	tag := ".conflict-" + stamp(v.MTime) + "-" + hash
	if len(tag)+len(ext) >= MaxName {
		stem, ext = stem+ext, ""
	}
	if over := len(stem) + len(tag) + len(ext) - MaxName; over > 0 {
		stem = cut(stem, len(stem)-over)
	}
	return p.Dir().Join(stem + tag + ext)
}

// stamp formats ns for a name; years that need more than four digits are clamped.
func stamp(ns int64) string {
	return time.Unix(0, ns).UTC().Format("20060102-150405")
}

// cut shortens s to at most n bytes without splitting a UTF-8 sequence.
func cut(s string, n int) string {
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
