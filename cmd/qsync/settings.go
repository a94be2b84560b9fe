package main

import (
	"strings"

	"qsync/certs"
	"qsync/peer"
)

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
		e = entry{ID: id.Hex(), Dir: dir, Versions: defaultVersions}
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

// settings completes an entry with the flags of this run. sticky takes from it
// what the flags leave open.
func (f *syncFlags) settings(e entry, sticky bool) entry {
	if f.Versions != nil {
		e.Versions = int(*f.Versions)
	} else if !sticky {
		e.Versions = defaultVersions
	}
	if len(f.Exclude) > 0 || !sticky {
		e.Exclude = nil
		for _, pattern := range f.Exclude {
			if strings.TrimSpace(pattern) != "" { // an empty one takes back what was remembered
				e.Exclude = append(e.Exclude, pattern)
			}
		}
	}
	if len(f.Remote) > 0 || !sticky {
		e.Remotes = f.Remote.strings()
	}
	return e
}

// config is what a node needs to run an entry.
func (s *session) config(e entry, f *syncFlags) (peer.FolderConfig, error) {
	id, err := e.syncID()
	if err != nil {
		return peer.FolderConfig{}, err
	}
	mode, err := peer.ParseMode(e.Mode)
	if err != nil {
		return peer.FolderConfig{}, failf("the remembered folder %s: %v", quote(e.Dir), err)
	}
	exclude := e.Exclude
	own, err := s.home.awayFrom(e.Dir)
	if err != nil {
		return peer.FolderConfig{}, err
	}
	if own != "" {
		exclude = append([]string{own}, exclude...)
	}
	return peer.FolderConfig{
		ID: id, Dir: e.Dir, State: s.home.state(e.tag), Mode: mode, Remotes: e.Remotes, Expect: e.Expect,
		Exclude: exclude, Versions: e.Versions, MaxDelete: peer.Brake(f.MaxDelete),
	}, nil
}
