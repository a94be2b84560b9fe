package disk

import (
	"errors"
	"fmt"

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
}

// dirent is an entry as a directory lists it. Kind is a hint: Absent when the
// file system does not say, or for what is no kind of ours.
type dirent struct {
	Name string
	Kind folder.Kind
}

var (
	errNotFile   = errors.New("not a regular file")
	errNoSupport = fmt.Errorf("%w by the file system", errors.ErrUnsupported)
)
