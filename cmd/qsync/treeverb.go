package main

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"qsync/folder"
	"qsync/peer"
)

// treeQuery asks for a part of a directory, as it is or as it was at a moment.
type treeQuery struct {
	Path  []byte    `json:"path"` // empty: the folder itself
	At    time.Time `json:"at"`
	After []byte    `json:"after"` // what the part before said in next
	Limit int       `json:"limit"`
}

type treeAnswer struct {
	Entries []treeEntry `json:"entries"`
	Next    []byte      `json:"next"`
	More    bool        `json:"more"`
}

// treeEntry is what has, or had, a name. Without a time those are in it, too, that
// are gone and have versions.
type treeEntry struct {
	Name     string     `json:"name"`
	RawName  []byte     `json:"raw_name,omitempty"` // where it is not UTF-8
	Kind     string     `json:"kind"`
	Size     int64      `json:"size"`
	MTime    *time.Time `json:"mtime,omitempty"` // where it is known
	Here     bool       `json:"here"`            // something of that name is there now
	Deleted  bool       `json:"deleted"`         // nothing is
	Versions int        `json:"versions"`
	Version  int        `json:"version"`         // the one that this is, 0: what is there now
	Lost     bool       `json:"lost,omitempty"`  // it was there then, and what it held is not kept here
	Moved    string     `json:"moved,omitempty"` // what it held is there now
	RawMoved []byte     `json:"raw_moved,omitempty"`
	Ignored  bool       `json:"ignored,omitempty"`
}

// treePart is how many entries are told of unless somebody asks for another number.
const treePart = 500

var verbTree = verb[treeQuery, treeAnswer]{"tree", func(ctx context.Context, f *peer.Folder, q treeQuery) (treeAnswer, error) {
	a := treeAnswer{Entries: []treeEntry{}}
	p, err := pathIn(q.Path, true)
	if err != nil {
		return a, err
	}
	if q.Limit <= 0 {
		q.Limit = treePart
	}
	page, err := f.Browse(ctx, peer.BrowseQuery{Path: p, At: q.At, After: string(q.After), Limit: q.Limit})
	if err != nil {
		return a, lookError(p, err)
	}
	a.Next, a.More = []byte(page.Next), page.More
	for i := range page.Entries {
		a.Entries = append(a.Entries, entryOf(&page.Entries[i]))
	}
	return a, nil
}}

func entryOf(e *peer.BrowseEntry) treeEntry {
	t := treeEntry{
		Name: e.Name, RawName: rawOf(e.Name), Kind: kindName(e.Kind), Size: e.Size, Here: e.Here, Deleted: !e.Here,
		Versions: e.Versions, Version: e.Number, Lost: e.Lost, Moved: string(e.Moved), RawMoved: rawOf(string(e.Moved)), Ignored: e.Ignored,
	}
	if e.Kind != folder.File {
		t.Size = 0
	}
	if e.MTime != 0 {
		at := time.Unix(0, e.MTime).UTC()
		t.MTime = &at
	}
	return t
}

// rawOf is a name as it is where text in JSON cannot hold it, else nil.
func rawOf(name string) []byte {
	if strings.ToValidUTF8(name, "") == name {
		return nil
	}
	return []byte(name)
}

// pathIn is a path of a folder that somebody asks about; root says whether it may
// be the folder itself.
func pathIn(b []byte, root bool) (folder.Path, error) {
	if len(b) == 0 && root {
		return "", nil
	}
	p, err := folder.ParsePath(string(b))
	if err != nil {
		return "", usagef("%s cannot be a path of a folder", quote(string(b)))
	}
	return p, nil
}

// lookError is why something cannot be looked at, for people.
func lookError(p folder.Path, err error) error {
	switch {
	case errors.Is(err, peer.ErrNotDir):
		return failf("%s is no directory, or lies below something that is none", quote(string(p)))
	case errors.Is(err, peer.ErrNothingToShow):
		return failf("%s is no file, directory or symlink: it has nothing to show", quote(string(p)))
	case errors.Is(err, fs.ErrNotExist):
		return failf("there is no %s in the folder", quote(string(p)))
	}
	return err
}
