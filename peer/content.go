package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"qsync/folder"
	"qsync/folder/disk"
)

// ContentQuery names one state of a path: a version by its number, or how it was
// at a moment, or with neither how it is.
type ContentQuery struct {
	Path   folder.Path
	Number int
	Seen   time.Time // with Number: see [Restoring]
	At     time.Time
}

// Content is what a path holds, or held. Of a file the caller reads it and closes
// it; a directory and a symlink have nothing to read.
type Content struct {
	Kind   folder.Kind
	Size   int64
	MTime  int64       // ns since 1970 UTC
	Target string      // of a symlink, which is never followed
	Number int         // the version that it is, 0: what is there now
	Path   folder.Path // where it is by now, if it has another name

	file interface {
		io.ReaderAt
		io.Closer
	}
}

// ReadAt implements [io.ReaderAt].
func (c *Content) ReadAt(b []byte, off int64) (int, error) {
	if c.file == nil {
		return 0, io.EOF
	}
	return c.file.ReadAt(b, off)
}

// Close implements [io.Closer].
func (c *Content) Close() error {
	if c.file == nil {
		return nil
	}
	return c.file.Close()
}

// ErrLost: it was there, and what it held then is not kept on this machine.
var ErrLost = errors.New("what it held then is not kept on this machine: versions are kept of what sync replaces or removes, not of what is changed here")

// maxMoves bounds how often what is looked for may have been renamed since.
const maxMoves = 16

// Content opens what q names. The error wraps [ErrNoVersion], [ErrLost] or
// fs.ErrNotExist where there is nothing.
func (f *Folder) Content(ctx context.Context, q ContentQuery) (*Content, error) {
	switch {
	case q.Number > 0:
		all, err := f.root.VersionsOf(ctx, q.Path)
		if err != nil {
			return nil, err
		}
		i := numbered(all, q.Number, q.Seen)
		switch {
		case i < 0 && !q.Seen.IsZero():
			return nil, gone(q.Path, q.Seen)
		case i < 0:
			return nil, fmt.Errorf("%w of %s that has number %d", ErrNoVersion, called(q.Path), q.Number)
		}
		q.Number = i + 1
		return f.oldContent(q, &all[i])
	case q.At.IsZero():
		return f.newContent(q.Path)
	}
	return f.contentThen(ctx, q)
}

// contentThen opens what a path held at a moment, wherever that is now.
func (f *Folder) contentThen(ctx context.Context, q ContentQuery) (*Content, error) {
	for range maxMoves {
		w, err := f.pastOf(ctx, q.At, func(p folder.Path) bool { return p == q.Path })
		if err != nil {
			return nil, err
		}
		now, err := f.root.Look(q.Path)
		if err != nil {
			return nil, err
		}
		older, err := f.root.VersionsOf(ctx, q.Path)
		if err != nil {
			return nil, err
		}
		t := w.was(q.Path, now.Value, older)
		switch {
		case t.lost:
			return nil, fmt.Errorf("%s: %w", called(q.Path), ErrLost)
		case t.kind == folder.Absent:
			return nil, fmt.Errorf("%s was not there then: %w", called(q.Path), fs.ErrNotExist)
		case t.version != nil:
			q.Number = t.number
			return f.oldContent(q, t.version)
		case t.moved != "":
			q.Path, q.At = t.moved, t.when
		case t.kind == folder.Dir:
			return &Content{Kind: folder.Dir, MTime: t.mtime}, nil
		default:
			return f.newContent(q.Path)
		}
	}
	return nil, fmt.Errorf("%s: %w", called(q.Path), ErrLost)
}

func (f *Folder) oldContent(q ContentQuery, v *disk.Version) (*Content, error) {
	c := &Content{Kind: v.Kind, Size: v.Size, MTime: v.MTime, Target: v.Target, Number: q.Number, Path: q.Path}
	if v.Kind != folder.File {
		return c, nil
	}
	file, err := f.root.OpenVersion(*v)
	if err != nil {
		return nil, err
	}
	c.file = file
	return c, nil
}

func (f *Folder) newContent(p folder.Path) (*Content, error) {
	now, err := f.root.Look(p)
	if err != nil {
		return nil, err
	}
	c := &Content{Kind: now.Value.Kind, MTime: now.Value.MTime, Target: now.Value.Target, Path: p}
	switch c.Kind {
	case folder.Absent:
		return nil, fmt.Errorf("%s is not there: %w", called(p), fs.ErrNotExist)
	case folder.File:
		file, v, err := f.root.OpenNow(p)
		if err != nil {
			return nil, err
		}
		c.file, c.Size, c.MTime = file, v.Size, v.MTime
	}
	return c, nil
}
