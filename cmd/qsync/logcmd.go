package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"qsync/peer"
)

var (
	verbLog = verb[logQuery, peer.LogPage]{"log", func(_ context.Context, f *peer.Folder, q logQuery) (peer.LogPage, error) {
		q.Glob = exact(q.Glob, q.RawGlob)
		return f.Log(q.LogQuery)
	}}
	verbDays = verb[struct{}, []peer.LogDay]{"days", func(_ context.Context, f *peer.Folder, _ struct{}) ([]peer.LogDay, error) {
		return f.LogDays()
	}}
)

// logQuery asks for a part of the log.
type logQuery struct {
	peer.LogQuery
	RawGlob []byte `json:"raw_glob,omitempty"` // where it is not UTF-8
}

// logLimit is how many changes are shown unless somebody asks for more.
const logLimit = 100

// Run prints what has changed on this machine's disk, the latest first.
func (c *logCmd) Run(p *program) error {
	if c.Days && (c.Peer != "" || c.Kind != "") {
		return usagef("the totals of days are not kept by node or kind: give --days, or --peer and --kind")
	}
	all, err := p.places(c.Dir)
	if err != nil {
		return err
	}
	return p.each(all, func(at place) error {
		if len(all) > 1 && !p.flags.JSON {
			if err := p.print(shorten(quote(at.entry.Dir), statusWidth) + "\n"); err != nil {
				return err
			}
		}
		show := c.changes
		if c.Days {
			show = c.days
		}
		return show(p, at)
	})
}

func (c *logCmd) changes(p *program, at place) error {
	q := logQuery{
		peer.LogQuery{Since: c.Since.at, Until: c.Until.at, Glob: c.Path, Limit: logLimit, Peer: c.Peer, Kind: c.Kind}, rawName(c.Path),
	}
	if c.Limit != nil {
		q.Limit = int(*c.Limit)
	}
	left, any := q.Limit, false
	for {
		page, err := verbLog.ask(p, at, q)
		if err != nil {
			return err
		}
		for i := range page.Changes {
			any = true
			if err := p.logged(at, &page.Changes[i]); err != nil {
				return err
			}
		}
		if left -= len(page.Changes); q.Limit > 0 && left <= 0 {
			if c.Limit == nil {
				p.ui.say("older ones: --limit N, 0 for all, or --since 2d")
			}
			return nil
		}
		if page.Next == 0 {
			if !any {
				p.ui.say("no such change is logged in %s", quote(at.entry.Dir))
			}
			return nil
		}
		if q.Before, q.Skip = page.Next, page.Skip; q.Limit > 0 {
			q.Limit = left
		}
	}
}

// logged prints one change: when, what, how large, where, and by whom.
func (p *program) logged(at place, c *peer.LogChange) error {
	if p.flags.JSON {
		return p.printJSON(struct {
			Folder string `json:"folder"`
			*peer.LogChange
		}{at.entry.Dir, c})
	}
	who := cmp.Or(c.By, "a peer")
	switch {
	case c.Own:
		who = "here"
	case c.Via:
		who = "through " + who
	}
	action, _, _ := strings.Cut(c.Action, " ") // of a conflict copy, that it is one
	who = shorten(quote(who), 20)
	line := fmt.Sprintf("%s  %-8s %9s  ", c.Time.Local().Format("2006-01-02 15:04"), action, sizeOf(c.Kind, c.Size))
	return p.print(line + renamed(quote(exact(c.Path, c.RawPath)), quote(exact(c.From, c.RawFrom)), statusWidth-columns(line)-2-columns(who)) + "  " + who + "\n")
}

// renamed is a name with the one that it had before, if any, in so many columns.
func renamed(name, from string, width int) string {
	if from == quote("") {
		return shorten(name, width)
	}
	const was = " (was )"
	room := width - len(was)
	half := max(room/2, room-columns(from))
	name = shorten(name, half)
	return name + " (was " + shorten(from, room-columns(name)) + ")"
}

// days prints the totals of every day.
func (c *logCmd) days(p *program, at place) error {
	days, err := verbDays.ask(p, at, struct{}{})
	if err != nil {
		return err
	}
	var b strings.Builder
	for i, d := range days {
		if p.flags.JSON {
			if err := p.printJSON(struct {
				Folder string `json:"folder"`
				peer.LogDay
			}{at.entry.Dir, d}); err != nil {
				return err
			}
			continue
		}
		if i == 0 {
			fmt.Fprintf(&b, "%-10s  %-7s %9s %9s %9s %9s %11s\n", "day", "by", "added", "modified", "deleted", "dirs del.", "size")
		}
		for _, l := range []struct {
			by string
			n  peer.DayCount
		}{{"here", d.Here}, {"sync", d.Sync}} {
			if l.n != (peer.DayCount{}) {
				fmt.Fprintf(&b, "%-10s  %-7s %9d %9d %9d %9d %11s\n", d.Day, l.by, l.n.Added, l.n.Modified, l.n.DeletedFiles, l.n.DeletedDirs, size(l.n.Bytes))
			}
		}
	}
	return p.print(b.String())
}
