package main

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"qsync/peer"
)

// Bounds of the lists in an overview of a folder. The counts tell of the rest.
const (
	overviewProblems = 100 // and conflicts
	overviewPeers    = 200
)

// nodeView is the node, as an overview has it. Nothing in it changes of itself
// while time goes by: two that are equal need not be told twice.
type nodeView struct {
	Name    string    `json:"name"`
	Node    string    `json:"node"`
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Listen  []string  `json:"listen"`
	Serve   bool      `json:"serve"`
	Config  string    `json:"config"` // why config.yaml is not in force, "" where it is
	Web     string    `json:"web"`    // where the window is, "" where there is none
}

// folderView is one folder, as an overview has it.
type folderView struct {
	peer.FolderStatus
	ProblemCount  int            `json:"problem_count"`
	ConflictCount int            `json:"conflict_count"`
	PeerCount     int            `json:"peer_count"`
	Word          string         `json:"word"`     // the state in a word or two, as 'qsync status --watch' has it
	Sentence      string         `json:"sentence"` // what it is and what to do about it
	Level         string         `json:"level"`    // good, busy, waiting, paused or bad
	Differs       string         `json:"differs,omitempty"`
	Whole         peer.Amount    `json:"whole"`          // what want was when the present work began, and what has come to it since; want where it has stopped
	Began         time.Time      `json:"began,omitzero"` // of the run that totals is about
	Held          *peer.HeldList `json:"held,omitempty"`
	Pair          bool           `json:"pair,omitempty"`   // the other side is in this process
	Unkept        bool           `json:"unkept,omitempty"` // no versions are kept: what sync replaces or removes here goes for good
}

// glimpses are the folders of an overview as they were a moment ago, for whoever
// asks for them several times a second.
type glimpses struct {
	mu sync.Mutex
	of map[*peer.Folder]glimpse
}

// glimpse is one of them.
type glimpse struct {
	at     time.Time
	change <-chan struct{} // closed when it is out of date
	busy   bool            // something moves, of which change need not tell
	json   json.RawMessage
}

// How old a glimpse may be of which no change is known.
const (
	busyGlimpse = 240 * time.Millisecond
	calmGlimpse = 2 * time.Second
)

func (g glimpse) holds() bool {
	select {
	case <-g.change:
		return false
	default:
	}
	if g.busy {
		return time.Since(g.at) < busyGlimpse
	}
	return g.json != nil && time.Since(g.at) < calmGlimpse
}

// overview is the node without its folders, and each folder under its path, as
// GET /v1/overview tells of them. Order has the paths as config.yaml has them. It
// costs little enough to be called several times a second.
func (s *session) overview() (node json.RawMessage, order []string, folders map[string]json.RawMessage) {
	about := s.node.About()
	serve, problem := s.folders.configured()
	node = encoded(nodeView{
		Name: about.Name, Node: about.Node, Version: about.Version, PID: about.PID, Started: s.began,
		Listen: s.listening(), Serve: serve, Config: problem, Web: s.window.where(),
	})
	folders = map[string]json.RawMessage{}
	add := func(path string, j json.RawMessage) {
		if _, twice := folders[path]; !twice {
			order = append(order, path)
		}
		folders[path] = j
	}
	open := map[*peer.Folder]bool{}
	for _, u := range s.folders.all() {
		parts := s.folders.partsOf(u)
		for _, m := range parts {
			open[m.Folder] = true
			add(m.Dir(), s.seen.folder(m.Folder, func() folderView { return s.folders.view(m) }))
		}
		if len(parts) > 0 {
			continue
		}
		for _, f := range s.folders.stopped(u) {
			st := f.Status()
			v := viewOf(st)
			v.Held, v.Unkept = s.folders.heldOf(u, st.Path), u.conf.Versions == 0
			add(st.Path, encoded(v))
		}
	}
	s.seen.keep(open)
	return node, order, folders
}

// folder is the folder's view, which make makes anew where it is out of date.
func (g *glimpses) folder(f *peer.Folder, make func() folderView) json.RawMessage {
	g.mu.Lock()
	was, known := g.of[f]
	g.mu.Unlock()
	if known && was.holds() {
		return was.json
	}
	now := glimpse{at: time.Now(), change: f.Changes()} // before the look, lest a change be missed
	v := make()
	now.busy = v.Level == "busy" || v.Rate != (peer.Rate{})
	now.json = encoded(v)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of == nil {
		g.of = map[*peer.Folder]glimpse{}
	}
	g.of[f] = now
	return now.json
}

// stale has a folder looked at anew: what was done to it just now is to be seen at once.
func (g *glimpses) stale(f *peer.Folder) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.of, f)
}

// keep forgets all but those that are open.
func (g *glimpses) keep(open map[*peer.Folder]bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for f := range g.of {
		if !open[f] {
			delete(g.of, f)
		}
	}
}

// encoded is v in JSON; what a view is made of can always be.
func encoded(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}

// view is a folder that runs.
func (g *manager) view(m *managed) folderView {
	st := m.Status()
	g.describe(m, &st)
	v := viewOf(st)
	v.Whole = m.burst.read(st.Want, st.Totals.Bytes)
	v.Began, v.Pair, v.Unkept = m.began.UTC().Truncate(time.Millisecond), m.paired, !m.KeepsVersions()
	if h := m.Held(); h.Entries > 0 {
		v.Held = &peer.HeldList{Held: h, Paths: []peer.HeldPath{}}
	}
	return v
}

// viewOf is a folder as it is, with its lists cut.
func viewOf(st peer.FolderStatus) folderView {
	v := folderView{
		FolderStatus: st, Whole: st.Want, ProblemCount: len(st.Problems), ConflictCount: len(st.Conflicts), PeerCount: len(st.Peers), Differs: clean(apartText(st)),
	}
	v.Word, _ = headline(st)
	v.Level = levelOf(st, v.Word)
	v.Sentence = sentenceOf(st, v.Word)
	sortPeers(v.Peers)
	v.Problems = v.Problems[:min(len(v.Problems), overviewProblems)]
	v.Conflicts = v.Conflicts[:min(len(v.Conflicts), overviewProblems)]
	v.Peers = v.Peers[:min(len(v.Peers), overviewPeers)]
	for i := range v.Dialers {
		v.Dialers[i].Next = 0 // it changes every second
	}
	return v
}

// notice keeps of a part that the brake has stopped what for.
func (g *manager) notice(u *unit, m *managed) {
	l := m.HeldAtEnd()
	if l.Entries == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	u.held = append(u.held, heldPart{m.Dir(), l})
}

// heldPart is what the brake stopped one directory of a unit for.
type heldPart struct {
	dir  string
	list peer.HeldList
}

// heldOf is what the brake has stopped a directory of a unit for, nil if nothing
// is known of that.
func (g *manager) heldOf(u *unit, dir string) *peer.HeldList {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, h := range u.held {
		if h.dir == dir {
			return &h.list
		}
	}
	return nil
}

// answered has what is shown of a folder that was opened for a request be as it is after
// that: it may have been about what the brake stopped.
func (g *manager) answered(u *unit, dir string, now peer.Held) {
	g.mu.Lock()
	defer g.mu.Unlock()
	u.held = slices.DeleteFunc(u.held, func(h heldPart) bool { return h.dir == dir && now.Entries == 0 })
	for i := range u.held {
		if h := &u.held[i]; h.dir == dir {
			h.list.Held = now
		}
	}
}

// configured reports whether all of config.yaml is run, and what is wrong with one
// that is not in force.
func (g *manager) configured() (serve bool, problem string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.serve, g.problem
}
