package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"qsync/cmd/qsync/config"
)

const settled = `# all of mine
name: x # of mine

folders:
  # what I need
  - path: %s # here
    mode: two-way # for now
    versions: 3
`

func settledSession(t *testing.T) (acting, string) {
	dir := t.TempDir()
	return actingSession(t, strings.Replace(settled, "%s", dir, 1)), dir
}

func TestSettingsByRequest(t *testing.T) {
	a, dir := settledSession(t)
	form := func(dir string) map[string]config.Setting {
		var got settingsAnswer
		get(t, a.handler, "/v1/settings?folder="+dir, &got)
		if got.Code != 0 || got.File != a.home.configPath() {
			t.Fatalf("%+v", got)
		}
		all := map[string]config.Setting{}
		for _, s := range got.Keys {
			all[s.Name] = s
		}
		return all
	}
	if s := form(dir); s["mode"].Value != "two-way" || s["versions"].Value != 3.0 || s["versions"].Help == "" || len(s["mode"].Choices) != 5 || s["id"].Name != "" {
		t.Errorf("%+v", s)
	}
	if s := form(""); s["name"].Value != "x" || s["log.level"].Default != "warn" {
		t.Errorf("%+v", s)
	}
	a.works(t, "/v1/settings", setQuery{dir, map[string]any{"mode": "send", "exclude": []string{"*.tmp", "/cache/"}, "versions": nil, "every": "10m"}})
	a.confHas(t, "# all of mine\nname: x # of mine\n\nfolders:\n  # what I need\n  - path: "+dir+" # here\n    mode: send # for now\n", "exclude: ['*.tmp', /cache/]", "every: 10m")
	if m := a.folders.running(); len(m) != 1 || m[0].mode() != "send" {
		t.Error("it does not run as it was set")
	}
	rules := []any{`end\ `, " front", `\#no comment`, "a  b"} // in git's words each blank of these counts
	a.works(t, "/v1/settings", setQuery{dir, map[string]any{"exclude": rules}})
	if s := form(dir); fmt.Sprintf("%q", s["exclude"].Value) != fmt.Sprintf("%q", rules) {
		t.Errorf("rules %q came back as %q", rules, s["exclude"].Value)
	}
	a.works(t, "/v1/settings", setQuery{"", map[string]any{"log.level": "debug"}})
	a.confHas(t, "level: debug")

	for _, c := range []struct {
		set  map[string]any
		want map[string]string
	}{
		{map[string]any{"mode": "both", "versions": 7}, map[string]string{"mode": "give two-way"}},
		{map[string]any{"versions": -1, "every": "never", "label": "fine"}, map[string]string{"versions": "0 to 1000000", "every": "give live"}},
		{map[string]any{"id": someInvitation(t).id.Hex(), "path": "/", "to": "/"}, map[string]string{"id": "by hand", "path": "by hand", "to": "by hand"}},
		{map[string]any{"conflict": "newest", "versions": 0}, nil},
	} {
		a.fails(t, "/v1/settings", setQuery{dir, c.set}, "")
		var got setAnswer
		if err := json.Unmarshal([]byte(a.post("/v1/settings", setQuery{dir, c.set}).text), &got); err != nil || len(got.Problems) != len(c.want) {
			t.Errorf("%v: %+v, %v", c.set, got, err)
		}
		for key, text := range c.want {
			if !strings.Contains(got.Problems[key], text) {
				t.Errorf("%s: %q, want …%s…", key, got.Problems[key], text)
			}
		}
	}
	a.fails(t, "/v1/settings", setQuery{dir + "x", map[string]any{"mode": "send"}}, "'qsync folders'")
	var none settingsAnswer
	if get(t, a.handler, "/v1/settings?folder=/nowhere", &none); none.Code == 0 || none.Keys == nil {
		t.Errorf("%+v", none)
	}
}

// TestSettingsThatWouldEndThePage are refused: who sets them by the page could not
// take them back there.
func TestSettingsThatWouldEndThePage(t *testing.T) {
	a, _ := settledSession(t)
	lost := filepath.Join(t.TempDir(), "lost.pem")
	for _, c := range []struct {
		set  map[string]any
		want string
	}{
		{map[string]any{"web.listen": "0.0.0.0:7555"}, "web.cert, web.key and web.password"},
		{map[string]any{"web.listen": ":7555"}, "web.cert, web.key and web.password"},
		{map[string]any{"web.listen": "[::]:7555", "web.names": []string{"nas"}}, "web.cert, web.key and web.password"},
		{map[string]any{"web.cert": lost}, "go together"},
		{map[string]any{"web.cert": lost, "web.key": lost}, "no such file"},
	} {
		before, _ := os.ReadFile(a.home.configPath())
		var got setAnswer
		if err := json.Unmarshal([]byte(a.post("/v1/settings", setQuery{"", c.set}).text), &got); err != nil || got.Code == 0 || len(got.Problems) != 1 || !strings.Contains(fmt.Sprint(got.Problems), c.want) {
			t.Errorf("%v: %+v, %v", c.set, got, err)
		}
		if after, _ := os.ReadFile(a.home.configPath()); string(after) != string(before) {
			t.Errorf("%v: config.yaml is\n%s", c.set, after)
		}
	}
	a.works(t, "/v1/settings", setQuery{"", map[string]any{"log.level": "debug"}})
	a.works(t, "/v1/settings", setQuery{"", map[string]any{"web.listen": "127.0.0.1:7556", "web.names": []string{"nas"}}})
	a.works(t, "/v1/settings", setQuery{"", map[string]any{"web.listen": "off"}})
}

// TestSettingsTwiceAtOnce: of two forms that are sent at once, both hold.
func TestSettingsTwiceAtOnce(t *testing.T) {
	a, dir := settledSession(t)
	var all sync.WaitGroup
	for _, set := range []map[string]any{{"label": "pics"}, {"mode": "send"}, {"versions": 8}, {"max_delete": "7"}} {
		all.Go(func() { a.works(t, "/v1/settings", setQuery{dir, set}) })
	}
	all.Wait()
	a.confHas(t, "label: pics", "mode: send # for now", "versions: 8", "max_delete: '7'")
}

// TestBrokenConfigByRequest: a file that a person broke is not touched.
func TestBrokenConfigByRequest(t *testing.T) {
	a, dir := settledSession(t)
	if err := os.WriteFile(a.home.configPath(), []byte("name: [x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.fails(t, "/v1/settings", setQuery{dir, map[string]any{"mode": "send"}}, "is not closed with ]")
	a.fails(t, "/v1/share", shareQuery{Dir: t.TempDir()}, "is not closed with ]")
	a.fails(t, "/v1/forget", dirQuery{dir}, "is not closed with ]")
	var got settingsAnswer
	if get(t, a.handler, "/v1/settings", &got); len(got.Problems) != 1 || got.Code != 2 {
		t.Errorf("%+v", got)
	}
}

func TestProfilesByRequest(t *testing.T) {
	a, dir := settledSession(t)
	list := func() (got profilesAnswer) {
		get(t, a.handler, "/v1/profiles", &got)
		return got
	}
	if got := list(); got.Profiles == nil || got.Files == nil || len(got.Profiles)+len(got.Files) != 0 {
		t.Errorf("%+v", got)
	}
	a.works(t, "/v1/profiles/create", profileQuery{Name: "work", Folders: []string{dir}})
	a.works(t, "/v1/profiles/save", profileQuery{Name: "work"})
	if got := list(); len(got.Profiles) != 1 || got.Profiles[0].State != "running" || !slices.Equal(got.Profiles[0].Folders, []string{dir}) || !slices.Equal(got.Files, []string{"work"}) {
		t.Errorf("%+v", got)
	}
	a.works(t, "/v1/profiles/stop", profileQuery{Name: "work"})
	if got := list(); got.Profiles[0].State != "paused" {
		t.Errorf("%+v", got)
	}
	a.works(t, "/v1/profiles/start", profileQuery{Name: "work"})
	a.works(t, "/v1/profiles/delete", profileQuery{Name: "work"})
	a.confHas(t, dir+" # here")
	a.works(t, "/v1/forget", dirQuery{dir})
	a.fails(t, "/v1/profiles/load", profileQuery{Name: "work"}, "the sync ID of "+dir+" is not known here any more")
	if got := list(); len(got.Profiles) != 0 {
		t.Errorf("%+v", got)
	}
	a.works(t, "/v1/share", shareQuery{Dir: dir})
	a.works(t, "/v1/profiles/load", profileQuery{Name: "work"})
	a.confHas(t, "profile: work")
	if got := list(); len(got.Profiles) != 1 || got.Profiles[0].State != "running" {
		t.Errorf("%+v", got)
	}
	a.works(t, "/v1/profiles/remove", profileQuery{Name: "work"})
	if got := list(); len(got.Files) != 0 {
		t.Errorf("%+v", got)
	}
	secret := filepath.Join(a.home.dir, "device")
	for _, name := range []string{"", "..", "../device", "a/b", `a\b`, ".x", secret, "work\x00", strings.Repeat("x", 65)} {
		for _, do := range []string{"create", "save", "load", "delete", "remove", "start", "stop"} {
			a.fails(t, "/v1/profiles/"+do, profileQuery{Name: name}, "give a name of")
		}
	}
	for _, do := range []string{"save", "load", "delete", "remove", "start", "stop"} {
		a.fails(t, "/v1/profiles/"+do, profileQuery{Name: "nothing"}, "")
	}
	a.fails(t, "/v1/profiles/create", profileQuery{Name: "x", Folders: []string{"/nowhere"}}, "'qsync folders'")
	if err := os.MkdirAll(a.home.profileDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.home.profilePath("work"), []byte("my letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, do := range []string{"save", "load", "remove"} { // no profile: not replaced, not removed
		a.fails(t, "/v1/profiles/"+do, profileQuery{Name: "work"}, "")
	}
	if b, err := os.ReadFile(a.home.profilePath("work")); string(b) != "my letter" {
		t.Error(string(b), err)
	}
}
