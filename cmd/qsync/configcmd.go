package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"qsync/cmd/qsync/config"
)

// Run prints a file with every key.
func (c *configExampleCmd) Run(p *program) error { return p.print(string(config.Example())) }

// Run prints where the settings are.
func (c *configPathCmd) Run(p *program) error {
	h, err := p.existingHome()
	if err != nil {
		return err
	}
	if p.flags.JSON {
		return p.printJSON(map[string]string{"path": h.configPath()})
	}
	return p.print(h.configPath() + "\n")
}

type checkedJSON struct {
	Path    string `json:"path"`
	Valid   bool   `json:"valid"` // what is not valid is an error
	Folders int    `json:"folders"`
}

// Run reads a file and does nothing else.
func (c *configCheckCmd) Run(p *program) error {
	h, err := p.existingHome()
	if err != nil {
		return err
	}
	path := h.configPath()
	if c.File != "" {
		if path, err = filepath.Abs(c.File); err != nil {
			return failf("cannot tell where the file is: %v", err)
		}
	} else if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		p.ui.say("there is no %s; the defaults hold ('qsync config example' shows them)", quote(path))
		return nil
	}
	conf, err := h.parseConfig(path)
	if err != nil {
		return err
	}
	if p.flags.JSON {
		return p.printJSON(checkedJSON{path, true, len(conf.Folders)})
	}
	return p.print(quote(path) + " is in order: " + plural(int64(len(conf.Folders)), "folder", "folders") + "\n")
}
