package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"qsync/cmd/qsync/config"
	"qsync/peer"
)

// Run pauses folders, also for the runs to come.
func (c *pauseCmd) Run(p *program) error {
	h, folders, err := p.configured(c.Dir)
	if err != nil {
		return err
	}
	return p.setPaused(h, folders, true)
}

// Run resumes folders, and starts those that have stopped.
func (c *resumeCmd) Run(p *program) error {
	h, folders, err := p.configured(c.Dir)
	if err != nil {
		return err
	}
	err = p.setPaused(h, folders, false)
	var brake *peer.Brake
	if c.MaxDelete != (brakeValue{}) {
		lifted := peer.Brake(c.MaxDelete)
		brake = &lifted
	}
	for _, f := range folders {
		err = errors.Join(err, h.applyAll(applyRequest{Folder: f.Path, Resume: true, Brake: brake}))
	}
	return err
}

// configured returns the home with the folder of config.yaml at dir, or with all
// of them. No folder at all is an error.
func (p *program) configured(dir string) (home, []config.Folder, error) {
	h, c, err := p.configuredHome()
	if err != nil {
		return h, nil, err
	}
	if dir == "" {
		if len(c.Folders) == 0 {
			return h, nil, usagef("%s names no folder yet: 'qsync share DIR' or 'qsync join - DIR' adds one", quote(h.configPath()))
		}
		return h, c.Folders, nil
	}
	f, err := findFolder(c, dir)
	if err != nil {
		err = h.byHandOnly(dir, err)
	}
	return h, []config.Folder{f}, err
}

// byHandOnly is, in the place of err, why a folder that the home knows without
// config.yaml cannot be paused.
func (h home) byHandOnly(dir string, err error) error {
	abs, aerr := filepath.Abs(dir)
	if aerr != nil {
		return err
	}
	e, known, ferr := h.find(abs)
	if ferr != nil || !known {
		return err
	}
	if pid := runs(h.ask(askTime), abs); pid != 0 {
		return usagef("process %d keeps %s in sync as 'qsync SRC DST', which is not paused but ended (Ctrl-C, or kill %[1]d); start it again to go on", pid, quote(e.Dir))
	}
	return usagef("nothing runs %s now, and 'qsync SRC DST' is not paused but ended; only what 'qsync share', 'qsync join' or config.yaml runs can be", quote(e.Dir))
}

// configuredHome is a home that exists, with its config.yaml.
func (p *program) configuredHome() (home, *config.Config, error) {
	h, err := p.existingHome()
	if err != nil {
		return h, nil, err
	}
	if _, err := os.Stat(h.dir); errors.Is(err, fs.ErrNotExist) {
		return h, nil, usagef("there is no home %s yet: 'qsync share DIR' makes it, or name another with --home", quote(h.dir))
	}
	c, err := h.config()
	return h, c, err
}

// findFolder is folderAt for a directory that somebody typed.
func findFolder(c *config.Config, dir string) (config.Folder, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return config.Folder{}, failf("cannot tell where the directory is: %v", err)
	}
	f, ok := folderAt(c, abs)
	if !ok {
		if len(longHex.FindString(dir)) > 0 {
			return f, usagef("give a directory, not an ID; 'qsync folders' lists what this home knows")
		}
		return f, usagef("config.yaml has no folder %s; 'qsync folders' lists what this home knows", quote(abs))
	}
	return f, nil
}

// setPaused pauses or resumes folders in config.yaml and where they run.
func (p *program) setPaused(h home, folders []config.Folder, paused bool) error {
	value, done := any(nil), "resumed"
	if paused {
		value, done = true, "paused"
	}
	err := h.change(func(c *config.Config) (*config.Config, error) {
		for _, f := range folders {
			if now, ok := c.Folder(f.Path); !ok || now.Paused == paused {
				continue
			}
			var err error
			if c, err = c.SetFolder(f.Path, "paused", value); err != nil {
				return nil, err
			}
		}
		return c, nil
	})
	if err != nil {
		return err
	}
	if err := h.applyAll(applyRequest{}); err != nil {
		return err
	}
	for _, f := range folders {
		p.ui.say("%-10s %s%s", done, quote(f.Path), h.whereRuns(f, paused))
	}
	return nil
}

// whereRuns says what running nodes make of a folder that was paused or resumed.
func (h home) whereRuns(f config.Folder, paused bool) string {
	switch {
	case paused:
		return fmt.Sprintf("; 'qsync resume %s' goes on", quote(f.Path))
	case runs(h.ask(askTime), f.Path) == 0:
		return "; nothing runs it now: 'qsync serve', or 'qsync share' on it"
	}
	return ""
}
