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
	s, err := p.startSession(&c.syncFlags, false, c.DryRun)
	if err != nil {
		return err
	}
	defer s.end()
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
	modes := [2]peer.Mode{peer.Send, peer.Receive}
	if c.mode() == peer.TwoWay {
		modes = [2]peer.Mode{peer.TwoWay, peer.TwoWay}
	}
	var fc [2]peer.FolderConfig
	var both [2]*managed
	for i, dir := range dirs {
		m, err := s.home.entryFor(dir, id)
		if err != nil {
			return err
		}
		m.entry = c.settings(m.entry, false)
		m.entry.Kind, m.entry.Mode, m.entry.Expect = "pair", modes[i].String(), ""
		if fc[i], err = s.config(m.entry, &c.syncFlags); err != nil {
			return err
		}
		fc[i] = c.pace(fc[i], plan.hook(s.dry))
		both[i] = m
	}
	// What one side leaves out on purpose, the other one must not send or miss.
	shared := append(append([]string{}, fc[0].Exclude...), fc[1].Exclude...)
	fc[0].Exclude, fc[1].Exclude = shared, shared
	err := s.remember(false, both[:]...)
	if err != nil {
		return err
	}
	if both[0].Folder, both[1].Folder, err = s.node.Pair(fc[0], fc[1]); err != nil {
		busy := s.opened(err, dirs[0])
		if busy == err {
			busy = s.opened(err, dirs[1])
		}
		s.retract(both[0])
		s.retract(both[1])
		return busy
	}
	s.folders = both[:]
	if !s.dry {
		s.ready = func() error { return s.announce(both[0], announcement{}) }
	}
	return s.remember(true, both[:]...)
}
