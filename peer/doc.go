// Package peer is a running node: folders, the links to other nodes, and the
// loop that makes the disk look like the map.
//
// # The life of a change
//
//  1. Somebody saves docs/a.txt. The watcher hints at the path; hints are
//     gathered for at most 20 ms and are never believed.
//  2. The scanner looks at the path (and at its directory, whose modification
//     time moved), hashes what differs from the map, and commits: a new write
//     in the register, a new journal position.
//  3. The commit wakes every session's sender. It reads the journal behind the
//     position it has sent, and sends. Catching up after a month and following
//     live are this one loop.
//  4. The other node checks and merges the batch and moves its cursor in the
//     same transaction, then wakes its syncer and reports the cursor back.
//  5. The syncer reads the wanted paths in the order of a walk, with several peers
//     part by part in an order of its own, so that receivers of one source have
//     different things for each other. Directories are
//     made, content that is here under another name is copied, everything else
//     is asked for by digest: many small files in one request, large ones by
//     range, resumed where a cut left them.
//  6. What arrives is staged beside the tree, verified, made durable together
//     with its batch, swapped in under guard, made durable again, and only then
//     committed to the map. A path whose disk changed meanwhile goes back to 2.
//  7. Removals come last, when the peers have told all they know, so that what
//     was renamed is found by its digest before its old name goes, and so that
//     the brake can count before anything is touched.
//
// A peer of whose journal nothing has been read, or not enough, may all the same
// know most of it: over a third machine, or because what it knew of us was lost.
// Where both journals are long the maps are compared, in ranges that get smaller,
// and only what differs is told (see package protocol). Who dialled tells second:
// what it has heard by then it need not be answered with.
//
// # Goroutines
//
// All live in the errgroup of [Node.Run]: per folder a scanner, a syncer, a
// keeper of small chores, one that keeps versions within bounds, one dialer a remote, one for addresses that were found
// with its dials, and one that doubts links when the network changed; per session
// a reader and a writer of the control stream, a sender and a receiver of the
// index, the answers to requests, and one that keeps the lanes; per connection over
// TCP a reader and a writer; per node one that watches the clock. Run returns when all have ended. What a folder does lives
// in shifts: a pause ends one, and the next begins as the first one did, with a
// look at everything.
//
// # Who decides
//
// Modes are local law: a sending folder has no syncer and its root is opened
// without write intent; a receiving folder commits without announcing. What a
// peer says of its own mode is information. One-way sources that meet end their
// session.
//
// A backup is a sending folder whose removals are nobody else's concern. What
// vanishes from it stays live in its register: it is dropped, and the map
// remembers what it was, so that it is not wanted here, and what comes at its
// path again supersedes it. Beside receivers alone a backup is a mirror of what
// it has. Its receivers take nothing of their own for extra, and learn at second
// hand from the greeting that this is so. What it drops before anybody has it is
// lost; its receivers keep what they have at that path and wait for nothing.
//
// # Ways
//
// A link is QUIC or, where that is not answered soon, a [muxLink] over TCP. Beside
// it a session may have lanes, further connections over TCP which end as they like:
// who dialled the link opens one when either side wants a megabyte, and who was
// dialled a little later. What asks for 128 KiB or more takes a lane if lanes are
// the better way (route.go): by bytes a second and, where these are about equal, by
// processor time a byte, both measured while content comes in. A way that was not
// measured lately is tried where the other one is slow. A large file changes ways
// in the middle; what was under way on a lane that ended is asked for again. Where
// several lanes are open, which is so on long lines without BBR, a large file comes in
// parts over all of them (spread.go).
//
// # Many receivers
//
// Content that several peers want at the same time goes through each of them in an
// order of its own, so that they can have it from each other; who has a file says so
// in its index. A file of 8 MiB or more that many ask for is given to two of them at
// a time, to one where five or more ask (rations.go). The others, whose handshake says
// that they know of this, are answered Busy, and ask those peers that lack something
// themselves for the bytes that come next: these give what has come to them of that
// digest, and what comes while they are asked (follow.go). They have not verified it,
// so it is taken for what it is only when the whole is; if that is something else, the
// next attempt asks no such peer. Busy is said for two seconds to one that goes on
// asking, and not on account of a peer that takes a quarter of what another one did.
//
// A link stands for one folder and one peer. Two links between the same nodes
// collapse into the one whose dialer has the smaller node ID and, of one dialer's,
// that of the smaller rank (see package protocol), unless the peer has restarted:
// then the newer one stays. Before a link is refused the one that is to stay must
// show that it is alive.
package peer
