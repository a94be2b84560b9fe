package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"qsync/cmd/qsync/config"
)

type folderJSON struct {
	Path    string   `json:"path"`
	Tag     string   `json:"tag"`
	Kind    string   `json:"kind"`
	Mode    string   `json:"mode"`
	Remotes []string `json:"remotes"`
	Running int      `json:"running_pid,omitempty"`
	Missing bool     `json:"missing,omitempty"` // the directory is not there
	Listed  bool     `json:"listed,omitempty"`  // in config.yaml
	Label   string   `json:"label,omitempty"`
	Profile string   `json:"profile,omitempty"`
	Paused  bool     `json:"paused,omitempty"`
}

// Run lists the remembered folders.
func (c *foldersCmd) Run(p *program) error {
	h, err := p.existingHome()
	if err == nil {
		err = h.closed()
	}
	if err != nil {
		return err
	}
	all, err := h.entries()
	if err != nil {
		return err
	}
	conf, err := h.config()
	if err != nil {
		return err
	}
	nodes := h.ask(askTime)
	var b strings.Builder
	for _, e := range withListed(all, conf) {
		f := folderJSON{Path: e.Dir, Tag: publicTag(e.tag), Kind: e.Kind, Mode: e.Mode, Remotes: e.Remotes}
		if l, ok := folderAt(conf, e.Dir); ok {
			f.Listed, f.Label, f.Profile, f.Paused, f.Remotes = true, l.Label, l.Profile, l.Paused, l.Remotes
			if l.Mode != "" {
				f.Mode = string(l.Mode)
			}
		}
		f.Mode = roleOf(f.Mode)
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
	if b.Len() == 0 && !p.flags.JSON {
		p.ui.say("this home knows no folder yet: 'qsync share DIR' or 'qsync join - DIR'")
	}
	return p.print(b.String())
}

func (f folderJSON) line() string {
	text := fmt.Sprintf("%s  %-6s %-8s %s", f.Tag, f.Kind, f.Mode, quote(f.Path))
	if len(f.Remotes) > 0 {
		text += "  with " + strings.Join(f.Remotes, ", ")
	}
	if f.Label != "" {
		text += "  " + quote(f.Label)
	}
	if f.Paused {
		text += "  (paused)"
	}
	if f.Running != 0 {
		text += fmt.Sprintf("  (running, process %d)", f.Running)
	}
	if f.Missing {
		text += "  (the directory is not there)"
	}
	return text
}

// withListed adds what config.yaml lists and no run has seen yet.
func withListed(known []entry, c *config.Config) []entry {
	all := slices.Clone(known)
	for _, f := range c.Folders {
		if !slices.ContainsFunc(known, func(e entry) bool { return sameDir(e.Dir, f.Path) }) {
			all = append(all, entry{Dir: f.Path, Kind: "new", Mode: string(f.Mode)})
		}
	}
	return all
}

// publicTag is the part of an entry's tag that all peers of a folder share.
func publicTag(tag string) string {
	t, _, _ := strings.Cut(tag, "-")
	return t
}
