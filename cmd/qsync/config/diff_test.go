package config

import (
	"slices"
	"testing"
)

func TestDiff(t *testing.T) {
	old := parsed(t, "name: x\nfolders:\n- path: ~/a\n  remotes: [nas]\n- path: ~/b\n- path: ~/c\n  id: "+testID+"\n")
	for _, c := range []struct {
		text                    string
		node                    []string
		restart                 bool
		added, removed, changed int
	}{
		{string(old.Bytes()), nil, false, 0, 0, 0},
		{"# c\nfolders:\n- path: ~/c\n  id: '0x" + testID + "'\n- path: ~/b\n  versions: 5\n- path: ~/a/\n  remotes: nas:2121\nname: x\n", nil, false, 0, 0, 0},
		{"log: {level: debug}\nname: x\n", []string{"log.level"}, false, 0, 3, 0},
		{"folders:\n- path: ~/a\n- path: ~/d\n", []string{"name"}, true, 1, 2, 1},
		{"", []string{"name"}, true, 0, 3, 0},
	} {
		ch := Diff(old, parsed(t, c.text))
		if !slices.Equal(ch.Node, c.node) || ch.Restart() != c.restart || len(ch.Added) != c.added || len(ch.Removed) != c.removed || len(ch.Changed) != c.changed ||
			ch.None() != (len(c.node)+c.added+c.removed+c.changed == 0) {
			t.Errorf("%q: %+v", c.text, ch)
		}
	}
}

// TestEffects has the effect of every key: what a change of it disturbs is a promise.
func TestEffects(t *testing.T) {
	want := map[string]Effect{
		"name": RestartNode, "listen": RestartNode, "discovery": RestartNode, "transport": RestartNode,
		"log.level": AtOnce, "log.file": AtOnce, "log.days": AtOnce, "log.size": AtOnce,
		"web.listen": RestartNode, "web.password": RestartNode, "web.cert": RestartNode, "web.key": RestartNode, "web.names": RestartNode,
		"path": RestartFolder, "id": RestartFolder, "id_file": RestartFolder, "to": RestartFolder, "label": AtOnce, "profile": AtOnce, "mode": RestartFolder, "remotes": RestartFolder,
		"exclude": RestartFolder, "default_ignores": RestartFolder, "versions": RestartFolder, "conflict": RestartFolder, "versions_age": RestartFolder, "versions_space": RestartFolder, "history_age": RestartFolder, "max_delete": RestartFolder, "every": RestartFolder, "paused": AtOnce,
	}
	c, changed := Default(), 0
	for _, k := range nodeKeys {
		value := values[k.name].Filter(func(v any) bool { return !equal(v, k.value(c)) }).Example()
		next, err := c.Set(k.name, value)
		if err != nil {
			t.Fatal(err)
		}
		ch := Diff(c, next)
		if !slices.Equal(ch.Node, []string{k.name}) || ch.Restart() != (want[k.name] == RestartNode) {
			t.Errorf("%s: %+v", k.name, ch)
		}
		changed++
	}
	c, err := c.AddFolder(DefaultFolder(root("a")))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range folderKeys {
		if changed++; k.name == "path" {
			continue
		}
		value := values[k.name].Filter(func(v any) bool { return !equal(v, k.value(&c.Folders[0])) }).Example()
		next, err := c.SetFolder(root("a"), k.name, value)
		if err != nil {
			t.Fatal(err)
		}
		ch := Diff(c, next)
		if len(ch.Changed) != 1 || !slices.Equal(ch.Changed[0].Keys, []string{k.name}) || ch.Changed[0].Restart() != (want[k.name] == RestartFolder) || ch.Restart() {
			t.Errorf("%s: %+v", k.name, ch)
		}
	}
	if changed != len(want) {
		t.Errorf("%d effects for %d keys", len(want), changed)
	}
}
