package disk

import (
	"time"

	"golang.org/x/sys/unix"
)

// stampsHere reports whether the file system of d stamps by this kernel's coarse
// clock: a change after a look at that clock is then stamped with what it showed,
// or later (and if the stamp that is there has been asked for, always with another
// one: "multigrain timestamps" of Linux 6.13). A server stamps by its own. The
// numbers are those of statfs(2): ext2 to ext4, XFS, btrfs, tmpfs, F2FS.
func stampsHere(d *dir) bool {
	var st unix.Statfs_t
	if err := unix.Fstatfs(d.fd(), &st); err != nil {
		return false
	}
	switch uint32(st.Type) {
	case 0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xf2f52010:
		return true
	}
	return false
}

// stampClock reads that clock, where the kernel does: what a program is shown of it
// without a call could be ahead for a moment.
// It is 0 where at is not the time that the kernel has, as in tests that run on a
// clock of their own: what is compared with it then says nothing.
func stampClock(at int64) int64 {
	var exact, coarse unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &exact) != nil || unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &coarse) != nil {
		return 0
	}
	if d := exact.Nano() - at; d < 0 || d > int64(sameClock) {
		return 0
	}
	return coarse.Nano()
}

// sameClock is how long it may take to read one clock after the other.
const sameClock = 20 * time.Millisecond
