// Package folder is what a synced folder is: paths, the writes made to them,
// and which of two writes wins. It is pure: no I/O, no clock, no goroutine, and
// it imports the standard library alone. Disk, store and network are rooms
// above it; they follow the rules that are written here.
//
// # The model
//
// Every machine holds a replica of the folder. A replica numbers its own
// writes: a [Dot] is (replica, counter) and names one write event for ever.
// What a write made of a path is a [Value]. A write does not say what is true
// now; it says what its author did, and it supersedes exactly the writes that
// its author saw on the disk. So two authors who did not see each other's
// write leave two live writes: a conflict.
//
// What a replica knows of a path is a [Register]: the live writes (siblings),
// and a [Context], the set of events that it knows to have happened. An event
// in the context that is not among the siblings is superseded. No sibling and
// a context is a tombstone.
//
//	Edit    the siblings that the author saw go, the new write comes
//	Delete  the siblings that the author saw go
//	Join    what both have live stays; what one has live stays if the other
//	        never heard of it; what the other knows to be dead goes
//
// [Join] is commutative, associative and idempotent. So news may come late,
// twice, in any order or over a third machine; whoever has heard the same
// events holds the same siblings, and [Register.Resolve] shows the same on
// every machine. There is no clock in this: modification times only choose
// which of several concurrent writes keeps the plain name.
//
// This is the optimised observed-remove set (Bieniusa et al. 2012) used as a
// multi-value register; dots instead of version vectors are from Preguiça et
// al. 2010.
//
// # What people see
//
// The winner of concurrent writes is a directory before a file, then the
// younger, then the greater dot. The losers' content must not vanish: the
// replica whose disk holds a losing content first makes an ordinary new file of
// it under its [ConflictName], and only then takes the loser out of the
// register ([Register.Retire]). The name depends on the content alone, so
// several replicas that do this at once make the same file.
//
//	edit ∥ edit       the younger at the path, the other in a conflict copy
//	edit ∥ delete     the edit stays: the delete never saw it
//	same content      no conflict, both writes stay live, one value is shown
//	dir ∥ file        the directory stays, the file becomes a conflict copy
//	chmod ∥ edit      the edit, with the mode of the chmod ([Base] tells them apart)
//	rename            a delete and a create; there is no move, so no cycles
//
// A path is a directory on disk if and only if it has a live write that says so
// or anything below it is live (then it is implicit, see [Local]).
//
// A live write is always shown by some disk. Whoever replaces a content that
// is live answers for it: a loser gets a copy, a write that was absorbed (see
// [Resolution]) is retired and its mode announced. Else the write would come to
// light years later, when what hides it is deleted.
//
// A disk that is found to show a live write, though the index expected another
// (an apply cut short by a crash, a user who did the same by hand), is no new
// write; but the write that was there before is superseded by [Register.Delete]
// all the same, for no disk shows it any more.
//
// # The folder context
//
// One context F for the whole folder says which events a replica knows
// completely: of a path without a register, and of the events that a register
// does not mention, F tells what has been seen and is gone. It makes registers
// small (what F covers is left out of them, [Register.Trim]) and lets tombstones
// be forgotten. The rules, each with a mutant in the tests that breaks it:
//
//   - F always covers the replica's own writes.
//   - A batch of registers carries the sender's F, read in the same snapshot as
//     the registers. It is the fb of [Join] for them.
//   - The result is trimmed by the receiver's own F, not by the sender's.
//   - The receiver merges the sender's F into its own only when it has read the
//     sender's journal to the head without a gap.
//   - A tombstone may be dropped when F covers its context, the disk has
//     followed, and every peer that is waited for has read past it. A reader
//     from before the last one dropped (the horizon) gets a snapshot: all
//     registers in key order, where a gap means "empty register under F".
//   - A snapshot that brought news of F raises the own horizon past the head:
//     it told of deaths that are nowhere in the own journal.
//   - During a snapshot no other peer's batch is merged, for what its gaps said
//     is kept nowhere until F is adopted.
//   - A replica that lost its database is a new replica. Counters never go back.
//
// # Order
//
// [Path.Key] turns '/' into 0x00, so that the order of keys in a database is
// the order of a directory walk. [Path.Compare] is the same order.
//
// # How it is known to be right
//
// The tests simulate replicas with disks, users, journals, lost indexes, lying
// clocks, and messages that are late, doubled, out of order or cut off, and
// check after each of 100 000 random histories that all disks are equal, that
// nothing is lost, nothing comes back, nothing is invented, and that no
// tombstone is left. QSYNC_SIM=1000000 runs more, QSYNC_SIM_SEED=n tells the
// history n step by step. Deliberate breaks of every rule are found by it.
//
// # What does not sync
//
// [Ignore] holds the rules of gitignore(5), decided as git decides them.
package folder
