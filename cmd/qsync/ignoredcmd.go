package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"qsync/folder"
	"qsync/peer"
)

// errNoneIgnored: none of the paths is left out. The code is git's.
var errNoneIgnored = errors.New("none of them is ignored")

// ignoredQuery is one path to ask about.
type ignoredQuery struct {
	Path []byte `json:"path"` // bytes: it need not be UTF-8
	Dir  bool   `json:"dir"`  // if it is not there
}

type ignoredQueries []ignoredQuery

var ignoredVerb = verb[ignoredQueries, []peer.Ignored]{"ignored", func(_ context.Context, f *peer.Folder, q ignoredQueries) ([]peer.Ignored, error) {
	var all []peer.Ignored
	for _, x := range q {
		a, err := f.Ignored(folder.Path(x.Path), x.Dir)
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
	any, wrong := false, error(nil)
	for from := 0; from < len(c.Paths); {
		if own, is := p.ownPath(c.Paths[from]); is {
			any = true
			if err := p.ignoredAnswer(c.Paths[from], own); err != nil {
				return err
			}
			from++
			continue
		}
		at, q, err := p.sameFolder(c.Paths[from:])
		if err != nil { // of this path; the others are answered all the same
			if wrong = err; from+1 < len(c.Paths) {
				p.ui.printf("qsync: %s", explain(err))
				wrong = outcome(errUsage)
			}
			from++
			continue
		}
		answers, err := ignoredVerb.ask(p, at, q)
		for i, a := range answers {
			a.Source, a.Matched = exact(a.Source, a.RawSource), exact(a.Matched, a.RawMatched)
			any = any || a.Ignored
			err = errors.Join(err, p.ignoredAnswer(c.Paths[from+i], a))
		}
		if err != nil {
			return err
		}
		from += len(q)
	}
	if wrong == nil && !any {
		return outcome(errNoneIgnored)
	}
	return wrong
}

func (p *program) ignoredAnswer(name string, a peer.Ignored) error {
	if p.flags.JSON {
		return p.printJSON(a)
	}
	for line := range strings.Lines(ignoredLine(name, a)) {
		if err := p.sentence(strings.TrimSuffix(line, "\n")); err != nil {
			return err
		}
	}
	return nil
}

// ownPath is the answer about what is qsync's own in a folder, which no rule
// decides about.
func (p *program) ownPath(name string) (peer.Ignored, bool) {
	up := filepath.Clean(name)
	for filepath.Dir(up) != up && !folder.IsReserved(filepath.Base(up)) {
		up = filepath.Dir(up)
	}
	at, in, err := p.placeOf(filepath.Dir(up))
	if err != nil || in != "" || !folder.IsReserved(filepath.Base(up)) {
		return peer.Ignored{}, false
	}
	rest, err := filepath.Rel(filepath.Dir(up), filepath.Clean(name))
	if err != nil || at.entry.Dir == "" {
		return peer.Ignored{}, false
	}
	rest = filepath.ToSlash(rest)
	return peer.Ignored{Path: rest, RawPath: rawName(rest), Ignored: true, Source: "qsync", Pattern: "/" + folder.Reserved + "/"}, true
}

// sameFolder returns the folder of the first path, and the queries for the paths
// that follow in the same one.
func (p *program) sameFolder(paths []string) (at place, q []ignoredQuery, err error) {
	for i, name := range paths {
		in, below, err := p.placeOf(name)
		if err == nil && below == "" {
			err = usagef("%s is the folder itself, and never left out; give a path in it", quote(name))
		}
		if i > 0 && (err != nil || in.entry.Dir != at.entry.Dir) {
			break
		}
		if err != nil {
			return at, nil, err
		}
		at, q = in, append(q, ignoredQuery{[]byte(below), os.IsPathSeparator(name[len(name)-1])})
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
	case "qsync":
		return line + ", as all that qsync keeps for itself\n"
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
