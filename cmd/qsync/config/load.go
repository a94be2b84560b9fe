package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// MaxSize bounds a file, in bytes.
const MaxSize = 1 << 20

// document is the text of a file with its tree.
type document struct {
	text []byte
	src  Source
	root *yaml.Node // nil where the file says nothing
}

// load reads the tree of a text. The tree may still hold anything.
func load(text []byte, src Source) (document, []Problem) {
	if p := unreadable(text); p != nil {
		return document{}, []Problem{*p}
	}
	d := document{text: bytes.Clone(text), src: src}
	nodes, err := documents(d.text)
	switch {
	case err != nil:
		return document{}, []Problem{syntax(d.text, err)}
	case len(nodes) > 1:
		return document{}, []Problem{{nodes[1].Line, nodes[1].Column, "a second YAML document begins here; take the line with --- out"}}
	case len(nodes) == 1 && len(nodes[0].Content) == 1 && !isNull(nodes[0].Content[0]):
		d.root = nodes[0].Content[0]
	}
	return d, nil
}

// documents reads at most two. The library has panicked before on what fuzzing
// made up, and a node that runs must survive an edit of its file.
func documents(text []byte) (nodes []*yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("the structure is broken")
		}
	}()
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithUniqueKeys(false))
	for err == nil && len(nodes) < 2 {
		n := &yaml.Node{}
		if err = loader.Load(n); err == nil {
			nodes = append(nodes, n)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return nodes, err
}

// unreadable returns what keeps a text from being looked at as YAML.
func unreadable(text []byte) *Problem {
	if len(text) > MaxSize {
		return &Problem{Text: fmt.Sprintf("the file has more than %d bytes; this cannot be the settings of qsync", MaxSize)}
	}
	line, column := 1, 1
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		next := byte(0)
		if i+n < len(text) {
			next = text[i+n]
		}
		switch {
		case r == utf8.RuneError && n == 1:
			return &Problem{line, column, "the file is not UTF-8 from here on; save it as UTF-8"}
		case r == '\u0085' || r == '\u2028' || r == '\u2029' || r == '\r' && next != '\n':
			return &Problem{line, column, "an end of line that editors do not show; delete it and press Enter"}
		case r < ' ' && r != '\t' && r != '\n' && r != '\r' || r >= 0x7f && r < 0xa0 || r == '\ufeff' && i > 0:
			return &Problem{line, column, "a character that cannot be seen; delete it"}
		}
		if column++; r == '\n' {
			line, column = line+1, 1
		}
		i += n
	}
	return nil
}

const misplaced = "the indentation does not fit: the keys of one entry, and the dashes of one list, begin in one column"

// sentences say in plain words what the library means. With open, the place is
// where the thing began and not where the library gave up.
var sentences = []struct {
	says string
	open bool
	text string
}{
	{"mapping values are not allowed", false, "a ': ' where none can be: put the value in quotes, or check the indentation and the ':' of the line above"},
	{"unknown escape", false, `a \ between double quotes begins an escape; use single quotes`},
	{"quoted scalar", true, "the quote that opens here is not closed"},
	{"flow sequence", true, "the list that opens here with [ is not closed with ], or lacks a comma"},
	{"flow mapping", true, "what opens here with { is not closed with }, or lacks a comma"},
	{"tab", false, "a tab; indent with spaces"},
	{"simple key", true, "a ':' after the key, with a space after it, is missing"},
	{"node content", false, "a character that no value begins with; put the value in quotes"},
	{"block collection", false, misplaced},
	{"did not find expected key", false, misplaced},
	{"document start", false, misplaced},
	{"unknown anchor", false, "a value that begins with * must stand in quotes"},
	{"depth", false, "too much within one another"},
}

// syntax makes a problem of an error of the library.
func syntax(text []byte, err error) Problem {
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		return Problem{1, 1, "this is no YAML: " + longHex.ReplaceAllString(err.Error(), "(hidden)")}
	}
	p := Problem{at.Mark.Line, at.Mark.Column, ""}
	if column, c := special(text, p.Line); c != 0 {
		p.Column, p.Text = column, fmt.Sprintf("a value that begins with %c must stand in quotes", c)
		return p
	}
	if strings.HasPrefix(strings.TrimLeft(lineOf(text, p.Line), " "), "\t") {
		p.Text = "a tab; indent with spaces"
		return p
	}
	all := at.Message + " " + at.ContextMsg
	for _, s := range sentences {
		if strings.Contains(all, s.says) {
			if s.open && at.ContextMark.Line > 0 {
				p.Line, p.Column = at.ContextMark.Line, at.ContextMark.Column
			}
			p.Text = s.text
			return p
		}
	}
	p.Text = "this is no YAML: " + longHex.ReplaceAllString(all, "(hidden)")
	return p
}

// special returns the character that begins a value of a line, or its key, and
// means something else in YAML, with its column; 0 if there is none. A cron
// expression that begins with * is what people meet it with.
func special(text []byte, line int) (column int, c byte) {
	all := lineOf(text, line)
	for at := 0; at < len(all); {
		s := strings.TrimLeft(all[at:], " [")
		at = len(all) - len(s)
		if s != "" && strings.IndexByte("*&!@%`", s[0]) >= 0 {
			return utf8.RuneCountInString(all[:at]) + 1, s[0]
		}
		if rest, ok := strings.CutPrefix(s, "- "); ok {
			at = len(all) - len(rest)
			continue
		}
		i := strings.Index(s, ": ")
		if i < 0 {
			break
		}
		at += i + 2
	}
	return 0, 0
}

// lineOf returns a line of a text by its number from 1, without its end.
func lineOf(text []byte, line int) string {
	lines := strings.Split(string(text), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	return strings.TrimSuffix(lines[line-1], "\r")
}
