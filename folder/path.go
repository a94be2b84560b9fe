package folder

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of a path, in bytes and components. A path beyond them is never
// synced: the machine that has it reports it, a peer that sends it is cut off.
const (
	MaxPath  = 4096
	MaxName  = 255
	MaxDepth = 256
)

// Reserved is the directory in a folder's root that belongs to qsync itself
// (marker, staging area, versions). It never syncs.
const Reserved = ".qsync"

// ErrPath is what every error about a path that cannot be synced wraps.
var ErrPath = errors.New("path cannot be synced")

// Path names an entry of a folder: relative to the root, components separated
// by '/', bytes rather than text (a name need not be UTF-8). The empty path is
// the root itself, which is not an entry. A Path made by [ParsePath] is
// canonical; only canonical paths reach the store, the disk or a peer.
type Path string

// ParsePath checks that s is canonical and returns it as a [Path]. It rejects
// rather than cleans: an empty, "." or ".." component, a leading or trailing
// slash, a NUL byte, anything at or below [IsReserved], and what exceeds
// [MaxPath], [MaxName] or [MaxDepth]. Its errors wrap [ErrPath].
func ParsePath(s string) (Path, error) {
	if s == "" || len(s) > MaxPath {
		return "", fmt.Errorf("%w: length %d", ErrPath, len(s))
	}
	depth := 0
	for rest, more := s, true; more; {
		var name string
		name, rest, more = strings.Cut(rest, "/")
		if err := CheckName(name); err != nil {
			return "", err
		}
		if depth == 0 && IsReserved(name) {
			return "", fmt.Errorf("%w: below the reserved directory %s", ErrPath, Reserved)
		}
		if depth++; depth > MaxDepth {
			return "", fmt.Errorf("%w: more than %d components", ErrPath, MaxDepth)
		}
	}
	return Path(s), nil
}

// IsReserved reports whether an entry of the root called name would be
// [Reserved] on some file system: some do not tell upper from lower case, some
// drop dots and spaces at the end. None may sync, lest a peer write there.
func IsReserved(name string) bool {
	return strings.EqualFold(strings.TrimRight(name, ". "), Reserved)
}

// CheckName reports why name cannot be one component of a path, nil if it can.
func CheckName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%w: component %q", ErrPath, name)
	case len(name) > MaxName:
		return fmt.Errorf("%w: component of %d bytes", ErrPath, len(name))
	case strings.ContainsAny(name, "\x00/"):
		return fmt.Errorf("%w: component with a NUL byte or slash", ErrPath)
	}
	return nil
}

// Join returns the path of the entry name in directory p. It does not check
// limits; a path made from names found on a disk goes through [ParsePath].
func (p Path) Join(name string) Path {
	if p == "" {
		return Path(name)
	}
	return p + "/" + Path(name)
}

// Dir returns the directory that holds p, "" for an entry of the root.
func (p Path) Dir() Path {
	return p[:max(strings.LastIndexByte(string(p), '/'), 0)]
}

// Base returns the last component of p.
func (p Path) Base() string {
	return string(p[strings.LastIndexByte(string(p), '/')+1:])
}

// Below reports whether p lies strictly below directory dir.
func (p Path) Below(dir Path) bool {
	if dir == "" {
		return p != ""
	}
	return len(p) > len(dir) && p[len(dir)] == '/' && p[:len(dir)] == dir
}

// Key returns the bytes that order paths as a walk visits them: '/' becomes
// 0x00, which sorts before every byte a name can hold. So a directory comes
// first, then everything below it, then its next sibling.
func (p Path) Key() []byte { return p.AppendKey(make([]byte, 0, len(p))) }

// AppendKey appends the key of p to b.
func (p Path) AppendKey(b []byte) []byte {
	n := len(b)
	b = append(b, p...)
	for i := n; i < len(b); i++ {
		if b[i] == '/' {
			b[i] = 0
		}
	}
	return b
}

// PathOfKey is the inverse of [Path.Key].
func PathOfKey(key []byte) Path {
	b := append([]byte(nil), key...)
	for i := range b {
		if b[i] == 0 {
			b[i] = '/'
		}
	}
	return Path(b)
}

// Compare orders paths as their keys order: -1, 0 or +1.
func (p Path) Compare(q Path) int {
	n := min(len(p), len(q))
	for i := range n {
		a, b := p[i], q[i]
		if a == b {
			continue
		}
		if a == '/' || (b != '/' && a < b) {
			return -1
		}
		return 1
	}
	return min(max(len(p)-len(q), -1), 1)
}
