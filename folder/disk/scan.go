package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"syscall"
	"time"

	"qsync/folder"
	"qsync/folder/chunk"
)

// What a [Problem] may wrap besides the errors of the system and [folder.ErrPath].
var (
	// ErrChanging: the entry was written to or replaced each time it was read.
	// Worth another look soon; a hint will come if it is watched.
	ErrChanging = errors.New("changing while read")
	// ErrSpecial: neither file, directory nor symlink.
	ErrSpecial = errors.New("not synced: fifo, socket or device")
	// ErrMount: the directory belongs to another file system than the root, or is
	// mounted here from elsewhere in the same one.
	ErrMount = errors.New("not synced: another file system is mounted here")
	// ErrUnmounted: what was mounted at the directory is not any more, and what is
	// known below it is not there.
	ErrUnmounted = errors.New("files are missing here since what was mounted is gone, and count as still there: mount it again, or remove this directory if they are to go everywhere")
)

// ErrRootGone is returned by [Root.Scan] when the path of the root no longer
// leads to the directory that was opened. Nothing of that scan is to be
// believed: a missing root is not a folder whose entries were all deleted.
var ErrRootGone = errors.New("the root is gone or is not the directory it was")

// Known is an entry of the index: what the disk held when last looked at.
type Known struct {
	Path  folder.Path
	Local folder.Local
}

// Found is a difference between index and disk. After is what the disk holds
// now, its Value complete but for Base, Origin and Ext, its Dot zero and
// Implicit false; of kind Absent when the entry vanished, and Before with Ignored
// set when it has come to be ignored: that is not looked at. Before is what was
// known, of kind Absent when nothing was. Content may be the same in both: then
// only metadata or the [folder.Stat] is new.
type Found struct {
	Path          folder.Path
	Before, After folder.Local
	Database      bool          // what was read begins as an SQLite database does
	Recipe        *chunk.Recipe // of what was read, nil unless [ScanOptions].Split asked for it
	Content       []byte        // what was read, nil unless [ScanOptions].Keep asked for it
}

// Problem is a path about which nothing could be found out. What is known at
// or below it stays as it is: not changed, not vanished.
type Problem struct {
	Path folder.Path // need not be canonical; "" is the root
	Err  error
}

// ScanOptions says what to scan, against what, and who is told.
type ScanOptions struct {
	// Under limits the scan to one entry and what is below; "" is everything.
	Under folder.Path
	// Since is the time up to which changes are looked for, the zero Time for now:
	// several scans about hints of one moment share what they find out.
	Since time.Time
	// Shallow looks at Under itself alone; below it only if it was no
	// directory before, or another one.
	Shallow bool
	// Verify hashes every file, whatever its stat says.
	Verify bool
	// Known yields the index entries at or below Under whose kind is not
	// Absent, in the order of [folder.Path.Compare]. Its error ends the scan.
	Known iter.Seq2[Known, error]
	// Ignore holds the patterns that apply at the root; .syncignore files that
	// the scan comes by are layered on it. May be nil.
	Ignore *folder.Ignore
	// Holds reports whether the index has something on disk at a path. It is asked
	// on file systems that take several Unicode normal forms for one, where a name
	// is listed in another form than the index may know. May be nil.
	Holds func(folder.Path) bool
	// Mounts reports whether a directory was a mount when it was last looked at.
	// What is known below it and not there is [ErrUnmounted] and did not vanish, as
	// long as the directory itself is there (F27). May be nil.
	Mounts func(folder.Path) bool
	// Whole is told of a directory of which Mounts said so, and below which nothing
	// is missing. May be nil.
	Whole func(folder.Path)
	// Touched reports that a directory's new modification time is our own
	// doing and no change. May be nil.
	Touched func(folder.Path) bool
	// Renamed tells what a file at a path that is not known was at the path that
	// it had before a directory above it was renamed: where all its stamps are the
	// same it is the same file and is not read again. May be nil.
	Renamed func(folder.Path) (folder.Local, bool)
	// Watch is told of every directory before it is listed, so that nothing
	// can appear between the look and the watch. May be nil.
	Watch *Watcher
	// Linked is told of every file that has further names, and of its inode. May
	// be nil.
	Linked func(p folder.Path, inode uint64)
	// Split is asked whether the recipe of a large file that is about to be read is
	// wanted, and for a guide; before is what was known of its path. Unlike the rest
	// it may be called by several goroutines at the same time. May be nil.
	Split func(before folder.Value, size int64) (guide []chunk.Part, wanted bool)
	// Keep is asked whether the content of a file of so many bytes, at most [MaxKeep],
	// that is new or has changed is to be handed on with what was found. It may be
	// called by several goroutines at the same time. May be nil.
	Keep func(size int64) bool
	// Found receives the differences in path order. Its error ends the scan.
	Found func(Found) error
	// Problem receives what could not be looked at, in path order among the
	// differences. May be nil.
	Problem func(Problem)
	// Progress is told now and then how many entries were seen and how many
	// bytes were hashed. May be nil.
	Progress func(entries, bytes int64)
}

// ScanStats counts what a scan did.
type ScanStats struct {
	Entries  int64 // looked at with lstat
	Hashed   int64 // files read
	Bytes    int64 // of those
	Found    int64
	Problems int64
	Racy     int64 // found racy: they need another look, 2 s later at most
}

// Scan compares the tree with the index and reports what differs. It only
// reads. Walk and index are merged in path order, so memory grows with the
// widest directory, not with the tree; an entry that did not change costs one
// lstat. Files are hashed by GOMAXPROCS goroutines that end with the call; all
// callbacks come from the caller's own goroutine.
//
// A path that cannot be looked at is a [Problem] and the rest goes on. The
// error wraps [ErrRootGone], ctx's, that of Known or that of Found.
func (r *Root) Scan(ctx context.Context, o ScanOptions) (ScanStats, error) {
	if o.Under != "" {
		if _, err := folder.ParsePath(string(o.Under)); err != nil {
			return ScanStats{}, fmt.Errorf("scan: %w", err)
		}
	}
	in, err := r.intact()
	if err != nil {
		return ScanStats{}, fmt.Errorf("scan: %w", err)
	}
	if o.Since.IsZero() {
		o.Since = time.Now()
	}
	s := newScanner(ctx, &o, in)
	s.queue.root, s.queue.split, s.queue.keep = r, o.Split, o.Keep
	err = s.run(r)
	if cerr := s.close(); err == nil {
		err = cerr
	}
	if err == nil {
		// A root that went away during the walk looks like mass deletion.
		_, err = r.intact()
	}
	if err != nil {
		return s.stats, fmt.Errorf("scan: %w", err)
	}
	return s.stats, nil
}

// intact checks that the root's path still leads to the open directory.
func (r *Root) intact() (info, error) {
	held, err := r.dir.stat("")
	if err != nil {
		return info{}, fmt.Errorf("%w: %w", ErrRootGone, err)
	}
	d, err := openDir(r.Path())
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotDir) || errors.Is(err, syscall.ENOTDIR) {
		return info{}, fmt.Errorf("%w: %w", ErrRootGone, err)
	}
	if err != nil {
		return info{}, err
	}
	defer d.Close()
	now, err := d.stat("")
	if err != nil {
		return info{}, err
	}
	if now.Kind != folder.Dir || now.Inode != held.Inode || now.Dev != held.Dev {
		return info{}, ErrRootGone
	}
	return held, nil
}
