package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"qsync/certs"
	"qsync/cmd/qsync/config"
	"qsync/peer"
)

// nodeSettings are what flags, variables, config.yaml and the defaults make of
// the node, in this order.
type nodeSettings struct {
	name      string
	listen    string // "" for the default port, or a free one
	discovery bool
	transport string // auto, quic or tcp
	web       string // all of it, to be compared
}

func (f *nodeFlags) settings(c *config.Config) nodeSettings {
	return nodeSettings{
		name:      cmp.Or(f.Name, c.Name, hostName()),
		listen:    cmp.Or(f.Listen, c.Listen),
		discovery: c.Discovery && !f.NoDiscovery,
		transport: cmp.Or(f.Transport, c.Transport),
		web:       fmt.Sprint(c.Web),
	}
}

// chooseID is the ID to use: the forced one, else the directories' own, else a
// new one. The directories cannot have another one than that.
func chooseID(forced certs.SyncID, given bool, known []entry) (id certs.SyncID, fresh bool, err error) {
	id, fresh = forced, false
	have := given
	for _, e := range known {
		own, err := e.syncID()
		if err != nil {
			return id, false, err
		}
		if have && !own.Equal(id) {
			if given {
				return id, false, usagef("%s is synced with another sync ID already; 'qsync forget %[1]s' makes it free, and touches no file", quote(e.Dir))
			}
			return id, false, usagef("both directories have a sync ID of their own; 'qsync forget %s' makes one free, and touches no file", quote(e.Dir))
		}
		id, have = own, true
	}
	if !have {
		id, err = certs.NewSyncID()
		return id, true, err
	}
	return id, false, nil
}

// entryFor returns the entry of dir, or a new one for it.
func (h home) entryFor(dir string, id certs.SyncID) (m *managed, err error) {
	e, ok, err := h.find(dir)
	if err != nil {
		return nil, err
	}
	if !ok {
		e = entry{ID: id.Hex(), Dir: dir}
		e.tag, err = tagOf(id, dir)
	}
	return &managed{entry: e, fresh: !ok}, err
}

// knownOf returns the entries that the home has of the directories.
func (h home) knownOf(dirs ...string) (known []entry, err error) {
	for _, dir := range dirs {
		e, ok, err := h.find(dir)
		if err != nil {
			return nil, err
		}
		if ok {
			known = append(known, e)
		}
	}
	return known, nil
}

// over lays the flags of this run over the settings of a folder.
func (f *folderFlags) over(c config.Folder) config.Folder {
	if f.Mode != "" {
		c.Mode = config.Mode(f.Mode)
	}
	if f.Versions != nil {
		c.Versions = int(*f.Versions)
	}
	if f.MaxAge != nil {
		c.VersionsAge = time.Duration(*f.MaxAge)
	}
	if f.MaxSpace != nil {
		c.VersionsSpace = config.Space(*f.MaxSpace)
	}
	if f.Conflict != "" {
		c.Conflict = config.Policy(f.Conflict)
	}
	if len(f.Exclude) > 0 {
		c.Exclude = f.patterns()
	}
	if f.NoJunk {
		c.Junk = false
	}
	if f.MaxDelete != (brakeValue{}) {
		c.MaxDelete = config.Brake(f.MaxDelete)
	}
	return c
}

// patterns are what --exclude gives; an empty one takes back what was remembered.
func (f *folderFlags) patterns() []string {
	return slices.DeleteFunc(slices.Clone(f.Exclude), func(pattern string) bool { return strings.TrimSpace(pattern) == "" })
}

// folder is what the flags make of a folder of the two-path form, of which
// nothing is remembered from run to run.
func (f *syncFlags) folder(dir string) config.Folder {
	c := f.over(config.DefaultFolder(dir))
	c.Remotes = f.Remote.strings()
	return c
}

// fits is why the settings of a folder do not go together.
func fits(f config.Folder) error {
	if string(f.Conflict) == peer.Newest.String() && f.Versions == 0 {
		return usagef("%s: with --conflict newest the older change is kept among the versions, so --versions cannot be 0", quote(f.Path))
	}
	return nil
}

// config is what a node needs to run a folder.
func (s *session) config(m *managed) (peer.FolderConfig, error) {
	id, err := m.entry.syncID()
	if err != nil {
		return peer.FolderConfig{}, err
	}
	mode, err := peer.ParseMode(m.mode())
	if err != nil {
		return peer.FolderConfig{}, failf("the remembered folder %s: %v", quote(m.entry.Dir), err)
	}
	own, err := s.home.awayFrom(m.entry.Dir)
	if err != nil {
		return peer.FolderConfig{}, err
	}
	exclude := m.conf.Exclude
	if own != "" {
		exclude = append([]string{own}, exclude...)
	}
	fc := peer.FolderConfig{
		ID: id, Dir: m.entry.Dir, State: s.home.state(m.entry.tag), Mode: mode, Unsettled: m.unsettled,
		Remotes: m.conf.Remotes, Expect: m.entry.Expect, Exclude: exclude, KeepJunk: !m.conf.Junk, Versions: m.conf.Versions,
		MaxDelete: peer.Brake(m.conf.MaxDelete), Paused: m.conf.Paused,
		VersionsAge: m.conf.VersionsAge, VersionsSpace: peer.Space(m.conf.VersionsSpace), HistoryAge: m.conf.HistoryAge,
	}
	if fc.Conflict, err = peer.ParsePolicy(string(m.conf.Conflict)); err != nil {
		return fc, err
	}
	if err := fits(m.conf); err != nil {
		return fc, err
	}
	if fc.VersionsAge == 0 {
		fc.VersionsAge = -1 // for ever; 0 is the node's own default
	}
	if fc.HistoryAge == 0 {
		fc.HistoryAge = -1
	}
	if fc.VersionsSpace == (peer.Space{}) {
		fc.VersionsSpace.Percent = 100
	}
	if !m.conf.Every.Live() {
		fc.Next = m.conf.Every.Next
	}
	return fc, nil
}
