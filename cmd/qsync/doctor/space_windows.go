package doctor

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// FreeSpace returns how many bytes of a file system this user can still write,
// and how many there are.
func FreeSpace(path string) (free, total int64, err error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, 0, fmt.Errorf("doctor: %w", err)
	}
	var mine, all uint64
	if err := windows.GetDiskFreeSpaceEx(name, &mine, &all, nil); err != nil {
		return 0, 0, fmt.Errorf("doctor: %w", err)
	}
	return int64(mine), int64(all), nil
}
