package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// ErrByHand is what changes fail with where the file is written in a way that
// they cannot change for certain without harm to the rest of it.
var ErrByHand = errors.New("it is written in a way that only a person can change safely; edit it by hand")

// Set returns the configuration with one setting of the node changed, such as
// "name" or "log.level"; nil takes it out of the file, so that its default holds.
// The value is a string, an int, a bool or a []string. Errors are a [*Problems]
// where the value cannot be, and [ErrByHand].
func (c *Config) Set(name string, value any) (*Config, error) {
	if _, ok := find(nodeKeys, name); !ok {
		return nil, c.errorf("there is no setting %s%s", show(name), didYouMean(name, slices.Concat(names(nodeKeys, ""), names(nodeKeys, "log."), names(nodeKeys, "web."))))
	}
	e := newEdit(c)
	e.node = name
	section, last, nested := strings.Cut(name, ".")
	m := c.doc.root
	if !nested {
		last = name
	} else {
		m = e.section(section)
	}
	switch {
	case value == nil && (m == nil || pairIn(m, last) < 0):
		return c, nil
	case nested && m == nil:
		text, err := render(value)
		if err != nil {
			return nil, err
		}
		e.openSection(section, last+": "+text)
	default:
		if err := e.put(m, last, value); err != nil {
			return nil, err
		}
	}
	next, err := e.done()
	if err != nil {
		return nil, err
	}
	if nested {
		m = newEdit(next).section(section)
	} else {
		m = next.doc.root
	}
	return next, c.confirm(m, last, value)
}

// SetFolder returns the configuration with one setting of the folder at a path
// changed, as [Config.Set] does it for the node.
func (c *Config) SetFolder(path, name string, value any) (*Config, error) {
	if _, ok := find(folderKeys, name); !ok {
		return nil, c.errorf("a folder has no setting %s%s", show(name), didYouMean(name, names(folderKeys, "")))
	}
	i := c.index(path)
	if i < 0 {
		return nil, c.errorf("there is no folder %s in it", showPath(path))
	}
	e := newEdit(c)
	e.folder, e.folderKey = i, name
	m := e.entry(i)
	if value == nil && pairIn(m, name) < 0 {
		return c, nil
	}
	if err := e.put(m, name, value); err != nil {
		return nil, err
	}
	next, err := e.done()
	if err != nil {
		return nil, err
	}
	return next, c.confirm(newEdit(next).entry(i), name, value)
}

// AddFolder returns the configuration with an entry more at the end of the list
// of folders. It has the settings of f that are not defaults.
func (c *Config) AddFolder(f Folder) (*Config, error) {
	lines := []string{}
	plain := DefaultFolder("")
	for _, k := range folderKeys {
		if v := k.value(&f); !equal(v, k.value(&plain)) {
			text, err := render(v)
			if err != nil {
				return nil, err
			}
			lines = append(lines, k.name+": "+text)
		}
	}
	return c.addEntry(lines, f)
}

// addEntry adds the lines of an entry, without dash and indentation.
func (c *Config) addEntry(lines []string, f Folder) (*Config, error) {
	e := newEdit(c)
	e.want = append(e.want, f)
	i := pairIn(c.doc.root, foldersKey)
	if i < 0 {
		e.insert(c.doc.root, foldersKey+":"+e.eol+strings.Join(dashed(lines, "  "), e.eol))
		return e.done()
	}
	k, v := c.doc.root.Content[i], c.doc.root.Content[i+1]
	switch {
	case v.Kind == yaml.SequenceNode && v.Style&yaml.FlowStyle == 0:
		e.addLine(e.after(e.l.nodes[v].to, v.Column), dashed(lines, strings.Repeat(" ", v.Column-1)))
	case len(v.Content) == 0: // nothing, null, or []
		colon := e.l.pastColon(e.l.nodes[k].to)
		e.cut(span{colon, max(colon, e.l.nodes[v].to)}, "")
		e.addLine(e.after(max(colon, e.l.nodes[v].to), k.Column), dashed(lines, strings.Repeat(" ", k.Column+1)))
	default:
		return nil, c.byHand(v)
	}
	return e.done()
}

// dashed makes an item of a list of lines.
func dashed(lines []string, indent string) (all []string) {
	for i, line := range lines {
		lead := indent + "  "
		if i == 0 {
			lead = indent + "- "
		}
		if line == "" {
			lead = ""
		}
		all = append(all, lead+line)
	}
	return all
}

// RemoveFolder returns the configuration without the entry of a path. Comments
// within the entry go with it, those above it stay.
func (c *Config) RemoveFolder(path string) (*Config, error) {
	i := c.index(path)
	if i < 0 {
		return nil, c.errorf("there is no folder %s in it", showPath(path))
	}
	e := newEdit(c)
	part, ok := e.entrySpan(i)
	if !ok {
		return nil, c.byHand(e.entry(i))
	}
	e.want = slices.Delete(e.want, i, i+1)
	e.dropped = part
	e.cut(part, "")
	return e.done()
}

func (c *Config) errorf(format string, args ...any) error {
	return &Problems{c.doc.src.Name, []Problem{{Text: fmt.Sprintf(format, args...)}}}
}

// byHand is [ErrByHand] with the place where the trouble is.
func (c *Config) byHand(n *yaml.Node) error {
	return fmt.Errorf("%s:%d: %w", c.doc.src.Name, n.Line, ErrByHand)
}

// confirm checks that a changed value reads back as it was given.
func (c *Config) confirm(m *yaml.Node, name string, value any) error {
	i := pairIn(m, name)
	if value == nil {
		if i >= 0 {
			return c.byHand(m)
		}
		return nil
	}
	if i < 0 {
		return fmt.Errorf("%s: %w", c.doc.src.Name, ErrByHand)
	}
	text, items, isList := given(value)
	v := m.Content[i+1]
	if !isList {
		items = []string{text}
	}
	if got := texts(v); !slices.Equal(got, items) {
		return c.byHand(v)
	}
	return nil
}

// texts are the scalars of a value.
func texts(v *yaml.Node) (all []string) {
	if v.Kind == yaml.ScalarNode {
		return []string{v.Value}
	}
	for _, item := range v.Content {
		all = append(all, item.Value)
	}
	return all
}

// pairIn is where a key stands in the content of a mapping, or -1.
func pairIn(m *yaml.Node, name string) int {
	if m == nil {
		return -1
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == name {
			return i
		}
	}
	return -1
}
