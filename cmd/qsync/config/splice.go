package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// edit collects the cuts of one change, and what the change may alter.
type edit struct {
	c    *Config
	l    *layout
	eol  string
	cuts []cut

	node      string   // the setting of the node that may differ
	want      []Folder // the folders of the result
	folder    int      // which of them may differ, in folderKey
	folderKey string
	dropped   span // comments in it may go
}

// cut replaces a part of the text.
type cut struct {
	span
	text string
}

func newEdit(c *Config) *edit {
	l := newLayout(c.doc)
	return &edit{c: c, l: l, eol: l.eol(), want: slices.Clone(c.Folders), folder: -1}
}

func (e *edit) cut(s span, text string) { e.cuts = append(e.cuts, cut{s, text}) }

// addLine puts lines where a line begins, or at the end of the text.
func (e *edit) addLine(at int, lines []string) {
	text := strings.Join(lines, e.eol) + e.eol
	if at > 0 && e.l.text[at-1] != '\n' {
		text = e.eol + text
	}
	e.cut(span{at, at}, text)
}

// section is the mapping of a section, nil if it holds nothing.
func (e *edit) section(name string) *yaml.Node {
	i := pairIn(e.c.doc.root, name)
	if i < 0 || e.c.doc.root.Content[i+1].Kind != yaml.MappingNode {
		return nil
	}
	return e.c.doc.root.Content[i+1]
}

// openSection adds the first line of a section.
func (e *edit) openSection(name, line string) {
	root := e.c.doc.root
	i := pairIn(root, name)
	if i < 0 {
		e.insert(root, name+":"+e.eol+"  "+line)
		return
	}
	k, v := root.Content[i], root.Content[i+1]
	colon := e.l.pastColon(e.l.nodes[k].to)
	e.cut(span{colon, max(colon, e.l.nodes[v].to)}, "")
	e.addLine(e.after(max(colon, e.l.nodes[v].to), k.Column), []string{strings.Repeat(" ", k.Column+1) + line})
}

// entry is the mapping of a folder.
func (e *edit) entry(i int) *yaml.Node {
	root := e.c.doc.root
	return root.Content[pairIn(root, foldersKey)+1].Content[i]
}

// entrySpan is the lines of a folder, from its dash to the comments that are
// indented below it. It is not ok where a folder has no lines of its own.
func (e *edit) entrySpan(i int) (s span, ok bool) {
	root := e.c.doc.root
	seq := root.Content[pairIn(root, foldersKey)+1]
	if seq.Style&yaml.FlowStyle != 0 {
		return s, false
	}
	item := seq.Content[i]
	for line := item.Line; line >= seq.Line; line-- {
		if at := e.l.offset(line, seq.Column); at < len(e.l.text) && e.l.text[at] == '-' && strings.TrimSpace(string(e.l.text[e.l.lines[line-1]:at])) == "" {
			return span{e.l.lines[line-1], e.after(e.l.nodes[item].to, seq.Column)}, true
		}
	}
	return s, false
}

// after is where the line begins that follows a value and the comments below it
// that are indented deeper than column.
func (e *edit) after(end, column int) int {
	at := e.l.lineAfter(end)
	for next := at; next < len(e.l.text); {
		line := e.l.line(next)
		rest := strings.TrimLeft(line, " ")
		if rest != "" && !(rest[0] == '#' && len(line)-len(rest) >= column) {
			break
		}
		if next = e.l.lineAfter(next); rest != "" {
			at = next
		}
	}
	return at
}

// put sets a key of a mapping, or takes it out.
func (e *edit) put(m *yaml.Node, name string, value any) error {
	i := pairIn(m, name)
	if value == nil {
		return e.remove(m, i)
	}
	text, err := render(value)
	if err != nil {
		return err
	}
	if i < 0 {
		e.insert(m, name+": "+text)
		return nil
	}
	k, v := m.Content[i], m.Content[i+1]
	where := e.l.nodes[v]
	switch {
	case emptyScalar(v) && where.from == where.to:
		e.cut(where, " "+text)
	case v.Line == k.Line || m.Style&yaml.FlowStyle != 0:
		e.keep(k, where)
		e.cut(where, text)
	default:
		// The value has lines of its own; they go as a whole.
		colon := e.l.pastColon(e.l.nodes[k].to)
		if colon == e.l.nodes[k].to {
			return e.c.byHand(k)
		}
		lines := span{e.l.lineStart(where.from), e.l.lineAfter(where.to)}
		e.keep(k, lines)
		e.cut(span{colon, colon}, " "+text)
		e.cut(lines, "")
	}
	return nil
}

// keep moves the comments of a part that goes onto lines above a key.
func (e *edit) keep(k *yaml.Node, gone span) {
	above := e.l.lineStart(e.l.nodes[k].from)
	for _, comment := range e.l.commentsIn(gone) {
		e.cut(span{above, above}, strings.Repeat(" ", k.Column-1)+comment+e.eol)
	}
}

// remove takes the i-th node of a mapping and its value out.
func (e *edit) remove(m *yaml.Node, i int) error {
	if m.Style&yaml.FlowStyle != 0 {
		return e.c.byHand(m)
	}
	k, v := m.Content[i], m.Content[i+1]
	from := e.l.nodes[k].from
	start := e.l.lineStart(from)
	gone := span{start, e.l.lineAfter(e.l.nodes[v].to)}
	if strings.TrimSpace(string(e.l.text[start:from])) != "" {
		// It shares its line with a dash, which the next key has to take over.
		if i+2 >= len(m.Content) {
			return e.c.byHand(k)
		}
		gone = span{from, e.l.nodes[m.Content[i+2]].from}
	}
	e.keep(k, gone)
	e.cut(gone, "")
	return nil
}

// insert adds a key with its value as the last one of a mapping; in the root
// before the folders, which are long.
func (e *edit) insert(m *yaml.Node, text string) {
	if m == nil {
		e.addLine(len(e.l.text), []string{text})
		return
	}
	end, column := e.l.nodes[m].to, m.Column-1
	if m.Style&yaml.FlowStyle != 0 {
		if len(m.Content) > 0 {
			end, text = e.l.nodes[m.Content[len(m.Content)-1]].to, ", "+text
		} else {
			end--
		}
		e.cut(span{end, end}, text)
		return
	}
	if m == e.c.doc.root {
		column = 1
		if i := pairIn(m, foldersKey); i >= 2 {
			end = e.l.nodes[m.Content[i-1]].to
		}
	}
	e.addLine(e.after(end, column), []string{strings.Repeat(" ", m.Column-1) + text})
}

// done makes the cuts, reads the result and compares it.
func (e *edit) done() (*Config, error) {
	slices.SortStableFunc(e.cuts, func(a, b cut) int { return cmp.Compare(a.from, b.from) })
	var b strings.Builder
	at := 0
	for _, c := range e.cuts {
		if c.from < at {
			return nil, fmt.Errorf("%s: %w", e.c.doc.src.Name, ErrByHand)
		}
		b.Write(e.l.text[at:c.from])
		b.WriteString(c.text)
		at = c.to
	}
	b.Write(e.l.text[at:])
	text := []byte(b.String())
	if _, problems := load(text, e.c.doc.src); problems != nil {
		return nil, fmt.Errorf("%s: %w", e.c.doc.src.Name, ErrByHand)
	}
	next, err := Parse(text, e.c.doc.src)
	if err != nil {
		if p, ok := err.(*Problems); ok {
			for i := range p.List { // the places are those of a file that nobody has seen
				p.List[i].Line, p.List[i].Column = 0, 0
			}
		}
		return nil, err
	}
	if !e.kept(next) {
		return nil, fmt.Errorf("%s: %w", e.c.doc.src.Name, ErrByHand)
	}
	return next, nil
}

// kept reports whether the result has every comment, and every value but those
// that were to change.
func (e *edit) kept(next *Config) bool {
	left := map[string]int{}
	after := newLayout(next.doc)
	for _, text := range after.commentsIn(span{0, len(after.text)}) {
		left[text]++
	}
	for _, text := range slices.Concat(e.l.commentsIn(span{0, e.dropped.from}), e.l.commentsIn(span{e.dropped.to, len(e.l.text)})) {
		if left[text]--; left[text] < 0 {
			return false
		}
	}
	for _, name := range different(nodeKeys, e.c, next) {
		if name != e.node {
			return false
		}
	}
	if len(next.Folders) != len(e.want) {
		return false
	}
	for i := range e.want {
		for _, name := range different(folderKeys, &e.want[i], &next.Folders[i]) {
			if i != e.folder || name != e.folderKey {
				return false
			}
		}
	}
	return true
}
