package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"qsync/folder"
	"qsync/peer"
)

// diffQuery asks how two states of a path, or of two paths, differ.
type diffQuery struct {
	Path []byte       `json:"path"` // of those that have none
	A    contentState `json:"a"`
	B    contentState `json:"b"`
}

// diffAnswer has the lines that differ, with three around them.
type diffAnswer struct {
	Lines     []diffLine `json:"lines"`
	Truncated bool       `json:"truncated"` // only the beginning was compared, or shown
	Binary    bool       `json:"binary"`    // one of the two is no text
	Same      bool       `json:"same"`      // as far as was compared
}

// diffLine is a line of one or, for " ", of both; A and B number it from 1. Where
// the numbers jump, lines that are the same in both are left out.
type diffLine struct {
	Op   string `json:"op"` // " ", "-" or "+"
	Text string `json:"text"`
	A    int    `json:"a,omitempty"`
	B    int    `json:"b,omitempty"`
	Cut  bool   `json:"cut,omitempty"` // the line is longer

	NoEnd bool `json:"no_end,omitempty"` // the last line, without a newline
}

// What is compared, and shown, at most.
const (
	diffBytes = 2 << 20
	diffLines = 20_000
	diffWidth = 2000 // bytes of a line
)

var verbDiff = verb[diffQuery, diffAnswer]{"diff", func(ctx context.Context, f *peer.Folder, q diffQuery) (diffAnswer, error) {
	a := diffAnswer{Lines: []diffLine{}}
	var sides [2][]byte
	for i, s := range []contentState{q.A, q.B} {
		if len(s.Path) == 0 {
			s.Path = q.Path
		}
		text, err := a.side(ctx, f, s)
		if err != nil || a.Binary {
			return a, err
		}
		sides[i] = text
	}
	if a.Same = bytes.Equal(sides[0], sides[1]); a.Same {
		return a, nil
	}
	a.parse(diff.Diff("a", sides[0], "b", sides[1]))
	return a, ctx.Err()
}}

// side reads what is compared of one side.
func (a *diffAnswer) side(ctx context.Context, f *peer.Folder, s contentState) ([]byte, error) {
	c, err := contentOf(ctx, f, s)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	switch c.Kind {
	case folder.Symlink:
		return []byte(c.Target), nil
	case folder.Dir:
		return nil, failf("%s is a directory: only files are compared", quote(string(s.Path)))
	}
	b, err := partOf(c, 0, diffBytes)
	if err != nil {
		return nil, err
	}
	if typeOf(b[:min(len(b), headPart)]) != "text" {
		a.Binary = true
		return nil, nil
	}
	a.Truncated = a.Truncated || int64(len(b)) < c.Size
	if order := wide(b); order != nil {
		b = narrow(b, order)
	}
	n := 0
	for i, x := range b {
		if x != '\n' {
			continue
		}
		if n++; n == diffLines {
			a.Truncated = a.Truncated || i+1 < len(b)
			return b[:i+1], nil
		}
	}
	return b, nil
}

// parse takes the unified form apart.
func (a *diffAnswer) parse(text []byte) {
	x, y, begun := 0, 0, false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "@@ ") {
			var n int
			if _, err := fmt.Sscanf(line, "@@ -%d,%d +%d,%d @@", &x, &n, &y, &n); err == nil {
				begun = true
			}
			continue
		}
		switch {
		case !begun || line == "":
			continue
		case line[0] == '\\':
			a.Lines[len(a.Lines)-1].NoEnd = true
			continue
		}
		if len(a.Lines) == diffLines {
			a.Truncated = true
			return
		}
		l := diffLine{Op: line[:1], Text: line[1:]}
		if len(l.Text) > diffWidth {
			l.Text, l.Cut = string(whole([]byte(l.Text[:diffWidth]))), true
		}
		l.Text = strings.ToValidUTF8(l.Text, "\uFFFD")
		if l.Op != "+" {
			l.A, x = x, x+1
		}
		if l.Op != "-" {
			l.B, y = y, y+1
		}
		a.Lines = append(a.Lines, l)
	}
}
