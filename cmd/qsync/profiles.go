package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"qsync/cmd/qsync/config"
)

type profileJSON struct {
	Name    string   `json:"name"`
	State   string   `json:"state"` // running, partly, paused, stopped
	Folders []string `json:"folders"`
}

// members are the folders of a profile. One without folders is an error.
func members(c *config.Config, name string) ([]config.Folder, error) {
	all := c.InProfile(name)
	if len(all) > 0 {
		return all, nil
	}
	if best := config.Nearest(name, c.Profiles()); best != "" {
		return nil, usagef("there is no profile %s (did you mean %s?); 'qsync profile list' lists them", quote(name), quote(best))
	}
	return nil, usagef("there is no profile %s; 'qsync profile create %[1]s DIR…' makes it", quote(name))
}

// members are the folders of a profile of the home.
func (a admin) members(name string) ([]config.Folder, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	return members(c, name)
}

// profiles are all profiles, with how their folders are.
func (a admin) profiles() ([]profileJSON, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	nodes, list := a.nodes(), []profileJSON{}
	for _, name := range c.Profiles() {
		all := c.InProfile(name)
		j := profileJSON{Name: name, State: profileState(all, nodes)}
		for _, f := range all {
			j.Folders = append(j.Folders, f.Path)
		}
		list = append(list, j)
	}
	return list, nil
}

// profileState says in a word how the folders of a profile are: running is
// what a node has and is neither paused nor stopped.
func profileState(all []config.Folder, nodes []answeringNode) string {
	running, paused := 0, 0
	for _, f := range all {
		switch folderState(f, nodes) {
		case "running":
			running++
		case "paused":
			paused++
		}
	}
	switch {
	case running == len(all):
		return "running"
	case running > 0:
		return "partly"
	case paused > 0:
		return "paused"
	}
	return "stopped"
}

func folderState(f config.Folder, nodes []answeringNode) string {
	if f.Paused {
		return "paused"
	}
	for _, n := range nodes {
		for _, st := range n.Folders {
			if sameDir(st.Path, f.Path) && st.State != "stopped" {
				return "running"
			}
		}
	}
	return "stopped"
}

// createProfile makes folders members of a profile, all that are in none if no
// directories are given. It returns how many.
func (a admin) createProfile(name string, dirs []string) (int, error) {
	c, err := a.config()
	if err != nil {
		return 0, err
	}
	if _, err := config.ParseProfile(name); err != nil {
		return 0, usagef("NAME: %v", err)
	}
	var paths []string
	for _, dir := range dirs {
		f, err := findFolder(c, dir)
		if err != nil {
			return 0, err
		}
		paths = append(paths, f.Path)
	}
	for _, f := range c.Folders {
		if len(dirs) == 0 && f.Profile == "" {
			paths = append(paths, f.Path)
		}
	}
	if len(paths) == 0 {
		return 0, usagef("there is no folder without a profile: name the directories that %s is to have", quote(name))
	}
	return len(paths), a.setProfile(paths, name)
}

// deleteProfile takes a profile's name from its folders.
func (a admin) deleteProfile(name string) error {
	all, err := a.members(name)
	if err != nil {
		return err
	}
	var paths []string
	for _, f := range all {
		paths = append(paths, f.Path)
	}
	return a.setProfile(paths, nil)
}

// setProfile makes folders members of a profile, nil of none.
func (a admin) setProfile(paths []string, name any) error {
	err := a.change(func(c *config.Config) (_ *config.Config, err error) {
		for _, path := range paths {
			if c, err = c.SetFolder(path, "profile", name); err != nil {
				return nil, err
			}
		}
		return c, nil
	})
	if err != nil {
		return err
	}
	return a.applyAll(applyRequest{})
}

// profilePath is where a profile is saved unless a file is given.
func (h home) profilePath(name string) string { return filepath.Join(h.profileDir(), name+profileEnd) }

func (h home) profileDir() string { return filepath.Join(h.dir, "profiles") }

const profileEnd = ".yaml"

// exportProfile is a profile as a file of its own.
func (a admin) exportProfile(name string) ([]byte, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	if _, err := members(c, name); err != nil {
		return nil, err
	}
	text, err := c.Export(name)
	if err != nil {
		return nil, byHand(err)
	}
	return text, nil
}

// saveProfile writes a profile to a path, "" for its own, which it returns.
func (a admin) saveProfile(name, path string) (string, error) {
	text, err := a.exportProfile(name)
	if err != nil {
		return "", err
	}
	if path == "" {
		path = a.profilePath(name)
		if err := os.MkdirAll(a.profileDir(), 0o700); err != nil {
			return "", failf("cannot make the directory of the profiles: %v%s", reason(err), remedy(err.Error()))
		}
	}
	if err := a.savedHere(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := writeFile(path, text); err != nil {
		return "", failf("cannot write %s: %v%s", quote(path), reason(err), remedy(err.Error()))
	}
	return path, nil
}

// savedHere is why a path has no saved profile: fs.ErrNotExist if nothing is there.
func (h home) savedHere(path string) error {
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return usagef("cannot write %s: %v", quote(path), reason(err))
	}
	if _, err := config.ReadProfile(old, h.source(path)); err != nil {
		return usagef("%s is there and is no profile: choose another name, or remove it first", quote(path))
	}
	return nil
}

// savedProfiles are the names of the profiles that have a file in the home.
func (h home) savedProfiles() ([]string, error) {
	found, err := os.ReadDir(h.profileDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failf("cannot read the directory of the profiles: %v", reason(err))
	}
	names := []string{}
	for _, d := range found {
		name, ok := strings.CutSuffix(d.Name(), profileEnd)
		if _, err := config.ParseProfile(name); ok && err == nil && !d.IsDir() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// removeSaved removes the file of a profile from the home.
func (a admin) removeSaved(name string) error {
	path := a.profilePath(name)
	err := a.savedHere(path)
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("there is no saved profile %s", quote(name))
	}
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return failf("cannot remove %s: %v", quote(path), reason(err))
	}
	return nil
}

// loadProfile adds the folders of a file as a profile, and returns how many were
// new. Running nodes are still to be told. A folder whose sync ID is neither in the file
// nor known here is not added: under a new one it would sync with nobody it had been
// synced with, and say so nowhere.
func (a admin) loadProfile(name, file string) (added int, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, usagef("cannot read %s: %v", quote(file), reason(err))
	}
	profile, err := config.ReadProfile(text, a.source(file))
	if err != nil {
		return 0, byHand(err)
	}
	if _, err := config.ParseProfile(name); err != nil {
		return 0, usagef("the profile cannot be called %s: %v; give a NAME", quote(name), err)
	}
	err = a.change(func(c *config.Config) (next *config.Config, err error) {
		for _, f := range profile.Folders {
			if err := a.identified(c, f); err != nil {
				return nil, err
			}
		}
		next, added, err = c.Import(profile, name)
		return next, err
	})
	return added, err
}

// identified is an error where an entry would get a new sync ID if it were added. What
// has both of its directories on this machine has nobody to lose by that.
func (h home) identified(c *config.Config, f config.Folder) error {
	if _, listed := c.Folder(f.Path); listed || f.ID != nil || f.IDFile != "" || f.To != "" {
		return nil
	}
	_, known, err := h.find(f.Path)
	if err == nil && !known {
		err = usagef("the sync ID of %s is not known here any more, and the profile does not hold it: nothing was loaded. "+
			"Join the folder again ('qsync join - %[1]s', and paste the ID that 'qsync id show DIR' prints on a peer), or give it a new ID ('qsync share %[1]s'), then load the profile again", quote(f.Path))
	}
	return err
}
