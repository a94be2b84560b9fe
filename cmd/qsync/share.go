package main

import (
	"qsync/certs"
	"qsync/peer"
)

// Run gives a directory a sync ID and serves it.
func (c *shareCmd) Run(p *program) error {
	dir, err := sourceDir("DIR", c.Dir)
	if err != nil {
		return err
	}
	forced, given, err := p.givenID(c.IDFile)
	if err != nil {
		return err
	}
	s, err := p.startSession(&c.syncFlags, true, false)
	if err != nil {
		return err
	}
	defer s.end()
	known, err := s.home.knownOf(dir)
	if err != nil {
		return err
	}
	id, _, err := chooseID(forced, given, known)
	if err != nil {
		return err
	}
	return s.serve(&c.syncFlags, dir, served{kind: "share", mode: peer.TwoWay, id: id, qr: c.QR})
}

// served is how share and join differ.
type served struct {
	kind string
	mode peer.Mode // of a folder that is new here
	id   certs.SyncID
	qr   bool
}

// serve runs one folder until Ctrl-C.
func (s *session) serve(f *syncFlags, dir string, v served) error {
	m, err := s.home.entryFor(dir, v.id)
	if err != nil {
		return err
	}
	old := m.entry
	m.entry = f.settings(m.entry, !m.fresh && (old.Kind == "share" || old.Kind == "join"))
	m.entry.Kind, m.entry.Expect = v.kind, ""
	switch {
	case f.Mode != "":
		m.entry.Mode = f.Mode
	case m.fresh || old.Kind == "pair" || old.Kind == "remote":
		m.entry.Mode = v.mode.String()
	}
	// What the two-path form made of it says nothing about what a join completes.
	unsettled := !m.fresh && old.Kind != "share" && old.Kind != "join"
	if err := s.add(m, f, func(fc peer.FolderConfig) peer.FolderConfig { fc.Unsettled = unsettled; return fc }); err != nil {
		return err
	}
	s.ready = func() error { return s.announce(m, announcement{id: v.id, show: true, qr: v.qr}) }
	return s.run(nil)
}

// Run becomes a peer of a folder.
func (c *joinCmd) Run(p *program) error {
	id, name, err := c.read(p)
	if err != nil {
		return err
	}
	dir, missing, err := targetDir("DIR", name)
	if err != nil {
		return err
	}
	s, err := p.startSession(&c.syncFlags, true, false)
	if err != nil {
		return err
	}
	defer s.end()
	if missing {
		if dir, err = s.makeDir(dir); err != nil {
			return err
		}
	}
	known, err := s.home.knownOf(dir)
	if err != nil {
		return err
	}
	if id, _, err = chooseID(id, true, known); err != nil {
		return err
	}
	return s.serve(&c.syncFlags, dir, served{kind: "join", mode: peer.ModeAuto, id: id, qr: c.QR})
}

// read takes ID and DIR from the arguments; the ID may be 24 of them, or none
// when a file or a variable has it.
func (c *joinCmd) read(p *program) (id certs.SyncID, dir string, err error) {
	n := len(c.Args)
	dir = c.Args[n-1]
	if n > 1 {
		id, err = p.argumentID(c.Args[:n-1])
		return id, dir, err
	}
	if _, _, perr := certs.ParseSyncID(dir); perr == nil || dir == "-" {
		return id, "", usagef("DIR is missing: qsync join - DIR")
	}
	id, given, err := p.givenID(c.IDFile)
	if err == nil && !given {
		err = usagef("the ID is missing: 'qsync join - DIR' reads it from standard input, so do QSYNC_ID and --id-file FILE")
	}
	return id, dir, err
}
