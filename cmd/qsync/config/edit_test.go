package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// commented is a file as people write them.
const commented = `# my machine

name: laptop   # upstairs
log:
  # more than the default
  level: info
  days: 30 # a month

# what is synced
folders:

  # papers first
  - path: ~/Documents   # all of it
    remotes:
      # the box in the cellar
      - nas
      - pi:2222 # the other one
    exclude: ['*.tmp', "#x"] # not these
    # mode: send

  # then pictures
  -   path: /srv/photos
      label: >-
        my
        photos
      versions: 0

# the end
`

func parsed(t testing.TB, text string) *Config {
	t.Helper()
	c, err := Parse([]byte(text), testSource)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestEdits shows what changes do to a file, to the byte: want has pairs of what
// is replaced in it and by what.
func TestEdits(t *testing.T) {
	docs, photos := root("home", "u", "Documents"), root("srv", "photos")
	add := DefaultFolder(root("new one"))
	add.Mode, add.Remotes, add.Every, add.Paused = "send", []string{"a:1", "b:2"}, mustSchedule(t, "*/5 * * * *"), true
	for name, c := range map[string]struct {
		edit func(*Config) (*Config, error)
		want []string
	}{
		"a value":                  {set("name", "desk top"), []string{"name: laptop   #", "name: desk top   #"}},
		"a value in a section":     {set("log.level", "debug"), []string{"level: info", "level: debug"}},
		"a new value in a section": {set("log.size", "1MiB"), []string{"  days: 30 # a month\n", "  days: 30 # a month\n  size: 1MiB\n"}},
		"a new value":              {set("discovery", false), []string{"  days: 30 # a month\n", "  days: 30 # a month\ndiscovery: false\n"}},
		"a value less":             {set("log.days", nil), []string{"  days: 30 # a month\n", "  # a month\n"}},
		"no value less":            {set("listen", nil), nil},
		"a list": {setFolder(docs, "remotes", []string{"nas:2121"}), []string{
			"    remotes:\n      # the box in the cellar\n      - nas\n      - pi:2222 # the other one\n",
			"    # the other one\n    remotes: ['nas:2121']\n      # the box in the cellar\n"}},
		"a list in brackets":         {setFolder("~/Documents", "exclude", []string{"a b", "it's"}), []string{`['*.tmp', "#x"] #`, `[a b, 'it''s'] #`}},
		"a new value of a folder":    {setFolder(docs, "paused", true), []string{"    # mode: send\n", "    # mode: send\n    paused: true\n"}},
		"a value of many lines":      {setFolder(photos, "label", "all"), []string{">-\n        my\n        photos\n", "all\n"}},
		"a value less of many lines": {setFolder(photos, "label", nil), []string{"      label: >-\n        my\n        photos\n", ""}},
		"the path":                   {setFolder(docs, "path", root("else")), []string{"~/Documents  ", renderText(root("else")) + "  "}},
		"a folder less":              {func(c *Config) (*Config, error) { return c.RemoveFolder(docs) }, []string{commented[strings.Index(commented, "  - path: ~"):strings.Index(commented, "\n  # then")], ""}},
		"another folder less":        {func(c *Config) (*Config, error) { return c.RemoveFolder(photos) }, []string{commented[strings.Index(commented, "  -   path"):strings.Index(commented, "\n# the end")], ""}},
		"a folder more": {func(c *Config) (*Config, error) { return c.AddFolder(add) }, []string{"      versions: 0\n", "      versions: 0\n  - path: " + at("new one") +
			"\n    mode: send\n    remotes: ['a:1', 'b:2']\n    every: '*/5 * * * *'\n    paused: true\n"}},
	} {
		text := strings.Replace(commented, "/srv/photos", at("srv", "photos"), 1)
		want := text
		if c.want != nil {
			old := strings.Replace(c.want[0], "/srv/photos", at("srv", "photos"), 1)
			if strings.Count(text, old) != 1 {
				t.Fatalf("%s: %q is there %d times", name, old, strings.Count(text, old))
			}
			want = strings.Replace(text, old, c.want[1], 1)
		}
		for _, eol := range []string{"\n", "\r\n"} {
			before := parsed(t, strings.ReplaceAll(text, "\n", eol))
			after, err := c.edit(before)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got := string(after.Bytes()); got != strings.ReplaceAll(want, "\n", eol) {
				t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
			}
			if string(before.Bytes()) != strings.ReplaceAll(text, "\n", eol) {
				t.Errorf("%s: the old configuration is another one now", name)
			}
		}
	}
}

func set(name string, value any) func(*Config) (*Config, error) {
	return func(c *Config) (*Config, error) { return c.Set(name, value) }
}

func setFolder(path, name string, value any) func(*Config) (*Config, error) {
	return func(c *Config) (*Config, error) { return c.SetFolder(path, name, value) }
}

func mustSchedule(t testing.TB, text string) Schedule {
	t.Helper()
	s, err := ParseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEditForms are files of other forms, and what becomes of them.
func TestEditForms(t *testing.T) {
	folder := func(c *Config) (*Config, error) { return c.AddFolder(DefaultFolder(root("f"))) }
	entry := "- path: " + at("f") + "\n"
	for _, c := range []struct {
		text string
		edit func(*Config) (*Config, error)
		want string
	}{
		{"", set("name", "x"), "name: x\n"},
		{"", set("log.level", "info"), "log:\n  level: info\n"},
		{"", folder, "folders:\n  " + entry},
		{"# only this", folder, "# only this\nfolders:\n  " + entry},
		{"name: x", folder, "name: x\nfolders:\n  " + entry},
		{"\ufeffname: x # c\n", set("name", "z"), "\ufeffname: z # c\n"},
		{"\ufeff# c\n", set("name", "z"), "\ufeff# c\nname: z\n"},
		{"folders: # none\nname: é\n", folder, "folders: # none\n  " + entry + "name: é\n"},
		{"folders: [] # none\n", folder, "folders: # none\n  " + entry},
		{"folders: ~\nname: x\n", folder, "folders:\n  " + entry + "name: x\n"},
		{"folders:\n- path: ~/a\n", folder, "folders:\n- path: ~/a\n" + entry},
		{"folders:\n    -\n        path: ~/a", folder, "folders:\n    -\n        path: ~/a\n    " + entry},
		{"folders:\n- # c\n  path: ~/a\n# d\n", func(c *Config) (*Config, error) { return c.RemoveFolder("~/a") }, "folders:\n# d\n"},
		{"log: {level: info, days: 3} # c\n", set("log.level", "debug"), "log: {level: debug, days: 3} # c\n"},
		{"log: {level: info}\n", set("log.file", "~/a, b"), "log: {level: info, file: '~/a, b'}\n"},
		{"log: {}\n", set("log.days", 3), "log: {days: 3}\n"},
		{"log: # c\nname: x\n", set("log.days", 3), "log: # c\n  days: 3\nname: x\n"},
		{"{name: x, discovery: no}\n", set("name", "z"), "{name: z, discovery: no}\n"},
		{"folders:\n- label: l # c\n  # d\n  path: ~/a\n", setFolder("~/a", "label", nil), "folders:\n  # c\n  # d\n- path: ~/a\n"},
		{"name:\n  x # c\nlisten: :1\n", set("name", "z"), "# c\nname: z\nlisten: :1\n"},
		{"name: |- # c\n  x\n# d\n", set("name", "z"), "# c\nname: z\n# d\n"},
		{"name: a\n b\n", set("name", "z"), "name: z\n"},
		{"name: x\n", set("name", "#y: 'z'"), "name: '#y: ''z'''\n"},
		{"name: x\n", set("name", "tr\u00e9s\u202eno"), "name: \"tr\u00e9s\\u202eno\"\n"},
		{"name: x\n", set("name", "true"), "name: 'true'\n"},
		{"name: x\n", set("name", nil), ""},
		{"name: \"a # b\" # c\n", set("name", "d"), "name: d # c\n"},
		{"name: \"a \\\" # b\" # c\n", set("name", "d"), "name: d # c\n"},
		{"folders: [{path: ~/a, versions: 3}]\n", setFolder("~/a", "versions", 4), "folders: [{path: ~/a, versions: 4}]\n"},
		{"folders:\n  - {path: ~/a} # c\n", setFolder("~/a", "mode", "send"), "folders:\n  - {path: ~/a, mode: send} # c\n"},
		{"folders:\n- path: ~/a\n  remotes: [a, # c\n    b]  # d\n", setFolder("~/a", "remotes", []string{}), "folders:\n- path: ~/a\n  # c\n  remotes: []  # d\n"},
	} {
		after, err := c.edit(parsed(t, c.text))
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
		} else if got := string(after.Bytes()); got != c.want {
			t.Errorf("%q became\n%s, want\n%s", c.text, got, c.want)
		}
	}
}

func TestEditErrors(t *testing.T) {
	folder := func(path string) func(*Config) (*Config, error) {
		return func(c *Config) (*Config, error) { return c.AddFolder(DefaultFolder(path)) }
	}
	for _, c := range []struct {
		text   string
		edit   func(*Config) (*Config, error)
		want   string
		byHand bool
	}{
		{"", set("nam", "x"), "there is no setting 'nam' (did you mean 'name'?)", false},
		{"", set("folders", "x"), "there is no setting 'folders'", false},
		{"", set("log.days", 0), "config.yaml: days: '0': give a whole number from 1 to 3650", false},
		{"", set("name", 1.5), "float64", false},
		{"", setFolder("~/a", "mode", "send"), "there is no folder", false},
		{"", func(c *Config) (*Config, error) { return c.RemoveFolder("a") }, `there is no folder "a"`, false},
		{"folders: [{path: ~/a}]", setFolder("~/a", "mod", "send"), "a folder has no setting 'mod' (did you mean 'mode'?)", false},
		{"folders: [{path: ~/a}]", setFolder("~/a", "mode", "x"), "mode: 'x': give two-way, send, receive, backup or mirror", false},
		{"folders: [{path: ~/a}]", setFolder("~/a", "id", testID[:40]), "id: ", false},
		{"folders: [{path: ~/a}]", setFolder("~/a", "path", nil), "by hand", true},
		{"folders:\n- path: ~/a\n", setFolder("~/a", "path", nil), "by hand", true},
		{"folders:\n- mode: send\n  path: ~/a\n", setFolder("~/a", "path", nil), "has no path", false},
		{"folders: [{path: ~/a}]", folder(root("b")), "config.yaml:1: it is written in a way", true},
		{"folders: [{path: ~/a}]", func(c *Config) (*Config, error) { return c.RemoveFolder("~/a") }, "by hand", true},
		{"folders:\n- path: ~/a\n", folder(root("home", "u", "a")), "is there twice", false},
		{"folders:\n- path: ~/a\n", folder(root("home", "u", "a", "b")), "lies inside the folder", false},
		{"folders:\n- path: ~/a\n", folder("b"), "absolute path", false},
		{"~\n", set("name", "x"), "by hand", true},
		{"---\nname: x\n...\n", folder(root("b")), "", false},
		{"? name\n: x\n", set("name", "z"), "by hand", true},
		{"log: {level: info}", set("log.level", nil), "by hand", true},
	} {
		after, err := c.edit(parsed(t, c.text))
		if c.want == "" {
			if err != nil {
				t.Errorf("%q: %v", c.text, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%q became %q, want an error", c.text, after.Bytes())
			continue
		}
		if !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrByHand) != c.byHand {
			t.Errorf("%q: %v, want …%s…", c.text, err, c.want)
		}
	}
}

// TestEditOfLargeFile changes files as large as they may be, in the forms that
// take longest to measure.
func TestEditOfLargeFile(t *testing.T) {
	items := strings.Repeat("'é', ", MaxSize/7)
	for _, text := range []string{
		"folders:\n- path: ~/a\n  exclude: [" + items + "]\n",
		"folders:\n- path: ~/a\n" + strings.Repeat("  # c\n", MaxSize/7),
		"folders:\n" + strings.Repeat(" ", MaxSize/3) + "- path: ~/a\n",
	} {
		start := time.Now()
		after, err := parsed(t, text).SetFolder("~/a", "mode", "send")
		if took := time.Since(start); err != nil || took > 20*time.Second {
			t.Errorf("%.40q…: %v after %v", text, err, took)
		} else if n := len(after.Bytes()) - len(text); n < 10 {
			t.Errorf("%.40q… grew by %d", text, n)
		}
	}
}

// TestEditsAreChecked: a cut that takes a line, or part of one, which the change
// is not about is given up, whatever it was that went wrong.
func TestEditsAreChecked(t *testing.T) {
	c := parsed(t, strings.Replace(commented, "/srv/photos", at("srv", "photos"), 1))
	for _, line := range newLayout(c.doc).lines {
		e := newEdit(c)
		text := e.l.line(line)
		if strings.TrimSpace(text) == "" {
			continue
		}
		for _, gone := range []span{{line, e.l.lineAfter(line)}, {line + len(text)/2, line + len(text)}} {
			e := newEdit(c)
			e.cut(gone, "")
			if next, err := e.done(); err == nil {
				t.Errorf("%q went and nobody noticed:\n%s", e.l.text[gone.from:gone.to], next.Bytes())
			}
		}
	}
	e := newEdit(c)
	e.cut(span{0, 0}, "listen: :9\n")
	if _, err := e.done(); !errors.Is(err, ErrByHand) {
		t.Errorf("a value came that nobody wanted: %v", err)
	}
	e = newEdit(c)
	e.cut(span{0, 5}, "")
	e.cut(span{3, 8}, "")
	if _, err := e.done(); !errors.Is(err, ErrByHand) {
		t.Errorf("two cuts lie across each other: %v", err)
	}
}
