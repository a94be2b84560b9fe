package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"qsync/folder"
	"qsync/peer"
)

// contentState names one state of a path: a version, a moment, or else how it is.
type contentState struct {
	Path     []byte    `json:"path"`
	Version  int       `json:"version"`
	Replaced time.Time `json:"replaced"` // with version: when the one that is meant was replaced; newer ones shift the numbers
	At       time.Time `json:"at"`
}

// contentQuery asks for a part of what a path holds, or held.
type contentQuery struct {
	contentState
	Offset int64 `json:"offset"` // of text
	Limit  int   `json:"limit"`  // bytes of text, at most maxPart
}

// contentAnswer has text or, of an image, data.
type contentAnswer struct {
	Type      string    `json:"type"` // text, image/png, image/jpeg, image/gif, image/webp, binary, symlink or directory
	Size      int64     `json:"size"`
	MTime     time.Time `json:"mtime"`
	Version   int       `json:"version"`        // which one it is, 0: what is there now
	Path      []byte    `json:"path,omitempty"` // where it is by now
	Truncated bool      `json:"truncated"`      // there is more behind this part
	Offset    int64     `json:"offset"`         // of the part
	Next      int64     `json:"next,omitempty"` // where the next part begins
	Text      string    `json:"text,omitempty"` // or where a symlink points to
	Data      []byte    `json:"data,omitempty"` // of an image
	Lossy     bool      `json:"lossy,omitempty"`
}

const (
	maxPart  = 1 << 20   // of text in an answer
	textPart = 256 << 10 // unless somebody asks for another size
	maxImage = 8 << 20   // larger ones are not shown
	headPart = 8 << 10   // by which it is told what a file is
)

var verbContent = verb[contentQuery, contentAnswer]{"content", func(ctx context.Context, f *peer.Folder, q contentQuery) (contentAnswer, error) {
	c, err := contentOf(ctx, f, q.contentState)
	if err != nil {
		return contentAnswer{}, err
	}
	defer c.Close()
	a := contentAnswer{Size: c.Size, MTime: time.Unix(0, c.MTime).UTC(), Version: c.Number, Path: []byte(c.Path)}
	switch c.Kind {
	case folder.Dir:
		a.Type = "directory"
		return a, nil
	case folder.Symlink:
		a.Type, a.Text = "symlink", c.Target
		return a, nil
	}
	return a, a.read(c, q)
}}

// contentOf opens one state of a path.
func contentOf(ctx context.Context, f *peer.Folder, s contentState) (*peer.Content, error) {
	p, err := pathIn(s.Path, false)
	if err != nil {
		return nil, err
	}
	c, err := f.Content(ctx, peer.ContentQuery{Path: p, Number: s.Version, Seen: s.Replaced, At: s.At})
	if err != nil {
		return nil, lookError(p, err)
	}
	return c, nil
}

// read fills in what the file holds, as far as it is to be shown.
func (a *contentAnswer) read(c *peer.Content, q contentQuery) error {
	head, err := partOf(c, 0, headPart)
	if err != nil {
		return err
	}
	a.Type = typeOf(head)
	switch a.Type {
	case "binary":
		return nil
	case "text":
		return a.readText(c, q, head)
	}
	if a.Size > maxImage {
		a.Type = "binary"
		return nil
	}
	a.Data, err = partOf(c, 0, maxImage)
	return err
}

// partOf reads at most so many bytes.
func partOf(c *peer.Content, offset int64, n int) ([]byte, error) {
	b := make([]byte, min(int64(n), max(c.Size-offset, 0)))
	n, err := c.ReadAt(b, offset)
	if errors.Is(err, io.EOF) {
		err = nil // it has become shorter
	}
	return b[:n], err
}

// typeOf tells by its first bytes what a file is. What a browser could run, as SVG
// and HTML, is text here.
func typeOf(head []byte) string {
	switch t := http.DetectContentType(head); t {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return t
	}
	if wide(head) != nil {
		return "text"
	}
	odd := 0
	for _, c := range head {
		switch {
		case c == 0:
			return "binary"
		case c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b:
			odd++
		}
	}
	if !utf8.Valid(whole(head)) {
		for _, c := range head {
			if c >= utf8.RuneSelf {
				odd++
			}
		}
	}
	if odd*10 > len(head) {
		return "binary"
	}
	return "text"
}

// wide is how the bytes of UTF-16 are ordered, by its mark; nil if it is not that.
func wide(head []byte) binary.ByteOrder {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}) && !bytes.HasPrefix(head, []byte{0xff, 0xfe, 0, 0}):
		return binary.LittleEndian
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return binary.BigEndian
	}
	return nil
}

// whole is b without the beginning of a character at its end.
func whole(b []byte) []byte {
	for i := 1; i <= min(utf8.UTFMax-1, len(b)); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// readText reads the part that is asked for; it ends with a whole character.
func (a *contentAnswer) readText(c *peer.Content, q contentQuery, head []byte) error {
	if q.Limit <= 0 {
		q.Limit = textPart
	}
	order := wide(head)
	a.Offset = min(max(q.Offset, 0), a.Size)
	if order != nil {
		a.Offset &^= 1
	}
	b, err := partOf(c, a.Offset, max(min(q.Limit, maxPart), 8))
	if err != nil {
		return err
	}
	end := a.Offset + int64(len(b))
	if a.Truncated = end < a.Size; a.Truncated && order == nil {
		b = whole(b)
	} else if a.Truncated {
		b = b[:len(b)&^1]
	}
	if end = a.Offset + int64(len(b)); a.Truncated {
		a.Next = end
	}
	if order != nil {
		b = narrow(b, order)
	}
	text := bytes.ToValidUTF8(b, []byte("\uFFFD"))
	a.Lossy = len(text) != len(b) || !bytes.Equal(text, b)
	a.Text = string(text)
	return nil
}

// narrow is UTF-16 in UTF-8.
func narrow(b []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return bytes.TrimPrefix([]byte(string(utf16.Decode(units))), []byte("\uFEFF"))
}
