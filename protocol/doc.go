// Package protocol is the messages of two peers and their bytes. This comment
// is the specification of version 1: another program that follows it can be a
// peer. The package itself knows no network, no key and no disk.
//
// # Streams
//
// Two peers have one connection a folder, QUIC (RFC 9000) with ALPN "qsync/1", or
// where UDP does not pass what stands for it over TCP, see below.
//
//	stream                       opened by          carries
//	first bidirectional          dialer             the handshake of package certs, then both ways Hello, Resume, Progress, Verdicts
//	one unidirectional           each side, once    Index, Delivery, Ranges
//	any further bidirectional    who wants content  one Request; back: Response, Data, Abort, packed frames
//	                             or to know of it   one RecipeRequest; back: Recipe
//
// No other stream exists before the handshake has succeeded on both sides. A
// message on a stream that does not carry it is a violation. Deadlines are the
// business of the two ends and not of this format.
//
// # Versions
//
// Both ends announce in the handshake the range of versions that they speak.
// The connection speaks the highest version in both ranges; without one, the
// listener closes it (code 7). The number of values in every message belongs to
// the version: a receiver refuses one more or one less, so a new field needs a
// new version. What a later version adds to a file's value travels in the ext
// field of the register, which every version keeps and passes on unread.
//
// # Frames
//
//	length   4 bytes, big-endian: how many bytes follow
//	type     1 byte
//	payload  length-1 bytes
//
//	type  message   payload                               at most
//	1     Hello     array of 8                            80 KiB
//	2     Resume    array of 2                            64 KiB
//	3     Progress  array of 6                            64 KiB
//	4     Index     flag, then an array of 9, see below   1 MiB and the flag
//	5     Request   array of 1                            64 KiB
//	6     Response  array of 3                            1 MiB and 32 bytes
//	7     Data      bytes as they are, at least 1         1 MiB
//	8     Abort     array of 1                            64 KiB
//	9     RecipeRequest
//	                array of 4                            64 KiB
//	10    Recipe    array of 3                            1 MiB
//	11    -         packed frames                         512 KiB
//	12    Ranges    flag, then an array of 4, as Index    1 MiB and the flag
//	13    Verdicts  array of 1                            64 KiB
//	14    Delivery  flag, then an array of 10, as Index   1 MiB and the flag
//
// A receiver checks the length against the type before it allocates anything.
//
// A payload that is an array is msgpack, of which only these forms occur:
//
//	array  fixarray, array 16, array 32; exactly the length named here
//	uint   positive fixint, uint 8 to uint 64; no signed form, no float
//	bool   true, false
//	str    fixstr, str 8 to str 32; UTF-8
//	bin    bin 8 to bin 32; any bytes
//
// Nothing is nil, nothing is optional, there are no maps, and no byte may
// follow the array. A sender uses the shortest form; a receiver takes any. A
// number that counts something is at most 2^63-1; an epoch and a replica are
// random and use all 64 bits.
//
// # Control messages
//
//	Hello
//	  mode      uint   1 two-way, 2 send, 3 receive, 4 backup, 5 receive from a backup, 6 send (mirror)
//	  name      str    of the node, at most 64 bytes
//	  folder    bin    the sender's absolute path, at most 4096 bytes
//	  version   str    of the program, at most 64 bytes
//	  replica   uint   not 0
//	  epoch     uint   not 0
//	  seq       uint   position of the last entry of the sender's journal
//	  context   bin    the sender's folder context, at most 4096 replicas
//
//	Resume
//	  epoch     uint   of the receiver's journal as the sender knows it, 0 for none
//	  cursor    uint   0 if epoch is 0
//
//	Progress
//	  epoch     uint   as in Resume
//	  cursor    uint   as in Resume
//	  entries   uint   how many paths the sender still wants to fetch or apply
//	  bytes     uint   and how much content that is
//	  scanned   bool   the sender has finished a whole scan since it started
//	  head      uint   last position of the sender's own journal, read after the rest:
//	                   a receiver whose cursor is behind it has something to come
//
// Each side sends Hello first and once, without waiting. What it says of mode,
// name, folder and version is for people and for choosing a mode; a receiver
// trusts none of it. When a side has the other's Hello it sends Resume once: the
// epoch and cursor that it last stored for that replica, or 0 and 0 when it has
// stored none or the epoch has changed. From then on it sends Progress, at once
// when it matters and otherwise as rarely as it likes: the latest one holds. A
// cursor in a Progress is a promise that all registers up to it are durable.
//
// # Index
//
//	flag        1 byte  0 the array follows, 1 a zstd frame (RFC 8878) of it follows
//
//	Index
//	  snapshot  bool
//	  after     uint
//	  upto      uint   at least after
//	  from      bin    a path or empty
//	  to        bin    a path or empty; if not empty, after from
//	  complete  bool
//	  scanned   bool   as in Progress
//	  context   bin    the sender's folder context, at most 4096 replicas
//	  entries   array  of at most 2000 entries, each an array of 3:
//	    path      bin
//	    register  bin
//	    have      bool  the sender has the winner's content: ask it
//
//	Delivery
//	  the nine values of an Index, and
//	  contents  array  of 1 to as many bins as there are entries, each of 1 to 16384 bytes
//
// A Delivery is its Index. Its contents are those of whole files that its entries speak
// of and that the receiver most likely lacks; only a node whose capabilities in the
// handshake have the bit 0x40 is sent one. Nothing says which content is which: each is
// known by its BLAKE3-256 alone. What a receiver has no room or no use for it drops,
// and asks for, when it is wanted, as if it had not come.
//
// A zstd frame states its content size, at most 1 MiB, and has no dictionary; a
// receiver allocates that much and no more. A sender compresses what is longer
// than 512 bytes when that makes it shorter.
//
// The registers of one Index have at most 16000 siblings between them.
//
// A path is 1 to 4096 bytes, not necessarily UTF-8: at most 256 components of
// at most 255 bytes separated by '/', none empty, "." or "..", no NUL, and the
// first not ".qsync". Any other path is a violation; nothing is cleaned. Paths
// are ordered by their keys, which are their bytes with 0x00 for '/'.
//
// The encodings of a context and a register are not msgpack. Integers in them
// are unsigned varints (7 bits a byte, lowest first, the top bit says that
// another byte follows, the shortest form alone); mtime is zigzag-coded first.
//
//	context   count, then per entry in ascending order of replica:
//	            replica (8 bytes big-endian, not 0), counter (not 0)
//	register  context, count (at most 64), then that many siblings in
//	            ascending order of replica, counter
//	sibling   replica (8 bytes big-endian, not 0), counter (not 0),
//	            value, [length, signature (1 to 64 bytes)]    if flag 0x40
//	value     flags (1 byte), and unless flag 0x80:
//	            mode (at most 0777), mtime (nanoseconds since 1970 UTC),
//	            [size, BLAKE3-256 (32 bytes)]                 if a file
//	            [length, target (1 to 4095 bytes, no NUL)]    if a symlink
//	            [content (8 bytes big-endian), mode]          if flag 0x08
//	            [length, origin (a path)]                     if flag 0x10
//	            [length, ext (1 to 65536 bytes)]              if flag 0x20
//
//	flags     0x03 the kind: 1 directory, 2 file, 3 symlink
//	          0x04 never
//	          0x08 base: the first 8 digest bytes and the mode of the file replaced
//	          0x10 origin: the path that a renamed entry had before
//	          0x20 ext: fields of a later version
//	          0x40 a signature follows the value
//	          0x80 the value equals the previous sibling's and is left out;
//	               of the other flags only 0x40 may be set
//
// A register has one encoding: an equal value is always left out, an empty
// optional field never present, and the context leaves out what the siblings
// imply (a replica up to the counter of its sibling). It names at most 64
// replicas. A register without siblings is a tombstone; both it and its
// context may be empty, when the folder context covers the deletion.
//
// # What an Index means
//
// A replica keeps a journal: each change of a register, its own or a merged
// one, moves that path to the next position, so a path has one position, its
// latest. The epoch is drawn anew whenever the journal is. The folder context F
// of a replica is a promise about its whole map: of every event that F covers,
// the map reflects the outcome. Registers leave out what F covers, so register
// and context belong together, and all of one Index is of one read transaction.
//
// A receiver joins each entry with its own register of the path, under both
// folder contexts: a write stays live if both have it live, or one has it and
// the other's register, with its folder context, has never heard of it. Joining
// is commutative, associative and idempotent, so a batch may come twice or be
// followed by an older one. The entries and the new cursor, upto, are stored in
// one transaction; a crash repeats what was not stored, and that is harmless.
//
// A stretch of the journal (snapshot false; from and to empty) covers the paths
// whose position is after "after" and not beyond upto. Its first batch starts at
// the cursor of the Resume, each further one where the last one ended. A path
// has moved on when its turn comes: then it comes later, and nothing is missed.
//
// A snapshot answers a Resume whose epoch is not the journal's, whose cursor is
// beyond the journal's end, or older than tombstones that the sender has
// dropped. Its batches cover the keys after "from" up to and with "to", from the
// first key (from empty) to the last (to empty) without a gap, their entries in
// strict order of keys. All of them carry as upto the position at which the
// journal stood before the first was read. A path in the span that has no entry
// is an empty register under the batch's context: the receiver joins that too,
// for each path that it alone has, and so learns of deletions whose tombstones
// are gone. The cursor becomes upto with the last batch, not before. The journal
// after upto follows and brings what changed in the meantime.
//
// complete says: everything that the sender's map held at this read has been
// sent, in this exchange or up to the cursor it resumed from: upto was the head
// of the journal in the same read and, in a snapshot, to is empty. Only then,
// and only if it has stored every batch without a gap, the receiver adds the
// context to its own folder context. Adopting one
// earlier would be wrong: the context may cover an event whose register is still
// to come, and the receiver would read its own ignorance of that path as
// knowledge of a deletion. At the end there is no such event: what the context
// covers has reached the receiver's registers, in this exchange or before.
//
// A receiver that finds in a register or a context a counter of its own replica
// that it never issued has been rolled back, and takes a new replica ID.
//
// # Comparing
//
//	Ranges
//	  key       bin    32 bytes
//	  upto      uint   position of the journal before the map was read
//	  from      bin    a path or empty: where the first range begins
//	  ranges    array  of 1 to 16384, each an array of 3:
//	    to        bin    the last key of the range, in ascending order; empty only in the last
//	    count     uint   of registers
//	    sum       bin    16 bytes
//
//	Verdicts
//	  verdicts  bin    a byte for each range: 0 same, 1 tell, 2 split
//
// A node whose capabilities have the bit 0x10 may be sent a snapshot of which what
// it has already is left out, in place of a journal from its start too. The keys
// are gone through in order, a window of some ranges at a time. The first Ranges of
// a window begins where the window before it ended, the first of all with an empty
// from. The receiver answers with its Verdicts. Those ranges that it wants split
// come again, all of them in one Ranges with the same key, upto and from, each as
// one or more ranges that follow each other and end where it did; what lies between
// them is not repeated. A range that came back whole is not split again, and a
// window has four Ranges at most. When none is left to be split, the batches of the
// snapshot follow that cover what is to be told, and then the next window.
//
// A count is of the registers in a range that are not empty when the folder context
// is left out of them; the sum is the first 16 bytes of the keyed BLAKE3-256 of,
// for each of these in order of keys, the length of the key (unsigned varint), the
// key and the register. The key of the sums is random and new for each snapshot:
// nobody who does not take part can prepare files whose sums agree. A receiver
// says "same" where its own map has the same count and sum.
//
// Nothing is lost by leaving a range out. Its registers were equal at some moment
// of the comparison, each at its own: what a batch would have told is joined by
// doing nothing, and what changed since at the sender is in its journal after upto,
// as with any snapshot. A path that neither has a register of, or an empty one, is
// a gap of both. What only the sender's folder context knows is adopted at the end,
// where that is complete, and not before. So a comparison that is broken off, by
// either side and at any point, has done what a snapshot does up to there.
//
// # Content
//
//	Request
//	  items     array of 1 to 1024, each an array of 5:
//	    path      bin   where the asking side's map has the content
//	    digest    bin   BLAKE3-256 of the whole file, 32 bytes
//	    size      uint  of the whole file, at most 2^62
//	    offset    uint
//	    length    uint  at least 1; offset+length is at most size
//
//	Response
//	  status    uint  0 ok, 1 not here, 2 changed, 3 failed, 4 busy
//	  length    uint  the item's; 0 unless ok
//	  data      bin   the first bytes, at most 1 MiB; empty unless ok
//
//	Abort
//	  status    uint  1 to 4
//
// The asking side sends one Request and closes its side of the stream. For each
// item in order comes a Response; when its data is shorter than its length, Data
// frames follow until exactly length bytes have come, or an Abort in the place
// of one. Then the responding side closes too. More bytes than length are a
// violation, which the asking side detects: it knows what it asked for.
//
// The path is a hint. The responder looks it up in its own map, and serves only
// what its map holds under the digest and size asked for; anything else is "not
// here". It never becomes a path on a disk. Nobody asks for empty files.
//
// A responder may send frames of an answer packed, to a node whose capabilities
// have the bit 0x4: the payload of a frame of type 11 is one zstd frame (RFC 8878)
// that states its content size, at most 512 KiB, and has no dictionary. Its content
// is one or more whole frames, none of them packed, which count as if they had come
// by themselves. A sender packs where that is likely to be the faster way.
//
// # Recipes
//
//	RecipeRequest
//	  path      bin    as in Request
//	  digest    bin    BLAKE3-256 of the whole file, 32 bytes
//	  size      uint   of the whole file, 1 to 2^62
//	  groups    array  of at most 4096 uints in ascending order, each below 45000
//
//	Recipe
//	  status    uint   as in Response
//	  bits      uint   14 to 20; 0 unless ok
//	  parts     bin    1 to 45000 parts one after the other; empty unless ok
//	    length  unsigned varint, at least 1
//	    sum     16 bytes
//
// Only a node whose capabilities in the handshake have the bit 0x2 is sent a
// RecipeRequest. (Bit 0x1 says that the dialer only looks: it is told the index
// and sends nothing; 0x4 that the node reads packed frames; 0x8 that it takes part
// in what is said of TCP below; 0x10 that it answers Ranges; 0x20 that it asks others
// for large content that was refused as busy; 0x40 that it reads a Delivery.)
//
// A file is cut into chunks, and its chunks gathered into groups, as package
// chunk says: the average chunk has 2^bits bytes, which follows from the size. A
// request without groups is answered with one Recipe, whose parts are the groups
// of the file, numbered from 0. Any other one is answered with one Recipe for
// each group asked for, in order, whose parts are the chunks of that group. The
// sum of a chunk is the XXH3-128 of its bytes, that of a group the XXH3-128 of the
// lengths (8 bytes, big-endian) and sums of its chunks one after the other. A
// status other than ok ends the answer.
//
// Lengths that do not add up to the size, or chunks that do not make up their
// group, are a violation. That the sums are wrong is none: nothing is believed
// because of a sum. Who puts a file together from an older one and from what it
// asks for checks the digest of the whole, and asks for all of it when it is not
// right. A node that has no recipe for a file answers "not here".
//
// # TCP
//
// A node that speaks TCP listens on the port number of its UDP socket, with TLS
// 1.3 (RFC 8446), the certificate and the ALPN of QUIC. The dialer opens with the
// handshake of package certs, bound to the exporter of this TLS session, and then
// says what the connection is for:
//
//	purpose  1 byte    1 a link, 2 a lane
//	tag      32 bytes  of a lane; of a link zeros
//
// The listener answers with one byte, 1, or closes. From then on both send frames
// of TCP, which are not those of the streams above but carry them.
//
// A link stands by itself and carries all that a QUIC connection does; its first
// two-way stream is the control stream, without another handshake. A lane stands
// beside a link between the same two nodes in the same run, whichever side has
// opened it, and carries requests and their answers. Either side may open streams
// on it. Its tag is HMAC-SHA256 with a key of 32 bytes of the link's TLS exporter
// with the label "EXPERIMENTAL qsync/1 lane" and no context, over "qsync/1 lane"
// and what the handshake's exporter gives on the lane. A lane whose tag fits no
// link is closed. The end of a lane ends nothing else: what it was asked for is
// asked for over the link. At most 4 lanes stand beside a link.
//
//	type    1 byte
//	stream  4 bytes, big-endian
//	value   4 bytes, big-endian
//
//	type  frame   value
//	1     open    window: bytes that the other side may send before a credit, at most 8 MiB
//	2     data    how many bytes of the stream follow, 1 to 64 KiB
//	3     end     0; the sender sends no more
//	4     reset   0; and what it has sent does not count
//	5     stop    0; the sender wants no more: the other side resets its direction
//	6     credit  bytes that the other side may send besides
//	7     ping    any
//	8     pong    that of the ping
//	9     close   how many bytes of a reason follow, at most 200; stream is the code
//
// Bit 0 of a stream's number says that the listener has opened it, bit 1 that it is
// one-way; numbers of either kind go up by 4 from the first. Who opens a stream may
// send 64 KiB on it before a credit. Of a one-way stream who did not open it sends
// an end when it is through with it. A stream is open until both sides have sent an
// end or a reset: at most 65 two-way ones and 4 others of each side.
//
// # Ends
//
// The codes of a connection's end, with a reason in text for the other side's
// log:
//
//	1  not authenticated, or not in time
//	2  another connection between the same two peers stays
//	3  protocol violation
//	4  the node is stopping
//	5  both ends are the same device
//	6  the folder is not, or no longer, served here
//	7  no version in common
//	8  no sign of life
//
// With code 4 the reason "stopped by the safety brake" says that a person has to
// decide there before the folder goes on; it is told to people, and means nothing
// else.
//
// Of two connections between the same two nodes, in the same run of both, one
// stays: that whose dialer has the smaller node ID, and of two that the same node
// dialled the one with the smaller rank, 8 bytes of the TLS exporter with the
// label "EXPERIMENTAL qsync/1 rank" and no context, as a big-endian number. Either
// side closes the other one with code 2 when it sees both.
//
// Whatever this comment forbids is a violation: [ErrProtocol] at the receiver,
// which closes with code 3 and remembers.
package protocol
