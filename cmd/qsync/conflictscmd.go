package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"qsync/folder"
	"qsync/peer"
)

// resolveQuery asks to end a conflict, or for what it was made of. Names go as
// bytes: they need not be UTF-8.
type resolveQuery struct {
	Path []byte          `json:"path"`
	How  peer.Resolution `json:"how"`
	To   string          `json:"to,omitempty"` // where the ancestor is written
}

var (
	verbConflicts = verb[struct{}, []peer.Conflict]{"conflicts", func(ctx context.Context, f *peer.Folder, _ struct{}) ([]peer.Conflict, error) {
		return f.Conflicts(ctx)
	}}
	verbConflict = verb[resolveQuery, peer.Conflict]{"conflict", func(ctx context.Context, f *peer.Folder, q resolveQuery) (peer.Conflict, error) {
		return f.Conflict(ctx, folder.Path(q.Path))
	}}
	verbAncestor = verb[resolveQuery, bool]{"ancestor", func(ctx context.Context, f *peer.Folder, q resolveQuery) (bool, error) {
		return f.Ancestor(ctx, folder.Path(q.Path), q.To)
	}}
	verbResolve = verb[resolveQuery, peer.Conflict]{"resolve", func(ctx context.Context, f *peer.Folder, q resolveQuery) (peer.Conflict, error) {
		q.How.Path = string(q.Path)
		return f.Resolve(ctx, q.How)
	}}
)

// conflictJSON is a conflict as --json prints it.
type conflictJSON struct {
	Folder string `json:"folder"`
	peer.Conflict
}

// Run lists the conflicts of a folder, or of all.
func (c *conflictsListCmd) Run(p *program) error {
	all, err := p.places(c.Dir)
	if err != nil {
		return err
	}
	var b strings.Builder
	n, failed := 0, false
	for _, at := range all {
		found, err := verbConflicts.ask(p, at, struct{}{})
		if err != nil {
			if len(all) == 1 {
				return err
			}
			p.ui.printf("qsync: %s: %s", quote(at.entry.Dir), explain(err))
			failed = true
			continue
		}
		for _, x := range found {
			n++
			x = exactNames(x)
			if p.flags.JSON {
				if err := p.printJSON(conflictJSON{at.entry.Dir, x}); err != nil {
					return err
				}
				continue
			}
			b.WriteString(conflictText(at.entry.Dir, x))
		}
	}
	if err := p.print(b.String()); err != nil {
		return err
	}
	switch {
	case n == 0 && failed:
		return outcome(errPartial)
	case n == 0:
		p.ui.say("no conflicts")
		return nil
	}
	p.ui.say("%s; 'qsync conflicts resolve PATH --keep this' (or other, both) ends one, and '--merge CMD' merges it", plural(int64(n), "conflict", "conflicts"))
	if failed {
		return outcome(errPartial)
	}
	return nil
}

// exactNames gives a conflict its names as they are, whatever JSON made of them.
func exactNames(c peer.Conflict) peer.Conflict {
	c.Copy, c.Path = exact(c.Copy, c.RawCopy), exact(c.Path, c.RawPath)
	return c
}

func conflictText(dir string, c peer.Conflict) string {
	t := &page{}
	t.name(0, "conflict", filepath.Join(dir, filepath.FromSlash(c.Path)), "")
	t.name(2, "this", filepath.Base(c.Path), "")
	t.row(4, "", sideText(c.This))
	t.name(2, "other", filepath.Base(c.Copy), "")
	t.row(4, "", sideText(c.Other))
	return t.String()
}

// sideText says what one side of a conflict is and whose.
func sideText(s peer.Side) string {
	if s.Kind == folder.Absent.String() {
		return "nothing: it was removed or renamed meanwhile"
	}
	text := s.Kind
	if s.Kind == folder.File.String() {
		text = size(s.Size)
	}
	text += ", of " + s.MTime.Local().Format(time.DateTime)
	if s.Peer != "" {
		text += ", by " + s.Peer
	}
	return text
}

// Run ends a conflict.
func (c *conflictsResolveCmd) Run(p *program) error {
	if (c.Keep == "") == (c.Merge == "") {
		return usagef("say what is to remain: --keep this, --keep other or --keep both, or --merge CMD")
	}
	at, path, err := p.placeWithin(c.Path)
	if err != nil {
		return err
	}
	if path == "" {
		return usagef("%s is a folder: name the conflict copy, or the file that it is a copy of; 'qsync conflicts %[1]s' lists them", quote(c.Path))
	}
	q := resolveQuery{Path: []byte(path), How: peer.Resolution{Keep: c.Keep}}
	if c.Merge != "" {
		dir, err := os.MkdirTemp("", "qsync-merge-")
		if err != nil {
			return failf("cannot make a temporary directory: %v", reason(err))
		}
		defer os.RemoveAll(dir)
		if err := p.merge(at, &q, c.Merge, dir); err != nil {
			return err
		}
	}
	done, err := verbResolve.ask(p, at, q)
	if err != nil {
		return err
	}
	if p.flags.JSON {
		return p.printJSON(conflictJSON{at.entry.Dir, done})
	}
	p.ui.say("%s", resolvedText(exactNames(done), q.How.Keep))
	return nil
}

func resolvedText(c peer.Conflict, keep string) string {
	plain, other := quote(c.Path), quote(c.Copy)
	switch keep {
	case peer.KeepThis:
		return fmt.Sprintf("%s stays; %s went to .qsync/versions", plain, other)
	case peer.KeepOther:
		return fmt.Sprintf("%s is what %s was; what it was before went to .qsync/versions", plain, other)
	case peer.KeepBoth:
		return fmt.Sprintf("%s stays; %s is %s now", plain, other, quote(string(folder.SettledName(folder.Path(c.Copy)))))
	}
	return fmt.Sprintf("%s is the result; both sides went to .qsync/versions", plain)
}
