package main

import (
	"cmp"
	"errors"
	"os"

	"qsync/certs"
	"qsync/cmd/qsync/config"
	"qsync/peer"
)

// open opens what an entry of config.yaml names: one folder, or two directories
// of this machine.
func (s *session) open(f config.Folder) ([]*managed, error) {
	if f.To != "" {
		return s.openEntryPair(f)
	}
	if _, err := sourceDir("the folder", f.Path); err != nil {
		return nil, err
	}
	m, err := s.remembered(f)
	if err != nil {
		return nil, err
	}
	if err := s.openOne(m, nil); err != nil {
		return nil, err
	}
	if m.fresh && m.entry.Kind == "share" {
		s.say("%s got a sync ID: 'qsync id show %[1]s' prints it", quote(f.Path))
	}
	return []*managed{m}, nil
}

// remembered is the home's entry for a folder of config.yaml, or a new one: with
// the ID that the file gives, as if it was joined, else with a fresh one, as if
// it was shared.
func (s *session) remembered(f config.Folder) (*managed, error) {
	id, given, err := entryID(f)
	if err != nil {
		return nil, err
	}
	known, err := s.home.knownOf(f.Path)
	if err != nil {
		return nil, err
	}
	if id, _, err = chooseID(id, given, known); err != nil {
		return nil, err
	}
	m, err := s.home.entryFor(f.Path, id)
	if err != nil {
		return nil, err
	}
	m.conf = f
	kind, mode := "share", peer.TwoWay
	if given {
		kind, mode = "join", peer.ModeAuto
	}
	m.become(kind, mode)
	return m, nil
}

// entryID is the ID that config.yaml gives a folder, if it does.
func entryID(f config.Folder) (id certs.SyncID, given bool, err error) {
	if f.ID != nil {
		return *f.ID, true, nil
	}
	if f.IDFile == "" {
		return id, false, nil
	}
	text, err := readID(f.IDFile)
	if err != nil {
		return id, false, usagef("the ID cannot be read from %s: %v", quote(f.IDFile), reason(err))
	}
	v, _, err := parseInvitation(text)
	if err != nil {
		return id, false, usagef("%s: %v", quote(f.IDFile), err)
	}
	return v.id, true, nil
}

// become makes an entry one of share or join. What the two-path form made of its
// directory says nothing about what completes the folder now.
func (m *managed) become(kind string, mode peer.Mode) {
	was := m.entry.Kind
	m.unsettled = !m.fresh && was != "share" && was != "join"
	if m.fresh || m.unsettled {
		m.entry.Kind, m.entry.Mode = kind, mode.String()
	}
	m.entry.Expect, m.entry.Remotes = "", nil
}

// mode is the mode of a folder as settings spell it, "auto" while it is open.
func (m *managed) mode() string { return cmp.Or(string(m.conf.Mode), m.entry.Mode) }

// role is the mode as scripts know it.
func (m *managed) role() string { return roleOf(m.mode()) }

func roleOf(mode string) string {
	if m, err := peer.ParseMode(mode); err == nil {
		return m.Role()
	}
	return mode
}

// openOne opens a folder; adjust, if set, may change what the node is told.
func (s *session) openOne(m *managed, adjust func(*peer.FolderConfig)) error {
	fc, err := s.config(m)
	if err != nil {
		return err
	}
	if m.key, err = m.entry.discoveryKey(); err != nil {
		return err
	}
	if adjust != nil {
		adjust(&fc)
	}
	if err := s.remember(false, m); err != nil {
		return err
	}
	if m.Folder, err = s.node.Add(fc); err != nil {
		err = s.opened(err, m.entry.Dir)
		s.retract(m)
		return err
	}
	return s.remember(true, m)
}

// pairing is two directories of this machine that are kept alike.
type pairing struct {
	dirs   [2]string
	modes  [2]peer.Mode
	id     certs.SyncID
	conf   config.Folder // the settings of both
	adjust func(*peer.FolderConfig)
}

// openPair opens both directories of a pair.
func (s *session) openPair(q pairing) ([]*managed, error) {
	var fc [2]peer.FolderConfig
	both := make([]*managed, 2)
	for i, dir := range q.dirs {
		m, err := s.home.entryFor(dir, q.id)
		if err != nil {
			return nil, err
		}
		m.conf, m.paired = q.conf, true
		m.conf.Path, m.conf.Mode, m.conf.Remotes = dir, config.Mode(q.modes[i].String()), nil
		m.entry.Kind, m.entry.Mode, m.entry.Expect = "pair", q.modes[i].String(), ""
		m.entry.Remotes = nil
		if fc[i], err = s.config(m); err != nil {
			return nil, err
		}
		fc[i].Mirror = fc[i].Mode == peer.Send
		if q.adjust != nil {
			q.adjust(&fc[i])
		}
		both[i] = m
	}
	// What one side leaves out on purpose, the other one must not send or miss.
	shared := append(append([]string{}, fc[0].Exclude...), fc[1].Exclude...)
	fc[0].Exclude, fc[1].Exclude = shared, shared
	err := s.remember(false, both...)
	if err != nil {
		return nil, err
	}
	if both[0].Folder, both[1].Folder, err = s.node.Pair(fc[0], fc[1]); err != nil {
		busy := s.opened(err, q.dirs[0])
		if busy == err {
			busy = s.opened(err, q.dirs[1])
		}
		s.retract(both[0])
		s.retract(both[1])
		return nil, busy
	}
	return both, s.remember(true, both...)
}

// pairModes are the modes of a pair's two sides, by that of the first.
func pairModes(first peer.Mode) [2]peer.Mode {
	switch first {
	case peer.TwoWay:
		return [2]peer.Mode{peer.TwoWay, peer.TwoWay}
	case peer.Backup:
		return [2]peer.Mode{peer.Backup, peer.Receive}
	}
	return [2]peer.Mode{peer.Send, peer.Mirror}
}

// openEntryPair opens a folder of config.yaml whose other side is on this machine.
func (s *session) openEntryPair(f config.Folder) ([]*managed, error) {
	src, err := sourceDir("the folder", f.Path)
	if err != nil {
		return nil, err
	}
	dst, missing, err := targetDir("its destination", f.To)
	if err == nil {
		err = apart(src, dst)
	}
	if err != nil {
		return nil, err
	}
	known, err := s.home.knownOf(src, dst)
	if err != nil {
		return nil, err
	}
	if missing && len(known) > 0 {
		return nil, failf("the destination %s is gone; is its disk mounted?", quote(dst))
	}
	forced, given, err := entryID(f)
	if err != nil {
		return nil, err
	}
	id, _, err := chooseID(forced, given, known)
	if err != nil {
		return nil, err
	}
	if missing {
		if dst, err = s.makeDir(dst); err != nil {
			return nil, err
		}
	}
	mode, err := peer.ParseMode(string(f.Mode))
	if err != nil {
		mode = peer.Send
	}
	return s.openPair(pairing{dirs: [2]string{src, dst}, modes: pairModes(mode), id: id, conf: f})
}

// remember writes the entries that are new before they are opened, so that an ID
// in use is never lost, and those that change once they are: not for a run that
// comes to nothing.
func (s *session) remember(opened bool, all ...*managed) error {
	for _, m := range all {
		if m.fresh == opened || s.dry {
			continue
		}
		if err := s.home.save(m.entry); err != nil {
			return err
		}
	}
	return nil
}

// retract takes back what remember wrote for a folder that could not be opened.
func (s *session) retract(m *managed) {
	if m.fresh && !s.dry {
		if err := s.home.drop(m.entry.tag); err != nil {
			s.log.Warn("cannot forget a folder that could not be opened", "error", err)
		}
	}
}

// opened names the process that has a folder, in the error about that.
func (s *session) opened(err error, dir string) error {
	if errors.Is(err, peer.ErrBusy) {
		if pid := runs(s.home.ask(askTime), dir); pid != 0 && pid != os.Getpid() {
			return busyf("process %d is syncing %s already: stop it first, or ask it: 'qsync status'", pid, quote(dir))
		}
	}
	return err
}
