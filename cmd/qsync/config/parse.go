package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Source says where a text comes from.
type Source struct {
	Name string // of the file, for errors
	Home string // the directory that ~ stands for; "" if there is none
}

// foldersKey is the list of folders, with its own table of keys.
const foldersKey = "folders"

// Parse reads a config.yaml. An error is a [*Problems] that holds everything
// that is wrong with it, in the order of the file. An empty file is valid.
func Parse(text []byte, src Source) (*Config, error) {
	doc, problems := load(text, src)
	if problems != nil {
		return nil, &Problems{src.Name, problems}
	}
	r := &reader{src: src}
	c := Default()
	c.doc = doc
	if doc.root != nil {
		r.plain(doc.root)
		settings(r, doc.root, "", c)
	}
	r.together(c.Folders)
	if len(r.problems) > 0 {
		slices.SortStableFunc(r.problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, &Problems{src.Name, r.problems}
	}
	return c, nil
}

// reader collects the problems of a file.
type reader struct {
	src      Source
	problems []Problem
	entries  []*yaml.Node // of the folders
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, Problem{n.Line, n.Column, fmt.Sprintf(format, args...)})
}

// plain reports what YAML has and this file does not.
func (r *reader) plain(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode:
		r.fail(n, "a value that begins with * is a YAML alias, which is not taken here: put the value in quotes")
	case n.Anchor != "":
		r.fail(n, "a value that begins with & is a YAML anchor, which is not taken here: put the value in quotes")
	case n.Style&yaml.TaggedStyle != 0:
		r.fail(n, "a value that begins with ! is a YAML tag, which is not taken here: put the value in quotes")
	}
	for _, child := range n.Content {
		r.plain(child)
	}
}

// settings reads the keys of the node, or of one section of them.
func settings(r *reader, n *yaml.Node, section string, c *Config) {
	known := names(nodeKeys, section)
	if section == "" {
		known = append(known, foldersKey)
	}
	r.mapping(n, known, func(p pair) {
		name := p.key.Value
		switch k, ok := find(nodeKeys, section+name); {
		case ok:
			r.inKey(p, func(r *reader) { k.read(r, p.value, c) })
		case section == "" && name == foldersKey:
			r.folders(p.value, c)
		case p.value.Kind == yaml.MappingNode:
			settings(r, p.value, section+name+".", c)
		case !isNull(p.value):
			r.fail(p.value, "%s takes keys of its own, each on its own line below it: %s", name, strings.Join(names(nodeKeys, section+name+"."), ", "))
		}
	})
}

// pair is a key of a mapping with its value.
type pair struct{ key, value *yaml.Node }

// mapping calls each for the pairs of a mapping whose key is known.
func (r *reader) mapping(n *yaml.Node, known []string, each func(pair)) {
	if n.Kind != yaml.MappingNode {
		if n.Kind != yaml.AliasNode {
			r.fail(n, "keys with values belong here, such as '%s: …'", known[0])
		}
		return
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch line, twice := first[k.Value]; {
		case k.Kind == yaml.AliasNode: // told by plain
		case k.Kind != yaml.ScalarNode:
			r.fail(k, "a key must be a plain word")
		case twice:
			r.fail(k, "the key %s is there twice, first in line %d", show(k.Value), line)
		case !slices.Contains(known, k.Value):
			r.fail(k, "unknown key %s%s", show(k.Value), didYouMean(k.Value, known))
		default:
			each(pair{k, v})
		}
		if first[k.Value] == 0 {
			first[k.Value] = k.Line
		}
	}
}

// inKey reads a value, and has problems without a text of their own say which
// key they are of. A value that is not there is one.
func (r *reader) inKey(p pair, read func(*reader)) {
	inner := &reader{src: r.src}
	if read(inner); isNull(p.value) && len(inner.problems) > 0 {
		r.fail(p.key, "%s has no value: %s, or take the line out", p.key.Value, inner.problems[0].Text)
		return
	}
	for _, problem := range inner.problems {
		problem.Text = p.key.Value + ": " + problem.Text
		r.problems = append(r.problems, problem)
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// scalar reads a single value.
func scalar[V any](r *reader, n *yaml.Node, to *V, parse func(string) (V, error)) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0: // told by plain
		return
	case n.Kind == yaml.SequenceNode:
		r.fail(n, "give one value and not a list")
		return
	case n.Kind == yaml.MappingNode:
		r.fail(n, "give one value and not keys; a value with ': ' in it needs quotes")
		return
	}
	text := n.Value
	if isNull(n) {
		text = ""
	}
	v, err := parse(text)
	switch _, hidden := any(v).(interface{ Hex() string }); {
	case err == nil:
		*to = v
	case hidden || isNull(n):
		r.fail(n, "%v", err)
	default:
		r.fail(n, "%s: %v", show(text), err)
	}
}

// list reads a list of single values. One value stands for a list of it.
func list[V any](r *reader, n *yaml.Node, to *[]V, parse func(string) (V, error)) {
	items := n.Content
	switch {
	case isNull(n):
		return
	case n.Kind == yaml.ScalarNode:
		items = []*yaml.Node{n}
	case n.Kind == yaml.MappingNode:
		r.fail(n, "give a list: one value a line, each after '- '")
		return
	}
	for _, item := range items {
		if isNull(item) {
			r.fail(item, "an item is empty; one that begins with # or is ~ needs quotes")
			continue
		}
		var v V
		before := len(r.problems)
		if scalar(r, item, &v, parse); len(r.problems) == before && item.Kind == yaml.ScalarNode {
			*to = append(*to, v)
		}
	}
}

// folders reads the list of folders.
func (r *reader) folders(n *yaml.Node, c *Config) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "folders takes a list, each entry of which begins with '- path: …'")
		return
	}
	for _, item := range n.Content {
		f := DefaultFolder("")
		f.Line = item.Line
		at := map[string]*yaml.Node{}
		before := len(r.problems)
		r.mapping(item, names(folderKeys, ""), func(p pair) {
			at[p.key.Value] = p.key
			k, _ := find(folderKeys, p.key.Value)
			r.inKey(p, func(r *reader) { k.read(r, p.value, &f) })
		})
		if at["id"] != nil && at["id_file"] != nil {
			r.fail(at["id_file"], "give id or id_file, not both")
		}
		if at["to"] != nil && len(f.Remotes) > 0 {
			r.fail(at["to"], "give to or remotes, not both: what to names is on this machine")
		}
		if at["to"] != nil && (f.Mode == "receive" || f.Mode == "mirror") {
			r.fail(at["mode"], "with to, path is the one that is read: mode is send (one way), backup or two-way")
		}
		if at["path"] == nil && len(r.problems) == before {
			r.fail(item, "this folder has no path: add 'path: /the/directory'")
		}
		c.Folders = append(c.Folders, f)
		r.entries = append(r.entries, item)
	}
}

// together checks what folders must not do to each other. Paths are compared as
// they are written: what symlinks make of them is seen when they are opened.
func (r *reader) together(folders []Folder) {
	line := map[string]int{}
	for i, f := range folders {
		switch first, twice := line[f.Path]; {
		case f.Path == "":
		case twice:
			r.fail(r.entries[i], "the folder %s is there twice, first in line %d", showPath(f.Path), first)
		default:
			line[f.Path] = f.Line
		}
	}
	for i, f := range folders {
		if first, taken := line[f.To]; f.To != "" && taken {
			r.fail(r.entries[i], "the folder of line %d is what this one has as 'to'; take one of the two out", first)
		} else if f.To != "" {
			line[f.To] = f.Line
		}
	}
	for i, f := range folders {
		r.inside(i, f.Path, line)
		if f.To != "" {
			r.inside(i, f.To, line)
		}
	}
}

// inside reports a directory of entry i that lies inside one of the others.
func (r *reader) inside(i int, path string, line map[string]int) {
	for dir := path; dir != "" && filepath.Dir(dir) != dir; {
		dir = filepath.Dir(dir)
		if outer, ok := line[dir]; ok {
			r.fail(r.entries[i], "the folder %s lies inside the folder of line %d; take one of the two out", showPath(path), outer)
			break
		}
	}
}
