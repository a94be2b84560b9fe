package disk

import "golang.org/x/sys/unix"

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
func stampClock() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &ts); err != nil {
		return 0
	}
	return ts.Nano()
}
