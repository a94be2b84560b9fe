package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// taken is the example with its settings that have no default taken in.
func taken() string {
	text := regexp.MustCompile(`(?m)^( *)#([^ #\n]| +(- |[a-z_]+:|#))`).ReplaceAllString(string(Example()), "$1$2")
	return strings.Replace(text, "64 digits or 24 words", testID, 1)
}

// TestExampleHoldsDefaults: whoever begins with the example begins with the defaults.
func TestExampleHoldsDefaults(t *testing.T) {
	c := parsed(t, string(Example()))
	if ch := Diff(Default(), c); !ch.None() {
		t.Errorf("it changes %+v", ch)
	}
	empty := parsed(t, "")
	if ch := Diff(Default(), empty); !ch.None() {
		t.Errorf("an empty file changes %+v", ch)
	}
	if len(c.Folders) != 0 {
		t.Errorf("it has the folders %v", c.Folders)
	}
	f := DefaultFolder(root("a"))
	next, err := c.AddFolder(f)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(string(Example()), "\nfolders:\n", "\nfolders:\n  - path: "+at("a")+"\n", 1)
	if string(next.Bytes()) != want {
		t.Errorf("with a folder it is\n%s", next.Bytes())
	}
}

// TestExampleHasEveryKey: with all of it taken in it is valid, has every key, and
// shows the default of those that have one.
func TestExampleHasEveryKey(t *testing.T) {
	c, err := Parse([]byte(taken()), testSource)
	if err != nil {
		t.Fatalf("%v\n%s", err, taken())
	}
	for _, k := range nodeKeys {
		section, name, nested := strings.Cut(k.name, ".")
		m := c.doc.root
		if nested {
			m = newEdit(c).section(section)
		} else {
			name = section
		}
		if pairIn(m, name) < 0 {
			t.Errorf("%s is missing", k.name)
		}
	}
	if len(c.Folders) != 3 {
		t.Fatalf("it has %d folders", len(c.Folders))
	}
	for _, k := range folderKeys {
		in := func(i int) bool { return pairIn(newEdit(c).entry(i), k.name) >= 0 }
		if !in(0) && !in(1) && !in(2) {
			t.Errorf("%s is missing", k.name)
		}
	}
	plain := DefaultFolder("")
	for _, name := range []string{"versions", "conflict", "versions_age", "versions_space", "history_age", "every", "paused"} {
		if k, _ := find(folderKeys, name); !equal(k.value(&c.Folders[0]), k.value(&plain)) {
			t.Errorf("%s is shown as %v, and is %v", name, k.value(&c.Folders[0]), k.value(&plain))
		}
	}
}

// TestDocs: docs/config.md has a row for every key, with its default, and no other.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "config.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| ([^|]*) \\|").FindAllStringSubmatch(string(text), -1) {
		rows[m[1]] = m[2]
	}
	check := func(name string, value any) {
		row, ok := rows[name]
		if !ok {
			t.Errorf("%s has no row", name)
		}
		delete(rows, name)
		shown, err := render(value)
		if err != nil {
			t.Fatal(err)
		}
		none := slices.Contains([]string{"''", "[]"}, shown)
		if strings.Contains(row, "`") == none || !none && !strings.Contains(row, "`"+strings.Trim(shown, "'")+"`") {
			t.Errorf("the default of %s is told as %q, and is %s", name, row, shown)
		}
	}
	for _, k := range nodeKeys {
		check(k.name, k.value(Default()))
	}
	plain := DefaultFolder("")
	for _, k := range folderKeys {
		check(k.name, k.value(&plain))
	}
	for name := range rows {
		t.Errorf("there is no key %s", name)
	}
	if !strings.Contains(string(text), "\n"+string(Example())+"```\n") {
		t.Error("the example in it is not the one that the program has")
	}
}
