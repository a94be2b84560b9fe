//go:build !windows

package disk

import "golang.org/x/sys/unix"

// MaxOpen returns how many files this process may have open at a time
// (getrlimit(2), RLIMIT_NOFILE), at most a million.
func MaxOpen() int64 {
	const most, usual = 1 << 20, 256
	var lim unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &lim) != nil {
		return usual
	}
	return int64(min(uint64(lim.Cur), most))
}
