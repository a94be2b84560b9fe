package store

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"

	"qsync/folder"
	"qsync/folder/fault"
)

// Errors a caller may branch on.
var (
	// ErrBusy: another process has the file open.
	ErrBusy = errors.New("the folder map is in use by another process")
	// ErrNewer: the file was written by a later version; it is left alone.
	ErrNewer = errors.New("the folder map was written by a newer qsync")
	// ErrGap: a batch does not follow the cursor it claims to follow.
	ErrGap = errors.New("batch does not follow the cursor")
	// ErrUnwritten: a commit failed: the disk is full, read-only or broken.
	// Nothing is recorded any more before [Store.Reopen].
	ErrUnwritten = errors.New("the folder map cannot be written")
	// ErrWait: a register cannot be told yet; try again a little later.
	ErrWait = errors.New("a register cannot be told yet")
	// ErrRollback: a peer knows events of this replica that it never issued.
	ErrRollback = errors.New("a peer knows events of ours that we never issued")
	// ErrForged: a register or context that no honest replica could send.
	ErrForged = errors.New("impossible event counter")
	// ErrCrowded: too many peers are known, all of them here or here of late.
	ErrCrowded = errors.New("too many devices share this folder")
)

const schema = 1

// maxJump bounds how far ahead of what is known a peer may claim a replica's
// counter to be, so that a hostile one cannot bury others' later edits (F102).
const maxJump = 1 << 40

var (
	bucketMeta    = []byte("meta")
	bucketRecords = []byte("records")
	bucketJournal = []byte("journal")
	bucketWanted  = []byte("wanted")
	bucketDigests = []byte("digests")
	bucketPeers   = []byte("peers")
	bucketLog     = []byte("log")
	bucketDays    = []byte("days")
	bucketHeld    = []byte("held")

	keyMeta = []byte("meta")
)

// Options of [Open]. The zero value is usable.
type Options struct {
	// Machine identifies this machine (its machine-id); a file that was
	// written on another one is a copy and gets a new identity.
	Machine string
	// TombstoneAge is how long a deletion is remembered at least; 0 means it
	// goes as soon as every peer has it.
	TombstoneAge time.Duration
	// Copy says that the file is a copy to be thrown away. It keeps the identity
	// of the original: no peer will ever hear of what is written to it.
	Copy bool
}

// Totals counts what this machine's disk holds of the folder.
type Totals struct {
	Files, Dirs, Symlinks, Bytes int64
}

// Entries is the number of entries of every kind.
func (t Totals) Entries() int64 { return t.Files + t.Dirs + t.Symlinks }

// Want counts what differs between the disk and the registers.
type Want struct {
	Entries, Bytes int64
}

// Store is an open folder map. It is safe for concurrent use.
type Store struct {
	db   database
	path string
	opts Options

	fresh   bool   // nothing was known before
	unclean bool   // it was not closed in order
	note    string // what Open found and mended, for people

	writing sync.Mutex // held through a whole update, so that meta is that of the transaction before
	mu      sync.Mutex // guards meta and changed
	meta    meta       // as of the last committed transaction
	changed chan struct{}
	breaks  chan struct{} // closed when a commit fails

	digests digestIndex
	peers   peerCache
	emptied emptied
	rows    rowWriter   // under writing
	damaged atomic.Bool // something could not be read
	broken  atomic.Bool // a commit failed
	random  func() uint64
}

// meta is the one value of the meta bucket, rewritten with every transaction
// that changes it.
type meta struct {
	Schema   int
	Replica  folder.ReplicaID
	Counter  uint64 // of the last own event
	Epoch    uint64
	Seq      uint64 // last journal position
	Horizon  uint64 // last position of which a tombstone was dropped
	News     uint64 // position at which a snapshot last brought news, see adopt
	NewsFrom uint64 // number of the peer that it was taken from
	Context  folder.Context
	Totals   Totals
	Want     Want
	Own      Own
	Peers    uint64 // numbers handed out, to peers and to sessions
	Caught   bool   // a whole exchange with a peer was completed once
	Told     bool   // a source has told everything once
	Kept     bool   // the source that did keeps with others what it removes
	File     string // identity of the database file
	Root     string // identity of the folder's root, as its owner sees it
	Mode     uint8
	Lets     bool // see Law
	Drops    bool
	Keeps    bool
	Waives   bool
	Dropping bool // a law that drops is, or was, in force since the last whole look
	Clean    bool // closed in order
	LastRun  string
	Hold     *Hold  `json:",omitempty"` // never changed in place
	LogSize  int64  // bytes of the rows of the log
	Witness  string // what Witness gave out last
}

func random64() uint64 {
	var b [8]byte
	for {
		if _, err := rand.Read(b[:]); err != nil {
			panic(err) // documented never to happen
		}
		if n := binary.BigEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}

// Fresh reports whether the map was empty when it was opened: new, lost or damaged.
func (s *Store) Fresh() bool { return s.fresh }

// Unclean reports whether the process that had the map before ended without
// closing it.
func (s *Store) Unclean() bool { return s.unclean }

// Note says in a sentence what [Open] had to mend, "" if nothing.
func (s *Store) Note() string { return s.note }

// Identity is what other replicas need to know of this one.
type Identity struct {
	Replica folder.ReplicaID
	Epoch   uint64 // names the journal; renewed with it
	Seq     uint64 // its last position
	Context folder.Context
}

// Identity returns this replica's identity as of now.
func (s *Store) Identity() Identity {
	m := s.now()
	return Identity{m.Replica, m.Epoch, m.Seq, m.Context}
}

// Totals returns what the disk holds, Want what differs.
func (s *Store) Totals() Totals { return s.now().Totals }

// Want returns how many paths, and bytes of content, differ from the registers.
func (s *Store) Want() Want { return s.now().Want }

// CaughtUp reports whether a whole exchange with some peer was ever completed.
func (s *Store) CaughtUp() bool { return s.now().Caught }

// Told reports whether [Store.SetTold] was ever called.
func (s *Store) Told() bool { return s.now().Told }

// Kept reports what [Store.SetTold] last recorded.
func (s *Store) Kept() bool { return s.now().Kept }

// SetTold records for good that those who may announce have told everything: of
// a receiving replica, what it knows of nobody else's is extra from then on;
// unless kept, for a source that only backs up would have others keep it.
func (s *Store) SetTold(kept bool) error {
	if s.Told() && s.Kept() == kept {
		return nil
	}
	return s.update(func(t *txn) error { t.meta.Told, t.meta.Kept = true, kept; return nil })
}

// Root returns the identity of the folder's root as last set, "" if never.
func (s *Store) Root() string { return s.now().Root }

// SetRoot records the identity of the folder's root.
func (s *Store) SetRoot(id string) error {
	return s.update(func(t *txn) error { t.meta.Root = id; return nil })
}

// LastRun returns what [Store.SetLastRun] kept, for people.
func (s *Store) LastRun() string { return s.now().LastRun }

// SetLastRun keeps a text about the last run.
func (s *Store) SetLastRun(text string) error {
	return s.update(func(t *txn) error { t.meta.LastRun = text; return nil })
}

func (s *Store) now() meta {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.meta
}

// txn is one read-write transaction.
type txn struct {
	*bolt.Tx
	id      int // of Tx, also when that is closed
	store   *Store
	meta    meta
	records *bolt.Bucket
	journal *bolt.Bucket
	wanted  *bolt.Bucket
	digests []digestChange
	peers   []Peer // written
	saved   bool   // what peers confirmed was written
	forgot  NodeID
	log     []Logged                    // what has happened
	authors map[folder.ReplicaID]Author // met on the way
	closing bool
	flushed bool // the digest index was written
	emptied []folder.Path
	time    int64 // unix seconds
}

// update runs fn in a read-write transaction that is durable when update
// returns nil, and wakes those who wait for the journal.
func (s *Store) update(fn func(*txn) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.broken.Load() {
		return s.failed(ErrUnwritten)
	}
	return s.write(fn)
}

// tries is how often a commit is made that signals interrupt.
const tries = 10

// write is update for who holds s.writing. A commit that a signal interrupted is
// made again if the file shows nothing of it: bbolt took it back, and flushes
// anew what it writes again. One that the file shows is of unknown durability,
// and its pages may be free to readers: it failed as any other (see broke).
// So fn runs again, and must not build on what it left outside its transaction.
func (s *Store) write(fn func(*txn) error) error {
	t, err := s.attempt(fn)
	for n := 1; t != nil && errors.Is(err, syscall.EINTR) && n < tries && !s.shows(t.id); n++ {
		t, err = s.attempt(fn)
	}
	if err != nil && t != nil {
		err = s.broke(err)
	}
	if err != nil {
		return s.failed(err)
	}
	fault.Point("map-committed")
	// What is wanted is seen before the cursors that it came with: who reads these
	// first never takes what was merged for what is here.
	s.mu.Lock()
	moved := t.meta.Seq != s.meta.Seq
	s.meta = t.meta
	s.mu.Unlock()
	s.peers.commit(t)
	s.digests.commit(t)
	s.emptied.add(t.emptied)
	if moved {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.changed)
		s.changed = make(chan struct{})
	}
	return nil
}

// attempt runs fn in a transaction. It returns that if it came to its commit,
// which err is about then.
func (s *Store) attempt(fn func(*txn) error) (committed *txn, err error) {
	err = s.db.Update(func(tx *bolt.Tx) error {
		t := &txn{Tx: tx, id: tx.ID(), store: s, meta: s.now(), time: time.Now().Unix()}
		t.records, t.journal, t.wanted = tx.Bucket(bucketRecords), tx.Bucket(bucketJournal), tx.Bucket(bucketWanted)
		t.journal.FillPercent = 0.95 // positions only grow
		t.records.FillPercent = 0.8  // paths come in order first; half-empty pages cost a third of the file
		if err := fn(t); err != nil {
			return err
		}
		if err := s.digests.write(t); err != nil {
			return err
		}
		if err := t.writeLog(); err != nil {
			return err
		}
		if err := putMeta(tx, t.meta); err != nil {
			return err
		}
		committed = t
		fault.Point("map-changed")
		return fault.Call("commit")
	})
	return committed, err
}

// shows reports whether transaction id, or a later one, is what readers see; also
// where that cannot be told.
func (s *Store) shows(id int) bool {
	shown := true
	err := s.db.View(func(tx *bolt.Tx) error { shown = tx.ID() >= id; return nil })
	return shown || err != nil
}

func (s *Store) view(fn func(*bolt.Tx) error) error {
	if err := s.db.View(fn); err != nil {
		return s.failed(err)
	}
	return nil
}

// failed wraps err for the caller. Damage that was met is not closed over: the
// next [Open] then looks at everything and starts anew.
func (s *Store) failed(err error) error {
	if errors.Is(err, errDamaged) {
		s.damaged.Store(true)
	}
	return fmt.Errorf("store: %w", err)
}

// Close closes the file. Further calls fail.
func (s *Store) Close() error {
	err := s.update(func(t *txn) error {
		t.meta.Clean, t.closing = !s.damaged.Load(), true
		return s.peers.save(t)
	})
	return errors.Join(err, s.db.Close())
}
