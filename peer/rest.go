package peer

import (
	"context"
	"time"

	"qsync/folder"
	"qsync/store"
)

// moved notes that somebody here has changed a file: it may be one that never
// comes to rest, and what was written a moment ago may be changed through a
// mapping without a trace. What the first look of all finds is left out: nothing
// is known of how it came.
func (s *scan) moved(c *store.Change) {
	f, v := s.f, &c.After.Value
	if v.Kind != folder.File || f.cfg.Once || !f.scanned.isOpen() {
		return
	}
	if c.Before.Stat.Racy && c.Before.Value.Kind == v.Kind && folder.SameOnDisk(c.Before.Value, *v) {
		return // looked at again because its stat did not prove anything yet
	}
	if v.Origin != "" {
		f.motion.left(v.Origin) // what was to be proven there is here
	}
	if !s.whole && !s.deep {
		f.motion.found(c.Path, false, time.Since(s.began))
	}
	part := int64(1)
	switch {
	case s.verify || f.young(v.MTime):
	case !f.young(c.After.Stat.CTime):
		return
	case c.Before.Value.Kind != v.Kind:
		part = 2 // unpacked or copied with its time, with many others: it leaves room for what is edited
	}
	f.motion.prove(c.Path, v.Size, part)
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
