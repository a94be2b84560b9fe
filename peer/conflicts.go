package peer

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"qsync/folder"
	"qsync/store"
)

// Conflict is a conflict copy and what it is a copy of.
type Conflict struct {
	Copy  string `json:"copy"`  // path of the copy
	Path  string `json:"path"`  // of what has the plain name
	This  Side   `json:"this"`  // what is at the plain name
	Other Side   `json:"other"` // the copy

	RawCopy []byte `json:"raw_copy,omitempty"` // where they are not UTF-8
	RawPath []byte `json:"raw_path,omitempty"`
}

// raw is a name as it is where text in JSON cannot hold it, else nil.
func raw(p folder.Path) []byte {
	if utf8.ValidString(string(p)) {
		return nil
	}
	return []byte(p)
}

// Side is one side of a conflict.
type Side struct {
	Kind   string    `json:"kind"` // absent, file, symlink or directory
	Size   int64     `json:"size"`
	MTime  time.Time `json:"mtime,omitzero"`
	Peer   string    `json:"peer"`             // who wrote it, as far as is known: a name, else a replica's ID
	Digest string    `json:"digest,omitempty"` // of a file's content, BLAKE3-256
}

// Conflicts lists the conflict copies that this machine's disk holds, by path. It
// works on a folder that does not run too, and tells what the map knows.
func (f *Folder) Conflicts(ctx context.Context) ([]Conflict, error) {
	out := []Conflict{}
	names := f.authors()
	for r, err := range f.store.Records("") {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		if _, is := folder.ConflictOf(r.Path); !is || !isCopy(&r) {
			continue
		}
		c, err := f.conflictAt(&r, names)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func isCopy(r *store.Record) bool {
	return r.Local.Value.Kind == folder.File || r.Local.Value.Kind == folder.Symlink
}

// conflictAt describes the conflict whose copy is rec.
func (f *Folder) conflictAt(rec *store.Record, names map[folder.ReplicaID]string) (Conflict, error) {
	of, err := f.originalOf(rec)
	if err != nil {
		return Conflict{}, err
	}
	this, err := f.store.Record(of)
	if err != nil {
		return Conflict{}, err
	}
	c := Conflict{Copy: string(rec.Path), Path: string(of), RawCopy: raw(rec.Path), RawPath: raw(of), This: f.side(&this, names), Other: f.side(rec, names)}
	lost := folder.LostOf(rec.Local.Value)
	if !lost.Author.IsZero() {
		c.Other.Peer = authorName(lost.Author.Replica, names)
	}
	return c, nil
}

// originalOf finds what rec is a conflict copy of: by its name, and where that had
// to be cut, by which neighbour's copy would have the same.
func (f *Folder) originalOf(rec *store.Record) (folder.Path, error) {
	of, _ := folder.ConflictOf(rec.Path)
	if len(rec.Path.Base()) < folder.MaxName-len("\U0010ffff") {
		return of, nil
	}
	for r, err := range f.store.Records(rec.Path.Dir()) {
		if err != nil {
			return "", err
		}
		if r.Path.Dir() != rec.Path.Dir() || r.Path == rec.Path {
			continue
		}
		if folder.ConflictName(r.Path, rec.Local.Value, folder.HashWidth) == rec.Path {
			return r.Path, nil
		}
	}
	return of, nil
}

func (f *Folder) side(r *store.Record, names map[folder.ReplicaID]string) Side {
	v := r.Local.Value
	s := Side{Kind: v.Kind.String(), Size: v.Size}
	if v.Kind == folder.Absent {
		return s
	}
	s.MTime = time.Unix(0, v.MTime).UTC()
	if v.Kind == folder.File {
		s.Digest = hex.EncodeToString(v.Digest[:])
	}
	dot := r.Local.Dot
	if dot.IsZero() && r.Aside != nil {
		s.Peer = f.node.cfg.Name // nobody else knows of it
		return s
	}
	if sib, ok := r.Register.Has(dot); ok {
		dot = sib.Dot
	} else if r.Register.Live() {
		dot = r.Register.Resolve().Winner.Dot
	}
	s.Peer = authorName(dot.Replica, names)
	return s
}

// authors are the names of the replicas that this one has met, and its own.
func (f *Folder) authors() map[folder.ReplicaID]string {
	names := map[folder.ReplicaID]string{f.store.Identity().Replica: f.node.cfg.Name}
	peers := f.store.Peers()
	slices.SortFunc(peers, func(a, b store.Peer) int { return cmp.Compare(a.LastSeen.Unix(), b.LastSeen.Unix()) })
	for _, p := range peers {
		if p.Replica != f.store.Identity().Replica {
			names[p.Replica] = p.Name
		}
	}
	return names
}

func authorName(r folder.ReplicaID, names map[folder.ReplicaID]string) string {
	if n := names[r]; n != "" || r == 0 {
		return n
	}
	return fmt.Sprintf("device %016x", uint64(r))
}

// noteConflicts keeps the list of conflict copies true to what is on disk.
func (f *Folder) noteConflicts(changes []store.Change) {
	for i := range changes {
		kind := changes[i].After.Value.Kind
		f.noteConflict(changes[i].Path, kind == folder.File || kind == folder.Symlink)
	}
}

func (f *Folder) noteConflict(p folder.Path, here bool) {
	if _, is := folder.ConflictOf(p); !is {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if here {
		f.conflict[p] = true
	} else {
		delete(f.conflict, p)
	}
}

// listConflicts fills the list where no look has done so yet.
func (f *Folder) listConflicts() {
	f.listing.Do(func() {
		if f.scanned.isOpen() || !f.Paused() {
			return // the first look does, or is about to
		}
		for r, err := range f.store.Records("") {
			if err != nil {
				return
			}
			f.noteConflict(r.Path, isCopy(&r))
		}
	})
}
