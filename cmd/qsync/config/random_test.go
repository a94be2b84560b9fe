package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// scribe writes a random file with random comments.
type scribe struct {
	*rapid.T
	strings.Builder
	owner map[string]string // of every comment: the folder in whose entry it is, or ""
	here  string            // the folder that is being written
}

// comment makes one that is there once.
func (s *scribe) comment() string {
	text := fmt.Sprintf("# c%d: 'x' [y] \"", len(s.owner))
	s.owner[text] = s.here
	return text
}

// between writes blank lines and comments of their own.
func (s *scribe) between(indent int) {
	for range rapid.IntRange(0, 2).Draw(s.T, "between") {
		if rapid.Bool().Draw(s.T, "blank") {
			s.WriteString("\n")
		} else {
			s.WriteString(strings.Repeat(" ", indent) + s.comment() + "\n")
		}
	}
}

// end ends a line, perhaps with a comment.
func (s *scribe) end() {
	if rapid.IntRange(0, 2).Draw(s.T, "comment behind") == 0 {
		s.WriteString(rapid.SampledFrom([]string{" ", "   "}).Draw(s.T, "space") + s.comment())
	}
	s.WriteString("\n")
}

// pair writes a key with its value in one of the ways to write it.
func (s *scribe) pair(indent int, name string, value any) {
	deep := strings.Repeat(" ", indent+rapid.IntRange(1, 4).Draw(s.T, "deeper"))
	items, isList := value.([]string)
	s.WriteString(name + ":")
	if !isList {
		text := fmt.Sprint(value)
		styles := []string{" " + s.quoted(value), " " + s.quoted(value), "\n" + deep + s.quoted(value)}
		if _, isText := value.(string); isText {
			styles = append(styles, " >-\n"+deep+text, " |-\n"+deep+text+"\n")
		}
		style := rapid.SampledFrom(styles).Draw(s.T, "style")
		s.WriteString(style)
		if strings.HasPrefix(style, " >") || strings.HasPrefix(style, " |") {
			s.WriteString("\n") // a comment behind would be text
			return
		}
		s.end()
		return
	}
	if rapid.Bool().Draw(s.T, "brackets") || len(items) == 0 {
		s.WriteString(" [")
		for i, item := range items {
			if i > 0 {
				s.WriteString(",")
				if rapid.Bool().Draw(s.T, "break") {
					s.end()
					s.WriteString(deep)
				}
			}
			s.WriteString(s.quoted(item))
		}
		s.WriteString("]")
		s.end()
		return
	}
	s.end()
	for _, item := range items {
		s.between(len(deep))
		s.WriteString(deep + "- " + s.quoted(item))
		s.end()
	}
}

func (s *scribe) quoted(value any) string {
	text, ok := value.(string)
	if !ok {
		return fmt.Sprint(value)
	}
	forms := []string{renderText(text), "'" + strings.ReplaceAll(text, "'", "''") + "'", fmt.Sprintf("%q", text)}
	return rapid.SampledFrom(forms).Draw(s.T, "form")
}

// values draw a value of a setting.
var values = map[string]*rapid.Generator[any]{
	"name": anyOf("a", `say "x" \ y`, `\"`, "b c", "it's # no comment", "x: y", "ü"), "listen": anyOf(":1", "127.0.0.1:9"), "discovery": anyOf(true, false), "transport": anyOf("auto", "quic", "tcp"),
	"log.level": anyOf("debug", "error"), "log.file": anyOf(root("log file"), root("l")), "log.days": anyOf(1, 30), "log.size": anyOf("1MiB", "100000"),
	"web.listen": anyOf("off", "127.0.0.1:1"), "web.password": anyOf(testHash), "web.cert": anyOf(root("c")), "web.key": anyOf(root("k")), "web.names": anyOf([]string{"nas"}, []string{"a.lan", "b.lan"}),
	"id": anyOf(testID), "label": anyOf("one", "two # words", "[x], {y}", "- z"), "profile": anyOf("work", "home"),
	"mode": anyOf("two-way", "send"), "remotes": anyOf([]string{"nas:1"}, []string{"a:1", "b:2", "[::1]:3"}, []string(nil)),
	"exclude": anyOf([]string{"*.tmp"}, []string{"#x", "!y", "a b", "it's"}), "default_ignores": anyOf(true, false), "versions": anyOf(0, 9), "conflict": anyOf("keep-both", "newest"), "versions_age": anyOf("0", "36h", "8d"), "versions_space": anyOf("0", "5%", "20GB"), "history_age": anyOf("0", "1h", "90d"), "max_delete": anyOf("7", "30%"),
	"every": anyOf("live", "1h", "*/5 * * * *", "@daily"), "paused": anyOf(true, false), "id_file": anyOf(root("i")), "to": anyOf(root("other side")),
}

func anyOf(all ...any) *rapid.Generator[any] { return rapid.SampledFrom(all) }

// section writes some keys of a table.
func section[T any](s *scribe, indent int, table []key[T], prefix string) {
	if rapid.Bool().Draw(s.T, "backwards") {
		table = reversed(table)
	}
	for _, k := range table {
		name, ok := strings.CutPrefix(k.name, prefix)
		if !ok || strings.Contains(name, ".") || name == "path" || name == "id_file" || name == "to" || rapid.Bool().Draw(s.T, "without") {
			continue
		}
		s.between(indent)
		s.WriteString(strings.Repeat(" ", indent))
		s.pair(indent, name, values[k.name].Draw(s.T, k.name))
	}
}

func reversed[T any](all []T) []T {
	all = slices.Clone(all)
	slices.Reverse(all)
	return all
}

// write writes a whole file and returns the paths of its folders.
func (s *scribe) write() (paths []string) {
	s.between(0)
	section(s, 0, nodeKeys, "")
	if rapid.Bool().Draw(s.T, "log") {
		s.between(0)
		s.WriteString("log:")
		s.end()
		section(s, 3, nodeKeys, "log.")
	}
	s.between(0)
	if rapid.Bool().Draw(s.T, "no folders") {
		return nil
	}
	s.WriteString("folders:")
	s.end()
	indent := rapid.IntRange(0, 4).Draw(s.T, "indent")
	gap := rapid.IntRange(1, 3).Draw(s.T, "gap")
	for i := range rapid.IntRange(0, 4).Draw(s.T, "folders") {
		s.here = ""
		s.between(indent)
		path := root("f", fmt.Sprint(i))
		s.here = path
		paths = append(paths, path)
		s.WriteString(strings.Repeat(" ", indent) + "-" + strings.Repeat(" ", gap))
		s.pair(indent+gap+1, "path", path)
		section(s, indent+gap+1, folderKeys, "")
	}
	s.here = ""
	s.between(0)
	return paths
}

// TestRandomEdits makes random changes to random files. What a change is not
// about has to stay, every comment included.
func TestRandomEdits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &scribe{T: t, owner: map[string]string{}}
		paths := s.write()
		text := s.String()
		if rapid.Bool().Draw(t, "crlf") {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		if rapid.Bool().Draw(t, "no last line end") {
			text = strings.TrimRight(text, "\r\n")
		}
		c, err := Parse([]byte(text), testSource)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			before := c
			c, paths = randomEdit(t, c, paths)
			for comment, owner := range s.owner {
				if n := strings.Count(string(c.Bytes()), comment); n != 1 && (owner == "" || slices.Contains(paths, owner)) {
					t.Fatalf("%s is there %d times in\n%s\nwhich was\n%s", comment, n, c.Bytes(), before.Bytes())
				}
			}
			if again, err := Parse(c.Bytes(), testSource); err != nil || !Diff(c, again).None() {
				t.Fatalf("it does not read back: %v", err)
			}
		}
	})
}

// randomEdit makes one change and compares all values.
func randomEdit(t *rapid.T, c *Config, paths []string) (*Config, []string) {
	kind := rapid.SampledFrom([]string{"set", "set", "folder", "folder", "folder", "add", "remove"}).Draw(t, "kind")
	if len(paths) == 0 && (kind == "folder" || kind == "remove") {
		kind = "add"
	}
	var next *Config
	var err error
	var name, path string
	var value any
	switch kind {
	case "set":
		name = nodeKeys[rapid.IntRange(0, len(nodeKeys)-1).Draw(t, "key")].name
		value = drawValue(t, name)
		next, err = c.Set(name, value)
	case "folder":
		path = rapid.SampledFrom(paths).Draw(t, "path")
		name = rapid.SampledFrom([]string{"id", "label", "profile", "mode", "remotes", "exclude", "default_ignores", "versions", "conflict", "versions_age", "versions_space", "history_age", "max_delete", "every", "paused"}).Draw(t, "key")
		value = drawValue(t, name)
		next, err = c.SetFolder(path, name, value)
	case "add":
		for i := 0; path == "" || slices.Contains(paths, path); i++ {
			path = root("f", fmt.Sprint("new", i))
		}
		f := DefaultFolder(path)
		f.Label, f.Remotes, f.Paused = "a # b", []string{"h:1"}, true
		next, err = c.AddFolder(f)
		paths = append(slices.Clone(paths), path)
	case "remove":
		path = rapid.SampledFrom(paths).Draw(t, "path")
		next, err = c.RemoveFolder(path)
		paths = slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return p == path })
	}
	if err != nil {
		t.Fatalf("%s %s %s %v: %v\n%s", kind, path, name, value, err, c.Bytes())
	}
	ch := Diff(c, next)
	want := Changes{}
	switch kind {
	case "set":
		want.Node = ch.Node
		if len(ch.Node) > 1 || len(ch.Node) == 1 && ch.Node[0] != name {
			t.Fatalf("setting %s changed %v", name, ch.Node)
		}
		checkValue(t, nodeKeys, name, value, next, Default())
	case "folder":
		want.Changed = ch.Changed
		f, _ := next.Folder(path)
		if len(ch.Changed) > 1 || len(ch.Changed) == 1 && (ch.Changed[0].New.Path != path || !slices.Equal(ch.Changed[0].Keys, []string{name})) {
			t.Fatalf("setting %s of %s changed %v", name, path, ch.Changed)
		}
		plain := DefaultFolder(path)
		checkValue(t, folderKeys, name, value, &f, &plain)
	case "add":
		want.Added = ch.Added
		if len(ch.Added) != 1 || ch.Added[0].Path != path || ch.Added[0].Label != "a # b" {
			t.Fatalf("added %v", ch.Added)
		}
	case "remove":
		want.Removed = ch.Removed
		if len(ch.Removed) != 1 || ch.Removed[0].Path != path {
			t.Fatalf("removed %v", ch.Removed)
		}
	}
	if len(want.Node)+len(want.Changed)+len(want.Added)+len(want.Removed) != len(ch.Node)+len(ch.Changed)+len(ch.Added)+len(ch.Removed) {
		t.Fatalf("%s changed %+v", kind, ch)
	}
	return next, paths
}

func drawValue(t *rapid.T, name string) any {
	if rapid.IntRange(0, 3).Draw(t, "unset") == 0 {
		return nil
	}
	return values[name].Draw(t, "value")
}

// checkValue compares a setting with what it was set to, nil being the default.
func checkValue[T any](t *rapid.T, table []key[T], name string, value any, got, plain *T) {
	k, _ := find(table, name)
	want := value
	if value == nil {
		want = k.value(plain)
	}
	if !equal(k.value(got), want) {
		t.Fatalf("%s is %#v, want %#v", name, k.value(got), want)
	}
}
