package disk

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"

	"qsync/folder"
)

// identify has nothing to add: the file index of Windows is not in a listing,
// so entries are told apart by size and modification time alone.
func identify(*info, fs.FileInfo) {}

// checkLeaf reports why Windows cannot hold a name: it would take some as a
// path, a stream or a device, and silently shorten others.
func checkLeaf(name string) error {
	if err := folder.CheckName(name); err != nil {
		return err
	}
	odd := strings.ContainsAny(name, `<>:"|?*\`) || strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ")
	control := strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 })
	if odd || control || !filepath.IsLocal(name) {
		return fmt.Errorf("%w: Windows cannot hold the name %q", fs.ErrInvalid, name)
	}
	return nil
}

// syncDir has nothing to do: NTFS journals its directories.
func syncDir(*os.File) error { return nil }

func freeSpace(path string) (free, total int64, err error) {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, 0, err
	}
	var avail, all, unused uint64
	if err := windows.GetDiskFreeSpaceEx(p, &avail, &all, &unused); err != nil {
		return 0, 0, fail("free space", path, err)
	}
	return int64(avail), int64(all), nil
}
