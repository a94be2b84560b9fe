package store

import (
	"slices"

	"qsync/folder"
)

// Change is one observation of the disk, made by a scan or by an apply.
type Change struct {
	Path   folder.Path
	Before folder.Local // what the record's Local was when the observer started
	After  folder.Local // what the disk holds now; Kind Absent: nothing

	// Applied: sync put After there, it is no user's write. After.Dot names
	// the write that was applied, zero for an implicit directory.
	Applied bool
	// Retire names losing writes whose content is safe elsewhere.
	Retire []folder.Dot
	// Why and Kept are for the log: the reason, where it is none of those that
	// are plain to see, and where in .qsync/versions Before is kept.
	Why  Why
	Kept folder.Path
	// To is for the log too: where what was at Path has been moved to.
	To folder.Path

	// Looked: After was seen by a look that began with [Store.Looks]. Where Before is
	// nothing, sync may have put that there and removed it again since: the map is as
	// it was, and only a new look tells.
	Looked bool

	// Again: After is announced as a new write even if its content is known,
	// unless a live write of that content belongs to the same database.
	Again bool

	// Merged: After was applied with the mode of a write that is retired with
	// it. That mode is announced as an own write, for it has no other any more.
	Merged bool
}

// Outcome says what a commit made of its changes.
type Outcome struct {
	Stale    []folder.Path // changed since Before was read: look again
	Rivals   []folder.Path // own writes that have [Record.Rivals], which their author never saw
	Issued   int           // own writes announced
	Added    int           // of them entries that were not there
	Modified int
	Deleted  int
	Bytes    int64 // of content added or modified
}

// Commit records what the disk holds. With announce, what a user changed
// becomes a write of this replica; without, it is kept as a local deviation.
// The whole is durable when Commit returns. A path or value that could not be
// stored fails the whole, with an error that wraps [folder.ErrPath] or
// [folder.ErrValue].
func (s *Store) Commit(changes []Change, announce bool) (Outcome, error) {
	var out Outcome
	err := s.update(func(t *txn) error {
		out = Outcome{}
		for i := range changes {
			if err := t.commit(&changes[i], announce, &out); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func (t *txn) commit(c *Change, announce bool, out *Outcome) error {
	// What the encoding refuses would be written now and unreadable for ever.
	if _, err := folder.ParsePath(string(c.Path)); err != nil {
		return err
	}
	if c.After.Value.Kind != folder.Absent {
		if err := c.After.Value.Check(); err != nil {
			return err
		}
	}
	old, err := t.record(c.Path)
	if err != nil {
		return err
	}
	if old.Local != c.Before || c.Looked && c.After.Value.Kind != folder.Absent && t.store.emptied.has(c.Path) {
		out.Stale = append(out.Stale, c.Path)
		return nil
	}
	if c.After.Value.Kind == folder.Absent && old.Local.Value.Kind != folder.Absent {
		t.emptied = append(t.emptied, c.Path)
	}
	r := old
	r.Local = c.After
	moved := false
	if c.Applied {
		// What sync put there is the own change no more. Another stat or another
		// digest of it, or that it is ignored now, leaves it one.
		if a := r.Local; a != old.Local && (a.Value.Kind == folder.Absent || !a.Dot.IsZero() || a.Implicit) {
			r.Aside = nil
		}
		// Others hear of the path again, now that the content can be had here.
		moved = !old.Have() && r.Have() && r.Local.Value.Kind == folder.File && t.store.peers.count() > 1
	} else {
		if c.Again && announce && !tells(old.Register, r.Local.Value) {
			was := old.Local
			if old.Dropped != nil {
				was = *old.Dropped
			}
			t.issueEdit(&r, was, old, out)
			moved = true
		} else {
			moved = t.observe(&r, old, announce, out)
		}
		t.keepAside(&r, old)
		if moved && r.Rivals() {
			out.Rivals = append(out.Rivals, c.Path)
		}
	}
	for _, d := range c.Retire {
		r.Register = r.Register.Retire(d)
		moved = true
	}
	if c.Merged && announce && t.keepMode(&r, out) {
		moved = true
	}
	t.note(c, old, r, announce)
	return t.put(old, r, moved, 0)
}

// observe turns what a scan saw into the record r and reports whether the
// register changed.
func (t *txn) observe(r *Record, old Record, announce bool, out *Outcome) bool {
	was, now := old.Local, r.Local
	r.Local.Dot, r.Local.Implicit = folder.Dot{}, false
	if now.Value.Kind == folder.Absent {
		if t.meta.Dropping {
			return t.drop(r, old)
		}
		if !announce || was.Value.Kind == folder.Absent {
			return false
		}
		r.Register = old.Register.Delete(was)
		if len(r.Register.Sibs) == len(old.Register.Sibs) {
			return false
		}
		out.Issued++
		out.Deleted++
		return true
	}
	back := false
	if old.Dropped != nil {
		// What comes again was made of what was here last, and supersedes that.
		// If it is the same, others hear that its content can be had again.
		was, back = *old.Dropped, announce
	}
	if sib, ok := showing(old.Register, now.Value, was.Dot); ok && !(announce && reverts(old, now.Value, sib)) {
		// Another way to what is known already: our own apply seen early, a
		// crash between swap and commit, a user who did the same by hand. What
		// was there has been replaced all the same; apply keeps a copy first.
		reg := old.Register
		if announce && !folder.SameContent(was.Value, now.Value) {
			reg = reg.Delete(was)
		}
		if _, ok := reg.Has(sib.Dot); ok {
			r.Local.Dot, r.Local.Value = sib.Dot, asOnDisk(sib.Value, now.Value)
			r.Register = reg
			if len(reg.Sibs) == len(old.Register.Sibs) {
				return back
			}
			out.Issued++
			out.Modified++
			return true
		}
	}
	if folder.SameOnDisk(was.Value, now.Value) && (!was.Dot.IsZero() || was.Implicit || !announce || merged(old)) {
		// Only inode or ctime differ.
		r.Local.Dot, r.Local.Value, r.Local.Implicit = was.Dot, was.Value, was.Implicit
		return back
	}
	if was.Implicit && now.Value.Kind == folder.Dir && (!announce || now.Value.Mode == was.Value.Mode) {
		r.Local.Implicit = true
		return false
	}
	if !announce {
		return false
	}
	t.issueEdit(r, was, old, out)
	return true
}

// issueEdit announces what r's disk holds as an own write by somebody who saw was.
func (t *txn) issueEdit(r *Record, was folder.Local, old Record, out *Outcome) {
	v := r.Local.Value
	before, _ := folder.BesideOf(was.Value)
	beside, _ := folder.BesideOf(v)
	// The log of another content of its database is no change of metadata.
	again := before.Digest != beside.Digest && folder.SameContent(was.Value, v)
	if was.Value.Kind == folder.File && v.Kind == folder.File && !again {
		v.Base = folder.Base{Content: was.Value.ContentID(), Mode: was.Value.Mode}
	} else {
		v.Base = folder.Base{}
	}
	if t.meta.Waives && folder.LostOf(v) == (folder.Lost{}) {
		v = v.Waiving()
	}
	d := t.issue()
	r.Register = old.Register.Edit(was, d, v)
	r.Local.Dot, r.Local.Value, r.Local.Implicit = d, v, false
	out.Issued++
	if old.Local.Value.Kind == folder.Absent {
		out.Added++
	} else {
		out.Modified++
	}
	if !folder.SameContent(was.Value, v) {
		out.Bytes += v.Size
	}
}

// tells reports whether a live write has the content of v, and belongs to the
// database that v belongs to.
func tells(r folder.Register, v folder.Value) bool {
	beside, _ := folder.BesideOf(v)
	return slices.ContainsFunc(r.Sibs, func(s folder.Sibling) bool {
		b, _ := folder.BesideOf(s.Value)
		return b.Digest == beside.Digest && folder.SameContent(s.Value, v)
	})
}

// keepMode makes the mode on disk an own write, a chmod of the winner, unless it
// is what the register shows, or the disk shows something else.
func (t *txn) keepMode(r *Record, out *Outcome) bool {
	if !r.Register.Live() || r.Local.Value.Kind != folder.File {
		return false
	}
	res, v := r.Register.Resolve(), r.Local.Value
	if v.Mode == res.Value.Mode || !folder.SameContent(v, res.Value) {
		return false
	}
	v.Base = folder.Base{Content: v.ContentID(), Mode: res.Winner.Value.Mode}
	d := t.issue()
	r.Register = r.Register.Edit(folder.Local{Value: res.Winner.Value, Dot: res.Winner.Dot}, d, v)
	r.Local.Dot, r.Local.Value = d, v
	out.Issued++
	out.Modified++
	return true
}

// merged reports whether what the disk held was some write's content, though with
// a mode that is no write's own.
func merged(old Record) bool {
	return slices.ContainsFunc(old.Register.Sibs, func(s folder.Sibling) bool { return folder.SameContent(s.Value, old.Local.Value) })
}

// reverts reports whether somebody gave what showed the winner the metadata of
// the losing write sib: that is a change like any other.
func reverts(old Record, now folder.Value, sib folder.Sibling) bool {
	res := old.Register.Resolve()
	return sib.Dot != res.Winner.Dot && folder.SameContent(old.Local.Value, now) &&
		folder.SameOnDisk(old.Local.Value, res.Value)
}

// showing returns the live write that v shows, the winner or prefer first.
func showing(r folder.Register, v folder.Value, prefer folder.Dot) (folder.Sibling, bool) {
	if !r.Live() {
		return folder.Sibling{}, false
	}
	res := r.Resolve()
	if folder.SameOnDisk(res.Value, v) {
		res.Winner.Value = res.Value
		return res.Winner, true
	}
	var found folder.Sibling
	for _, s := range r.Sibs {
		if folder.SameOnDisk(s.Value, v) && (found.Dot.IsZero() || s.Dot == prefer) {
			found = s
		}
	}
	return found, !found.Dot.IsZero()
}

// asOnDisk is the write's value with the metadata that the disk shows.
func asOnDisk(v, disk folder.Value) folder.Value {
	if v.Kind != folder.Symlink {
		v.Mode, v.MTime = disk.Mode, disk.MTime
	}
	return v
}
