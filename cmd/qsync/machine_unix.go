//go:build unix

package main

import (
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// machineID is the same as long as this is the same installation, and tells
// nothing else. Where there is none the host name has to do.
func machineID() string {
	if runtime.GOOS == "darwin" || runtime.GOOS == "freebsd" {
		for _, name := range []string{"kern.uuid", "kern.hostuuid"} {
			if id := sysctl(name); id != "" {
				return id
			}
		}
	}
	for _, file := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/hostid"} {
		if b, err := os.ReadFile(file); err == nil {
			if id := strings.TrimSpace(string(b)); len(id) >= 16 && id != "uninitialized" {
				return id
			}
		}
	}
	return "host " + hostName()
}

// inodeOf names a file on its file system.
func inodeOf(fi fs.FileInfo) string {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return inodeString(uint64(st.Ino))
	}
	return ""
}

// oneUser reports that only the owner can reach the file.
func oneUser(fi fs.FileInfo) bool { return fi.Mode().Perm()&0o077 == 0 }

// ownerOf is the number of the user that a file belongs to.
func ownerOf(fi fs.FileInfo) (uid int, ok bool) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}
