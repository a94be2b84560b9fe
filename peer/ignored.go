package peer

import (
	"fmt"

	"qsync/folder"
	"qsync/folder/disk"
)

// Ignored says whether a path is left out on this machine, and why.
type Ignored struct {
	Path    string `json:"path"` // below the folder's root
	Ignored bool   `json:"ignored"`
	// What decides: an ignore file by its path below the root, "--exclude" for
	// patterns of the command line, a variable or config.yaml, or "default" for
	// [folder.Junk]; "" if no rule speaks of the path.
	Source  string `json:"source,omitempty"`
	Line    int    `json:"line,omitempty"` // in the file, or which of the patterns, from 1
	Pattern string `json:"pattern,omitempty"`
	Matched string `json:"matched,omitempty"` // a directory above the path that the pattern matches, if it is not the path

	RawPath    []byte `json:"raw_path,omitempty"` // where they are not UTF-8
	RawSource  []byte `json:"raw_source,omitempty"`
	RawMatched []byte `json:"raw_matched,omitempty"`
}

// Ignored reports what becomes of p, which need not exist: then isDir says
// whether it would be a directory. An ignore file that cannot be read is an
// error, as it is a problem of the folder.
func (f *Folder) Ignored(p folder.Path, isDir bool) (Ignored, error) {
	g, err := f.root.Ignore(f.ignore(), p.Dir())
	if err != nil {
		return Ignored{}, fmt.Errorf("peer: %w", err)
	}
	isDir, err = f.isDir(p, isDir)
	if err != nil {
		return Ignored{}, fmt.Errorf("peer: %w", err)
	}
	at, v := disk.Verdict(g, p, isDir)
	out := Ignored{Path: string(p), RawPath: raw(p), Ignored: v.Ignored, Line: v.Line, Pattern: v.Pattern}
	if at != p {
		out.Matched, out.RawMatched = string(at), raw(at)
	}
	switch v.Source {
	case folder.FromExcludes:
		out.Source = "--exclude"
	case folder.FromFile:
		file := v.Dir.Join(disk.IgnoreName)
		out.Source, out.RawSource = string(file), raw(file)
	case folder.FromJunk:
		out.Source = "default"
	}
	return out, nil
}

// isDir reports whether p is a directory on disk, or else to be one.
func (f *Folder) isDir(p folder.Path, guess bool) (bool, error) {
	if k := f.root.KindOf(p); k != folder.Absent || guess {
		return k == folder.Dir || k == folder.Absent, nil
	}
	rec, err := f.store.Record(p)
	return rec.Register.Resolve().Value.Kind == folder.Dir, err
}

// ignore is what this machine leaves out, but for ignore files.
func (f *Folder) ignore() *folder.Ignore {
	g := folder.NewIgnore(f.cfg.Exclude)
	if !f.cfg.KeepJunk {
		g = g.WithJunk()
	}
	return g
}
