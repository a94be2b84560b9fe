package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"qsync/folder"
	"qsync/peer"
)

// versionsQuery asks for a part of the versions at and below a path. Paths are
// bytes, which text in JSON cannot hold.
type versionsQuery struct {
	Path  []byte `json:"path"`
	After []byte `json:"after"`
}

type versionsAnswer struct {
	Versions []versionLine `json:"versions"`
	Next     []byte        `json:"next"`
	More     bool          `json:"more"`
}

// versionLine is one version, as --json prints it.
type versionLine struct {
	Folder   string    `json:"folder,omitempty"`
	Path     string    `json:"path"`
	Number   int       `json:"number"`
	Replaced time.Time `json:"replaced"`
	Kind     string    `json:"kind"`
	Size     int64     `json:"size"`
	Mode     string    `json:"mode,omitempty"` // permission bits, octal; of a symlink none
	MTime    time.Time `json:"mtime"`
	By       string    `json:"by,omitempty"` // who replaced it; "here" is this node
	File     string    `json:"file"`         // below .qsync/versions

	At string `json:"at,omitempty"` // of what is restored: no version, but at that path of the folder now

	RawPath []byte `json:"raw_path,omitempty"` // where the path is not UTF-8
	RawAt   []byte `json:"raw_at,omitempty"`
	RawFile []byte `json:"raw_file,omitempty"`
}

// versionsPage is how many versions are asked for at a time.
const versionsPage = 2000

var verbVersions = verb[versionsQuery, versionsAnswer]{"versions", func(ctx context.Context, f *peer.Folder, q versionsQuery) (versionsAnswer, error) {
	all, next, more, err := f.Versions(ctx, folder.Path(q.Path), folder.Path(q.After), versionsPage)
	a := versionsAnswer{Next: []byte(next), More: more}
	for i := range all {
		a.Versions = append(a.Versions, lineOf(&all[i]))
	}
	return a, err
}}

func lineOf(v *peer.Version) versionLine {
	l := versionLine{
		Path: string(v.Path), Number: v.Number, Replaced: v.Replaced, Kind: kindName(v.Kind), Size: v.Size,
		MTime: time.Unix(0, v.MTime).UTC(), By: v.By, File: string(v.File()),
	}
	if v.Kind != folder.Symlink {
		l.Mode = fmt.Sprintf("%04o", v.Mode&folder.ModeMask)
	}
	if v.Own {
		l.By = "here"
	} else if v.Via && l.By != "" {
		l.By = "via " + l.By
	}
	if v.At != "" {
		l.At, l.RawAt, l.File = string(v.At), rawName(string(v.At)), ""
	}
	l.RawPath, l.RawFile = rawName(l.Path), rawName(l.File)
	return l
}

// path and file are exact, whatever JSON made of the names.
func (l versionLine) path() folder.Path { return folder.Path(exact(l.Path, l.RawPath)) }
func (l versionLine) file() string      { return exact(l.File, l.RawFile) }

// Run lists older versions.
func (c *versionsCmd) Run(p *program) error {
	at, under, err := p.placesAndPath(c.Dir, c.Path)
	if err != nil {
		return err
	}
	n, follows := int64(0), true
	err = p.each(at, func(in place) error {
		mode, err := peer.ParseMode(in.entry.Mode)
		follows = follows && err == nil && (mode == peer.Mirror || mode == peer.Send || mode == peer.Backup)
		l := versionList{p: p, folder: in.entry.Dir, many: len(at) > 1}
		return verbVersions.parts(p, in, versionsQuery{Path: []byte(under)}, func(a versionsAnswer) (versionsQuery, bool, error) {
			n += int64(len(a.Versions))
			return versionsQuery{[]byte(under), a.Next}, a.More, l.print(a.Versions)
		})
	})
	switch {
	case err != nil && n == 0:
	case n == 0:
		p.ui.say("no older version is kept here; versions are kept where sync replaces or deletes, so peers may have some")
	case follows:
		p.ui.say("%s; 'qsync restore PATH --version N --to FILE' copies one out", plural(n, "version", "versions"))
	default:
		p.ui.say("%s; 'qsync restore PATH --version N' brings one back", plural(n, "version", "versions"))
	}
	return err
}

// placesAndPath are the folders that [DIR] [PATH] mean, and the path in them: one
// argument may be either.
func (p *program) placesAndPath(dir, path string) ([]place, folder.Path, error) {
	switch {
	case dir == "":
		at, err := p.places("")
		return at, "", err
	case path == "":
		at, in, err := p.placeOf(dir)
		return []place{at}, in, err
	}
	at, err := p.place(dir)
	if err != nil {
		return nil, "", err
	}
	if filepath.IsAbs(path) {
		other, in, err := p.placeOf(path)
		if err == nil && other.entry.tag != at.entry.tag {
			err = usagef("%s is not in the folder %s", quote(path), quote(at.entry.Dir))
		}
		return []place{at}, in, err
	}
	in, err := insideOf(at, path)
	return []place{at}, in, err
}

// insideOf is the path in a folder that somebody typed relative to it.
func insideOf(at place, path string) (folder.Path, error) {
	text := filepath.ToSlash(filepath.Clean(path))
	if text == "." {
		return "", nil
	}
	in, err := folder.ParsePath(text)
	if err != nil {
		return "", usagef("%s cannot be a path of the folder %s", quote(path), quote(at.entry.Dir))
	}
	return in, nil
}

// versionList prints versions, path by path.
type versionList struct {
	p      *program
	folder string
	many   bool // folders are listed, so each is named
	last   string
}

func (l *versionList) print(all []versionLine) error {
	var b strings.Builder
	for _, v := range all {
		if l.p.flags.JSON {
			v.Folder = l.folder
			if err := l.p.printJSON(v); err != nil {
				return err
			}
			continue
		}
		if l.many {
			fmt.Fprintf(&b, "in %s\n", quote(l.folder))
			l.many = false
		}
		if name := quote(string(v.path())); name != l.last {
			l.last = name
			fmt.Fprintf(&b, "%s\n", name)
		}
		b.WriteString(v.text())
	}
	return l.p.print(b.String())
}

// text is a line of at most 80 columns.
func (l versionLine) text() string {
	by := clean(l.By)
	if by != "" && !strings.HasPrefix(by, "via ") {
		by = "by " + by
	}
	const minute = "2006-01-02 15:04"
	line := fmt.Sprintf("%4d  replaced %s  saved %s  %9s  ", l.Number,
		l.Replaced.Local().Format(minute), l.MTime.Local().Format(minute), sizeOf(l.Kind, l.Size))
	return strings.TrimRight(line+shorten(by, statusWidth-columns(line)), " ") + "\n"
}
