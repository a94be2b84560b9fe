package main

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	"qsync/cmd/qsync/config"
	"qsync/web"
)

// settingsAnswer is a form of settings. Problems are those of a config.yaml that
// is not in force; a form cannot be filled in then.
type settingsAnswer struct {
	waitAnswer
	Keys     []config.Setting `json:"keys"`
	File     string           `json:"file"`
	Problems []string         `json:"problems"`
}

// settings shows what config.yaml says of the folder in the query, or of the node.
func (c *control) settings(w http.ResponseWriter, r *http.Request) {
	a := settingsAnswer{Keys: []config.Setting{}, File: c.home.configPath(), Problems: []string{}}
	conf, err := c.home.config()
	if err != nil {
		a.Problems = append(a.Problems, explain(err))
		a.waitAnswer = outcomeOf(err)
		answer(w, a)
		return
	}
	if dir := r.URL.Query().Get("folder"); dir == "" {
		a.Keys = conf.Settings()
	} else if f, err := findFolder(conf, dir); err != nil {
		a.waitAnswer = outcomeOf(admin{c.home, c}.byHandOnly(dir, err))
	} else {
		a.Keys = conf.FolderSettings(f.Path)
	}
	answer(w, a)
}

// setQuery asks to change settings of a folder, or with "" of the node.
type setQuery struct {
	Folder string         `json:"folder"`
	Set    map[string]any `json:"set"` // null takes one out, so that its default holds
}

// setAnswer says what cannot be, by key; then nothing was changed.
type setAnswer struct {
	waitAnswer
	Problems map[string]string `json:"problems"`
}

// set writes settings into config.yaml, all or none, and has them hold.
func (c *control) set(w http.ResponseWriter, r *http.Request) {
	var q setQuery
	if !decode(w, r, &q) || !c.turn(w, r) {
		return
	}
	defer c.turns.doing.Unlock()
	wrong, err := admin{c.home, c}.setAll(q)
	a := setAnswer{outcomeOf(err), wrong}
	if a.Problems == nil {
		a.Problems = map[string]string{}
	}
	answer(w, a)
}

func (a admin) setAll(q setQuery) (wrong map[string]string, err error) {
	err = a.change(func(c *config.Config) (next *config.Config, err error) {
		path := ""
		if q.Folder != "" {
			f, err := findFolder(c, q.Folder)
			if err != nil {
				return nil, a.byHandOnly(q.Folder, err)
			}
			path = f.Path
		}
		if next, wrong, err = c.SetAll(path, q.Set); err != nil {
			return nil, err
		}
		if path == "" && len(wrong) == 0 {
			wrong = endsPage(next.Web, q.Set)
		}
		if len(wrong) > 0 {
			return nil, usagef("nothing was changed: %s", wrongText(wrong))
		}
		if f, ok := next.Folder(path); ok {
			err = fits(f)
		}
		return next, err
	})
	if err != nil {
		return wrong, err
	}
	return nil, a.applyAll(applyRequest{Folder: q.Folder})
}

// endsPage says by key with which of these settings the page could not be served.
// Whoever changes them by the page could not take that back there.
func endsPage(c config.Web, set map[string]any) map[string]string {
	about := slices.DeleteFunc(slices.Sorted(maps.Keys(set)), func(name string) bool { return !strings.HasPrefix(name, "web.") })
	if len(about) == 0 {
		return nil
	}
	secure := c.Cert != "" || c.Key != ""
	if secure && (c.Cert == "" || c.Key == "") {
		return map[string]string{about[0]: "web.cert and web.key go together: give both, or neither"}
	}
	if secure {
		if _, err := tls.LoadX509KeyPair(c.Cert, c.Key); err != nil {
			return map[string]string{about[0]: fmt.Sprintf("the page cannot be served with this certificate and key: %v", reason(err))}
		}
	}
	if c.Listen == config.WebOff || c.Listen == config.WebAuto {
		return nil
	}
	at, err := net.ResolveTCPAddr("tcp", c.Listen)
	if err != nil {
		return map[string]string{about[0]: fmt.Sprintf("the page cannot listen on %s: %v", c.Listen, err)}
	}
	if !at.IP.IsLoopback() && (!secure || c.Password == "") {
		return map[string]string{about[0]: web.ErrExposed.Error() + ": set these first ('qsync config password' writes the password)"}
	}
	return nil
}

// wrongText says how many settings cannot be, or of one which and why.
func wrongText(wrong map[string]string) string {
	for name, text := range wrong {
		if len(wrong) == 1 {
			return quote(name) + ": " + text
		}
	}
	return fmt.Sprintf("%d settings cannot be as they are given", len(wrong))
}

// profilesAnswer are the profiles of config.yaml, and those that have a file.
type profilesAnswer struct {
	waitAnswer
	Profiles []profileJSON `json:"profiles"`
	Files    []string      `json:"files"` // names, without .yaml
}

func (c *control) listProfiles(w http.ResponseWriter, _ *http.Request) {
	a := profilesAnswer{Profiles: []profileJSON{}, Files: []string{}}
	all, err := admin{c.home, c}.profiles()
	if err == nil {
		a.Profiles = all
		all, serr := c.home.savedProfiles()
		if err = serr; err == nil {
			a.Files = all
		}
	}
	a.waitAnswer = outcomeOf(err)
	answer(w, a)
}

// profileQuery names a profile, whose file is in the home.
type profileQuery struct {
	Name    string   `json:"name"`
	Folders []string `json:"folders"` // of create; none is all that are in none
}

// profileActions are what can be done to a profile.
var profileActions = map[string]func(a admin, q profileQuery) error{
	"create": func(a admin, q profileQuery) error { _, err := a.createProfile(q.Name, q.Folders); return err },
	"delete": func(a admin, q profileQuery) error { return a.deleteProfile(q.Name) },
	"save":   func(a admin, q profileQuery) error { _, err := a.saveProfile(q.Name, ""); return err },
	"load":   loadSaved,
	"remove": func(a admin, q profileQuery) error { return a.removeSaved(q.Name) },
	"start":  func(a admin, q profileQuery) error { return a.pauseProfile(q.Name, false) },
	"stop":   func(a admin, q profileQuery) error { return a.pauseProfile(q.Name, true) },
}

func (c *control) profile(w http.ResponseWriter, r *http.Request) {
	do := profileActions[r.PathValue("doing")]
	if do == nil {
		http.Error(w, "a profile can be created, deleted, saved, loaded, removed, started and stopped: POST profiles/create and so on", http.StatusNotFound)
		return
	}
	act(c, func(a admin, q profileQuery) (nothing, error) {
		if _, err := config.ParseProfile(q.Name); err != nil {
			return nil, usagef("the profile cannot be called %s: %v", quote(q.Name), err)
		}
		return nil, do(a, q)
	})(w, r)
}

func loadSaved(a admin, q profileQuery) error {
	if _, err := a.loadProfile(q.Name, a.profilePath(q.Name)); err != nil {
		return err
	}
	return a.applyAll(applyRequest{})
}

func (a admin) pauseProfile(name string, paused bool) error {
	all, err := a.members(name)
	if err != nil {
		return err
	}
	return a.setPaused(all, paused)
}
