// Package disk is a folder's tree on this machine: it sees what changed, is
// told when to look, and puts content in place without losing any.
//
// # Reaching entries
//
// A [Root] holds the root directory open. Everything below is reached from
// that descriptor through directories that are opened one inside the other and
// never through a symlink; the last step is always one name in an open
// directory. So whoever swaps a directory for a link to elsewhere redirects
// nothing (F62). Symlinks are data. Fifos, sockets and devices are never
// opened. The directory [folder.Reserved] in the root is ours and never seen.
//
// # Looking: Scan
//
// [Root.Scan] walks the tree and merges it with what the index knows, both in
// path order, and reports the differences in that order. Its rules:
//
//   - An entry whose kind, mode, size, modification time, change time and inode
//     are as recorded is unchanged: one lstat, no read. Of a directory mode and
//     modification time count, of a symlink all but the mode.
//   - Stamps prove that only if no later write could have left the same ones.
//     The tick of a fine clock is waited out before the read, where the clock of
//     the stamps can be read until that shows another time; an entry read
//     within that of a coarse one is marked Racy, and a Racy one is read again
//     (F32). Shared memory mappings evade even that (F34):
//     Verify reads everything.
//   - What is read is reported only if the stat before and after are equal,
//     both of the file and of the name that led to it (F35).
//   - An entry vanished if its parent could be listed and its own lstat finds
//     nothing, or if the parent itself vanished or is no directory any more
//     (F29). Whatever cannot be looked at did not vanish: it is a [Problem], and
//     all that is known at or below it stays as it is (F11, F28). So it is for
//     mount points: the scan stays on the root's file system (F27).
//   - What is ignored is neither found nor vanished (F69). That something known
//     has come to be ignored is noted, once: what is removed then is removed here
//     alone, and nobody else may lose it when it is ignored no more.
//   - The root's path must lead to the open directory before and after, else
//     [ErrRootGone] (F23, F24). Changes reported by a scan that ends so are not
//     to be believed.
//
// # When to look: Watcher
//
// A [Watcher] turns events of the system into hints. Hints may be late,
// doubled, about our own writes, or wrong; none is ever the truth. What cannot
// be known because events were lost, or directories not watched, is said:
// Lost in a [Hint], [Watcher.Limited]. Scans now and then make up for the rest.
//
// # Putting in place: Stage, Put and the others
//
// New content is written to a [Staged] file in the reserved directory, verified,
// given mode and time by descriptor, and moved into place by a guarded swap:
// a new name must be free (renameat2 RENAME_NOREPLACE), a name that is taken
// must hold what the index says, is exchanged with the new file
// (RENAME_EXCHANGE), and what comes out is looked at again. If it is not what
// was expected, somebody wrote to it in between and it becomes a conflict copy;
// otherwise it goes to the versions. At no moment is the name missing or the
// content partial. Durable is content first ([Staged.Sync] or [Root.SyncAll]),
// then the directory ([Root.SyncDir]), then the caller's index.
//
// On file systems without these calls the check is followed by a plain rename,
// with the window that [Root.Put] describes.
package disk
