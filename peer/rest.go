package peer

import (
	"context"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// moved notes that somebody here has changed a file: it may be one that never
// comes to rest, and what was written a moment ago may be changed through a
// mapping without a trace, or have been read in the middle of one write. Of what the
// first look of all finds nothing is known of how it came: only the latter counts.
func (s *scan) moved(c *store.Change) {
	f, v := s.f, &c.After.Value
	if v.Kind != folder.File {
		return
	}
	known, again := c.Before.Value.Kind == v.Kind, c.Before.Stat.Racy
	if known && again && folder.SameOnDisk(c.Before.Value, *v) { // read because its stat did not prove anything yet
		c.After.Stat.Racy = c.After.Stat.Racy || f.unwatched() && f.motion.soon(c.Path)
		return
	}
	if v.Origin != "" {
		f.motion.left(v.Origin) // what was to be proven there is here
	}
	running := !f.cfg.Once && f.scanned.isOpen()
	if running && !s.whole && !s.deep {
		f.motion.found(c.Path, false, time.Since(s.began))
	}
	part := int64(1)
	switch {
	case s.verify || known && again || f.young(v.MTime):
	case !f.young(c.After.Stat.CTime):
		return
	case !known:
		part = 2 // unpacked or copied with its time, with many others: it leaves room for what is edited
	}
	mixed, watched := mayBeMixed(c), !f.unwatched()
	proven := (running || mixed && !watched && !f.cfg.Once) && f.motion.prove(c.Path, v.Size, part)
	if mixed {
		f.motion.mixed(c.Path)
		c.After.Stat.Racy = c.After.Stat.Racy || !watched && !proven // the next look, of this run or another one, reads it again
	}
}

// read notes that x was read in a look that began after the end of all writes that
// the watcher has told of so far.
func (s *scan) read(x *disk.Found) {
	if x.After.Value.Kind == folder.File && s.f.movedDirs.from(x.Path) == "" { // else it may be taken for what it was there
		s.f.written.drop(x.Path)
	}
	if x.Content != nil {
		s.f.fresh.put(x.After.Value.Digest, x.Content, everybody)
	}
}

// longWrite is the size from which on one write may well take longer than a tick of
// the clock that stamps it.
const longWrite = 4 << 20

// mayBeMixed reports whether c's file, which was written to a moment ago, may have
// been read in the middle of a write without its stat telling: that is stamped as it
// begins (F35). A file that grows shows it by its size, so it is one that was there
// before, and is the same still, or that may have been given its size in advance.
func mayBeMixed(c *store.Change) bool {
	if c.Before.Value.Kind == folder.File && c.Before.Stat.Inode == c.After.Stat.Inode {
		return c.Before.Value.Digest != c.After.Value.Digest
	}
	return c.After.Value.Size >= longWrite && c.After.Value.Origin == ""
}

// young reports whether a stamp of a file is so young that the next store through a
// mapping may leave none (F34). Of both stamps the younger counts: the modification
// time can be set back.
func (f *Folder) young(stamp int64) bool {
	return f.node.wall().Sub(time.Unix(0, stamp)).Abs() < proofYoung
}

// unproven reports whether the file that was at l's path may hold what somebody here
// has stored in it since it was read, though no stamp tells of it.
func (f *Folder) unproven(l *folder.Local) bool {
	own := l.Dot.IsZero() || l.Dot.Replica == f.store.Identity().Replica
	return own && (f.young(l.Value.MTime) || f.young(l.Stat.CTime))
}

// provesStill has what was to be read once more read at the new path that sync has
// given it.
func (f *Folder) provesStill(old *store.Record, now folder.Path) {
	if !f.motion.proves(old.Path) && !f.unproven(&old.Local) {
		return
	}
	f.motion.left(old.Path)
	f.motion.prove(now, old.Local.Value.Size, 1)
	f.look.add(now, false) // and when that is due is thought about anew
}

// awaitRest sets t to when a file is due that was put off or is to be proven.
func (f *Folder) awaitRest(t *time.Timer) {
	at, ok := f.motion.next()
	if due, waits := f.bases.next(); waits && (!ok || due.Before(at)) {
		at, ok = due, true
	}
	if !ok {
		t.Stop()
		return
	}
	t.Reset(max(time.Until(at), 0))
}

// scanRested looks at the files that have come to rest, or have waited long
// enough, and reads those once more that were edited a little while ago.
func (f *Folder) scanRested(ctx context.Context) error {
	looks, proofs := f.motion.take()
	for _, p := range looks {
		f.look.add(p, false)
	}
	if len(proofs) == 0 && len(f.bases.due()) == 0 {
		return nil
	}
	s := f.newScan(ctx, false)
	defer s.end()
	if err := s.settleDatabases(); err != nil {
		return err
	}
	s.verify = true
	for _, p := range proofs {
		if f.placing.has(p) {
			continue // a peer's content takes its place
		}
		if err := s.one(p, true); err != nil {
			return err
		}
	}
	return s.finish()
}
