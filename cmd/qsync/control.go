package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"qsync/peer"
)

// controlled is what the control socket needs of a running folder.
type controlled interface {
	Status() peer.FolderStatus
	Wait(ctx context.Context, peers int) error
	Rescan(ctx context.Context) error
	Missing(peers int) string
}

// control answers the requests of other processes about a node.
type control struct {
	status   func() peer.Status
	overview func() (node json.RawMessage, order []string, folders map[string]json.RawMessage)
	folders  func() []controlled
	borrow   func(dir string, do func(*peer.Folder) error) error // opens a folder that does not run; nil: whoever asks does
	did      func(*peer.Folder)                                  // is told after a verb about a folder that runs; nil for nobody
	manage   managing
	window   *window // nil for none
	log      *slog.Logger
	home     home
	socket   string // its name in the home
	typed    bool   // peers find this node only where its address is typed
	turns    *turns // of all that answer for this node
}

// turns has requests wait for each other.
type turns struct {
	doing   sync.Mutex // held by a request that changes something
	looking sync.Mutex // held while a picture is looked at
}

// managing is a node whose folders are those of config.yaml.
type managing interface {
	reload() error
	resume(q applyRequest)
	offer(dir string, at []string)
	trouble(dir string) error
}

// applyRequest asks to take config.yaml anew. The answer tells why the folder
// does not run then, if it is one of this node's and does not.
type applyRequest struct {
	Folder   string      `json:"folder"`             // "" is all
	Resume   bool        `json:"resume"`             // start what has stopped
	Brake    *peer.Brake `json:"brake,omitempty"`    // with Resume: in the place of the folder's, also where that stopped it
	Answered bool        `json:"answered,omitempty"` // with Resume: also what the brake stopped, a person has decided about it
	At       []string    `json:"at,omitempty"`       // addresses at which peers of the folder may be
}

// waitRequest asks to wait for a folder, or with an empty path for all.
type waitRequest struct {
	Folder  string        `json:"folder"`
	Peers   int           `json:"peers"`
	Timeout time.Duration `json:"timeout"` // nanoseconds; at most a day
}

// waitAnswer tells how the waiting ended.
type waitAnswer struct {
	Code    int    `json:"code"`    // the exit code that says so
	Missing string `json:"missing"` // one sentence, "" when all is in sync
}

// rescanRequest asks to look at a folder's disk, or with an empty path at all.
type rescanRequest struct {
	Folder string `json:"folder"`
}

const maxWait = 24 * time.Hour

// verbs are what a node does about one of its folders.
var verbs = []route{
	verbRevert, verbOverride, verbVersions, verbRestore, verbVerify,
	verbConflicts, verbConflict, verbAncestor, verbResolve,
	verbLog, verbDays, verbConfirm, verbUndo,
	ignoredVerb, verbTree, verbContent, verbDiff, verbPreview,
}

// windowVerbs are those of them that a page may ask for: none reads or writes a
// file outside of the folder that it is about.
var windowVerbs = []route{
	verbRevert, verbOverride, checked(verbVersions), checked(verbRestore), verbVerify,
	verbConflicts, checked(verbConflict), checked(verbResolve),
	verbLog, verbDays, verbConfirm, verbUndo,
	checked(ignoredVerb), verbTree, verbContent, verbDiff, verbPreview,
}

// serve answers on l until ctx ends, and then ends what is being waited for.
func (c *control) serve(ctx context.Context, l net.Listener) { c.serveWith(ctx, l, verbs...) }

func (c *control) serveWith(ctx context.Context, l net.Listener, verbs ...route) {
	srv := &http.Server{
		Handler:           c.handler(verbs),
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(c.log.Handler(), slog.LevelDebug),
	}
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(over); end(srv) })
	defer func() {
		if !stop() {
			<-over
		}
	}()
	if err := srv.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		c.log.Warn("the control socket ended; 'qsync status' cannot see this node", "error", err)
	}
}

// lastAnswers is how long what is being answered may take when a node ends: a
// change of its settings makes it begin anew, and is to be answered.
const lastAnswers = time.Second

func end(srv *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), lastAnswers)
	defer cancel()
	if srv.Shutdown(ctx) != nil {
		_ = srv.Close()
	}
}

func (c *control) handler(verbs []route) http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range c.routes(verbs) {
		mux.HandleFunc(pattern, h)
	}
	return mux
}

// routes are all requests that are answered, by pattern. What web/openapi.json
// says of them is checked against this.
func (c *control) routes(verbs []route) map[string]http.HandlerFunc {
	all := c.actions()
	for _, v := range verbs {
		all[v.pattern()] = v.serve(c)
	}
	all["GET /v1/status"] = func(w http.ResponseWriter, _ *http.Request) { answer(w, c.status()) }
	all["GET /v1/overview"] = c.look
	all["POST /v1/wait"] = c.wait
	all["POST /v1/rescan"] = c.rescan
	all["POST /v1/apply"] = c.apply
	all["POST /v1/window"] = c.openWindow
	return all
}

// overviewAnswer is the node and its folders, for whoever shows them.
type overviewAnswer struct {
	Node    json.RawMessage   `json:"node"`
	Folders []json.RawMessage `json:"folders"`
}

func (c *control) look(w http.ResponseWriter, _ *http.Request) {
	a := overviewAnswer{Folders: []json.RawMessage{}}
	var order []string
	var folders map[string]json.RawMessage
	a.Node, order, folders = c.overview()
	for _, path := range order {
		a.Folders = append(a.Folders, folders[path])
	}
	answer(w, a)
}

func (c *control) wait(w http.ResponseWriter, r *http.Request) {
	var q waitRequest
	folders, ok := c.read(w, r, &q, &q.Folder)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(max(q.Timeout, 0), maxWait))
	defer cancel()
	a := waitAnswer{}
	for _, f := range folders {
		err := f.Wait(ctx, q.Peers)
		if err == nil {
			continue
		}
		a = waitAnswer{Code: exitCode(err), Missing: explain(err)}
		if ctx.Err() != nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
			a = waitAnswer{Code: exitCode(errTimeout), Missing: missing(f, q.Peers)}
		}
		break
	}
	answer(w, a)
}

// missing says what was waited for in vain. A folder whose mode its first peer decides
// is not looked at before that: then it is not its look that is waited for.
func missing(f controlled, peers int) string {
	if st := f.Status(); st.Mode == peer.ModeAuto.String() && st.State == "idle" && st.Reason != "" {
		return st.Path + " is " + st.Reason
	}
	return f.Missing(peers)
}

func (c *control) rescan(w http.ResponseWriter, r *http.Request) {
	var q rescanRequest
	folders, ok := c.read(w, r, &q, &q.Folder)
	if !ok {
		return
	}
	for _, f := range folders {
		if err := f.Rescan(r.Context()); err != nil {
			http.Error(w, explain(err), http.StatusInternalServerError)
			return
		}
	}
	answer(w, waitAnswer{})
}

func (c *control) apply(w http.ResponseWriter, r *http.Request) {
	var q applyRequest
	if !decode(w, r, &q) {
		return
	}
	answer(w, outcomeOf(c.take(q)))
}

// take has this node take config.yaml anew. The error is why it does not run the
// folder of the request.
func (c *control) take(q applyRequest) error {
	err := c.manage.reload()
	if err == nil && q.Resume {
		c.manage.resume(q)
	}
	if err == nil && q.Folder != "" {
		c.manage.offer(q.Folder, q.At)
		err = c.manage.trouble(q.Folder)
	}
	return err
}

// outcomeOf is an error as an answer.
func outcomeOf(err error) waitAnswer {
	if err == nil {
		return waitAnswer{}
	}
	return waitAnswer{Code: exitCode(err), Missing: explain(err)}
}

// read decodes a request and finds the folders it is about: the one at path,
// or all for "".
func (c *control) read(w http.ResponseWriter, r *http.Request, q any, path *string) ([]controlled, bool) {
	if !decode(w, r, q) {
		return nil, false
	}
	var found []controlled
	for _, f := range c.folders() {
		if *path == "" || sameDir(f.Status().Path, *path) {
			found = append(found, f)
		}
	}
	if len(found) == 0 && *path != "" {
		http.Error(w, "no such folder here", http.StatusNotFound)
		return nil, false
	}
	return found, true
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // whoever asked may be gone
}
