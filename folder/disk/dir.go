package disk

import (
	"errors"
	"fmt"
	"io"
	"math"

	"qsync/folder"
)

// info is what lstat says of an entry. A fifo, socket or device is Special and
// of kind Absent: for a folder nothing is there.
type info struct {
	Kind    folder.Kind
	Special bool
	Mode    uint16 // within folder.ModeMask; of a symlink 0
	Size    int64
	MTime   int64 // ns since 1970 UTC, as CTime
	CTime   int64
	Inode   uint64
	Dev     uint64
	Links   uint64 // names of a file, as far as the system tells
}

// dirent is an entry as a directory lists it. Kind is a hint: Absent when the
// file system does not say, or for what is no kind of ours.
type dirent struct {
	Name  string
	Kind  folder.Kind
	asked bool // not listed: somebody asks about the name
}

// Content is an open file that is only read, by one goroutine at a time.
type Content interface {
	io.Reader
	io.ReaderAt
	io.Closer
}

var (
	errNotFile   = errors.New("not a regular file")
	errNoSupport = fmt.Errorf("%w by the file system", errors.ErrUnsupported)
)

// nanos is a time as nanoseconds since 1970, which reach from 1677 to 2262: the
// end that is nearest to a time beyond them.
func nanos(sec, nsec int64) int64 {
	const last = math.MaxInt64 / 1_000_000_000
	switch {
	case sec >= last:
		return math.MaxInt64
	case sec <= -last:
		return math.MinInt64
	}
	return sec*1_000_000_000 + nsec
}
