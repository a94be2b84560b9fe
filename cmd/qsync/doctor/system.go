package doctor

import "strings"

// wantBuffer is the socket buffer that quic-go asks for, in bytes.
const wantBuffer = 7_500_000

// Buffers looks at how large the system lets a program's socket buffers be.
func Buffers(rmem, wmem int64, err error) Finding {
	const check = "buffers"
	if err != nil {
		return unknown(check, "the limits of socket buffers", err)
	}
	if rmem < wantBuffer || wmem < wantBuffer {
		return note(check, "socket buffers may have %s (%s out); fast networks need 7.2 MiB", size(rmem), size(wmem)).
			to("printf 'net.core.rmem_max=%d\\nnet.core.wmem_max=%[1]d\\n' | sudo tee /etc/sysctl.d/60-qsync.conf; sudo sysctl --system", wantBuffer)
	}
	return ok(check, "socket buffers may be as large as they need to be")
}

// Watches compares the limit of inotify watches with the directories of all
// folders, each of which needs one.
func Watches(limit, dirs int64, err error) Finding {
	const check = "watches"
	if err != nil {
		return unknown(check, "the limit of watches", err)
	}
	want := max(524288, 2*dirs)
	cure := func(f Finding) Finding {
		return f.to("echo fs.inotify.max_user_watches=%d | sudo tee /etc/sysctl.d/61-qsync.conf; sudo sysctl --system", want)
	}
	switch {
	case dirs > limit:
		return cure(bad(check, "the folders have %d directories, and a user may watch %d: what is not watched is only seen by full passes", dirs, limit))
	case 2*dirs > limit:
		return cure(note(check, "the folders have %d directories, and a user may watch %d, together with all other programs", dirs, limit))
	}
	return ok(check, "a user may watch %d directories; the folders have %d", limit, dirs)
}

// Instances compares the limit of inotify instances with those that are in use
// by this user and the folders that need one each.
func Instances(limit, used, folders int64, err error) Finding {
	const check = "instances"
	if err != nil {
		return unknown(check, "the limit of inotify instances", err)
	}
	if used+folders > limit {
		return bad(check, "%d of %d inotify instances are in use, and the folders need %d", used, limit, folders).
			to("echo fs.inotify.max_user_instances=%d | sudo tee /etc/sysctl.d/62-qsync.conf; sudo sysctl --system", max(1024, 2*(used+folders)))
	}
	return ok(check, "%d of %d inotify instances are in use", used, limit)
}

// Traits is what a file system does with names and times.
type Traits struct {
	Type        string // "" where the system does not tell
	FoldsCase   bool   // Foo and foo are one file
	Normalises  bool   // both forms of é are one name
	NoSymlinks  bool
	Granularity int64 // of modification times, nanoseconds
	Exchange    error // of renameat2(RENAME_EXCHANGE)
	NoReplace   error // of renameat2(RENAME_NOREPLACE)
}

// FileSystem says what a folder's file system does otherwise than most.
func FileSystem(t Traits, err error) Finding {
	const check = "filesystem"
	if err != nil {
		return unknown(check, "the file system", err)
	}
	name := "the file system"
	if t.Type != "" {
		name += " (" + t.Type + ")"
	}
	var odd []string
	if t.FoldsCase {
		odd = append(odd, "takes Foo and foo for one name, so of two such files one is not synced here")
	}
	if t.Normalises {
		odd = append(odd, "takes the two forms of letters such as é for one name")
	}
	if t.NoSymlinks {
		odd = append(odd, "has no symlinks, so those of peers are reported as problems here")
	}
	if t.Granularity >= 1_000_000_000 {
		odd = append(odd, "keeps times to the second or two")
	}
	if t.Exchange != nil || t.NoReplace != nil {
		odd = append(odd, "cannot exchange files in one step, so a program that writes at that very moment may see a file missing")
	}
	switch network := strings.HasPrefix(t.Type, "nfs") || t.Type == "cifs" || t.Type == "smb3" || strings.HasPrefix(t.Type, "fuse"); {
	case len(odd) > 0:
		return note(check, "%s %s", name, strings.Join(odd, "; "))
	case network:
		return note(check, "%s is not told of changes that other machines make; full passes find them", name).to("every: 10m in config.yaml, or less")
	}
	return ok(check, "%s keeps names, links and times as they are", name)
}
