package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kind is what the value of a setting looks like, for a form.
type Kind string

// The kinds.
const (
	Text   Kind = "text"
	List   Kind = "list" // texts
	Bool   Kind = "bool"
	Number Kind = "number" // whole
	Choice Kind = "choice" // one of Setting.Choices, or "" for none where that is the default
)

// Setting is one key, for a form.
type Setting struct {
	Name    string   `json:"name"`
	Kind    Kind     `json:"kind"`
	Choices []string `json:"choices,omitempty"`
	Value   any      `json:"value"` // a string, an int, a bool or a []string
	Default any      `json:"default"`
	Help    string   `json:"help"` // plain sentences
}

// withheld are the keys that no form has: secrets, and what a folder is known by.
// A person changes them in the file.
var withheld = []string{"path", "id", "id_file", "to", "web.password"}

// choices are the values of the keys that have few of them.
var choices = map[string][]string{
	"transport": {"auto", "quic", "tcp"},
	"log.level": {"debug", "info", "warn", "error"},
	"mode":      modeNames(),
	"conflict":  {"keep-both", "newest"},
}

func modeNames() (names []string) {
	for _, m := range modes {
		names = append(names, string(m))
	}
	return names
}

// Settings are those of the node that a form may have.
func (c *Config) Settings() []Setting { return form(nodeKeys, c, Default()) }

// FolderSettings are those of the folder at a path, nil if there is none.
func (c *Config) FolderSettings(path string) []Setting {
	f, ok := c.Folder(path)
	if !ok {
		return nil
	}
	plain := DefaultFolder(f.Path)
	return form(folderKeys, &f, &plain)
}

func form[T any](table []key[T], now, plain *T) (all []Setting) {
	help := helpTexts()
	for _, k := range table {
		if slices.Contains(withheld, k.name) {
			continue
		}
		s := Setting{Name: k.name, Value: k.value(now), Default: k.value(plain), Help: help[k.name], Choices: choices[k.name]}
		switch v := s.Value.(type) {
		case bool:
			s.Kind = Bool
		case int:
			s.Kind = Number
		case []string:
			s.Kind, s.Value = List, append([]string{}, v...) // none is [] for others
			s.Default = append([]string{}, s.Default.([]string)...)
		default:
			s.Kind = Text
		}
		if s.Choices != nil {
			s.Kind = Choice
		}
		all = append(all, s)
	}
	return all
}

// helpTexts are the comments of the example above each key, which may be about
// the keys that follow it without one of their own.
func helpTexts() map[string]string {
	help, section, text, fresh := map[string]string{}, "", "", false
	inFolders := false
	for line := range strings.Lines(string(example)) {
		line = strings.TrimRight(line, "\n")
		if inFolders {
			line = strings.TrimPrefix(line, "#")
			if strings.HasPrefix(line, "  - path:") && text != "" && help["mode"] != "" {
				break // the entries after the first one show nothing new
			}
		}
		plain := strings.TrimSpace(line)
		switch comment, is := strings.CutPrefix(plain, "# "); {
		case is && fresh:
			text += " " + comment
			continue
		case is:
			text, fresh = comment, true
			continue
		}
		fresh = false
		name, value, ok := strings.Cut(strings.TrimPrefix(plain, "#"), ":")
		switch {
		case !ok || strings.ContainsAny(name, " -"):
			continue
		case name == foldersKey:
			inFolders, section = true, ""
			continue
		case value == "":
			section = name + "."
			continue
		case !inFolders && !strings.HasPrefix(line, " "):
			section = ""
		}
		help[section+name] = text
	}
	return help
}

// SetAll returns the configuration with settings of the folder at a path changed,
// or with "" of the node, by name; nil takes one out. Values are as JSON has
// them: texts, numbers, bools and lists of texts. Either all hold or, by what is
// wrong with each that cannot be, none; an error is about all of them.
func (c *Config) SetAll(path string, values map[string]any) (next *Config, wrong map[string]string, err error) {
	next, wrong = c, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		after, err := next.setOne(path, name, values[name])
		var problems *Problems
		switch {
		case errors.As(err, &problems):
			wrong[name] = problems.List[0].about(name)
		case err != nil:
			return nil, nil, err
		default:
			next = after
		}
	}
	if len(wrong) > 0 {
		return nil, wrong, nil
	}
	return next, nil, nil
}

func (c *Config) setOne(path, name string, value any) (*Config, error) {
	var have []Setting
	set := func(v any) (*Config, error) { return c.SetFolder(path, name, v) }
	if path == "" {
		have, set = c.Settings(), func(v any) (*Config, error) { return c.Set(name, v) }
	} else {
		have = c.FolderSettings(path)
	}
	i := slices.IndexFunc(have, func(s Setting) bool { return s.Name == name })
	switch {
	case slices.Contains(withheld, name):
		return nil, c.errorf("it is changed in %s by hand", c.doc.src.Name)
	case i < 0:
		return set(value) // which says what is wrong
	case value == nil:
		return set(nil)
	}
	v, err := have[i].given(value)
	if err != nil {
		return nil, c.errorf("%v", err)
	}
	if v == nil {
		return set(nil)
	}
	if equal(v, have[i].Value) {
		return c, nil
	}
	return set(v)
}

// given is a value of JSON as one of this setting; nil is none.
func (s Setting) given(value any) (any, error) {
	text, isText := value.(string)
	text = strings.TrimSpace(text)
	switch n, isNumber := value.(float64); {
	case s.Kind == List:
		return listOf(value)
	case s.Kind == Bool:
		if b, ok := value.(bool); ok {
			return b, nil
		}
		return nil, errors.New("give true or false")
	case isText && text == "":
		return nil, nil
	case s.Kind == Number && isText:
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, errors.New("give a whole number")
		}
		return n, nil
	case isText:
		return text, nil
	case isNumber && n == math.Trunc(n) && math.Abs(n) < 1<<53 && s.Kind == Number:
		return int(n), nil
	case isNumber && n == math.Trunc(n) && math.Abs(n) < 1<<53:
		return strconv.FormatInt(int64(n), 10), nil // such as a brake
	}
	return nil, fmt.Errorf("give a %s", map[Kind]string{Number: "whole number", Text: "text", Choice: "text"}[s.Kind])
}

// listOf is a list of texts, nil where it has none.
func listOf(value any) (any, error) {
	items, ok := value.([]any)
	all := []string{}
	for _, item := range items {
		text, isText := item.(string)
		ok = ok && isText
		if strings.TrimSpace(text) != "" {
			all = append(all, text)
		}
	}
	if !ok {
		return nil, errors.New("give a list of texts")
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, nil
}

// about is a problem for whoever knows that it is about that key.
func (p Problem) about(name string) string {
	if _, last, ok := strings.Cut(name, "."); ok {
		name = last
	}
	return strings.TrimPrefix(p.Text, name+": ")
}
