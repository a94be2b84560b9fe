package main

import (
	"path/filepath"

	"qsync/cmd/qsync/config"
)

// Run stops syncing a folder and takes it out of the home. The user's files are
// not touched.
func (c *forgetCmd) Run(p *program) error {
	h, err := p.existingHome()
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return failf("cannot tell where the directory is: %v", err)
	}
	conf, err := h.config()
	if err != nil {
		return err
	}
	f, listed := folderAt(conf, dir)
	if !listed {
		if _, _, err := p.known(c.Dir); err != nil {
			return err
		}
		f.Path = dir
	} else if err := h.unlist(f); err != nil {
		return err
	}
	if pid := runs(h.ask(askTime), dir); pid != 0 {
		return failf("process %d is syncing %s: stop it first", pid, quote(f.Path))
	}
	for _, path := range []string{dir, f.To} {
		e, ok, err := h.find(path)
		if path == "" || err == nil && !ok {
			continue
		}
		if err == nil {
			err = h.drop(e.tag)
		}
		if err != nil {
			return err
		}
	}
	p.ui.say("forgot %s; its files are as they were", quote(f.Path))
	return nil
}

// unlist takes a folder out of config.yaml, and has the running nodes stop it.
func (h home) unlist(f config.Folder) error {
	err := h.change(func(c *config.Config) (*config.Config, error) {
		if _, ok := c.Folder(f.Path); !ok {
			return c, nil
		}
		return c.RemoveFolder(f.Path)
	})
	if err != nil {
		return err
	}
	return h.applyAll(applyRequest{})
}
