package main

import (
	"maps"
	"slices"
	"time"

	"qsync/certs"
	"qsync/cmd/qsync/config"
	"qsync/peer"
)

// served is a folder that share or join run.
type served struct {
	kind    string
	dir     string
	missing bool      // it has to be made
	mode    peer.Mode // of a folder that is new here
	label   string    // what to call it, "" leaves that open
	invitation
	given bool // there is an ID in the invitation
	qrFlags
}

// Run gives a directory a sync ID and serves it.
func (c *shareCmd) Run(p *program) error {
	dir, err := sourceDir("DIR", c.Dir)
	if err != nil {
		return err
	}
	v, given, err := p.givenID(c.IDFile)
	if err != nil {
		return err
	}
	return p.serve(&c.syncFlags, served{kind: "share", dir: dir, mode: peer.TwoWay, invitation: v, given: given, qrFlags: c.qrFlags})
}

// Run becomes a peer of a folder.
func (c *joinCmd) Run(p *program) error {
	v, name, err := c.read(p)
	if err != nil {
		return err
	}
	dir, missing, err := targetDir("DIR", name)
	if err != nil {
		return err
	}
	return p.serve(&c.syncFlags, served{kind: "join", dir: dir, missing: missing, mode: peer.ModeAuto, invitation: v, given: true, qrFlags: c.qrFlags})
}

// serve takes a folder into config.yaml and runs it: by the 'qsync serve' of the
// home if there is one, else here, until Ctrl-C.
func (p *program) serve(f *syncFlags, v served) error {
	if v.QRFile != "" {
		if err := replaceable(v.QRFile); err != nil {
			return err
		}
	}
	h, err := p.openHome()
	if err != nil {
		return err
	}
	a := admin{home: h}
	g, err := a.handing(f, v)
	if err != nil {
		return err
	}
	if f.MaxDelete.Percent >= 100 {
		p.ui.say("note: config.yaml has 'max_delete: 100%%' for %s now, so the brake is off until you take that out", quote(v.dir))
	}
	if n, err := a.server(); err != nil {
		return err
	} else if n != nil {
		return p.handOver(f, n, g)
	}
	return p.serveHere(f, g)
}

// enlisted is the home's entry of a folder, with the one ID that it can have.
func (h home) enlisted(c *config.Config, v *served) (*managed, error) {
	conf, _ := folderAt(c, v.dir)
	if conf.To != "" {
		return nil, usagef("config.yaml keeps %s like %s: take the line 'to:' out there first", quote(conf.To), quote(v.dir))
	}
	id, given, err := entryID(conf)
	switch {
	case err != nil:
		return nil, err
	case given && v.given && !id.Equal(v.id):
		return nil, usagef("config.yaml gives %s another sync ID: take it out there, or 'qsync forget %[1]s'", quote(v.dir))
	case given:
		v.id, v.given = id, true
	}
	known, err := h.knownOf(v.dir)
	if err != nil {
		return nil, err
	}
	if v.id, _, err = chooseID(v.id, v.given, known); err != nil {
		return nil, err
	}
	return h.entryFor(v.dir, v.id)
}

// serveHere runs one folder until Ctrl-C.
func (p *program) serveHere(f *syncFlags, g *handing) error {
	v, m := g.served, g.m
	s, err := p.startSession(&f.nodeFlags, true, false)
	if err != nil {
		return err
	}
	defer s.end()
	if v.missing {
		if _, err := s.makeDir(v.dir); err != nil {
			return err
		}
	}
	hints, names := v.hints() // not remembered here: the store remembers where a peer was found
	if err := s.openOne(m, func(fc *peer.FolderConfig) { fc.Remotes = slices.Concat(fc.Remotes, names) }); err != nil {
		return err
	}
	m.Offer(hints)
	if err := s.home.change(f.named(g.edit)); err != nil {
		return err
	}
	s.confStamp = stampOf(s.home.configPath())
	if s.conf, err = s.home.config(); err != nil {
		return err
	}
	s.folders.only, s.folders.conf = v.dir, s.conf
	s.folders.adopt(m)
	s.chores = append(s.chores, s.watchConfig)
	s.ready = func() error { return p.announce(s.status(), m, v.announcement(s.beacon == nil)) }
	return s.run(nil)
}

// announcement is what is printed when the folder is served. typed says that
// peers find this node only where its address is typed.
func (v served) announcement(typed bool) announcement {
	return announcement{id: v.id, show: true, qr: v.QR, qrFile: v.QRFile, typed: typed}
}

// configEdit is a change of config.yaml.
type configEdit func(*config.Config) (*config.Config, error)

// named is an edit that also remembers what --name says: the next start of the
// folder, or of 'qsync serve', is the same node to its peers.
func (f *syncFlags) named(edit configEdit) configEdit {
	return func(c *config.Config) (*config.Config, error) {
		next, err := edit(c)
		name := certs.CleanName(f.Name)
		if err != nil || f.Name == "" || name == next.Name {
			return next, err
		}
		return next.Set("name", name)
	}
}

// naming is an edit that also says what to call a folder.
func naming(edit configEdit, dir, label string) configEdit {
	return func(c *config.Config) (*config.Config, error) {
		next, err := edit(c)
		if err != nil {
			return nil, err
		}
		f, _ := folderAt(next, dir)
		return next.SetFolder(f.Path, "label", label)
	}
}

// enlist takes a folder into config.yaml with what the flags say of it. What
// they leave open stays as it is, but that a folder that is asked for is not
// paused. old is what the home knew of the folder before it had a config.yaml.
func (f *syncFlags) enlist(c *config.Config, dir string, old entry) (*config.Config, error) {
	have, ok := folderAt(c, dir)
	if !ok {
		fresh := config.DefaultFolder(dir)
		if old.Kind == "share" || old.Kind == "join" {
			fresh.Remotes = old.Remotes
		}
		fresh = f.over(fresh)
		if len(f.Remote) > 0 {
			fresh.Remotes = f.Remote.strings()
		}
		return c.AddFolder(fresh)
	}
	set := map[string]any{}
	if f.Mode != "" {
		set["mode"] = f.Mode
	}
	if len(f.Exclude) > 0 {
		set["exclude"] = orNothing(f.patterns())
	}
	if f.NoJunk {
		set["default_ignores"] = false
	}
	if f.Versions != nil {
		set["versions"] = int(*f.Versions)
	}
	if f.Conflict != "" {
		set["conflict"] = f.Conflict
	}
	if f.MaxAge != nil {
		set["versions_age"] = config.AgeText(time.Duration(*f.MaxAge))
	}
	if f.MaxSpace != nil {
		set["versions_space"] = config.Space(*f.MaxSpace).String()
	}
	if f.MaxDelete != (brakeValue{}) {
		set["max_delete"] = config.Brake(f.MaxDelete).String()
	}
	if len(f.Remote) > 0 {
		set["remotes"] = f.Remote.strings()
	}
	if have.Paused {
		set["paused"] = nil
	}
	return setAll(c, have.Path, set)
}

// orNothing is a list as a value of config.yaml: an empty one is taken out.
func orNothing(list []string) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

// setAll changes several settings of a folder.
func setAll(c *config.Config, path string, set map[string]any) (*config.Config, error) {
	for _, key := range slices.Sorted(maps.Keys(set)) {
		var err error
		if c, err = c.SetFolder(path, key, set[key]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// read takes ID and DIR from the arguments; the ID may be 24 of them, or none
// when a file or a variable has it.
func (c *joinCmd) read(p *program) (v invitation, dir string, err error) {
	n := len(c.Args)
	dir = c.Args[n-1]
	if n == 2 && c.Args[0] == "-" && c.IDFile != "" {
		c.Args, n = c.Args[1:], 1 // the file stands for standard input
	}
	if n > 1 {
		if c.IDFile != "" {
			return v, "", usagef("the ID is given twice, as an argument and by --id-file: leave out one of them")
		}
		v, err = p.argumentID(c.Args[:n-1])
		return v, dir, err
	}
	if _, _, perr := parseInvitation(dir); perr == nil || dir == "-" {
		return v, "", usagef("DIR is missing: qsync join - DIR")
	}
	v, given, err := p.givenID(c.IDFile)
	if _, _, known := p.known(dir); err == nil && !given && known == nil {
		return v, "", usagef("this home knows %s and its ID already: 'qsync share %[1]s' runs it again", quote(dir))
	}
	if err == nil && !given {
		err = usagef("the ID is missing: 'qsync join - DIR' reads it from standard input, so do QSYNC_ID and --id-file FILE")
	}
	return v, dir, err
}
