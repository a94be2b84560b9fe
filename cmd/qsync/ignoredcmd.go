package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"qsync/folder"
	"qsync/peer"
)

// errNoneIgnored: none of the paths is left out. The code is git's.
var errNoneIgnored = errors.New("none of them is ignored")

// ignoredQuery is one path to ask about.
type ignoredQuery struct {
	Path folder.Path `json:"path"`
	Dir  bool        `json:"dir"` // if it is not there
}

var ignoredVerb = verb[[]ignoredQuery, []peer.Ignored]{"ignored", func(_ context.Context, f *peer.Folder, q []ignoredQuery) ([]peer.Ignored, error) {
	var all []peer.Ignored
	for _, x := range q {
		a, err := f.Ignored(x.Path, x.Dir)
		if err != nil {
			return all, err
		}
		all = append(all, a)
	}
	return all, nil
}}

// Run says of every path whether it is left out, and exits as git check-ignore
// does: 0 if one is, 1 if none is.
func (c *ignoredCmd) Run(p *program) error {
	any := false
	for from := 0; from < len(c.Paths); {
		at, q, err := p.sameFolder(c.Paths[from:])
		if err != nil {
			return err
		}
		answers, err := ignoredVerb.ask(p, at, q)
		for i, a := range answers {
			any = any || a.Ignored
			if p.flags.JSON {
				err = errors.Join(err, p.printJSON(a))
			} else {
				err = errors.Join(err, p.print(ignoredLine(c.Paths[from+i], a)))
			}
		}
		if err != nil {
			return err
		}
		from += len(q)
	}
	if !any {
		return outcome(errNoneIgnored)
	}
	return nil
}

// sameFolder returns the folder of the first path, and the queries for the paths
// that follow in the same one.
func (p *program) sameFolder(paths []string) (at place, q []ignoredQuery, err error) {
	for i, name := range paths {
		in, below, err := p.placeOf(name)
		if err != nil {
			return at, nil, err
		}
		if below == "" {
			return at, nil, usagef("%s is the folder itself, and never left out; give a path in it", quote(name))
		}
		if i > 0 && in.entry.Dir != at.entry.Dir {
			break
		}
		at, q = in, append(q, ignoredQuery{below, os.IsPathSeparator(name[len(name)-1])})
	}
	return at, q, nil
}

// ignoredLine is the answer about a path that was typed as name.
func ignoredLine(name string, a peer.Ignored) string {
	line := quote(name) + ": not ignored"
	if a.Ignored {
		line = quote(name) + ": ignored"
	}
	if a.Pattern == "" {
		return line + "\n"
	}
	var by string
	switch a.Source {
	case "--exclude":
		by = fmt.Sprintf("pattern %d of --exclude or 'exclude' in config.yaml", a.Line)
	case "default":
		by = "a default pattern, which '!" + clean(a.Pattern) + "' in .syncignore overrules"
		if strings.HasPrefix(a.Pattern, "!") {
			by = "a default pattern"
		}
	default:
		by = fmt.Sprintf("%s line %d", quote(a.Source), a.Line)
	}
	line += " by " + by + ": " + clean(a.Pattern)
	if a.Matched != "" {
		line += "\n  it matches the directory " + quote(a.Matched)
	}
	return line + "\n"
}
