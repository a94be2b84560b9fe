package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"qsync/folder"
	"qsync/peer"
)

// planned gathers what a dry run would do.
type planned struct {
	from, to string
	standIn  string // an empty directory in the place of a DST that is not there yet

	mu    sync.Mutex
	items []peer.PlanItem
}

// hook is what the node calls with each item; nil unless this is a dry run.
func (l *planned) hook(dry bool) func(peer.PlanItem) {
	if !dry {
		return nil
	}
	return func(it peer.PlanItem) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.standIn != "" && sameDir(it.Dir, l.standIn) {
			it.Dir = l.to
		}
		l.items = append(l.items, it)
	}
}

type planJSON struct {
	Event  string `json:"event"`
	Here   bool   `json:"here"` // on this machine, else on the peer
	Dir    string `json:"dir"`
	Path   string `json:"path"`
	Action string `json:"action"`
	Kind   string `json:"kind"`
	Bytes  int64  `json:"bytes"`

	RawPath []byte `json:"raw_path,omitempty"` // where it is not UTF-8
}

type planEndJSON struct {
	Event   string         `json:"event"`
	Counts  map[string]int `json:"counts"`
	Touched bool           `json:"touched"` // always false
}

// planActions is the order in which the counts are told.
var planActions = []string{"add", "replace", "metadata", "delete", "conflict"}

// print lists the items by directory and path, and their counts.
func (l *planned) print(p *program) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortFunc(l.items, func(a, b peer.PlanItem) int {
		if c := strings.Compare(a.Dir, b.Dir); c != 0 {
			return c
		}
		return a.Path.Compare(b.Path)
	})
	counts := map[string]int{}
	for _, action := range planActions {
		counts[action] = 0
	}
	var b strings.Builder
	dir := ""
	for _, it := range l.items {
		counts[it.Action]++
		if p.flags.JSON {
			if err := p.printJSON(planJSON{"plan", it.Here, it.Dir, string(it.Path), it.Action, kindName(it.Kind), it.Bytes, rawName(string(it.Path))}); err != nil {
				return err
			}
			continue
		}
		if it.Dir != dir {
			dir = it.Dir
			fmt.Fprintf(&b, "in %s\n", quote(dir))
		}
		b.WriteString(planLine(it))
	}
	if p.flags.JSON {
		return p.printJSON(planEndJSON{"planned", counts, false})
	}
	var parts []string
	for _, action := range planActions {
		parts = append(parts, fmt.Sprintf("%s %d", action, counts[action]))
	}
	sum := fmt.Sprintf("dry run: would %s; nothing was touched", strings.Join(parts, ", "))
	if err := p.print(b.String()); err != nil {
		return err
	}
	return p.sentence(sum)
}

func planLine(it peer.PlanItem) string {
	name := quote(string(it.Path))
	if it.Kind == folder.Dir {
		name += "/"
	}
	if it.Kind == folder.File && (it.Action == "add" || it.Action == "replace") {
		name += "  (" + size(it.Bytes) + ")"
	}
	return fmt.Sprintf("  %-8s  %s\n", it.Action, name)
}

func kindName(k folder.Kind) string {
	switch k {
	case folder.Dir:
		return "directory"
	case folder.Symlink:
		return "symlink"
	}
	return "file"
}
