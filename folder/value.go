package folder

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Kind says what an entry is. The zero Kind is "nothing there".
type Kind uint8

// The kinds of entry that sync. Devices, sockets and pipes do not.
const (
	Absent Kind = iota
	Dir
	File
	Symlink
)

// String returns the kind's name in lower case.
func (k Kind) String() string {
	switch k {
	case Absent:
		return "absent"
	case Dir:
		return "directory"
	case File:
		return "file"
	case Symlink:
		return "symlink"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Limits of a value, in bytes.
const (
	MaxTarget = 4095
	MaxExt    = 64 << 10
	MaxSig    = 64
)

// ModeMask is the permission bits that sync; setuid, setgid and sticky do not.
const ModeMask = 0o777

// Digest is the BLAKE3-256 hash of a file's content.
type Digest [32]byte

// Value is what one write made of a path. It is immutable.
type Value struct {
	Kind   Kind
	Mode   uint16 // permission bits, within ModeMask; of a symlink 0
	MTime  int64  // modification time in nanoseconds since 1970 UTC
	Size   int64  // bytes of a file
	Digest Digest // content of a file
	Target string // of a symlink, verbatim
	Base   Base   // what the write replaced, if that was a file too
	Origin Path   // the path a renamed entry had before, "" if unknown
	Ext    string // further fields, see ext.go; what is not known is kept and passed on unread
}

// Base remembers of the file that a write replaced just enough to tell a
// change of content from a change of metadata. The zero Base is "unknown".
type Base struct {
	Content uint64 // ContentID of the replaced file
	Mode    uint16
}

// ErrValue is what every error about a malformed value or register wraps.
var ErrValue = errors.New("malformed register")

// ContentID returns the first 8 bytes of a file's digest as a number, 0 for
// every other kind.
func (v Value) ContentID() uint64 {
	if v.Kind != File {
		return 0
	}
	return binary.BigEndian.Uint64(v.Digest[:8])
}

// SameContent reports whether a and b differ at most in metadata. Two
// directories always have the same content, two absent values too.
func SameContent(a, b Value) bool {
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case File:
		return a.Digest == b.Digest && a.Size == b.Size
	case Symlink:
		return a.Target == b.Target
	}
	return true
}

// SameOnDisk reports whether a and b look the same on a disk: same content,
// mode and modification time. Of a symlink the target alone counts.
func SameOnDisk(a, b Value) bool {
	if !SameContent(a, b) {
		return false
	}
	return a.Kind == Symlink || a.Kind == Absent || (a.Mode == b.Mode && a.MTime == b.MTime)
}

// metaOnly reports whether v changed only the metadata of a file.
func (v Value) metaOnly() bool {
	return v.Kind == File && v.Base.Content != 0 && v.Base.Content == v.ContentID()
}

// Check returns an error that wraps [ErrValue] if v breaks a limit or holds
// fields that its kind does not have.
func (v Value) Check() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrValue, what) }
	if v.Kind != Dir && v.Kind != File && v.Kind != Symlink {
		return bad("kind")
	}
	if v.Mode&^ModeMask != 0 || v.Base.Mode&^ModeMask != 0 {
		return bad("mode bits")
	}
	if v.Kind != File && (v.Size != 0 || v.Digest != (Digest{}) || v.Base != (Base{})) {
		return bad("content of something that is no file")
	}
	if v.Size < 0 || v.Size > 1<<62 {
		return bad("size")
	}
	if (v.Kind == Symlink) != (v.Target != "") || len(v.Target) > MaxTarget {
		return bad("symlink target")
	}
	for i := range len(v.Target) {
		if v.Target[i] == 0 {
			return bad("NUL in symlink target")
		}
	}
	if v.Origin != "" {
		if _, err := ParsePath(string(v.Origin)); err != nil {
			return bad("origin")
		}
	}
	if len(v.Ext) > MaxExt {
		return bad("extension")
	}
	return nil
}

// Stat identifies what a path held on disk when it was last looked at, so that
// a later look can tell "unchanged" without reading it.
type Stat struct {
	Inode uint64
	CTime int64 // nanoseconds since 1970 UTC
	Racy  bool  // looked at so soon after the change that one more could hide: read again
}

// Local is what this machine's disk holds at a path. Dot names the write that
// put Value there; it is zero when no dot of the register is on disk (an
// implicit directory, a local change on a receiving replica).
type Local struct {
	Value    Value
	Dot      Dot
	Stat     Stat
	Implicit bool // a directory that is here only for what lives below it

	// Ignored: when last looked at it was ignored, so whoever removes it removes
	// it here alone, also if that is found when it is ignored no more.
	Ignored bool
}
