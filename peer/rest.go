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
	if !s.whole && !s.deep {
		f.motion.found(c.Path, false, time.Since(s.began))
	}
	age := time.Since(time.Unix(0, v.MTime))
	if s.verify || age.Abs() < proofYoung {
		f.motion.prove(c.Path, v.Size)
	}
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
