package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"qsync/cmd/qsync/config"
)

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

// Run makes folders members of a profile.
func (c *profileCreateCmd) Run(p *program) error {
	h, conf, err := p.configuredHome()
	if err != nil {
		return err
	}
	if _, err := config.ParseProfile(c.Name); err != nil {
		return usagef("NAME: %v", err)
	}
	var paths []string
	for _, dir := range c.Dirs {
		f, err := findFolder(conf, dir)
		if err != nil {
			return err
		}
		paths = append(paths, f.Path)
	}
	for _, f := range conf.Folders {
		if len(c.Dirs) == 0 && f.Profile == "" {
			paths = append(paths, f.Path)
		}
	}
	if len(paths) == 0 {
		return usagef("there is no folder without a profile: name the directories that %s is to have", quote(c.Name))
	}
	if err := h.setProfile(paths, c.Name); err != nil {
		return err
	}
	p.ui.say("profile    %s: %s", quote(c.Name), plural(int64(len(paths)), "folder", "folders"))
	return nil
}

// setProfile makes folders members of a profile, nil of none.
func (h home) setProfile(paths []string, name any) error {
	err := h.change(func(c *config.Config) (_ *config.Config, err error) {
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
	return h.applyAll(applyRequest{})
}

// Run writes a profile into a file of its own.
func (c *profileSaveCmd) Run(p *program) error {
	h, conf, err := p.configuredHome()
	if err != nil {
		return err
	}
	if _, err := members(conf, c.Name); err != nil {
		return err
	}
	text, err := conf.Export(c.Name)
	if err != nil {
		return byHand(err)
	}
	if c.File == "-" {
		return p.print(string(text))
	}
	path := h.profilePath(c.Name)
	if c.File != "" {
		if path, err = filepath.Abs(c.File); err != nil {
			return failf("cannot tell where the file is: %v", err)
		}
	} else if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return failf("cannot make the directory of the profiles: %v", err)
	}
	if old, err := os.ReadFile(path); err == nil {
		if _, err := config.ReadProfile(old, h.source(path)); err != nil {
			return usagef("%s is there and is no profile: choose another name, or remove it first", quote(path))
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return usagef("cannot write %s: %v", quote(path), reason(err))
	}
	if err := writeFile(path, text); err != nil {
		return failf("cannot write %s: %v", quote(path), reason(err))
	}
	p.ui.say("saved      %s", quote(path))
	return nil
}

// profilePath is where a profile is saved unless a file is given.
func (h home) profilePath(name string) string {
	return filepath.Join(h.dir, "profiles", name+".yaml")
}

// Run adds the folders of a saved profile.
func (c *profileLoadCmd) Run(p *program) error {
	h, err := p.openHome()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(c.File)
	if saved := h.profilePath(c.File); errors.Is(err, fs.ErrNotExist) && filepath.Base(c.File) == c.File {
		if text, err = os.ReadFile(saved); err == nil {
			c.File = saved // its name alone was given
		}
	}
	if err != nil {
		return usagef("cannot read %s: %v", quote(c.File), reason(err))
	}
	profile, err := config.ReadProfile(text, h.source(c.File))
	if err != nil {
		return byHand(err)
	}
	name := c.Name
	if name == "" {
		base := filepath.Base(c.File)
		name = strings.TrimSuffix(base, filepath.Ext(base))
	}
	if _, err := config.ParseProfile(name); err != nil {
		return usagef("the profile cannot be called %s: %v; give a NAME", quote(name), err)
	}
	added := 0
	err = h.change(func(conf *config.Config) (next *config.Config, err error) {
		next, added, err = conf.Import(profile, name)
		return next, err
	})
	if err != nil {
		return err
	}
	p.ui.say("profile    %s: %s added", quote(name), plural(int64(added), "folder", "folders"))
	return h.applyAll(applyRequest{})
}

// Run takes a profile's name from its folders.
func (c *profileDeleteCmd) Run(p *program) error {
	h, conf, err := p.configuredHome()
	if err != nil {
		return err
	}
	all, err := members(conf, c.Name)
	if err != nil {
		return err
	}
	var paths []string
	for _, f := range all {
		paths = append(paths, f.Path)
	}
	if err := h.setProfile(paths, nil); err != nil {
		return err
	}
	p.ui.say("deleted    %s; its folders stay in config.yaml", quote(c.Name))
	return nil
}

type profileJSON struct {
	Name    string   `json:"name"`
	State   string   `json:"state"` // running, partly, paused, stopped
	Folders []string `json:"folders"`
}

// Run lists the profiles with how their folders are.
func (c *profileListCmd) Run(p *program) error {
	h, conf, err := p.configuredHome()
	if err != nil {
		return err
	}
	nodes := h.ask(askTime)
	for _, name := range conf.Profiles() {
		all := conf.InProfile(name)
		j := profileJSON{Name: name, State: profileState(all, nodes)}
		for _, f := range all {
			j.Folders = append(j.Folders, f.Path)
		}
		if p.flags.JSON {
			if err := p.printJSON(j); err != nil {
				return err
			}
			continue
		}
		if err := p.print(fmt.Sprintf("%s  %s, %s\n", quote(name), j.State, plural(int64(len(all)), "folder", "folders"))); err != nil {
			return err
		}
		for _, f := range all {
			if err := p.print("  " + quote(f.Path) + "\n"); err != nil {
				return err
			}
		}
	}
	if len(conf.Profiles()) == 0 && !p.flags.JSON {
		p.ui.say("there is no profile yet: 'qsync profile create NAME DIR…'")
	}
	return nil
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

// Run resumes a profile.
func (c *profileStartCmd) Run(p *program) error { return p.setProfilePaused(c.Name, false) }

// Run pauses a profile.
func (c *profileStopCmd) Run(p *program) error { return p.setProfilePaused(c.Name, true) }

func (p *program) setProfilePaused(name string, paused bool) error {
	h, conf, err := p.configuredHome()
	if err != nil {
		return err
	}
	all, err := members(conf, name)
	if err != nil {
		return err
	}
	return p.setPaused(h, all, paused)
}
