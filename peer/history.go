package peer

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"qsync/folder"
	"qsync/store"
)

// LogQuery asks for a part of the log, in pages.
type LogQuery struct {
	Since  time.Time `json:"since"`  // from then on; zero: no bound
	Until  time.Time `json:"until"`  // before then; zero: no bound
	Glob   string    `json:"glob"`   // a pattern as in .syncignore, "" for every path
	Limit  int       `json:"limit"`  // changes at most, 0 for all
	Before uint64    `json:"before"` // what the page before said in Next
	Skip   int       `json:"skip"`   // and in Skip

	// Only what is of these, "" for all: a node by its name or the beginning of its
	// ID, "here" for this one; a kind (file, dir, symlink); an action as in
	// [LogChange].
	Peer   string `json:"peer"`
	Kind   string `json:"kind"`
	Action string `json:"action"`
}

// LogPage is a part of the log, the latest change first.
type LogPage struct {
	Changes []LogChange `json:"changes"`
	Next    uint64      `json:"next"` // where the next page begins, 0 if there is none
	Skip    int         `json:"skip,omitempty"`
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
	last, seen, nth := uint64(0), 0, 0
	for e, err := range f.store.Log(store.LogSpan{Since: q.Since, Until: q.Until, Before: q.Before}) {
		if err != nil {
			return page, err
		}
		if full := len(page.Changes) >= logPage || seen >= logLook; full && e.Row != last {
			page.Next = last
			return page, nil
		}
		if nth++; e.Row != last {
			last, nth = e.Row, 1
		}
		told := e.Row+1 == q.Before && nth <= q.Skip
		if seen++; told || match != nil && !matches(match, e.Path, e.Kind) {
			continue
		}
		c := f.logChange(e)
		if !q.means(&c) {
			continue
		}
		if page.Changes = append(page.Changes, c); q.Limit > 0 && len(page.Changes) == q.Limit {
			page.Next, page.Skip = e.Row+1, nth // there may be more in the same row
			return page, nil
		}
	}
	return page, nil
}

// logLook bounds how many changes are looked at for one page, of which few may be
// asked for.
const logLook = 100_000

// means reports whether the query asks for a change.
func (q *LogQuery) means(c *LogChange) bool {
	switch {
	case q.Kind == "dir" && c.Kind != folder.Dir.String():
		return false
	case q.Kind != "" && q.Kind != "dir" && c.Kind != q.Kind:
		return false
	case q.Action != "" && c.Action != q.Action:
		return false
	case q.Peer == "" || q.Peer == "here" && c.Own || c.By == q.Peer:
		return true
	}
	return len(q.Peer) >= minNode && strings.HasPrefix(c.Node, strings.ToLower(q.Peer))
}

// minNode is how much of a node's ID names it at least, in digits.
const minNode = 4

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

	// How many of those added and modified are directories; of days before this
	// was counted none.
	AddedDirs    int64 `json:"added_dirs"`
	ModifiedDirs int64 `json:"modified_dirs"`
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
