package main

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"

	"qsync/certs"
	"qsync/peer"
)

// announcement is what share and join print when they are ready.
type announcement struct {
	id   certs.SyncID // zero: not to be told
	show bool         // in text too, with its words
	qr   bool         // and as a QR code though this is no terminal
}

// readyJSON is the first line of --json.
type readyJSON struct {
	Event  string   `json:"event"`
	ID     string   `json:"id,omitempty"`
	Folder string   `json:"folder"`
	Node   string   `json:"node"`
	Name   string   `json:"name"`
	Listen []string `json:"listen"`
	Mode   string   `json:"mode"`
}

// announce says that the node is up: with the ID what a person needs to bring in
// another device, else just where it is.
func (s *session) announce(m *managed, a announcement) error {
	st := s.status()
	if s.p.flags.JSON {
		r := readyJSON{Event: "ready", Folder: m.entry.Dir, Node: st.Node, Name: st.Name, Listen: st.Listen, Mode: m.entry.Mode}
		if a.id != (certs.SyncID{}) {
			r.ID = a.id.Hex()
		}
		return s.p.printJSON(r)
	}
	if !a.show {
		if len(st.Listen) > 0 {
			s.p.ui.say("folder     %s (%s), listening on %s", quote(m.entry.Dir), m.entry.Mode, strings.Join(st.Listen, " "))
		}
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "sync ID   %s\n", a.id.Hex())
	fmt.Fprintf(&b, "words     %s\n", a.id.Words())
	if _, isTerminal := terminalOf(s.p.out); isTerminal || a.qr {
		code, err := s.p.qrCode(a.id)
		if err != nil {
			return err
		}
		b.WriteString(code)
	}
	fmt.Fprintf(&b, "folder    %s\n", quote(m.entry.Dir))
	for i, addr := range st.Listen {
		fmt.Fprintf(&b, "%-9s %s\n", []string{"listening", ""}[min(i, 1)], addr)
	}
	// Peers do not find each other by themselves: the address goes along.
	b.WriteString("on the other device\n          qsync join - DIR        and paste the ID\n")
	if flag := remoteFlag(st.Listen); flag != "" {
		fmt.Fprintf(&b, "          add %s  so that it finds this one\n", flag)
	}
	return s.p.print(b.String())
}

// remoteFlag is what another device adds to its command to reach this one.
func remoteFlag(listen []string) string {
	if len(listen) == 0 {
		return ""
	}
	host, port, err := net.SplitHostPort(listen[0])
	if err != nil || port == strconv.Itoa(peer.DefaultPort) {
		return "--remote " + cmp.Or(host, listen[0])
	}
	return "--remote " + listen[0]
}

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
