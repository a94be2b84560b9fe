package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Run makes folders members of a profile.
func (c *profileCreateCmd) Run(p *program) error {
	a, err := p.configuredHome()
	if err != nil {
		return err
	}
	n, err := a.createProfile(c.Name, c.Dirs)
	if err != nil {
		return err
	}
	p.ui.say("profile    %s: %s", quote(c.Name), plural(int64(n), "folder", "folders"))
	return nil
}

// Run writes a profile into a file of its own.
func (c *profileSaveCmd) Run(p *program) error {
	a, err := p.configuredHome()
	if err != nil {
		return err
	}
	if c.File == "-" {
		text, err := a.exportProfile(c.Name)
		if err != nil {
			return err
		}
		return p.print(string(text))
	}
	path := ""
	if c.File != "" {
		if path, err = filepath.Abs(c.File); err != nil {
			return failf("cannot tell where the file is: %v", err)
		}
	}
	if path, err = a.saveProfile(c.Name, path); err != nil {
		return err
	}
	p.ui.say("saved      %s", quote(path))
	return nil
}

// Run adds the folders of a saved profile.
func (c *profileLoadCmd) Run(p *program) error {
	h, err := p.openHome()
	if err != nil {
		return err
	}
	a, file := admin{home: h}, c.File
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) && filepath.Base(file) == file {
		if _, err := os.Stat(a.profilePath(file)); err == nil {
			file = a.profilePath(file) // its name alone was given
		}
	}
	name := c.Name
	if name == "" {
		base := filepath.Base(file)
		name = strings.TrimSuffix(base, filepath.Ext(base))
	}
	added, err := a.loadProfile(name, file)
	if err != nil {
		return err
	}
	p.ui.say("profile    %s: %s added", quote(name), plural(int64(added), "folder", "folders"))
	return a.applyAll(applyRequest{})
}

// Run takes a profile's name from its folders.
func (c *profileDeleteCmd) Run(p *program) error {
	a, err := p.configuredHome()
	if err != nil {
		return err
	}
	if err := a.deleteProfile(c.Name); err != nil {
		return err
	}
	p.ui.say("deleted    %s; its folders stay in config.yaml", quote(c.Name))
	return nil
}

// Run lists the profiles with how their folders are.
func (c *profileListCmd) Run(p *program) error {
	a, err := p.configuredHome()
	if err != nil {
		return err
	}
	all, err := a.profiles()
	if err != nil {
		return err
	}
	for _, j := range all {
		if p.flags.JSON {
			if err := p.printJSON(j); err != nil {
				return err
			}
			continue
		}
		if err := p.print(fmt.Sprintf("%s  %s, %s\n", quote(j.Name), j.State, plural(int64(len(j.Folders)), "folder", "folders"))); err != nil {
			return err
		}
		for _, path := range j.Folders {
			if err := p.print("  " + quote(path) + "\n"); err != nil {
				return err
			}
		}
	}
	if len(all) == 0 && !p.flags.JSON {
		p.ui.say("there is no profile yet: 'qsync profile create NAME DIR…'")
	}
	return nil
}

// Run resumes a profile.
func (c *profileStartCmd) Run(p *program) error { return p.setProfilePaused(c.Name, false) }

// Run pauses a profile.
func (c *profileStopCmd) Run(p *program) error { return p.setProfilePaused(c.Name, true) }

func (p *program) setProfilePaused(name string, paused bool) error {
	a, err := p.configuredHome()
	if err != nil {
		return err
	}
	all, err := a.members(name)
	if err != nil {
		return err
	}
	return p.setPaused(a, all, paused)
}
