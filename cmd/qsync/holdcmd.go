package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"qsync/peer"
)

// undoing asks to undo what the brake holds, or else what sync did last.
type undoing struct {
	peer.UndoQuery
	Held bool      `json:"held"`
	Seen *seenHold `json:"seen,omitempty"` // with Held
}

// confirming asks to let through what the brake holds.
type confirming struct {
	Seen *seenHold `json:"seen,omitempty"`
}

// seenHold is the stop that whoever answers has seen. By now it may be another one:
// answered in another window, and the folder has stopped anew.
type seenHold struct {
	Since   time.Time `json:"since"`
	Entries int64     `json:"entries"`
}

// still is an error if the folder holds something else. Of nothing it is none: then
// there is nothing to answer, which is said elsewhere.
func (s *seenHold) still(f *peer.Folder) error {
	if h := f.Held(); s != nil && h.Entries > 0 && (h.Entries != s.Entries || !h.Since.Equal(s.Since)) {
		return failf("what the brake holds is not what was shown any more: look at it again, and answer then")
	}
	return nil
}

// undone is what came of it.
type undone struct {
	Held  *peer.Held      `json:"held,omitempty"`
	Items []peer.UndoItem `json:"items"`
}

var (
	verbConfirm = verb[confirming, peer.Held]{"confirm", func(_ context.Context, f *peer.Folder, q confirming) (peer.Held, error) {
		if err := q.Seen.still(f); err != nil {
			return peer.Held{}, err
		}
		return f.Confirm()
	}}
	verbUndo = verb[undoing, undone]{"undo", func(ctx context.Context, f *peer.Folder, q undoing) (undone, error) {
		all := q.Batch == 0 && q.Since.IsZero() // nobody means all that sync ever did
		if all && !q.Held {
			return undone{Items: []peer.UndoItem{}}, usagef("say what is to be undone: held, what the brake stopped; Batch, 1 for the last; or Since")
		}
		if q.Held {
			if h := f.Held(); h.Entries > 0 && q.Dry {
				return undone{Held: &h}, nil
			}
			if err := q.Seen.still(f); err != nil {
				return undone{Items: []peer.UndoItem{}}, err
			}
			h, err := f.UndoHeld()
			if !errors.Is(err, peer.ErrNothingHeld) {
				return undone{Held: &h}, err
			}
			if all { // it was answered already, in another window
				return undone{Items: []peer.UndoItem{}}, failf("the brake holds nothing here (any more): nothing was undone")
			}
		}
		items, err := f.UndoBatch(ctx, q.UndoQuery)
		return undone{Items: items}, err
	}}
)

// Run lets through what the brake has stopped.
func (c *confirmCmd) Run(p *program) error {
	at, err := p.place(c.Dir)
	if err != nil {
		return err
	}
	h, err := verbConfirm.ask(p, at, confirming{})
	if errors.Is(err, peer.ErrRoot) {
		return p.adopt(at)
	}
	if err != nil {
		return err
	}
	if p.flags.JSON {
		err = p.printJSON(h)
	} else {
		p.ui.say("confirmed: %s of %s; exactly that passes, once%s", h.What, quote(at.entry.Dir), p.goesOn(at))
	}
	return errors.Join(err, p.restart(at))
}

// adopt takes the directory that is there for the folder, which it is not by its
// marker.
func (p *program) adopt(at place) error {
	err := p.openAs(at, func(fc *peer.FolderConfig) { fc.Adopt = true }, func(*peer.Folder) error { return nil })
	if err != nil {
		return err
	}
	if p.flags.JSON {
		err = p.printJSON(struct {
			Adopted string `json:"adopted"`
		}{at.entry.Dir})
	} else {
		p.ui.say("%s is taken for the folder again, under its sync ID: what is missing in it comes back, and what differs stays on both sides%s", quote(at.entry.Dir), p.goesOn(at))
	}
	return errors.Join(err, p.restart(at))
}

// Run brings back what the brake has stopped from going, or what sync took.
func (c *undoCmd) Run(p *program) error {
	at, err := p.place(c.Dir)
	if err != nil {
		return err
	}
	q := undoing{Held: c.Batch == nil && c.Since.at.IsZero(), UndoQuery: peer.UndoQuery{Since: c.Since.at, Dry: c.DryRun}}
	switch {
	case c.Batch != nil && !c.Since.at.IsZero():
		return usagef("give --batch or --since, not both")
	case c.Batch != nil:
		q.Batch = int(*c.Batch)
	case c.Since.at.IsZero():
		q.Batch = 1
	}
	if c.Batch != nil && *c.Batch == 0 {
		return usagef("--batch is 1 for the last one, 2 for the one before, and so on")
	}
	u, err := verbUndo.ask(p, at, q)
	if err != nil {
		return err
	}
	if u.Held != nil {
		return c.held(p, at, u.Held)
	}
	return c.items(p, at, u.Items)
}

// held tells what becomes of what the brake has stopped.
func (c *undoCmd) held(p *program, at place, h *peer.Held) error {
	if p.flags.JSON {
		if err := p.printJSON(h); err != nil {
			return err
		}
	} else {
		will := "come back: they are wanted again, and nobody hears that they were gone"
		if h.Why == "incoming" {
			will = "stay: what is here is put above what the peers told, and they get it back"
		} else if len(h.Peers) > 0 {
			will += fmt.Sprintf(". They come from %s, as soon as one of these is here", strings.Join(quoted(h.Peers), ", "))
		}
		if h.Passed > 0 {
			will += fmt.Sprintf(". %s that had gone before it was too much: 'qsync undo %s' %s", plural(h.Passed, "more entry", "more entries"), passedDir(h, at), passedWhere(h))
		}
		if c.DryRun {
			will = "would " + will
		}
		p.ui.say("%s of %s: these %s%s", h.What, quote(at.entry.Dir), will, p.goesOn(at))
	}
	if c.DryRun {
		return nil
	}
	return p.restart(at)
}

// passedDir and passedWhere say how what went before a stop comes back.
func passedDir(h *peer.Held, at place) string {
	if h.Why == "incoming" {
		return quote(at.entry.Dir) + " --batch 1"
	}
	return "DIR"
}

func passedWhere(h *peer.Held) string {
	if h.Why == "incoming" {
		return "brings those back"
	}
	return "on a peer that took them away brings those back"
}

func quoted(names []string) []string {
	all := slices.Clone(names)
	for i := range all {
		all[i] = quote(all[i])
	}
	return all
}

// items tells what was taken back.
func (c *undoCmd) items(p *program, at place, items []peer.UndoItem) error {
	failed := int64(0)
	var b strings.Builder
	for i := range items {
		it := &items[i]
		if it.Stays != "" {
			failed++
		}
		if p.flags.JSON {
			if err := p.printJSON(it); err != nil {
				return err
			}
			continue
		}
		line := fmt.Sprintf("%s  %-8s %9s  ", it.Time.Local().Format("2006-01-02 15:04"), it.Change, sizeOf(it.Kind, it.Size))
		b.WriteString(line + shorten(quote(exact(it.Path, it.RawPath)), statusWidth-columns(line)) + "\n")
		if it.Stays != "" {
			fmt.Fprintf(&b, "%-38sstays: %s\n", "", clean(it.Stays))
		}
	}
	if err := p.print(b.String()); err != nil {
		return err
	}
	n := int64(len(items)) - failed
	switch {
	case len(items) == 0:
		p.ui.say("sync has removed or replaced nothing in %s that could be taken back; 'qsync log %[1]s' shows what it did", quote(at.entry.Dir))
	case n == 0:
		p.ui.say("nothing of this comes back, for what each line says; 'qsync restore PATH' brings an older version back all the same")
	case c.DryRun:
		p.ui.say("%s would come back; without -n they do", plural(n, "entry", "entries"))
	default:
		p.ui.say("%s came back, as edits that go to the peers", plural(n, "entry", "entries"))
	}
	if failed > 0 && !c.DryRun { // a plan has not failed
		return outcome(errPartial)
	}
	return nil
}

// restart has the nodes that run the folder start it where the brake has stopped it.
func (p *program) restart(at place) error {
	return admin{home: at.home}.applyAll(applyRequest{Folder: at.entry.Dir, Resume: true, Answered: true})
}

// goesOn says when an answer takes effect.
func (p *program) goesOn(at place) string {
	for _, n := range at.home.ask(askTime) {
		if runs([]answeringNode{n}, at.entry.Dir) != 0 {
			return ""
		}
	}
	return ". It takes effect when qsync runs it again: nothing does now; " + p.starts(at)
}

// starts says how a folder that nothing runs is started.
func (p *program) starts(at place) string {
	if c, err := at.home.config(); err == nil {
		for _, f := range c.Folders {
			if sameDir(f.Path, at.entry.Dir) || f.To != "" && sameDir(f.To, at.entry.Dir) {
				return "'qsync serve' starts it"
			}
		}
	}
	all, err := at.home.entries()
	if at.entry.Kind != "pair" || err != nil {
		return "start it with the command that ran it before"
	}
	src, dst := at.entry, at.entry
	for _, e := range all {
		switch {
		case e.ID != at.entry.ID || e.Kind != "pair" || e.Dir == at.entry.Dir:
		case roleOf(at.entry.Mode) == peer.Receive.String():
			src = e
		default:
			dst = e
		}
	}
	return fmt.Sprintf("'qsync %s %s', with the flags that it had, starts it", quote(src.Dir), quote(dst.Dir))
}
