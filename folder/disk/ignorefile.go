package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"qsync/folder"
	"qsync/folder/fault"
)

// IgnoreName is the file that says what in its directory, and below, is not
// synced; it is synced itself.
const IgnoreName = ".syncignore"

// MaxIgnoreFile is the largest [IgnoreName] file that is read, in bytes.
const MaxIgnoreFile = 1 << 20

// Ignore returns base with the [IgnoreName] files of the root and of every
// directory on the way to dir, dir included, layered on it; base may be nil,
// and so may the result. What is not there adds nothing. A file that is too
// large or cannot be read is an error: nobody can tell what it hides.
func (r *Root) Ignore(base *folder.Ignore, dir folder.Path) (*folder.Ignore, error) {
	at, err := r.dir.walk("")
	if err != nil {
		return nil, fmt.Errorf("ignore files: %w", err)
	}
	defer func() { at.Close() }()
	path := folder.Path("")
	for rest := string(dir); ; {
		if base, err = layerIgnore(base, at, path); err != nil {
			return nil, fmt.Errorf("ignore files: %w", err)
		}
		if rest == "" {
			return base, nil
		}
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if in, err := at.stat(name); err != nil || in.Kind != folder.Dir {
			if err == nil || errors.Is(err, fs.ErrNotExist) {
				return base, nil
			}
			return nil, fmt.Errorf("ignore files: %w", err)
		}
		next, err := at.sub(name)
		if err != nil {
			return nil, fmt.Errorf("ignore files: %w", err)
		}
		at.Close()
		at, path = next, path.Join(name)
	}
}

// KindOf returns the kind of what is on disk at p; Absent for what is no kind of
// ours, and where it cannot be seen.
func (r *Root) KindOf(p folder.Path) folder.Kind {
	d, err := r.parent(p)
	if err != nil {
		return folder.Absent
	}
	defer d.Close()
	in, err := d.stat(p.Base())
	if err != nil {
		return folder.Absent
	}
	return in.Kind
}

// Verdict says what decides about p, of which g has the rules as [Root.Ignore]
// gives them for the directory of p, and at which entry: p, or the uppermost
// ignored directory above it.
func Verdict(g *folder.Ignore, p folder.Path, isDir bool) (folder.Path, folder.Verdict) {
	for i := range len(p) {
		if p[i] != '/' {
			continue
		}
		if v := g.Decide(p[:i], true); v.Ignored {
			return p[:i], v
		}
	}
	return p, g.Decide(p, isDir)
}

// layerIgnore adds the ignore file of directory d, whose path is p, to base.
func layerIgnore(base *folder.Ignore, d *dir, p folder.Path) (*folder.Ignore, error) {
	text, err := readIgnore(d)
	if err != nil || len(text) == 0 {
		return base, err
	}
	if base == nil {
		base = folder.NewIgnore(nil)
	}
	return base.With(p, text), nil
}

// readIgnore reads the ignore file of d. Nothing there, or something that is no
// regular file, is as good as an empty one: git does not follow such links
// either.
func readIgnore(d *dir) ([]byte, error) {
	in, err := d.stat(IgnoreName)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && in.Kind != folder.File) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f, _, err := d.open(IgnoreName)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(fault.Reader(io.LimitReader(f, MaxIgnoreFile+1)))
	if err == nil && len(text) > MaxIgnoreFile {
		err = fmt.Errorf("%s is larger than %d bytes", IgnoreName, MaxIgnoreFile)
	}
	return text, err
}
