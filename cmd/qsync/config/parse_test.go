package config

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"qsync/certs"
)

// TestProblems are files that cannot be used, and what is said of them.
func TestProblems(t *testing.T) {
	for text, want := range map[string]string{
		"folders:\n- path: ~/a\n  exlude: [x]\n":   "3:3: unknown key 'exlude' (did you mean 'exclude'?)",
		"folders:\n- path: ~/a\n  max-delete: 5\n": "3:3: unknown key 'max-delete' (did you mean 'max_delete'?)",
		"gadgets: 1\nName: x\n":                    "1:1: unknown key 'gadgets'\nconfig.yaml:2:1: unknown key 'Name' (did you mean 'name'?)",
		"log: {level: info, dais: 3}\n":            "1:20: unknown key 'dais' (did you mean 'days'?)",
		"<<: {a: b}\n":                             "1:1: unknown key '<<'",
		"name: a\nname: b\n":                       "2:1: the key 'name' is there twice, first in line 1",
		"log: info\n":                              "1:6: log takes keys of its own, each on its own line below it: level, file, days, size",
		"log:\n  - a\n":                            "2:3: log takes keys of its own",
		"hello\n":                                  "1:1: keys with values belong here, such as 'name: …'",
		"[a]: b\n":                                 "1:1: a key must be a plain word",
		"folders: ~/a\n":                           "1:10: folders takes a list, each entry of which begins with '- path: …'",
		"folders:\n  path: /a\n":                   "2:3: folders takes a list",
		"folders:\n- /a\n-\n":                      "2:3: keys with values belong here, such as 'path: …'",
		"folders:\n- label: x\n":                   "2:3: this folder has no path: add 'path: /the/directory'",
		"folders:\n- path: ~/a\n- path: ~/a/\n":    "3:3: the folder ",
		"folders:\n- path: ~/a/b/c\n- path: ~/a\n": "2:3: the folder ",
		"folders:\n- path: ~\n- path: x\n":         "2:3: path has no value: give an absolute path, or one that begins with ~/, or take the line out\nconfig.yaml:3:9: path: 'x': give an absolute path",
		"folders:\n- {path: ~/a, id_file: ~/b, id: " + testID + "}\n": "2:15: give id or id_file, not both",
		"name: *zz\n":              "1:7: a value that begins with * must stand in quotes",
		"name: &zz x\n":            "1:7: a value that begins with & is a YAML anchor",
		"name: &a x\nlisten: *a\n": "2:9: a value that begins with * is a YAML alias",
		"name: !!str x\n":          "1:7: a value that begins with ! is a YAML tag",
		"folders:\n- path: ~/a\n  every: */5 * * * *\n":  "3:10: a value that begins with * must stand in quotes",
		"folders:\n- path: ~/a\n  every: @daily\n":       "3:10: a value that begins with @ must stand in quotes",
		"folders:\n- path: ~/a\n  exclude: [a, *.tmp]\n": "3:16: a value that begins with * must stand in quotes",
		"name: %x\n":               "1:7: a value that begins with % must stand in quotes",
		"name: ]\n":                "1:7: a character that no value begins with; put the value in quotes",
		"name: b: c\n":             "1:8: a ': ' where none can be",
		"name: a\n listen: b\n":    "2:8: a ': ' where none can be",
		"name: a\n\tlisten: b\n":   "2:1: a tab; indent with spaces",
		"log:\n\tlevel: info\n":    "2:1: a tab; indent with spaces",
		"name: \"x\nlisten: b\n":   "1:7: the quote that opens here is not closed",
		"name: 'x\nlisten: b\n":    "1:7: the quote that opens here is not closed",
		"name: \"\\q\"\n":          `1:8: a \ between double quotes begins an escape; use single quotes`,
		"name: [a,\n\nlisten: b\n": "1:7: the list that opens here with [ is not closed",
		"{name: a\n":               "1:1: what opens here with { is not closed",
		"folders:\n- path: ~/a\n  mode send\nname: x\n": "3:3: a ':' after the key",
		"- a\nname: c\n": "2:1: the indentation does not fit",
		"folders:\n  - path: ~/a\n - path: ~/b\n":            "3:2: the indentation does not fit",
		"folders:\n - path: ~/a\n   mode: send\n  x: 1\n":    "4:3: the indentation does not fit",
		"name: a\n---\nname: b\n":                            "2:1: a second YAML document begins here",
		"name: \xff\n":                                       "1:7: the file is not UTF-8 from here on",
		"\xff\xfen\x00a\x00":                                 "1:1: the file is not UTF-8",
		"name: é\x01\n":                                      "1:8: a character that cannot be seen",
		"name: a\n# \x1b[31m\n":                              "2:3: a character that cannot be seen",
		"name: a\u2028b\n":                                   "1:8: an end of line that editors do not show",
		"name: a\rlisten: b\n":                               "1:8: an end of line that editors do not show",
		strings.Repeat("[", 20000):                           "too much within one another",
		strings.Repeat(" ", MaxSize+1):                       "config.yaml: the file has more than 1048576 bytes",
		strings.Repeat("- ", 20000):                          "config.yaml:1:",
		"a: &a [x]\n" + strings.Repeat("b: &b [*a,*a]\n", 3): "config.yaml:",
	} {
		c, err := Parse([]byte(text), testSource)
		if err == nil || c != nil {
			t.Errorf("%.60q: no error", text)
			continue
		}
		var p *Problems
		if !errors.As(err, &p) || len(p.List) == 0 || p.Name != "config.yaml" {
			t.Errorf("%.60q: the error is a %T", text, err)
		}
		if !strings.HasPrefix(want, "config.yaml") && want[0] <= '9' {
			want = "config.yaml:" + want
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %.300v\nwant %s", text, err, want)
		}
	}
}

func TestManyProblems(t *testing.T) {
	_, err := Parse([]byte(strings.Repeat("x: 1\n", 50)), testSource)
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxTold+1 || lines[maxTold] != "config.yaml: and 30 more problems" {
		t.Errorf("%d lines, the last: %s", len(lines), lines[len(lines)-1])
	}
}

func TestHomeOfTilde(t *testing.T) {
	for _, text := range []string{"~/a", "~"} {
		if _, err := Parse([]byte("folders:\n- path: '"+text+"'\n"), Source{Name: "c"}); err == nil || !strings.Contains(err.Error(), "no home directory") {
			t.Errorf("%s without a home: %v", text, err)
		}
	}
}

// TestBounded: what could grow by references or depth is refused without growing.
func TestBounded(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("a: &a [x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c < 'l'; c++ {
		bomb.WriteString(string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 9) + "]\n")
	}
	for _, text := range []string{bomb.String(), strings.Repeat("[", MaxSize), strings.Repeat("{a: ", MaxSize/4), strings.Repeat("- ", MaxSize/2), strings.Repeat("a:\n", MaxSize/3),
		strings.Repeat("#\n", MaxSize/2) + "x", "name: " + strings.Repeat("'", MaxSize-10)} {
		if _, err := Parse([]byte(text), testSource); err == nil || len(err.Error()) > 10_000 {
			t.Errorf("%.30q…: %.300v", text, err)
		}
	}
}

// TestErrorsHideIDs writes an ID where it does not belong, in many ways (F107).
func TestErrorsHideIDs(t *testing.T) {
	id, _, err := certs.ParseSyncID(testID)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(id.Words())
	forms := []string{testID, strings.ToUpper(testID), "0x" + testID, testID[:60], testID + "ffff", id.Words(), strings.Join(words, "-"), strings.Join(words[:23], " "),
		testID[:32] + " " + testID[32:], testID[:12] + "-" + testID[12:24] + " " + testID[24:36], "7f3a-1c9e 5b2d-4f60 7182-93a4", testID[:16] + "-" + testID[16:32] + "-" + testID[32:]}
	places := []string{"%", "% x", "%: x", "name: [%]", "listen: %", "discovery: '%'", "log: %", "log: {level: %}", "log: {days: \"%\"}", "log: {%: x}", "folders: %",
		"folders:\n- %", "folders:\n- path: %", "folders:\n- path: ~/a\n  id: '% x'", "folders:\n- path: ~/a\n  id: [%]", "folders:\n- path: ~/a\n  id: {%: %}", "folders:\n- path: ~/a\n  id %",
		"folders:\n- path: ~/a\n  id: %\n  id: %", "folders:\n- path: ~/a\n  id_file: %", "folders:\n- path: ~/a\n  mode: %", "folders:\n- path: ~/a\n  remotes: ['%/']",
		"folders:\n- path: ~/%\n- path: ~/%", "folders:\n- path: ~/a\n  every: '% 1'", "folders:\n- path: ~/a\n  profile: '%/'", "folders:\n- path: ~/a\n  paused: %",
		"*%", "name: *%", "name: &%", "name: !%", "name: &% x\nlisten: *%", "&% a: b", "%%", "'%", "name: '%", "name: \"\\q%\"", "[%", "name: |%", "? %\n: x"}
	for _, place := range places {
		for _, form := range forms {
			text := strings.ReplaceAll(place, "%", form)
			_, err := Parse([]byte(text), testSource)
			if err == nil {
				t.Fatalf("%q is valid", text)
			}
			lower := strings.ToLower(err.Error())
			for i := 0; i+10 <= len(testID); i++ {
				if strings.Contains(strings.Join(parts(lower), ""), testID[i:i+10]) {
					t.Fatalf("%q: %v", text, err)
				}
			}
			for i := 0; i+3 <= len(words); i++ {
				if strings.Contains(strings.Join(parts(lower), " "), strings.Join(words[i:i+3], " ")) {
					t.Fatalf("%q: %v", text, err)
				}
			}
		}
	}
}

func TestIDsAreHidden(t *testing.T) {
	c := parsed(t, "folders:\n- path: ~/a\n  id: "+testID+"\n")
	if c.Folders[0].ID == nil || c.Folders[0].ID.Hex() != testID {
		t.Fatal("the ID is not read")
	}
	for _, err := range []error{
		second(c.SetFolder("~/a", "id_file", "~/b")), second(c.SetFolder("~/a", "id", testID[:63])), second(c.SetFolder("~/a", "mode", testID)),
		second(c.Set(testID, "x")), second(c.SetFolder(root(testID), "mode", "send")), second(c.RemoveFolder(testID)),
	} {
		if err == nil || strings.Contains(err.Error(), testID[:12]) {
			t.Errorf("%v", err)
		}
	}
}

func second(_ *Config, err error) error { return err }

// FuzzParse: any bytes are a file or a list of problems, and a file survives changes.
func FuzzParse(f *testing.F) {
	f.Add([]byte(commented))
	f.Add(Example())
	for _, seed := range []string{"", "folders: []", "log:\n", "{name: x}", "? name\n: x", "folders:\n- path: ~/a\n  remotes: [a, # c\n  b]\n", "name: |\n x\n", "---\nname: x\n...\n", "\ufeffname: 'é'"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text, testSource)
		if err != nil {
			if c != nil || err.Error() == "" {
				t.Fatalf("a configuration with an error, or one without text: %v", err)
			}
			return
		}
		if !bytes.Equal(c.Bytes(), text) {
			t.Fatal("the text is another one")
		}
		for _, change := range []func(*Config) (*Config, error){
			set("name", "it's #1"), set("log.days", 9), set("discovery", nil),
			func(c *Config) (*Config, error) { return c.AddFolder(DefaultFolder(root("fuzz", "folder"))) },
			setFolder(root("fuzz", "folder"), "exclude", []string{"*"}), setFolder(root("fuzz", "folder"), "exclude", nil),
			func(c *Config) (*Config, error) { return c.RemoveFolder(root("fuzz", "folder")) },
		} {
			next, err := change(c)
			if err != nil {
				continue
			}
			if again, err := Parse(next.Bytes(), testSource); err != nil || !Diff(next, again).None() {
				t.Fatalf("%q does not read back: %v", next.Bytes(), err)
			}
			c = next
		}
	})
}

// TestSaysNothing: the bounds of older versions that people were promised where the
// file does not speak of them.
func TestSaysNothing(t *testing.T) {
	f := parsed(t, "folders:\n- path: ~/a\n").Folders[0]
	if f.Versions != 5 || f.VersionsAge != 30*24*time.Hour || f.VersionsSpace != (Space{Percent: 10}) || f.MaxDelete != (Brake{}) {
		t.Errorf("%+v", f)
	}
}
