package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"qsync/certs"
	"qsync/peer"
)

// The requests that do something, as commands do it: what people share, join,
// pause and forget.

// maxTurn is how long a request that changes something waits for another one.
const maxTurn = 30 * time.Second

// act is a request that changes something: it is decoded, done when its turn has
// come, and answered with {"code", "missing", "answer"}.
func act[Q, A any](c *control, do func(admin, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if !decode(w, r, &q) || !c.turn(w, r) {
			return
		}
		defer c.turns.doing.Unlock()
		var a verbAnswer[A]
		var err error
		a.Answer, err = do(admin{c.home, c}, q)
		a.waitAnswer = outcomeOf(err)
		answer(w, a)
	}
}

// decode reads the body of a request, of at most maxQuery bytes. A field that there is
// not is refused, since whoever sent it counts on what it does.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuery))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, err = d.Token(); err == nil {
			err = errors.New("there is more behind it")
		} else if errors.Is(err, io.EOF) {
			return true
		}
	}
	var large *http.MaxBytesError
	name, unknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case errors.As(err, &large):
		http.Error(w, "the request has more than 1 MiB: send less at once", http.StatusRequestEntityTooLarge)
	case unknown:
		http.Error(w, "this request has no field "+name[:min(len(name), 100)]+": the documentation names those that it has", http.StatusBadRequest)
	default:
		http.Error(w, "malformed request: send one JSON object with the fields that the documentation names", http.StatusBadRequest)
	}
	return false
}

// turn waits until no other request changes something. The caller unlocks doing.
func (c *control) turn(w http.ResponseWriter, r *http.Request) bool {
	for end := time.Now().Add(maxTurn); !c.turns.doing.TryLock(); {
		if r.Context().Err() != nil || time.Now().After(end) {
			http.Error(w, "another change is still being made: try again when it is done", http.StatusServiceUnavailable)
			return false
		}
		time.Sleep(10 * time.Millisecond)
	}
	return true
}

// actions are the handlers of what is done, by pattern.
func (c *control) actions() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST /v1/share":            act(c, shareHere),
		"POST /v1/join":             act(c, joinHere),
		"POST /v1/invite":           act(c, inviteTo),
		"POST /v1/pause":            act(c, pauseHere),
		"POST /v1/resume":           act(c, resumeHere),
		"POST /v1/forget":           act(c, forgetHere),
		"POST /v1/sync":             c.syncNow,
		"POST /v1/words":            checkWords,
		"POST /v1/qr":               c.readQR,
		"GET /v1/settings":          c.settings,
		"POST /v1/settings":         c.set,
		"GET /v1/profiles":          c.listProfiles,
		"POST /v1/profiles/{doing}": c.profile,
	}
}

// nothing is an answer that says no more than that it was done.
type nothing *struct{}

// shareQuery asks to share or to join a directory.
type shareQuery struct {
	Dir        string   `json:"dir"` // absolute, or with ~/
	Mode       string   `json:"mode"`
	Label      string   `json:"label"`
	ID         string   `json:"id"`         // of share, in any form; "" for a new one
	Invitation string   `json:"invitation"` // of join: digits, words or a link
	Remotes    []string `json:"remotes"`    // of join: where peers are
}

func shareHere(a admin, q shareQuery) (*invited, error) {
	path, err := a.place(q.Dir)
	if err != nil {
		return nil, err
	}
	dir, err := sourceDir("the directory", path)
	if err != nil {
		return nil, err
	}
	v := served{kind: "share", dir: dir, mode: peer.TwoWay}
	if q.ID != "" {
		if v.invitation, _, err = readInvitation(q.ID); err != nil {
			return nil, err
		}
		v.given = true
	}
	return a.takeIn(q, v)
}

func joinHere(a admin, q shareQuery) (*invited, error) {
	v := served{kind: "join", mode: peer.ModeAuto, given: true}
	var err error
	if v.invitation, _, err = readInvitation(q.Invitation); err != nil {
		return nil, err
	}
	path, err := a.place(q.Dir)
	if err != nil {
		return nil, err
	}
	if v.dir, v.missing, err = targetDir("the directory", path); err != nil {
		return nil, err
	}
	return a.takeIn(q, v)
}

// place is the directory that a text of a request means. There is no directory
// that a relative one would begin at.
func (h home) place(text string) (string, error) {
	if strings.TrimSpace(text) == "" {
		return "", usagef("the directory is empty: give its whole path, such as %s", quote(filepath.Join(h.user, "Documents")))
	}
	path, err := h.source("").Path(text)
	if err != nil {
		return "", usagef("the directory %s: %v", quote(text), err)
	}
	return path, nil
}

// takeIn takes a folder into config.yaml and has the 'qsync serve' of the home
// run it.
func (a admin) takeIn(q shareQuery, v served) (*invited, error) {
	f := &syncFlags{folderFlags: folderFlags{Mode: q.Mode}}
	v.label = q.Label
	for _, text := range q.Remotes {
		addr, err := parseRemote(text)
		if err != nil {
			return nil, usagef("remotes: %s: %v", quote(text), err)
		}
		f.Remote = append(f.Remote, remoteAddr(addr))
	}
	n, err := a.server()
	if err != nil {
		return nil, err
	}
	if n == nil && !v.given && runs([]answeringNode{{Status: a.own.status()}}, v.dir) != 0 {
		return a.invite(v.dir) // it is what this process runs
	}
	if n == nil {
		return nil, usagef("this is no 'qsync serve', and runs the one folder that it was started with: start 'qsync serve' for more, or run 'qsync %s' in another terminal", map[string]string{"share": "share DIR", "join": "join - DIR"}[v.kind])
	}
	g, err := a.handing(f, v)
	if err != nil {
		return nil, err
	}
	if err := a.handOver(n, g); err != nil {
		return nil, err
	}
	return a.invite(v.dir)
}

// dirQuery names a folder, "" is all where that is allowed.
type dirQuery struct {
	Folder string `json:"folder"`
}

func inviteTo(a admin, q dirQuery) (*invited, error) { return a.invite(q.Folder) }

func pauseHere(a admin, q dirQuery) (nothing, error) {
	folders, err := a.configured(q.Folder)
	if err == nil {
		err = a.setPaused(folders, true)
	}
	return nil, err
}

func resumeHere(a admin, q dirQuery) (nothing, error) {
	folders, err := a.configured(q.Folder)
	if err == nil {
		err = errors.Join(a.setPaused(folders, false), a.startStopped(folders, applyRequest{}))
	}
	return nil, err
}

func forgetHere(a admin, q dirQuery) (nothing, error) {
	if st := a.own.status(); !st.Serve && runs([]answeringNode{{Status: st}}, q.Folder) != 0 {
		return nil, usagef("this process (%d) was started to keep %s in sync: end it with Ctrl-C, or kill %[1]d, and then 'qsync forget %[2]s'", os.Getpid(), quote(q.Folder))
	}
	_, err := a.forget(q.Folder)
	return nil, err
}

// syncNow looks at folders' disks afresh, and starts those that have stopped.
func (c *control) syncNow(w http.ResponseWriter, r *http.Request) {
	var q dirQuery
	if !decode(w, r, &q) {
		return
	}
	var errs []error
	found := 0
	for _, f := range c.folders() {
		st := f.Status()
		if q.Folder != "" && !sameDir(st.Path, q.Folder) {
			continue
		}
		found++
		switch {
		case st.State == "paused" && q.Folder != "":
			errs = append(errs, usagef("%s is paused: resume it first", quote(st.Path)))
		case st.State == "paused":
		case st.State == "stopped":
			errs = append(errs, c.take(applyRequest{Folder: st.Path, Resume: true}))
		default:
			errs = append(errs, f.Rescan(r.Context()))
		}
	}
	if found == 0 && q.Folder != "" {
		errs = append(errs, usagef("this node has no folder %s; 'qsync folders' lists what this home knows", quote(q.Folder)))
	}
	answer(w, outcomeOf(errors.Join(errs...)))
}

// invited is what brings in another device. It is secret.
type invited struct {
	ID       string   `json:"id"` // 64 hexadecimal digits
	Words    string   `json:"words"`
	Link     string   `json:"link"`
	QR       drawn    `json:"qr"`
	Commands []string `json:"commands"` // to type on the other device
	Folder   string   `json:"folder"`
}

// drawn is a QR code without the light border around it.
type drawn struct {
	Size int      `json:"size"` // modules in a row
	Rows []string `json:"rows"` // of 0 and 1, which is dark
}

// invite is the invitation to the folder at a path.
func (a admin) invite(dir string) (*invited, error) {
	e, err := a.knownAs(dir)
	if err != nil {
		return nil, err
	}
	id, err := e.syncID()
	if err != nil {
		return nil, err
	}
	v, command := invitation{id: id, at: a.reached(e.Dir)}, "qsync join - DIR"
	if flag := remoteFlag(v.at); flag != "" && a.own.typed {
		command += " " + flag
	}
	pic, err := fitQR(v, 0, 0)
	if err != nil {
		return nil, err
	}
	out := &invited{ID: id.Hex(), Words: id.Words(), Link: v.link(), Commands: []string{command}, Folder: e.Dir, QR: drawn{Size: pic.code.Size}}
	for y := range pic.code.Size {
		row := make([]byte, pic.code.Size)
		for x := range row {
			if row[x] = '0'; pic.code.Black(x, y) {
				row[x] = '1'
			}
		}
		out.QR.Rows = append(out.QR.Rows, string(row))
	}
	return out, nil
}

// reached are the addresses at which the folder at a path is served now.
func (a admin) reached(dir string) (at []string) {
	for _, n := range a.nodes() {
		if runs([]answeringNode{n}, dir) != 0 {
			at = invitable(n.Listen)
		}
	}
	return at
}

// wordsQuery is a text that is being typed.
type wordsQuery struct {
	Text string `json:"text"`
}

// wordsAnswer says how far it is a sync ID.
type wordsAnswer struct {
	OK      bool     `json:"ok"`      // it is one
	Problem string   `json:"problem"` // "" while what is there is right
	Suggest []string `json:"suggest"` // for the last word, or the wrong one
	Count   int      `json:"count"`   // words that are whole and right
}

// maxSuggest is how many words are suggested.
const maxSuggest = 8

func checkWords(w http.ResponseWriter, r *http.Request) {
	var q wordsQuery
	if decode(w, r, &q) {
		answer(w, wordsOf(q.Text))
	}
}

// wordsOf says how far a text is a sync ID: words, the last of which may still be
// being typed, or else digits or a link.
func wordsOf(text string) wordsAnswer {
	a := wordsAnswer{Suggest: []string{}}
	if len(text) > maxIDText {
		a.Problem = "this is too long for a sync ID: paste the 64 digits, the 24 words or the link alone"
		return a
	}
	_, _, err := parseInvitation(text)
	fields := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) })
	switch {
	case len(fields) == 0:
		return a
	case err == nil:
		a.OK = true
		if ofWords(text) {
			a.Count = len(fields)
		}
		return a
	case !ofWords(text) && (len(fields) > 1 || len(certs.CompleteWord(fields[0], 1)) == 0):
		a.Problem = plainID(err)
		return a
	}
	last := len(fields) - 1
	if strings.HasSuffix(text, fields[last]) { // it may go on
		a.Suggest = append(a.Suggest, certs.CompleteWord(fields[last], maxSuggest)...)
	}
	fit := fitting(fields, a.Suggest)
	var wrong *certs.WordError
	switch errors.As(certs.CheckWords(fields, 1), &wrong); {
	case len(fit) > 0: // though it may be a word already
		a.Count, a.Suggest = last, fit
	case wrong != nil && wrong.Position == last+1 && len(a.Suggest) > 0:
		a.Count = last
	case wrong != nil:
		a.Count, a.Problem, a.Suggest = wrong.Position-1, plainID(wrong), append([]string{}, wrong.Near...)
	case len(fields) >= wordCount:
		a.Count, a.Problem, a.Suggest = len(fields), plainID(err)+"; compare them with the other device, one by one", []string{}
	default:
		a.Count = len(fields)
	}
	return a
}

// fitting are those of the words that make the last of 24 fit to the others.
func fitting(fields, words []string) (fit []string) {
	for _, w := range words {
		if _, _, err := certs.ParseSyncID(strings.Join(append(slices.Clone(fields[:len(fields)-1]), w), " ")); err == nil {
			fit = append(fit, w)
		}
	}
	return fit
}
