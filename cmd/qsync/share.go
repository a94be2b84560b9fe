package main

import (
	"slices"

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
	id, _, err := chooseID(forced.id, given, known)
	if err != nil {
		return err
	}
	return s.serve(&c.syncFlags, dir, served{kind: "share", mode: peer.TwoWay, id: id, at: forced.at, qrFlags: c.qrFlags})
}

// served is how share and join differ.
type served struct {
	kind string
	mode peer.Mode // of a folder that is new here
	id   certs.SyncID
	at   []string // where peers were when the link was made that held the ID
	qrFlags
}

// serve runs one folder until Ctrl-C.
func (s *session) serve(f *syncFlags, dir string, v served) error {
	if v.QRFile != "" {
		if err := replaceable(v.QRFile); err != nil {
			return err
		}
	}
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
	hints, names := invitation{at: v.at}.hints()
	if err := s.add(m, f, func(fc peer.FolderConfig) peer.FolderConfig {
		fc.Unsettled, fc.Remotes = unsettled, slices.Concat(fc.Remotes, names)
		return fc
	}); err != nil {
		return err
	}
	m.Offer(hints) // not remembered here: the store remembers where a peer was found
	s.ready = func() error {
		return s.announce(m, announcement{id: v.id, show: true, qr: v.QR, qrFile: v.QRFile, typed: true})
	}
	return s.run(nil)
}

// Run becomes a peer of a folder.
func (c *joinCmd) Run(p *program) error {
	given, name, err := c.read(p)
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
	id, _, err := chooseID(given.id, true, known)
	if err != nil {
		return err
	}
	return s.serve(&c.syncFlags, dir, served{kind: "join", mode: peer.ModeAuto, id: id, at: given.at, qrFlags: c.qrFlags})
}

// read takes ID and DIR from the arguments; the ID may be 24 of them, or none
// when a file or a variable has it.
func (c *joinCmd) read(p *program) (v invitation, dir string, err error) {
	n := len(c.Args)
	dir = c.Args[n-1]
	if n > 1 {
		v, err = p.argumentID(c.Args[:n-1])
		return v, dir, err
	}
	if _, _, perr := parseInvitation(dir); perr == nil || dir == "-" {
		return v, "", usagef("DIR is missing: qsync join - DIR")
	}
	v, given, err := p.givenID(c.IDFile)
	if err == nil && !given {
		err = usagef("the ID is missing: 'qsync join - DIR' reads it from standard input, so do QSYNC_ID and --id-file FILE")
	}
	return v, dir, err
}
