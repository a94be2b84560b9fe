package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"qsync/folder"
	"qsync/peer"
)

// restoreQuery asks for a part of what is to be brought back.
type restoreQuery struct {
	Path     []byte    `json:"path"`
	At       time.Time `json:"at"`
	Number   int       `json:"number"`
	Replaced time.Time `json:"replaced"` // with number: when the one that is meant was replaced; newer ones shift the numbers
	After    []byte    `json:"after"`
	Settle   bool      `json:"settle"`
	Dry      bool      `json:"dry"`
	Copy     bool      `json:"copy"` // for --to
}

type restoreAnswer struct {
	Query restoreQuery  `json:"query"` // with what was left open
	Items []restoreLine `json:"items"`
	Next  []byte        `json:"next"`
	More  bool          `json:"more"`
}

// restoreLine is one path that was brought back, as --json prints it.
type restoreLine struct {
	Event string `json:"event"` // restore
	versionLine
	Action  string `json:"action"` // add, replace, same, newer, failed; with --to copy
	Problem string `json:"problem,omitempty"`
}

// restoreEnd is the last line of --json.
type restoreEnd struct {
	Event  string         `json:"event"` // restored, or with -n planned
	Counts map[string]int `json:"counts"`
	Bytes  int64          `json:"bytes"`        // of the files that came back
	At     *time.Time     `json:"at,omitempty"` // as it was then
}

var verbRestore = verb[restoreQuery, restoreAnswer]{"restore", func(ctx context.Context, f *peer.Folder, q restoreQuery) (restoreAnswer, error) {
	if q.At.IsZero() && q.Number == 0 {
		what, err := f.Restorable(ctx, folder.Path(q.Path))
		if err != nil {
			return restoreAnswer{}, err
		}
		q.At, q.Number = what.At, what.Number
	}
	done, next, more, err := f.Restore(ctx, peer.Restoring{
		Path: folder.Path(q.Path), At: q.At, Number: q.Number, Seen: q.Replaced, After: folder.Path(q.After), Settle: q.Settle, Dry: q.Dry, Copy: q.Copy,
	})
	a := restoreAnswer{Query: q, Next: []byte(next), More: more}
	for i := range done {
		a.Items = append(a.Items, restoreLine{"restore", lineOf(&done[i].Version), done[i].Action, done[i].Problem})
	}
	return a, err
}}

// Run brings an older state back.
func (c *restoreCmd) Run(p *program) error {
	at, in, err := p.placeWithin(c.Path)
	if err != nil {
		return err
	}
	q := restoreQuery{Path: []byte(in), Dry: c.DryRun || c.To != "", Copy: c.To != ""}
	if c.At != "" && c.Version != nil {
		return usagef("--at and --version say the same in two ways: give one of them")
	}
	if c.Version != nil {
		if q.Number = int(*c.Version); q.Number == 0 {
			return usagef("--version: give a number from 1, the latest, on; 'qsync versions %s' lists them", quote(c.Path))
		}
	}
	if c.At != "" {
		if q.At, err = parseMoment(c.At, p.now()); err != nil {
			return usagef("--at: %v", err)
		}
	}
	r := &restoring{p: p, at: at, in: in, to: c.To, dry: c.DryRun, counts: map[string]int{}, made: map[string]bool{}}
	if c.To != "" {
		if r.to, err = newPlace(c.To); err != nil {
			return err
		}
	}
	if err := errors.Join(verbRestore.parts(p, at, q, r.part), r.settleDirs()); err != nil {
		return err
	}
	return r.end()
}

// restores are the actions that bring something back.
var restores = []string{"add", "replace", "copy"}

// restoring is one run of the command.
type restoring struct {
	p      *program
	at     place
	in     folder.Path // what is restored
	to     string      // absolute; "" is its own place
	dry    bool
	counts map[string]int
	bytes  int64        // of files that came back
	as     restoreQuery // with the time or the number that was meant
	dirs   []madeDir    // by --to, those above first
	made   map[string]bool
}

// part takes an answer. When all is back, directories get their times.
func (r *restoring) part(a restoreAnswer) (restoreQuery, bool, error) {
	r.as = a.Query
	for i := range a.Items {
		it := &a.Items[i]
		if r.to != "" && it.Action != "newer" {
			r.copy(it)
		}
		r.counts[it.Action]++
		if slices.Contains(restores, it.Action) && it.Kind == "file" {
			r.bytes += it.Size
		}
		if err := r.line(it); err != nil {
			return restoreQuery{}, false, err
		}
	}
	q := a.Query
	q.After = a.Next
	if !a.More && !q.Settle && !q.Dry {
		q.After, q.Settle = nil, true
		return q, true, nil
	}
	return q, a.More, nil
}

// copy writes what --to asks for, whatever there is at the path itself.
func (r *restoring) copy(it *restoreLine) {
	it.Action, it.Problem = "copy", ""
	if r.dry {
		return
	}
	if err := r.copyOut(it.versionLine); err != nil {
		it.Action, it.Problem = "failed", explain(err)
	}
}

// target is where a path goes with --to.
func (r *restoring) target(p folder.Path) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(string(p), string(r.in)), "/")
	return filepath.Join(r.to, filepath.FromSlash(rest))
}

func (r *restoring) line(it *restoreLine) error {
	if r.p.flags.JSON {
		return r.p.printJSON(it)
	}
	if it.Action == "same" && it.Problem == "" {
		return nil
	}
	text := fmt.Sprintf("%-8s %10s  %s\n", it.Action, sizeOf(it.Kind, it.Size), quote(string(it.path())))
	if it.Problem != "" {
		text += fmt.Sprintf("%-8s %10s  %s\n", "", "", it.Problem)
	}
	return r.p.print(text)
}

// end sums up.
func (r *restoring) end() error {
	total := 0
	for _, n := range r.counts {
		total += n
	}
	when := ""
	var at *time.Time
	if r.as.Number == 0 && !r.as.At.IsZero() {
		at = &r.as.At
		when = " as of " + at.Local().Format("2006-01-02 15:04:05")
	}
	if r.p.flags.JSON {
		event := "restored"
		if r.dry {
			event = "planned"
		}
		if err := r.p.printJSON(restoreEnd{event, r.counts, r.bytes, at}); err != nil {
			return err
		}
	}
	name := quote(r.at.entry.Dir)
	if r.in != "" {
		name = quote(string(r.in))
	}
	done := int64(0)
	for _, action := range restores {
		done += int64(r.counts[action])
	}
	back := fmt.Sprintf("%s (%s)%s", plural(done, "entry", "entries"), size(r.bytes), when)
	switch {
	case total == 0 && r.as.Number > 0:
		return failf("there is no version %d of %s; 'qsync versions' lists those that are kept", r.as.Number, name)
	case total == 0:
		r.p.ui.say("sync has replaced or removed nothing at %s since then: it is as it was, as far as this node knows", name)
	case r.dry:
		r.p.ui.say("%s would be restored; nothing was touched", back)
	default:
		r.p.ui.say("%s restored%s", back, r.left())
	}
	if r.counts["failed"] > 0 {
		return outcome(errPartial)
	}
	return nil
}

// left names what was passed over.
func (r *restoring) left() string {
	var parts []string
	for _, k := range []struct{ action, text string }{{"same", "as they were already"}, {"newer", "were not there yet"}, {"failed", "failed"}} {
		if n := r.counts[k.action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, k.text))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(slices.Clip(parts), ", ")
}
