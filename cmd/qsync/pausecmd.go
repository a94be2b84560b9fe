package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"qsync/cmd/qsync/config"
	"qsync/peer"
)

// Run pauses folders, also for the runs to come.
func (c *pauseCmd) Run(p *program) error {
	a, err := p.configuredHome()
	if err != nil {
		return err
	}
	folders, err := a.configured(c.Dir)
	if err != nil {
		return err
	}
	return p.setPaused(a, folders, true)
}

// Run resumes folders, and starts those that have stopped.
func (c *resumeCmd) Run(p *program) error {
	a, err := p.configuredHome()
	if err != nil {
		return err
	}
	folders, err := a.configured(c.Dir)
	if err != nil {
		return err
	}
	err = p.setPaused(a, folders, false)
	var q applyRequest
	if c.MaxDelete != (brakeValue{}) {
		lifted := peer.Brake(c.MaxDelete)
		q.Brake = &lifted
	}
	return errors.Join(err, a.startStopped(folders, q))
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

// setPaused pauses or resumes folders, and says so.
func (p *program) setPaused(a admin, folders []config.Folder, paused bool) error {
	if err := a.setPaused(folders, paused); err != nil {
		return err
	}
	done := "resumed"
	if paused {
		done = "paused"
	}
	for _, f := range folders {
		p.ui.say("%-10s %s%s", done, quote(f.Path), a.whereRuns(f, paused))
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
