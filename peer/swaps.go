package peer

import (
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// swapNotes tell, after a kill, what sync was putting in place. What was swapped in
// and not told to the map is known by the register that it came from, unless a
// newer write has reached that meanwhile: then it would pass for a user's edit, and
// for a rival of the newer one.
type swapNotes struct {
	mu    sync.Mutex
	notes notes
	last  map[folder.Path][]swapNote // several of a path where runs were killed in a row
}

// swapNote is content that may have been put in place, and the write it is of.
type swapNote struct {
	digest folder.Digest
	dot    folder.Dot
}

// swapsName is the file, beside the map, that holds the notes: a line each of
// digest, replica and counter in hexadecimal and the quoted path.
const swapsName = "swaps"

// remember reads what a run that was killed has left, and notes from now on. Where
// a power cut takes the notes, it leaves a conflict copy that nobody needs.
func (n *swapNotes) remember(state string) error {
	notes, text, err := openNotes(state, swapsName)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes, n.last = notes, make(map[folder.Path][]swapNote)
	for line := range strings.Lines(text) {
		var s swapNote
		var digest []byte
		var replica uint64
		var name string
		_, err := fmt.Sscanf(line, "%x %x %x %q\n", &digest, &replica, &s.dot.Counter, &name)
		p, perr := folder.ParsePath(name)
		if err != nil || perr != nil || copy(s.digest[:], digest) != len(s.digest) {
			continue
		}
		s.dot.Replica = folder.ReplicaID(replica)
		n.last[p] = append(n.last[p], s)
	}
	return nil
}

// note says what is about to be put in place.
func (n *swapNotes) note(staged []stagedFile) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var text []byte
	for i := range staged {
		for _, s := range staged[i].all() {
			if dot := written(s.want.res); !dot.IsZero() {
				d := s.want.digest()
				text = hex.AppendEncode(text, d[:])
				text = fmt.Appendf(text, " %x %x %q\n", uint64(dot.Replica), dot.Counter, string(s.want.rec.Path))
			}
		}
	}
	n.notes.add(string(text))
}

// settled forgets the notes: all that was put in place is in the map.
func (n *swapNotes) settled() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.last == nil {
		n.notes.clear()
	}
}

// looked ends the time in which the notes of the last run say something: every
// entry has been looked at since.
func (n *swapNotes) looked() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = nil
}

// of reports whether x is what the last runs have put in place of its path, and of
// which write that is. Not all that is noted came so far: what is there may be of an
// earlier note than the last.
func (n *swapNotes) of(x *disk.Found) (folder.Dot, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.last[x.Path] {
		if x.After.Value.Kind == folder.File && x.After.Value.Digest == s.digest {
			return s.dot, true
		}
	}
	return folder.Dot{}, false
}

func (n *swapNotes) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.notes.close()
}

// madeDir reports whether a directory was made by a run that was killed before it
// could say so, where nothing was or in place of what has become a directory.
func (s *scan) madeDir(x *disk.Found) (bool, error) {
	was := x.Before.Value.Kind
	if x.After.Value.Kind != folder.Dir || was == folder.Dir || !s.f.touched.has(x.Path) {
		return false, nil
	}
	if was == folder.Absent {
		return true, nil
	}
	rec, err := s.f.store.Record(x.Path)
	return rec.Register.Resolve().Value.Kind == folder.Dir, err
}

// swappedIn makes a change one of sync's where a run that was killed has put the
// content in place: it is what the register is or was, no rival of what that has
// become since, or will have when the change gets into the map.
func (s *scan) swappedIn(c *store.Change, x *disk.Found) error {
	dot, ok := s.f.swaps.of(x)
	if !ok || s.initial { // a new map knows of nothing
		return nil
	}
	rec, err := s.f.store.Record(c.Path)
	if err != nil {
		return err
	}
	now, live := rec.Register.Has(dot)
	if !rec.Register.Knows(dot) || live && !folder.SameOnDisk(now.Value, c.After.Value) {
		return nil // or somebody has given it another mode or time since
	}
	c.Applied, c.After.Dot = true, dot
	return nil
}
