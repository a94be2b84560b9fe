package config

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestForm: a form has every key but those that are withheld, with a help text of
// its own, and choices that are the values that the key takes.
func TestForm(t *testing.T) {
	c := parsed(t, "name: x\nfolders:\n- path: ~/a\n  exclude: ['*.tmp']\n  versions: 9\n")
	node, folder := c.Settings(), c.FolderSettings("~/a")
	names := map[string]Setting{}
	for _, s := range slices.Concat(node, folder) {
		names[s.Name] = s
	}
	for _, name := range append(keyNames(nodeKeys), keyNames(folderKeys)...) {
		s, ok := names[name]
		if ok == slices.Contains(withheld, name) {
			t.Errorf("%s: there %v", name, ok)
		}
		if ok && (len(s.Help) < 10 || strings.Contains(s.Help, "#") || strings.Contains(s.Help, "delete the")) {
			t.Errorf("%s: help %q", name, s.Help)
		}
	}
	for _, name := range withheld {
		if !slices.Contains(append(keyNames(nodeKeys), keyNames(folderKeys)...), name) && name != "web.password" {
			t.Errorf("%s is withheld and no key", name)
		}
	}
	for name, want := range map[string]string{
		"name": "How peers see this node", "versions_space": "How long they are kept", "every": "live: at once on every change", "log.days": "A file that has grown",
		"default_ignores": "false: what systems", "discovery": "Search for peers", "remotes": "Peers by name",
	} {
		if !strings.HasPrefix(names[name].Help, want) {
			t.Errorf("%s: help %q", name, names[name].Help)
		}
	}
	if s := names["exclude"]; s.Kind != List || !equal(s.Value, []string{"*.tmp"}) || s.Default.([]string) == nil {
		t.Errorf("exclude: %+v", s)
	}
	if s := names["versions"]; s.Kind != Number || s.Value != 9 || s.Default != 5 {
		t.Errorf("versions: %+v", s)
	}
	for name, all := range choices {
		if names[name].Kind != Choice {
			t.Errorf("%s is %s", name, names[name].Kind)
		}
		cases := nodeCases[name]
		if cases.good == nil {
			cases = folderCases[name]
		}
		for _, v := range all {
			if cases.good[v] != v {
				t.Errorf("%s: %s is no value of it", name, v)
			}
		}
		if len(all) != len(cases.good) {
			t.Errorf("%s has other values than %v", name, all)
		}
	}
	if c.FolderSettings("~/b") != nil {
		t.Error("settings of no folder")
	}
}

func keyNames[T any](table []key[T]) (names []string) {
	for _, k := range table {
		names = append(names, k.name)
	}
	return names
}

const formText = `# mine
name: x # the one
folders:
  # photos
  - path: ~/a # here
    mode: send # for now
    exclude: [a] # old
`

func TestSetAll(t *testing.T) {
	c := parsed(t, formText)
	next, wrong, err := c.SetAll("~/a", map[string]any{
		"mode": "receive", "exclude": []any{"*.tmp", " ", "/b/"}, "versions": float64(7), "paused": true, "label": "pics", "max_delete": float64(50), "every": "10m", "conflict": "keep-both",
	})
	if err != nil || wrong != nil {
		t.Fatal(wrong, err)
	}
	want := `# mine
name: x # the one
folders:
  # photos
  - path: ~/a # here
    mode: receive # for now
    exclude: ['*.tmp', /b/] # old
    every: 10m
    label: pics
    max_delete: 50
    paused: true
    versions: 7
`
	if got := string(next.Bytes()); strings.ReplaceAll(got, "'50'", "50") != want {
		t.Errorf("it is\n%s", got)
	}
	next, wrong, err = c.SetAll("~/a", map[string]any{"mode": nil, "exclude": []any{}, "versions": "", "label": ""})
	if err != nil || wrong != nil || strings.Contains(string(next.Bytes()), "mode") || strings.Contains(string(next.Bytes()), "exclude:") {
		t.Errorf("taken out: %v, %v\n%s", wrong, err, next.Bytes())
	}
	if next, wrong, err = c.SetAll("", map[string]any{"name": "y", "log.level": "debug", "discovery": false}); err != nil || wrong != nil || next.Log.Level != "debug" || next.Name != "y" || next.Discovery {
		t.Errorf("of the node: %v, %v", wrong, err)
	}
	_, wrong, err = c.SetAll("~/a", map[string]any{
		"mode": "both", "versions": 1.5, "exclude": "x", "paused": "yes", "label": "a\nb", "max_delete": "0", "id": testID, "path": "/x", "mod": "send", "every": "5m", "remotes": []any{"a/b"}, "conflict": true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"mode": "'both': give two-way, send", "versions": "give a whole number", "exclude": "give a list", "paused": "give true or false", "label": "one line",
		"max_delete": "'0': give a number of entries", "id": "by hand", "path": "by hand", "mod": "did you mean 'mode'", "remotes": "no path", "conflict": "give a text",
	} {
		if !strings.Contains(wrong[name], text) {
			t.Errorf("%s: %q, want …%s…", name, wrong[name], text)
		}
	}
	if len(wrong) != 11 {
		t.Errorf("%d are wrong: %v", len(wrong), wrong)
	}
	if _, _, err := parsed(t, "folders: [{path: ~/a, mode: send}]\n").SetAll("~/a", map[string]any{"mode": nil}); err != nil && !errors.Is(err, ErrByHand) {
		t.Errorf("in brackets: %v", err)
	}
}
