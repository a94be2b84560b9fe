package doctor

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"time"
)

// Nodes says what runs on the home: the processes and how many folders they run.
func Nodes(pids []int, folders, remembered int) Finding {
	const check = "node"
	switch {
	case len(pids) > 0:
		return ok(check, "a node runs on this home: process %s, with %d of %d known folders", numbers(pids), folders, max(remembered, folders))
	case remembered == 0:
		return note(check, "no folder is known to this home, and no node runs on it").to("qsync share DIR, or qsync join - DIR; --home names another home")
	}
	return bad(check, "no node runs on this home, so its %d folders do not sync", remembered).to("qsync serve; 'qsync service install' starts it with the machine")
}

func numbers(all []int) string {
	var words []string
	for _, n := range all {
		words = append(words, itoa(n))
	}
	return strings.Join(words, ", ")
}

// Version compares a running node's program with this one.
func Version(running, own string) Finding {
	if running == own {
		return ok("version", "the running node is of this version, %s", own)
	}
	return note("version", "the running node is of version %s, this program of %s", running, own).to("restart the node to have the version that is installed")
}

// Home looks at the home's owner and mode. self and owner are user numbers, -1
// where the system has none.
func Home(dir string, self, owner int, mode fs.FileMode) Finding {
	const check = "home"
	switch {
	case owner >= 0 && self >= 0 && owner != self:
		return bad(check, "the home %q belongs to another user (number %d)", dir, owner).to("run qsync as that user, or give another home with --home")
	case owner >= 0 && mode.Perm()&0o077 != 0:
		return bad(check, "others may read the home %q, and with it the sync IDs", dir).to("chmod 700 %s", word(dir))
	}
	return ok(check, "the home %q is its owner's alone", dir)
}

// Secrets looks at the modes of the files that hold sync IDs and keys.
func Secrets(open []string) Finding {
	if len(open) > 0 {
		return bad("secrets", "others may read %q", open).to("chmod 600 %s", word(open[0]))
	}
	return ok("secrets", "sync IDs and keys are readable for their owner alone")
}

// Space looks at the free bytes of a file system, of total.
func Space(what string, free, total int64, err error) Finding {
	const check = "space"
	if err != nil {
		return unknown(check, "free space of "+what, err)
	}
	// What a node leaves free (peer: space.go).
	spare := min(max(total/100, 64<<20), total/20)
	switch {
	case free < spare:
		return bad(check, "%s: only %s free; qsync leaves %s", what, size(free), size(spare)).to("make room; what waits for it then goes on by itself")
	case free < 4*spare:
		return note(check, "%s: %s free, which is not much", what, size(free))
	}
	return ok(check, "%s: %s free", what, size(free))
}

// MapFacts is what is known of a folder map.
type MapFacts struct {
	Size    int64 // bytes
	Running bool  // a node has it open, which checked it at its start
	Err     error // of the check
	Missing bool
}

// Map looks at a folder map.
func Map(m MapFacts) Finding {
	const check = "map"
	switch {
	case m.Missing:
		return note(check, "the folder has no map yet; it is made when the folder first runs")
	case m.Running:
		return ok(check, "the map has %s; the node that runs has checked it when it began", size(m.Size))
	case m.Err != nil && errors.Is(m.Err, fs.ErrPermission):
		return bad(check, "the map cannot be read: permission denied").to("run qsync as the owner of the home")
	case m.Err != nil:
		return bad(check, "the map is damaged: %v", m.Err).to("nothing: the next start keeps it aside and makes a new one from the files")
	}
	return ok(check, "the map has %s and is sound", size(m.Size))
}

// Clock looks at the wall clock. synced is whether something keeps it right, and
// built a time that has passed for sure.
func Clock(now, built time.Time, synced bool, err error) Finding {
	const check = "clock"
	const why = "of two edits at once, the later by the clock keeps the name"
	switch {
	case now.Before(built):
		return bad(check, "the clock says %s, which is past: %s", now.Format(time.DateTime), why).to("set it: sudo timedatectl set-ntp true")
	case err != nil:
		return unknown(check, "whether the clock is kept right", err)
	case !synced:
		return note(check, "nothing keeps the clock right: %s", why).to("sudo timedatectl set-ntp true")
	}
	return ok(check, "the clock is kept right")
}

// FolderFacts is how a running node sees a folder.
type FolderFacts struct {
	State, Reason string // as in 'qsync status'
	Problems      int
	Conflicts     int
	Peers         int
	Connected     int
}

// Folder says what keeps a folder from syncing.
func Folder(f FolderFacts) Finding {
	const check = "folder"
	switch {
	case f.State == "stopped":
		return bad(check, "it is stopped: %s", f.Reason).to("qsync status DIR")
	case f.State == "paused":
		return note(check, "it is paused: %s", f.Reason).to("qsync resume DIR")
	case f.Reason != "":
		return note(check, "%s", f.Reason)
	case f.Peers == 0:
		return note(check, "it has met no peer yet").to("on the other device: qsync join - DIR; with --remote and this machine's name where it is in another network")
	case f.Connected == 0:
		if f.Peers == 1 {
			return note(check, "its peer is not connected")
		}
		return note(check, "none of its %d peers is connected", f.Peers)
	case f.Problems > 0:
		return note(check, "%d of its entries cannot be synced now", f.Problems).to("qsync status DIR names them")
	case f.Conflicts > 0:
		return note(check, "%d conflict copies wait for you to compare them", f.Conflicts).to("qsync status DIR names them")
	}
	return ok(check, "%s, %d of %d peers connected", f.State, f.Connected, f.Peers)
}

// inUse reports whether an error of binding a port says that somebody has it.
func inUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaAddrInUse)
}

// wsaAddrInUse is WSAEADDRINUSE, which package syscall does not map.
const wsaAddrInUse = syscall.Errno(10048)
