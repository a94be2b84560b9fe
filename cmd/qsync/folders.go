package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

type folderJSON struct {
	Path    string   `json:"path"`
	Tag     string   `json:"tag"`
	Kind    string   `json:"kind"`
	Mode    string   `json:"mode"`
	Remotes []string `json:"remotes"`
	Running int      `json:"running_pid,omitempty"`
	Missing bool     `json:"missing,omitempty"` // the directory is not there
}

// Run lists the remembered folders.
func (c *foldersCmd) Run(p *program) error {
	h, err := p.existingHome()
	if err != nil {
		return err
	}
	all, err := h.entries()
	if err != nil {
		return err
	}
	nodes := h.ask(askTime)
	var b strings.Builder
	for _, e := range all {
		f := folderJSON{Path: e.Dir, Tag: publicTag(e.tag), Kind: e.Kind, Mode: e.Mode, Remotes: e.Remotes}
		if f.Remotes == nil {
			f.Remotes = []string{}
		}
		f.Running = runs(nodes, e.Dir)
		_, serr := os.Stat(e.Dir)
		f.Missing = errors.Is(serr, fs.ErrNotExist)
		if p.flags.JSON {
			if err := p.printJSON(f); err != nil {
				return err
			}
			continue
		}
		b.WriteString(f.line() + "\n")
	}
	if len(all) == 0 && !p.flags.JSON {
		p.ui.say("this home knows no folder yet: 'qsync share DIR' or 'qsync join - DIR'")
	}
	return p.print(b.String())
}

func (f folderJSON) line() string {
	text := fmt.Sprintf("%s  %-6s %-8s %s", f.Tag, f.Kind, f.Mode, quote(f.Path))
	if len(f.Remotes) > 0 {
		text += "  with " + strings.Join(f.Remotes, ", ")
	}
	if f.Running != 0 {
		text += fmt.Sprintf("  (running, process %d)", f.Running)
	}
	if f.Missing {
		text += "  (the directory is not there)"
	}
	return text
}

// publicTag is the part of an entry's tag that all peers of a folder share.
func publicTag(tag string) string {
	t, _, _ := strings.Cut(tag, "-")
	return t
}

// Run takes a folder out of the home. The user's files are not touched.
func (c *forgetCmd) Run(p *program) error {
	h, e, err := p.known(c.Dir)
	if err != nil {
		return err
	}
	if pid := runs(h.ask(askTime), e.Dir); pid != 0 {
		return failf("process %d is syncing %s: stop it first", pid, quote(e.Dir))
	}
	if err := h.drop(e.tag); err != nil {
		return err
	}
	p.ui.say("forgot %s; its files are as they were", quote(e.Dir))
	return nil
}
