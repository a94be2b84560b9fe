package doctor

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// SocketLimits returns how large socket buffers may be, in bytes: in, out.
func SocketLimits() (in, out int64, err error) {
	if in, err = sysctl("net/core/rmem_max"); err == nil {
		out, err = sysctl("net/core/wmem_max")
	}
	return in, out, err
}

// WatchLimits returns how many directories a user may watch, and how many
// inotify instances a user may have (inotify(7)).
func WatchLimits() (watches, instances int64, err error) {
	if watches, err = sysctl("fs/inotify/max_user_watches"); err == nil {
		instances, err = sysctl("fs/inotify/max_user_instances")
	}
	return watches, instances, err
}

func sysctl(name string) (int64, error) {
	b, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return 0, fmt.Errorf("doctor: %w", err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("doctor: %w", err)
	}
	return n, nil
}

// InstancesUsed counts the inotify instances of this user's processes.
func InstancesUsed() (n int64, err error) {
	self := os.Geteuid()
	err = descriptors(func(process, link string) bool {
		var st unix.Stat_t
		if strings.HasSuffix(link, "inotify") && unix.Stat(process, &st) == nil && int(st.Uid) == self {
			n++
		}
		return true
	})
	return n, err
}

// descriptors tells of every open file of the processes that this user may look
// at: the process's directory in /proc, and what the descriptor leads to. It
// ends when found returns false.
func descriptors(found func(process, link string) bool) error {
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(processes) == 0 {
		return fmt.Errorf("doctor: no processes in /proc: %w", os.ErrNotExist)
	}
	for _, p := range processes {
		fds, err := os.ReadDir(p + "/fd")
		if err != nil {
			continue // another user's, or gone
		}
		for _, fd := range fds {
			if link, err := os.Readlink(p + "/fd/" + fd.Name()); err == nil && !found(p, link) {
				return nil
			}
		}
	}
	return nil
}

// PortOwner names the program that has a UDP port of this machine, "" if that
// cannot be told: other users' programs are not shown.
func PortOwner(port int) string {
	wanted := map[string]bool{}
	for _, file := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		f, err := os.Open(file)
		if err != nil {
			continue // a family that is off
		}
		for _, inode := range holders(f, port) {
			wanted["socket:["+inode+"]"] = true
		}
		_ = f.Close()
	}
	owner := ""
	err := descriptors(func(process, link string) bool {
		if !wanted[link] {
			return true
		}
		name, err := os.ReadFile(process + "/comm")
		if err != nil {
			return true
		}
		owner = fmt.Sprintf("%q (process %s)", strings.TrimSpace(string(name)), filepath.Base(process))
		return false
	})
	if err != nil {
		return ""
	}
	return owner
}

// holders returns the inodes of the sockets in a table of /proc/net that are
// bound to a port (proc_net(5)).
func holders(table io.Reader, port int) (inodes []string) {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 10 {
			continue
		}
		_, hex, ok := strings.Cut(f[1], ":")
		n, err := strconv.ParseUint(hex, 16, 16)
		if ok && err == nil && int(n) == port {
			inodes = append(inodes, f[9])
		}
	}
	return inodes
}

// ClockSynced reports whether something such as NTP keeps the clock right
// (adjtimex(2)). Android kills a process that asks, and keeps the clock itself.
func ClockSynced() (bool, error) {
	if runtime.GOOS == "android" {
		return true, nil
	}
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return false, fmt.Errorf("doctor: %w", err)
	}
	return t.Status&unix.STA_UNSYNC == 0, nil
}

// fileSystems are the names of statfs(2)'s numbers that matter here.
var fileSystems = map[uint32]string{
	0xef53: "ext", 0x9123683e: "btrfs", 0x58465342: "xfs", 0x01021994: "tmpfs", 0x794c7630: "overlay",
	0x4d44: "vfat", 0x2011bab0: "exfat", 0x7366746e: "ntfs3", 0x5346544e: "ntfs", 0x65735546: "fuse",
	0x6969: "nfs", 0xff534d42: "cifs", 0xfe534d42: "smb3", 0x2fc12fc1: "zfs", 0xf2f52010: "f2fs", 0xca451a4e: "bcachefs",
}

func typeOf(path string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return ""
	}
	return fileSystems[uint32(st.Type)]
}

// swaps tries the renames that put files in place (renameat2(2)) with two files.
func swaps(a, b string) (exchange, noReplace error) {
	exchange = unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	noReplace = unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_NOREPLACE)
	if noReplace == unix.EEXIST { // as it should be
		noReplace = nil
	}
	return exchange, noReplace
}
