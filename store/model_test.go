package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"qsync/folder"
)

// fastDir returns a directory for stores: in memory where there is such a
// place, because what these tests repeat thousands of times ends in an fsync.
func fastDir(t testing.TB) string {
	t.Helper()
	if fi, err := os.Stat("/dev/shm"); err != nil || !fi.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "qsync-store-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// world is a few nodes with real stores and pretend disks, and the log of what
// their users did. One random source drives it all.
type world struct {
	*rand.Rand
	dir   string
	nodes []*node
	links map[[2]int]*link

	contents uint64
	trace    []string
	kept     map[uint64]folder.Path          // written and never replaced or deleted by one who had it
	dead     map[uint64]map[folder.Path]bool // where a user had it and replaced or deleted it
	lossy    bool                            // an index was lost: old content may come back
	paths    []folder.Path
	line     bool // who talks: neighbours in a row, or everybody
	reckless bool // identities and whole indexes get lost
	strict   bool // check everything after every step

	interrupts uint64 // signals interrupt commits; 0: none do
}

// node is one replica: what is on its disk need not be what its store has seen.
type node struct {
	w    *world
	n    int
	id   NodeID
	file string
	s    *Store
	disk map[folder.Path]folder.Value
}

// link is one direction of a session, from one node to another.
type link struct {
	from, to *node
	epoch    uint64 // of from's journal
	turn     uint64 // of the session at from
	back     *link
	onTheWay []Batch
	after    uint64
	snapshot bool
	at       folder.Path
	start    uint64
	last     Batch
	ranges   []Range // while maps are compared: those still to be told,
	same     []bool  // or not
}

var modelPaths = []folder.Path{"a", "b", "d", "d/x", "d/y.txt", "e\xff", "z"}

func newWorld(seed uint64, dir string) *world {
	w := &world{
		Rand: rand.New(rand.NewPCG(seed, 1)), dir: dir, links: make(map[[2]int]*link),
		kept: make(map[uint64]folder.Path), dead: make(map[uint64]map[folder.Path]bool),
	}
	for i := range 2 + w.IntN(3) {
		n := &node{w: w, n: i, disk: make(map[folder.Path]folder.Value)}
		n.id[0] = byte(i + 1)
		n.file = filepath.Join(dir, fmt.Sprintf("%d.db", i))
		w.nodes = append(w.nodes, n)
	}
	w.strict, w.reckless = seed%8 == 0, seed%2 == 0
	if seed%3 == 0 {
		w.interrupts = seed
	}
	w.paths = modelPaths[:2+w.IntN(len(modelPaths)-1)]
	w.line = w.IntN(2) == 0
	return w
}

func (w *world) log(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

// open opens the node's store. A new identity is replaced by one from the seed.
func (n *node) open() error {
	before := folder.ReplicaID(0)
	if n.s != nil {
		before = n.s.Identity().Replica
	}
	s, err := Open(n.file, Options{})
	if err != nil {
		return err
	}
	n.s, s.random = s, n.w.Uint64
	if s.Note() != "" {
		return errors.New(s.Note())
	}
	if n.w.interrupts != 0 {
		interrupted(s, n.w.interrupts)
	}
	return n.reseed(before)
}

func (n *node) reseed(before folder.ReplicaID) error {
	if n.s.Identity().Replica == before {
		return nil
	}
	return n.s.update(func(t *txn) error {
		old := t.meta.Replica
		t.meta.Replica, t.meta.Epoch = folder.ReplicaID(n.w.Uint64()|1), n.w.Uint64()|1
		if t.meta.Counter != 0 {
			return fmt.Errorf("identity %x has already written", old)
		}
		return nil
	})
}

func (n *node) close() error {
	err := n.s.Check()
	return errors.Join(err, n.s.Close())
}

func contentOf(v folder.Value) uint64 { return v.ContentID() }

func (w *world) value() folder.Value {
	w.contents++
	v := folder.Value{Kind: folder.File, Mode: 0o644, MTime: int64(w.IntN(4)), Size: 5000 + int64(w.contents)}
	binary.BigEndian.PutUint64(v.Digest[:], w.contents)
	return v
}

// overwrite is a user's act: what was there is gone on purpose.
func (n *node) overwrite(p folder.Path, v folder.Value) {
	w := n.w
	if old := contentOf(n.disk[p]); old != 0 {
		delete(w.kept, old)
		if w.dead[old] == nil {
			w.dead[old] = make(map[folder.Path]bool)
		}
		w.dead[old][p] = true
	}
	if v.Kind == folder.Absent {
		delete(n.disk, p)
		return
	}
	n.disk[p] = v
	if c := contentOf(v); c != 0 {
		w.kept[c] = p
	}
}

func (n *node) act() {
	w := n.w
	p := w.paths[w.IntN(len(w.paths))]
	if have := slices.Sorted(maps.Keys(n.disk)); len(have) > 0 && w.IntN(2) == 0 {
		p = have[w.IntN(len(have))]
	}
	switch w.IntN(8) {
	case 0, 1, 2:
		w.log("%d deletes %q", n.n, p)
		n.overwrite(p, folder.Value{})
	case 3:
		w.log("%d mkdir %q", n.n, p)
		n.overwrite(p, folder.Value{Kind: folder.Dir, Mode: 0o755})
	default:
		v := w.value()
		w.log("%d writes %q: %d", n.n, p, contentOf(v))
		n.overwrite(p, v)
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// reborn ends the node's process and starts it again: with its store as it
// was, with a copy of it, or without.
func (n *node) reborn(how string) error {
	w := n.w
	w.log("%d %s", n.n, how)
	maps.DeleteFunc(w.links, func(_ [2]int, l *link) bool { return l.from == n || l.to == n })
	if how == "rotate" {
		w.lossy = true // what others deleted meanwhile is written anew
		return n.s.Rotate()
	}
	if err := n.close(); err != nil {
		return err
	}
	switch how {
	case "copied":
		if err := errors.Join(copyFile(n.file, n.file+".copy"), os.Rename(n.file+".copy", n.file)); err != nil {
			return err
		}
	case "lost":
		w.lossy = true
		if err := os.Remove(n.file); err != nil {
			return err
		}
	}
	return n.open()
}

func (w *world) tail() string { return strings.Join(w.trace[max(len(w.trace)-2000, 0):], "\n") }
