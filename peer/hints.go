package peer

import (
	"context"
	"errors"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
)

// scanHints looks at what has been hinted at, after a moment in which the rest
// of a burst can arrive.
func (f *Folder) scanHints(ctx context.Context, hints <-chan disk.Hint) error {
	timer := time.NewTimer(hintDelay)
	defer timer.Stop()
	for waiting := true; waiting; {
		select {
		case <-ctx.Done():
			return nil
		case h := <-hints:
			f.hint(h)
		case <-timer.C:
			waiting = false
		}
	}
	looks, all := f.look.take()
	if all {
		// What our own applying stirs up can overflow any queue: wait it out.
		if f.syncing() {
			time.AfterFunc(2*time.Second, f.look.addAll)
			return nil
		}
		for _, p := range f.motion.untold() {
			f.written.add(p)
		}
		if err := f.scanAll(ctx); err != nil {
			return err
		}
		for _, p := range f.written.all() {
			f.look.add(p, false)
		}
		return nil
	}
	s := f.newScan(ctx, false)
	defer s.end()
	defer f.movedDirs.clear()
	if err := s.glances(looks); err != nil {
		return err
	}
	if whole, err := s.gather(hints); err != nil || whole {
		return err
	}
	if err := s.finish(); !errors.Is(err, errRecount) {
		return err
	}
	return s.recount()
}

// takeHints takes in the hints that are here already: they tell what was renamed.
func (f *Folder) takeHints(hints <-chan disk.Hint) {
	for {
		select {
		case h := <-hints:
			f.hint(h)
		default:
			return
		}
	}
}

// glances looks at what hints point to, and at the directories of that.
func (s *scan) glances(looks []look) error {
	f := s.f
	dirs, tops := make(map[folder.Path]bool), make(map[folder.Path]bool) // tops have been looked at with all below
	tellable := make(map[folder.Path]bool)                               // directories that the map has
	for _, l := range looks {
		if d := l.path.Dir(); !tellable[d] {
			top, err := s.above(l.path)
			if err != nil {
				return err
			}
			tellable[d] = top == ""
			if top != "" {
				f.written.drop(l.path) // it is read as new
				if tops[top] {
					continue // what was hinted at has been seen
				}
				tops[top], l = true, look{path: top, deep: true}
			}
		}
		if f.placing.passed(l.path) {
			// Our own doing, on its way into the map; look when it is there.
			if l.deep {
				f.lookLater(l.path, true, placeIdle)
			}
			continue
		}
		if _, waits := f.bases.owner(l.path); !l.deep && (waits || f.motion.holds(l.path)) {
			continue
		}
		if err := s.glance(l); err != nil {
			return err
		}
		if l.deep {
			tops[l.path] = true
		}
		// An entry that came or went has moved its directory's time.
		if d := l.path.Dir(); d != "" && !f.touched.has(d) {
			dirs[d] = true
		}
	}
	for d := range dirs {
		if err := s.glance(look{path: d}); err != nil {
			return err
		}
	}
	return nil
}

// above returns the highest path above p that the map has not as a directory, ""
// if there is none. Whatever is below is looked at together with it: told earlier,
// peers would take what they have there for a rival of what is told.
func (s *scan) above(p folder.Path) (top folder.Path, err error) {
	for d := p.Dir(); d != ""; d = d.Dir() {
		rec, err := s.f.store.Record(d)
		if err != nil || rec.Local.Value.Kind == folder.Dir {
			return top, err
		}
		top = d
	}
	return top, nil
}

// glance looks at one path, and closer only if it is not what the map says.
// Most hints are echoes of what sync itself has done.
func (s *scan) glance(l look) error {
	if !l.deep && !s.f.written.has(l.path) {
		if own, ok := s.f.echoes.of(l.path); ok && s.f.root.UnchangedUntil(l.path, own, s.asked, false) {
			return nil
		}
		rec, err := s.f.store.Record(l.path)
		if err != nil {
			return err
		}
		if s.f.root.UnchangedUntil(l.path, rec.Local, s.asked, s.f.isOurTime(l.path)) {
			return nil
		}
	}
	return s.one(l.path, !l.deep)
}
