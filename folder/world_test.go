package folder

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// The simulation: a few replicas of one folder, each with a disk that a user
// edits, an index of it, a journal and what it knows of its peers. It mirrors
// what store, disk and peer do with the rules of this package, step by step, in
// one goroutine, so that a seed repeats a history exactly.

const (
	maxPaths    = 48 // base paths and conflict copies of one history
	maxContents = 128
	maxReplicas = 4
)

// basePaths is what users name. Conflict copies come on top.
var basePaths = []Path{"a", "a/q", "d", "d/x", "e", "e/x"}

// rules is what a mutant breaks: the functions of the package and, by flag,
// what store and peer promise.
type rules struct {
	join    func(a Register, fa Context, b Register, fb Context) Register
	edit    func(r Register, seen Local, d Dot, v Value) Register
	remove  func(r Register, seen Local) Register
	retire  func(r Register, d Dot) Register
	resolve func(r Register, self ReplicaID) Resolution
	trim    func(r Register, own, sender Context) Register

	noCopy        bool // losers are overwritten
	keepID        bool // a lost index keeps its replica ID
	adoptEarly    bool // F adopted with every batch
	noHorizon     bool // dropping a tombstone leaves no horizon
	noRaise       bool // adopting after a snapshot leaves no horizon
	noGaps        bool // a snapshot's gaps say nothing
	noLock        bool // other peers' batches accepted during a snapshot
	noYield       bool // a disk found to show a live write leaves alive what it showed before
	noGuard       bool // apply does not look at the disk first
	dropUncovered bool // tombstones dropped though F does not cover them
	dropUnapplied bool // tombstones dropped while the disk still has the file
	lateContext   bool // a batch carries a context read after its registers
	blindEcho     bool // rows are kept from the peer that told them even after it lost its index
}

func goodRules() rules {
	return rules{
		join:    Join,
		edit:    Register.Edit,
		remove:  Register.Delete,
		retire:  Register.Retire,
		resolve: func(r Register, _ ReplicaID) Resolution { return r.Resolve() },
		trim:    func(r Register, own, _ Context) Register { return r.Trim(own) },
	}
}

// row is what the store keeps of a path.
type row struct {
	known bool   // there is a record
	pos   uint64 // its place in the journal, 0 if never announced
	from  int    // peer that told exactly this, -1 if none
	epoch uint32 // that peer's index when it did
	reg   Register
	local Local
}

type replica struct {
	n       int
	id      ReplicaID
	counter uint64
	epoch   uint32
	ctx     Context
	head    uint64
	horizon uint64
	skew    int64
	rows    [maxPaths]row
	disk    [maxPaths]Value
	peers   [maxReplicas]peer

	version int // counts the changes of this replica
	settled int // version at which all was seen to be applied
}

// peer is what a replica knows of another.
type peer struct {
	known bool
	// The other's journal, as read here.
	epoch   uint32
	cursor  uint64
	session int
	snap    bool // a snapshot has begun and is not complete
	walked  bool // its last batch has come
	reached uint64
	key     int // last path of the snapshot, -1 before the first
	// The own journal, as read there.
	confirmed uint64
	readEpoch uint32 // index incarnation of the reader
	out       stream
}

// stream is the sending side of a session.
type stream struct {
	session int
	pos     uint64
	walking bool
	key     int
	start   uint64
}

type world struct {
	r      *rand.Rand
	pcg    *rand.PCG
	rules  rules
	reps   []*replica
	pool   [maxReplicas]replica
	links  [][2]int
	flight []flight

	paths  []Path
	byPath map[Path]int
	parent [maxPaths]int
	root   [maxPaths]int // the base path a conflict copy belongs to
	order  []int         // paths by key

	now      int64
	epochs   uint32
	sessions int
	contents int
	batch    int  // most registers in one batch
	collide  bool // all contents share the start of their hash
	lost     bool // some index was lost
	copies   int
	changes  int // counts every change of any state
	failure  string
	trace    func(string)

	wrote  [8][maxContents]uint8 // how often users made a content at a base path
	gone   [8][maxContents]bool  // a user who had it replaced or removed it
	made   [8]bool               // a user made a directory
	undone [8]bool               // a user removed one
	writes int
	rounds int // most that any quiescence took
}

func newWorld(ru rules) *world {
	pcg := rand.NewPCG(0, 0)
	return &world{r: rand.New(pcg), pcg: pcg, rules: ru, byPath: map[Path]int{}}
}

// reset starts a history: n replicas in a mesh or a chain.
func (w *world) reset(seed uint64) {
	w.pcg.Seed(seed, 1)
	for _, p := range w.paths[min(len(w.paths), len(basePaths)):] {
		delete(w.byPath, p)
	}
	if len(w.paths) == 0 {
		for _, p := range basePaths {
			w.intern(p)
		}
	}
	used := len(w.paths)
	w.paths = w.paths[:len(basePaths)]
	w.order = slices.DeleteFunc(w.order, func(i int) bool { return i >= len(basePaths) })
	w.wrote, w.gone = [8][maxContents]uint8{}, [8][maxContents]bool{}
	w.made, w.undone = [8]bool{}, [8]bool{}
	w.now, w.epochs, w.sessions, w.contents, w.copies, w.changes, w.writes = 0, 0, 0, 0, 0, 0, 0
	w.lost, w.failure = false, ""
	w.collide = w.r.IntN(8) == 0
	w.flight = w.flight[:0]
	w.batch = 1 + w.r.IntN(4)

	for i := range w.pool {
		clear(w.pool[i].rows[:used])
		clear(w.pool[i].disk[:used])
	}
	w.begin(2+w.r.IntN(maxReplicas-1), w.r.IntN(3) == 0)
}

// begin makes n replicas that know nothing, in a mesh or a chain.
func (w *world) begin(n int, chain bool) {
	w.reps, w.links = w.reps[:0], w.links[:0]
	for i := range n {
		r := &w.pool[i]
		r.n = i
		r.skew = int64(w.r.IntN(3)-1) * 4
		w.reps = append(w.reps, r)
		w.birth(r)
	}
	for i := range n {
		for j := range i {
			if !chain || i == j+1 {
				w.links = append(w.links, [2]int{i, j}, [2]int{j, i})
			}
		}
	}
}

// birth gives r an empty index.
func (w *world) birth(r *replica) {
	w.epochs++
	r.epoch = w.epochs
	if r.id == 0 || !w.rules.keepID || !w.lost {
		r.id = ReplicaID(1 + w.r.Uint64N(1<<40))
	}
	r.counter, r.ctx, r.head, r.horizon = 0, nil, 0, 0
	clear(r.rows[:len(w.paths)])
	r.version++
	r.peers = [maxReplicas]peer{}
}

// intern numbers path p.
func (w *world) intern(p Path) int {
	if i, ok := w.byPath[p]; ok {
		return i
	}
	i := len(w.paths)
	if i == maxPaths {
		w.fail("more than %d paths", maxPaths)
		return i - 1
	}
	w.paths = append(w.paths, p)
	w.byPath[p] = i
	w.parent[i] = -1
	if d := p.Dir(); d != "" {
		w.parent[i] = w.intern(d)
	}
	base, _, _ := strings.Cut(string(p), ".conflict-")
	w.root[i] = w.byPath[Path(base)]
	at, _ := slices.BinarySearchFunc(w.order, p, func(j int, p Path) int { return w.paths[j].Compare(p) })
	w.order = slices.Insert(w.order, at, i)
	return i
}

func (w *world) fail(format string, args ...any) {
	if w.failure == "" {
		w.failure = fmt.Sprintf(format, args...)
	}
}

// touch notes that something of r changed.
func (w *world) touch(r *replica) {
	w.changes++
	r.version++
}

func (w *world) set(r *replica, i int, v Value) {
	r.disk[i] = v
	w.touch(r)
}

// below calls f with the paths directly below i.
func (w *world) below(i int, f func(j int)) {
	for j := range w.paths {
		if w.parent[j] == i {
			f(j)
		}
	}
}

func (w *world) hasLiveBelow(r *replica, i int) bool {
	for j := range w.paths {
		if w.parent[j] == i && (r.rows[j].reg.Live() || w.hasLiveBelow(r, j)) {
			return true
		}
	}
	return false
}
