package main

import (
	"os"

	"qsync/certs"
	"qsync/peer"
)

// runPair syncs two directories of this machine.
func (c *syncCmd) runPair(p *program) error {
	src, err := sourceDir("SRC", c.Src)
	if err != nil {
		return err
	}
	dst, missing, err := targetDir("DST", c.Dst)
	if err == nil {
		err = apart(src, dst)
	}
	if err != nil {
		return err
	}
	forced, given, err := c.forcedID(p)
	if err != nil {
		return err
	}
	s, err := p.startSession(&c.nodeFlags, false, c.DryRun)
	if err != nil {
		return err
	}
	defer s.end()
	if !c.Once && !s.dry {
		s.openWindow()
	}
	plan := &planned{from: src, to: dst}
	if missing {
		made, err := s.makeDir(dst)
		if err != nil {
			return err
		}
		plan.standIn = made
		defer s.removeStandIn(made, dst)
		dst = made
	}
	known, err := s.home.knownOf(src, dst)
	if err != nil {
		return err
	}
	id, _, err := chooseID(forced, given, known)
	if err != nil {
		return err
	}
	if err := s.addPair(c, [2]string{src, dst}, id, plan); err != nil {
		return err
	}
	return c.finish(s, plan, 1)
}

// makeDir makes DST; a dry run, which touches nothing, gets an empty directory
// elsewhere in its place.
func (s *session) makeDir(dst string) (string, error) {
	if s.dry {
		made, err := os.MkdirTemp("", "qsync-dry-")
		if err != nil {
			return "", failf("cannot make a temporary directory: %v", err)
		}
		return made, nil
	}
	if err := os.Mkdir(dst, 0o777); err != nil {
		return "", failf("cannot make %s: %v", quote(dst), reason(err))
	}
	return dst, nil
}

func (s *session) removeStandIn(made, dst string) {
	if made != dst {
		_ = os.RemoveAll(made) // an empty directory of our own
	}
}

// addPair opens both directories of a pair.
func (s *session) addPair(c *syncCmd, dirs [2]string, id certs.SyncID, plan *planned) error {
	q := pairing{dirs: dirs, modes: pairModes(c.mode()), id: id, conf: c.folder(dirs[0])}
	q.adjust = func(fc *peer.FolderConfig) { c.pace(fc, plan.hook(s.dry)) }
	both, err := s.openPair(q)
	if err != nil {
		return err
	}
	s.report.pair = true
	s.folders.adopt(both...)
	if !s.dry {
		s.ready = func() error { return s.p.announce(s.status(), both[0], announcement{}) }
	}
	return nil
}
