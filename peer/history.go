package peer

import (
	"encoding/hex"
	"fmt"
	"time"

	"qsync/folder"
	"qsync/store"
)

// LogQuery asks for a part of the log, in pages.
type LogQuery struct {
	Since, Until time.Time // from then on, and before then; zero: no bound
	Glob         string    // a pattern as in .syncignore, "" for every path
	Limit        int       // changes at most, 0 for all
	Before       uint64    // what the page before said in Next
}

// LogPage is a part of the log, the latest change first.
type LogPage struct {
	Changes []LogChange
	Next    uint64 // where the next page begins, 0 if there is none
}

// LogChange is one change of this machine's disk, as `qsync log --json` prints it.
type LogChange struct {
	Time   time.Time `json:"time"`
	Action string    `json:"action"` // added, modified, metadata, deleted, renamed, conflict copy, restored
	Path   string    `json:"path"`
	From   string    `json:"from,omitempty"` // its name before, if it was renamed
	Kind   string    `json:"kind"`
	Size   int64     `json:"size"`
	By     string    `json:"by"`             // name of the node that made it
	Node   string    `json:"node,omitempty"` // its ID, as far as it is known
	Own    bool      `json:"own,omitempty"`  // this node
	Via    bool      `json:"via,omitempty"`  // By only told of it; who made it is not known
	Why    string    `json:"why"`
	Kept   string    `json:"kept,omitempty"` // where in .qsync/versions what was replaced or deleted is

	RawPath []byte `json:"raw_path,omitempty"` // where they are not UTF-8
	RawFrom []byte `json:"raw_from,omitempty"`
	RawKept []byte `json:"raw_kept,omitempty"`
}

// logPage is how many changes make a page full.
const logPage = 2000

// Log returns the changes that the query asks for, page by page.
func (f *Folder) Log(q LogQuery) (LogPage, error) {
	var match *folder.Ignore
	if q.Glob != "" {
		match = folder.NewIgnore([]string{q.Glob})
	}
	page := LogPage{Changes: []LogChange{}}
	last := uint64(0)
	for e, err := range f.store.Log(store.LogSpan{Since: q.Since, Until: q.Until, Before: q.Before}) {
		if err != nil {
			return page, err
		}
		if len(page.Changes) >= logPage && e.Row != last {
			page.Next = last
			return page, nil
		}
		last = e.Row
		if match != nil && !matches(match, e.Path, e.Kind) {
			continue
		}
		page.Changes = append(page.Changes, f.logChange(e))
		if q.Limit > 0 && len(page.Changes) == q.Limit {
			return page, nil
		}
	}
	return page, nil
}

// matches reports whether a pattern means p, or a directory above it.
func matches(g *folder.Ignore, p folder.Path, k folder.Kind) bool {
	if g.Match(p, k == folder.Dir) {
		return true
	}
	for d := p.Dir(); d != ""; d = d.Dir() {
		if g.Match(d, true) {
			return true
		}
	}
	return false
}

func (f *Folder) logChange(e store.Logged) LogChange {
	c := LogChange{
		Time: e.Time, Action: e.Action.String(), Path: string(e.Path), From: string(e.From), Kind: e.Kind.String(),
		Size: e.Size, Own: e.Author.Own, Via: e.Author.Via, By: e.Author.Name, Kept: string(e.Kept),
		RawPath: raw(e.Path), RawFrom: raw(e.From), RawKept: raw(e.Kept),
	}
	switch {
	case e.Author.Own:
		c.By, c.Node = f.node.cfg.Name, f.node.cfg.Device.ID().String()
	case e.Author.Node != (store.NodeID{}):
		c.Node = hex.EncodeToString(e.Author.Node[:])
	}
	switch {
	case e.Why == store.WhyConflict:
		c.Action = "conflict copy"
	case e.Why == store.WhyUndo, e.Why == store.WhyRestore:
		c.Action = "restored"
	case e.From != "":
		c.Action = "renamed"
	}
	c.Why = why(e)
	return c
}

// why says in a few words what led to a change.
func why(e store.Logged) string {
	from := "from a peer"
	switch {
	case e.Author.Own:
		from = "from here, by way of a peer"
	case e.Author.Via && e.Author.Name != "":
		from = "by way of " + e.Author.Name
	case e.Author.Name != "":
		from = "from " + e.Author.Name
	}
	switch e.Why {
	case store.WhyFound:
		return "found here at first"
	case store.WhyLocal:
		return e.Action.String() + " here, not told to others"
	case store.WhyPeer:
		return from
	case store.WhyOneWay:
		return "the one-way source has it otherwise"
	case store.WhyConflict:
		return "changed on two sides"
	case store.WhyUndo:
		return "undo"
	case store.WhyRestore:
		return "restored from an older version"
	}
	return fmt.Sprintf("%s here", e.Action)
}

// LogDay is how much changed on one day, by this machine's calendar.
type LogDay struct {
	Day  string   `json:"day"`  // 2026-11-29
	Here DayCount `json:"here"` // by users of this machine
	Sync DayCount `json:"sync"` // by sync
}

// DayCount counts the changes of a day.
type DayCount struct {
	Added        int64 `json:"added"`
	Modified     int64 `json:"modified"`
	DeletedFiles int64 `json:"deleted_files"` // and symlinks
	DeletedDirs  int64 `json:"deleted_dirs"`
	Bytes        int64 `json:"bytes"` // of files added or modified
}

// LogDays returns how much changed on each day of which that is known, the
// latest first.
func (f *Folder) LogDays() ([]LogDay, error) {
	days, err := f.store.Days()
	var out []LogDay
	for _, d := range days {
		out = append(out, LogDay{d.Day, DayCount(d.Here), DayCount(d.Sync)})
	}
	return out, err
}
