package config

import (
	"bytes"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// span is a part of a text, from its first byte to the one after its last.
type span struct{ from, to int }

// layout knows where the nodes and the comments of a text stand. The library
// tells where a node begins; where it ends follows from its style.
type layout struct {
	text     []byte
	lines    []int // where each line begins
	nodes    map[*yaml.Node]span
	scalars  []span // what cannot hold a comment, in order
	comments []span
	last     place
}

// place is a line and a column with the byte that stands there.
type place struct{ line, column, at int }

func newLayout(d document) *layout {
	l := &layout{text: d.text, lines: []int{0}, nodes: map[*yaml.Node]span{}}
	for i, b := range d.text {
		if b == '\n' {
			l.lines = append(l.lines, i+1)
		}
	}
	if d.root != nil {
		l.measure(d.root, -1)
	}
	l.findComments()
	return l
}

// offset is where a place stands; columns count characters. Nodes come in the
// order of the text, so it goes on from the place before: a line may be long.
func (l *layout) offset(line, column int) int {
	if line < 1 || line > len(l.lines) {
		return len(l.text)
	}
	if line != l.last.line || column < l.last.column {
		l.last = place{line, 1, l.lines[line-1]}
		if line == 1 && bytes.HasPrefix(l.text, []byte("\ufeff")) {
			l.last.at += len("\ufeff")
		}
	}
	for ; l.last.column < column; l.last.column++ {
		_, n := utf8.DecodeRune(l.text[l.last.at:])
		l.last.at += n
	}
	return l.last.at
}

// measure notes where a node and all below it stand, and returns where it ends.
// A block scalar ends where the text is indented no more than outer.
func (l *layout) measure(n *yaml.Node, outer int) int {
	from := l.offset(n.Line, n.Column)
	to := from
	switch {
	case n.Kind == yaml.ScalarNode:
		to = l.scalarEnd(n, from, outer)
	case n.Style&yaml.FlowStyle != 0:
		to = from + 1
		for _, child := range n.Content {
			to = max(to, l.measure(child, outer))
		}
		to = l.closing(to)
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			end := l.measure(n.Content[i], n.Column-1)
			if v := n.Content[i+1]; emptyScalar(v) {
				to = l.pastColon(end)
				l.nodes[v] = span{to, to}
			} else {
				to = l.measure(v, n.Column-1)
			}
		}
	default:
		for _, child := range n.Content {
			to = max(to, l.measure(child, n.Column-1))
		}
	}
	l.nodes[n] = span{from, to}
	return to
}

// emptyScalar reports whether a node stands for a value that is not there.
func emptyScalar(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
}

// pastColon is behind the colon that follows a key.
func (l *layout) pastColon(at int) int {
	for i := at; i < len(l.text) && l.text[i] != '\n'; i++ {
		if l.text[i] == ':' {
			return i + 1
		}
	}
	return at
}

func (l *layout) scalarEnd(n *yaml.Node, from, outer int) int {
	to := from
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return l.blockEnd(from, outer)
	case n.Style&yaml.DoubleQuotedStyle != 0:
		for to = from + 1; to < len(l.text) && l.text[to] != '"'; to++ {
			if l.text[to] == '\\' {
				to++
			}
		}
		to++
	case n.Style&yaml.SingleQuotedStyle != 0:
		for to = from + 1; to < len(l.text); to++ {
			if l.text[to] == '\'' {
				if to+1 < len(l.text) && l.text[to+1] == '\'' {
					to++
					continue
				}
				break
			}
		}
		to++
	default:
		// A plain scalar has no escapes: its value is its text but for the
		// spaces and line ends, over any number of lines.
		for _, r := range n.Value {
			if unicode.IsSpace(r) {
				continue
			}
			for to < len(l.text) && strings.IndexByte(" \t\r\n", l.text[to]) >= 0 {
				to++
			}
			to += utf8.RuneLen(r)
		}
	}
	to = min(to, len(l.text))
	l.scalars = append(l.scalars, span{from, to})
	return to
}

// blockEnd is the end of a scalar that begins with | or >. Its first line may
// carry a comment.
func (l *layout) blockEnd(from, outer int) int {
	to := from
	for to < len(l.text) && strings.IndexByte("|>+-0123456789", l.text[to]) >= 0 {
		to++
	}
	l.scalars = append(l.scalars, span{from, to})
	first, indent := l.lineAfter(to), -1
	for at := first; at < len(l.text); at = l.lineAfter(at) {
		line := l.line(at)
		deep := len(line) - len(strings.TrimLeft(line, " "))
		if strings.TrimSpace(line) == "" {
			continue
		}
		if indent < 0 {
			indent = max(deep, outer+1)
		}
		if deep < indent {
			break
		}
		to = at + len(line)
	}
	if to > first {
		l.scalars = append(l.scalars, span{first, to})
	}
	return to
}

// closing is behind the bracket that closes a collection whose last item ends at at.
func (l *layout) closing(at int) int {
	for i := at; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == ']' || c == '}':
			return i + 1
		case c == '#' && (i == 0 || strings.IndexByte(" \t\n", l.text[i-1]) >= 0):
			i += len(l.line(i)) - 1
		}
	}
	return len(l.text)
}

// line is the text from a place to the end of its line.
func (l *layout) line(at int) string {
	line, _, _ := bytes.Cut(l.text[at:], []byte("\n"))
	return strings.TrimSuffix(string(line), "\r")
}

// lineStart is where the line of a place begins.
func (l *layout) lineStart(at int) int { return bytes.LastIndexByte(l.text[:at], '\n') + 1 }

// lineAfter is where the next line begins, or the end of the text.
func (l *layout) lineAfter(at int) int {
	if i := bytes.IndexByte(l.text[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(l.text)
}

// findComments notes every # that begins a comment.
func (l *layout) findComments() {
	sort.Slice(l.scalars, func(i, j int) bool { return l.scalars[i].from < l.scalars[j].from })
	next := 0
	for i := 0; i < len(l.text); i++ {
		for next < len(l.scalars) && l.scalars[next].to <= i {
			next++
		}
		if next < len(l.scalars) && i >= l.scalars[next].from {
			i = l.scalars[next].to - 1
			continue
		}
		if l.text[i] == '#' && (i == 0 || strings.IndexByte(" \t\n", l.text[i-1]) >= 0 || i == len("\ufeff") && l.offset(1, 1) == i) {
			to := i + len(l.line(i))
			l.comments = append(l.comments, span{i, to})
			i = to - 1
		}
	}
}

// commentsIn are the texts of the comments that begin within s.
func (l *layout) commentsIn(s span) (all []string) {
	for _, c := range l.comments {
		if c.from >= s.from && c.from < s.to {
			all = append(all, strings.TrimRight(string(l.text[c.from:c.to]), " \t"))
		}
	}
	return all
}

// eol is how lines of the text end.
func (l *layout) eol() string {
	if bytes.Contains(l.text, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}
