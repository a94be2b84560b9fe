// Package store is what a node knows of one folder, durable in one bbolt file.
//
// # Buckets
//
//	meta      name -> value          replica, counter, epoch, seq, context, horizon, totals, ...
//	records   path key -> record     the register of a path, what the disk holds there, its journal position
//	journal   position -> row        one row a path, its latest change: who need not hear it, bytes, path key
//	wanted    path key -> bytes      paths whose disk differs from what the register shows
//	digests   digest[:8]+key -> ""   where content may be found here; advisory, may miss entries
//	peers     node ID -> peer        cursors both ways, what the peer still wants, name, addresses
//	log       number -> commit       what changed on this machine's disk: when, by whom, why
//	days      2006-01-02 -> figures  how much of it on each day
//	held      "paths" -> hashes      what the brake stopped the folder for, see [Hold]
//
// A path key is the path with '/' stored as 0x00, so key order is the order of
// a walk. Positions are 8 bytes big-endian.
//
//	record  = position, flags (0x01 tombstone time, 0x02 dropped, 0x04 aside), [unix seconds], register, local, [dropped], [aside]
//	row     = number of a peer, or of a session with one (0: everybody is told), bytes of content, path key
//
// register, local and context are encoded by package folder; dropped is the local
// of what was here last, at a path that is live and need not be here: see [Law].
// aside is the local of what sync had put here before a user changed it: see [Record.Aside].
//
// # The journal is the queue
//
// Every change of a register, own or merged, moves its path to position
// seq+1 in the transaction that changes it. What a peer has missed is what
// stands behind its cursor: nothing is queued per peer, nothing can overflow,
// and 100 000 edits of ten files are ten rows. [Store.Since] reads on from a
// cursor, [Store.Wait] blocks until there is more, [Store.Accept] merges a
// batch and moves the cursor in one transaction. A row that came from a peer
// unchanged is not offered back to it, nor, in the same session, one that holds
// what has been sent to it and what it told at the same time.
//
// # The folder context
//
// The context F holds events whose fate this replica knows without looking at
// a register: a path without a record is an empty register under F, and an
// event that F covers need not stand in a register's own context. F grows by
// own events at once, and by a peer's F only in the transaction that accepts
// the batch which reaches the head of that peer's journal as it was when its F
// was read: then everything F speaks of has been merged. Adopting it with any
// earlier batch would declare dead what is still on its way.
//
// Two maps that are perhaps nearly equal are compared first ([Store.Ranges],
// [Store.Compare]), and the spans of a snapshot that are the same on both sides are
// accepted without their entries ([Batch].Same). That is sound where the registers
// of such a span were equal at some moment since the snapshot began, and nobody
// else's batch is merged until it is over: the join of equal registers is no
// change, and what F knows besides is adopted with F, as of a gap.
//
// A tombstone (a record without live writes and with nothing on disk) is
// dropped once every known peer's confirmed cursor has passed it. The highest
// position dropped is the horizon: a peer with an older cursor gets a snapshot,
// the records in key order, in which a gap between two paths says "empty
// register under the sender's F". A gap kills what it must, and leaves no other
// trace: what it says is adopted whole with F or, if the snapshot breaks off,
// not at all. An F that came by snapshot may speak of paths without a row in
// the own journal, so adopting news from one moves the horizon as well, for all
// but the peer that it was taken from. A tombstone whose context F does not
// cover stays: that of a replica which was lost before anybody had all it told.
//
// # The log
//
// Every commit that changes the disk, or finds it changed, leaves one row of
// the log in the same transaction, numbered from 1 on:
//
//	commit  = time (varint, milliseconds since 1970), form (0 plain, 1 zstd), body
//	body    = authors, entries, each with its number (uvarint) first
//	author  = via (0, 1), node ID 16, length, name
//	entry   = action 0x07 | kind << 3 | 0x20 renamed | 0x40 kept, why, author (0: own, 1: the first),
//	          size, path, [path before], [path in .qsync/versions]
//
// A path is written as how many bytes it has in common with the entry's before
// it (the other two: with the path), how many follow, and those: a first sync
// costs some ten bytes an entry. Of rows [LogAge] and [LogSize] are kept, of days
// [DaysAge]. Nothing but the log depends on the log: a row that cannot be read is
// left out, and where its pages are damaged the map is written anew without it.
//
// Recipes of large files are no part of the map, and kept beside it: see [Recipes].
//
// # Order of durability
//
// bbolt makes a transaction durable before Update returns. An own event is
// committed before any peer can see it (else a crash could issue the same dot
// twice), and what was applied to the disk is committed after it is durable
// there (else the map would claim files that a power cut takes away). The push
// to peers is woken by the commit, so it never waits for anything but it.
//
// # Identity
//
// The replica ID is born with the file. It rotates when the file was copied or
// restored (inode, file system or machine differ from those recorded in it),
// or when a peer knows an event of ours that we never issued; the epoch, which
// names the journal, rotates with it. In the second case two histories bear the
// same names, so what this replica wrote since every peer last agreed with it
// is written anew, and F forgets the old replica from there on, see
// [Store.Rotate]. A map that was set back and has since written more events
// than it lost, before meeting any peer, is recognised by [Store.Witness] alone:
// a word kept beside the files that changes with every run.
//
// # Damage
//
// bbolt maps its file and trusts it. [Open] therefore reads every page once
// before bbolt does, under the file's lock and without writing, and after an
// unclean end every record too. What is damaged is kept under another name;
// every other failure leaves the file where it is.
package store
