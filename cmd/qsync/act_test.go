package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"qsync/certs"
	"qsync/cmd/qsync/config"
)

// acting is a 'qsync serve' without a network, as its control socket is.
type acting struct {
	*session
	t       *testing.T
	handler http.Handler
	logged  *bytes.Buffer
}

func actingSession(t *testing.T, text string) acting {
	t.Helper()
	h := testHome(t)
	if err := os.WriteFile(h.configPath(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &program{vars: map[string]string{"HOME": t.TempDir()}, ui: newScreen(&strings.Builder{}), out: &strings.Builder{}, flags: &globals{Home: h.dir}}
	s, err := p.startSession(&nodeFlags{}, false, false)
	if err != nil {
		t.Fatal(err)
	}
	a := acting{session: s, t: t, logged: &bytes.Buffer{}}
	s.log = slog.New(slog.NewTextHandler(a.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.folders.serve, s.folders.conf, s.report.many = true, config.Default(), true
	if err := s.begin(); err != nil {
		t.Fatal(err)
	}
	s.socket = socketName
	a.handler = s.windowAPI()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = s.node.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; s.end() })
	return a
}

// acted is an answer of any request.
type acted struct {
	status int
	waitAnswer
	Answer invited `json:"answer"`
	text   string
}

func (a acting) post(path string, q any) (got acted) {
	b, err := json.Marshal(q)
	if err != nil {
		panic(err)
	}
	return a.send("POST", path, b)
}

func (a acting) send(method, path string, body []byte) (got acted) {
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, httptest.NewRequest(method, path, bytes.NewReader(body)))
	got.status, got.text = w.Code, w.Body.String()
	if got.status == http.StatusOK {
		fitsDoc(a.t, method, path, w.Body.Bytes())
	}
	_ = json.Unmarshal(w.Body.Bytes(), &got) // else it is a sentence
	return got
}

// fails checks that a request changes nothing and says why.
func (a acting) fails(t *testing.T, path string, q any, want string) {
	t.Helper()
	before, _ := os.ReadFile(a.home.configPath())
	got := a.post(path, q)
	if got.Code == 0 || !strings.Contains(got.Missing, want) || len(got.Missing) < 20 {
		t.Errorf("%s %v: %d %s, want …%s…", path, q, got.status, got.text, want)
	}
	if after, _ := os.ReadFile(a.home.configPath()); !bytes.Equal(before, after) {
		t.Errorf("%s %v: config.yaml is now\n%s", path, q, after)
	}
}

func (a acting) works(t *testing.T, path string, q any) acted {
	t.Helper()
	got := a.post(path, q)
	if got.status != http.StatusOK || got.Code != 0 {
		t.Fatalf("%s %v: %d %s", path, q, got.status, got.text)
	}
	return got
}

// confHas checks that config.yaml has all these texts.
func (a acting) confHas(t *testing.T, want ...string) {
	t.Helper()
	b, err := os.ReadFile(a.home.configPath())
	for _, text := range want {
		if err != nil || !strings.Contains(string(b), text) {
			t.Errorf("config.yaml lacks %q, %v:\n%s", text, err, b)
		}
	}
}

func TestShareAndJoinByRequest(t *testing.T) {
	a := actingSession(t, "# mine\nname: x # of mine\n")
	dir, v := t.TempDir(), someInvitation(t, "192.0.2.7:2121")
	got := a.works(t, "/v1/share", shareQuery{Dir: dir, Mode: "send", Label: "pics"}).Answer
	link, err := parseLink(got.Link)
	if err != nil || link.id.Hex() != got.ID || link.id.Words() != got.Words || got.Commands[0] != "qsync join - DIR" || len(got.QR.Rows) != got.QR.Size {
		t.Fatalf("%+v, %v", got.Commands, err)
	}
	a.confHas(t, "# mine\nname: x # of mine\n", "mode: send", "label: pics")
	if st := a.status(); len(st.Folders) != 1 || st.Folders[0].Path != dir || st.Folders[0].State == "stopped" {
		t.Errorf("status %+v", st.Folders)
	}
	if again := a.works(t, "/v1/share", shareQuery{Dir: dir}).Answer; again.ID != got.ID {
		t.Error("it has another ID now")
	}
	if same := a.works(t, "/v1/invite", dirQuery{dir}).Answer; same.ID != got.ID || same.Link != got.Link || !slices.Equal(same.QR.Rows, got.QR.Rows) {
		t.Error("another invitation")
	}
	fresh := filepath.Join(t.TempDir(), "new")
	for _, text := range []string{v.id.Words(), v.link(), v.id.Hex()} {
		if got := a.works(t, "/v1/join", shareQuery{Dir: fresh, Invitation: text, Remotes: []string{"nas"}}).Answer; got.ID != v.id.Hex() {
			t.Error("it joined something else")
		}
	}
	a.confHas(t, "remotes: ['nas:2121']")
	if fi, err := os.Stat(fresh); err != nil || !fi.IsDir() {
		t.Error(err)
	}
	own := a.works(t, "/v1/share", shareQuery{Dir: t.TempDir(), ID: someInvitation(t).id.Words()}).Answer
	for _, c := range []struct {
		path string
		q    shareQuery
		want string
	}{
		{"share", shareQuery{}, "the directory is empty"}, {"share", shareQuery{Dir: "docs"}, "absolute path"}, {"share", shareQuery{Dir: dir + "/gone"}, "there is no directory"},
		{"share", shareQuery{Dir: fresh, Mode: "both"}, "give two-way, send"}, {"share", shareQuery{Dir: t.TempDir(), Label: "a\nb"}, "one line"},
		{"share", shareQuery{Dir: a.home.dir}, "own home"}, {"share", shareQuery{Dir: filepath.Dir(filepath.Dir(dir))}, "lies inside"},
		{"share", shareQuery{Dir: fresh, ID: got.ID}, "another sync ID"}, {"share", shareQuery{Dir: dir, ID: "7f3a"}, "not a sync ID"},
		{"join", shareQuery{Dir: dir, Invitation: v.link()}, "another sync ID"}, {"join", shareQuery{Dir: dir + "/a/b", Invitation: v.link()}, "there is no directory"},
		{"join", shareQuery{Dir: dir}, "not a sync ID"}, {"join", shareQuery{Dir: dir, Invitation: "https://example.org/?x=1"}, "none of qsync"},
		{"join", shareQuery{Dir: dir + "x", Invitation: v.link(), Remotes: []string{"a/b"}}, "no path"},
	} {
		a.fails(t, "/v1/"+c.path, c.q, c.want)
	}
	a.fails(t, "/v1/invite", dirQuery{}, "the directory is empty")
	for _, secret := range []string{got.ID, got.Words, v.id.Hex(), v.id.Words(), own.ID} {
		if strings.Contains(a.logged.String(), secret) {
			t.Error("a secret is in the log")
		}
	}
}

// TestSharedTwiceAtOnce: whoever comes second gets what the first one made.
func TestSharedTwiceAtOnce(t *testing.T) {
	a := actingSession(t, "")
	dir, ids := t.TempDir(), make([]string, 4)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() { ids[i] = a.post("/v1/share", shareQuery{Dir: dir}).Answer.ID })
	}
	all.Wait()
	if slices.Sort(ids); ids[0] == "" || len(slices.Compact(ids)) != 1 {
		t.Error("not one ID")
	}
	if known, err := a.home.entries(); err != nil || len(known) != 1 {
		t.Errorf("%d entries, %v", len(known), err)
	}
}

func TestPauseAndForgetByRequest(t *testing.T) {
	a := actingSession(t, "# none yet\n")
	a.fails(t, "/v1/pause", dirQuery{}, "names no folder yet")
	one, two := t.TempDir(), t.TempDir()
	a.works(t, "/v1/share", shareQuery{Dir: one})
	a.works(t, "/v1/share", shareQuery{Dir: two})
	state := func(dir string) string {
		for _, f := range a.status().Folders {
			if f.Path == dir {
				return f.State
			}
		}
		return ""
	}
	a.works(t, "/v1/pause", dirQuery{one})
	if state(one) != "paused" || state(two) == "paused" {
		t.Errorf("%s and %s", state(one), state(two))
	}
	a.fails(t, "/v1/sync", dirQuery{one}, "resume it first")
	a.works(t, "/v1/sync", dirQuery{two})
	a.works(t, "/v1/sync", dirQuery{})
	a.works(t, "/v1/pause", dirQuery{})
	a.works(t, "/v1/resume", dirQuery{})
	if state(one) == "paused" || state(two) == "paused" {
		t.Errorf("%s and %s", state(one), state(two))
	}
	for _, path := range []string{"/v1/pause", "/v1/resume", "/v1/forget", "/v1/sync", "/v1/invite"} {
		a.fails(t, path, dirQuery{filepath.Join(one, "x")}, "'qsync folders' lists")
	}
	a.fails(t, "/v1/forget", dirQuery{}, "empty")
	if err := os.WriteFile(filepath.Join(two, "kept"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a.works(t, "/v1/forget", dirQuery{two})
	if _, err := os.Stat(filepath.Join(two, "kept")); err != nil || state(two) != "" || state(one) == "" {
		t.Errorf("forgotten: %v, %q, %q", err, state(two), state(one))
	}
	if known, err := a.home.entries(); err != nil || len(known) != 1 {
		t.Errorf("%d entries, %v", len(known), err)
	}
}

// TestRequestsOfAForegroundRun: a run of one folder does not take in others, and is
// not pulled away under itself.
func TestRequestsOfAForegroundRun(t *testing.T) {
	a := actingSession(t, "")
	dir := t.TempDir()
	id := a.works(t, "/v1/share", shareQuery{Dir: dir}).Answer.ID
	a.folders.serve, a.folders.only = false, dir
	a.fails(t, "/v1/share", shareQuery{Dir: t.TempDir()}, "start 'qsync serve'")
	a.fails(t, "/v1/join", shareQuery{Dir: t.TempDir(), Invitation: someInvitation(t).link()}, "start 'qsync serve'")
	a.fails(t, "/v1/forget", dirQuery{dir}, "end it with Ctrl-C")
	if got := a.works(t, "/v1/share", shareQuery{Dir: dir}).Answer; got.ID != id {
		t.Error("its own folder has another ID")
	}
	a.works(t, "/v1/pause", dirQuery{dir})
	a.confHas(t, "paused: true")
}

func TestMalformedRequests(t *testing.T) {
	a := actingSession(t, "")
	large := append([]byte(`{"folder":"`), bytes.Repeat([]byte("x"), maxQuery)...)
	for _, path := range []string{"share", "join", "invite", "pause", "resume", "forget", "sync", "words", "settings", "profiles/create"} {
		if got := a.send("POST", "/v1/"+path, append(large, `"}`...)); got.status != http.StatusRequestEntityTooLarge || !strings.Contains(got.text, "less") {
			t.Errorf("%s, too large: %d %s", path, got.status, got.text)
		}
		field := map[string]string{"share": "dir", "join": "dir", "words": "text", "profiles/create": "name"}[path]
		if field == "" {
			field = "folder"
		}
		for _, text := range []string{"", "[", "[]", `"x"`, `{"` + field + `": 7}`} {
			if got := a.send("POST", "/v1/"+path, []byte(text)); got.status != http.StatusBadRequest || !strings.Contains(got.text, "send one JSON object") {
				t.Errorf("%s %q: %d %s", path, text, got.status, got.text)
			}
		}
	}
	// What has no meaning is not passed over: whoever sent it counts on it.
	for pattern := range a.control().routes(windowVerbs) {
		path, post := strings.CutPrefix(pattern, "POST ")
		if path == "/v1/qr" || !post { // a picture, nothing
			continue
		}
		path = strings.Replace(path, "{doing}", "create", 1)
		bodies := []string{`{"resmue":{}}`}
		if strings.HasPrefix(path, "/v1/folder/") && path != "/v1/folder/ignored" { // whose query is a list
			bodies = append(bodies, `{"folder":"/x","query":{"resmue":1}}`)
		}
		for _, body := range bodies {
			if got := a.send("POST", path, []byte(body)); got.status != http.StatusBadRequest || !strings.Contains(got.text, `no field "resmue"`) {
				t.Errorf("%s %s: %d %s", path, body, got.status, got.text)
			}
		}
		if got := a.send("POST", path, []byte(`{} {}`)); got.status != http.StatusBadRequest {
			t.Errorf("%s, two objects: %d", path, got.status)
		}
	}
	if got := a.send("POST", "/v1/profiles/explode", []byte("{}")); got.status != http.StatusNotFound {
		t.Errorf("%d %s", got.status, got.text)
	}
}

func TestWordsThatAreTyped(t *testing.T) {
	id := someInvitation(t).id
	all := strings.Fields(id.Words())
	swapped := slices.Clone(all)
	for i := range swapped { // two that differ
		if swapped[i] != swapped[0] {
			swapped[0], swapped[i] = swapped[i], swapped[0]
			break
		}
	}
	unfinished, fits := endsInPart(t)
	for _, c := range []struct {
		text    string
		ok      bool
		problem string
		suggest []string
		count   int
	}{
		{"", false, "", nil, 0}, {" \n", false, "", nil, 0},
		{"aba", false, "", []string{"abandon"}, 0}, {"ab", false, "", []string{"abandon", "ability", "able", "about", "above", "absent", "absorb", "abstract"}, 0},
		{"legal winn", false, "", []string{"winner"}, 2}, {"legal wi", false, "", []string{"win", "window"}, 1}, {"legal winner ", false, "", nil, 2}, {"legal winer ", false, "word 2", []string{"winner"}, 1},
		{"legal xyzxyzxy", false, "word 2", nil, 1}, {id.Words(), true, "", nil, 24}, {strings.Join(all[:23], "-"), false, "", nil, 23},
		{strings.Join(swapped, " "), false, "one by one", nil, 24}, {id.Hex(), true, "", nil, 0}, {id.Hex()[:30], false, "digits instead of 64", nil, 0},
		{unfinished, false, "", []string{fits}, 23}, {unfinished + " ", false, "one by one", nil, 24}, {unfinished[:len(unfinished)-1], false, "", []string{}, 23},
		{invitation{id: id}.link(), true, "", nil, 0}, {"qsync:join?id=", false, "cut off", nil, 0}, {strings.Repeat("legal ", 9000), false, "too long", nil, 0},
	} {
		got := wordsOf(c.text)
		if got.OK != c.ok || got.Count != c.count || (got.Problem == "") != (c.problem == "") || !strings.Contains(got.Problem, c.problem) {
			t.Errorf("%.20q: %v %q %d", c.text, got.OK, got.Problem, got.Count)
		}
		for _, word := range c.suggest {
			if !slices.Contains(got.Suggest, word) {
				t.Errorf("%.20q: %v lacks %s", c.text, got.Suggest, word)
			}
		}
		if got.Suggest == nil || len(got.Suggest) > maxSuggest || c.suggest != nil && len(got.Suggest) == 0 {
			t.Errorf("%.20q: suggests %v", c.text, got.Suggest)
		}
	}
}

// endsInPart is an ID in words, the last of which is cut so that another word is left,
// and that last word.
func endsInPart(t *testing.T) (cut, last string) {
	for range 100_000 {
		all := strings.Fields(someInvitation(t).id.Words())
		last = all[23]
		for n := 3; n < len(last); n++ {
			if slices.Contains(certs.CompleteWord(last[:n], 1), last[:n]) {
				return strings.Join(all[:23], " ") + " " + last[:n], last
			}
		}
	}
	t.Fatal("there is none")
	return "", ""
}
