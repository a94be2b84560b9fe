package main

import (
	"errors"
	"slices"
	"sync"
	"time"

	"qsync/cmd/qsync/config"
	"qsync/peer"
)

// manager owns the folders of a session: those that a command line names, or
// those of config.yaml, which it keeps as the file has them.
type manager struct {
	s     *session
	serve bool         // runs all of config.yaml, and tries again what has stopped
	over  *folderFlags // laid over config.yaml; nil for none
	only  string       // else the one folder of config.yaml that this run is about, "" for none
	ended chan error   // else why the run is over; room for one

	work sync.Mutex // one change of the settings at a time

	mu      sync.Mutex // guards what follows; never held while anything waits
	conf    *config.Config
	problem string // of a config.yaml that is not in force
	units   []*unit
	gone    peer.Totals // of what ran and was closed
}

// unit is what starts and stops as one: a folder, or both directories of a pair.
type unit struct {
	work  sync.Mutex // held while it opens or closes, which a dead disk can make last for ever
	conf  config.Folder
	brake *peer.Brake // for this run alone, where a person lifted it
	parts []*managed  // empty while it does not run
	err   error       // why not
	was   []peer.FolderStatus
	held  []heldPart // what the brake stopped it for
}

// managed is a folder that runs, with what is remembered of it.
type managed struct {
	*peer.Folder
	entry     entry
	conf      config.Folder
	fresh     bool // not remembered before this run
	unsettled bool // what a former life of the directory settled does not count
	paired    bool // the other side is in this process
	settled   bool // its mode was remembered; of the goroutine that reports alone
	key       [32]byte
	began     time.Time
	last      *peer.LastRun // of the run before
	burst     burst
}

// over reports whether it has stopped, for whatever reason: its map is being closed, if
// it is not closed already.
func (m *managed) over() bool {
	select {
	case <-m.Stopped():
		return true
	default:
		return false
	}
}

// adopt takes in what runs already, by the command line alone.
func (g *manager) adopt(parts ...*managed) {
	u := &unit{conf: parts[0].conf}
	g.mu.Lock()
	g.units = append(g.units, u)
	g.mu.Unlock()
	g.runs(u, parts)
}

// runs notes that a unit runs now.
func (g *manager) runs(u *unit, parts []*managed) {
	for _, m := range parts {
		m.began, m.last = time.Now(), g.s.home.lastRun(m.entry.tag)
	}
	g.mu.Lock()
	u.parts, u.err, u.was, u.held = parts, nil, nil, nil
	g.mu.Unlock()
	g.s.refresh()
	for _, m := range parts {
		go g.mind(u, m)
	}
}

// mind waits for the end of a part that nobody asked to end. What then is left
// to do depends on the run.
func (g *manager) mind(u *unit, m *managed) {
	<-m.Stopped()
	err := m.Err()
	if err == nil {
		return // it was told to
	}
	if !g.serve {
		g.end(err)
		return
	}
	u.work.Lock()
	defer u.work.Unlock()
	if slices.Contains(g.partsOf(u), m) {
		g.close(u, err)
	}
}

// end ends a run in the foreground.
func (g *manager) end(err error) {
	select {
	case g.ended <- err:
	default: // it is ending already
	}
}

func (g *manager) partsOf(u *unit) []*managed {
	g.mu.Lock()
	defer g.mu.Unlock()
	return u.parts
}

// running are the folders that run.
func (g *manager) running() (all []*managed) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, u := range g.units {
		all = append(all, u.parts...)
	}
	return all
}

// inside reports whether the other side of a folder is in this process.
func (g *manager) inside(dir string) bool {
	return slices.ContainsFunc(g.running(), func(m *managed) bool { return m.paired && m.entry.Dir == dir })
}

// all are the units.
func (g *manager) all() []*unit {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.units)
}

// start opens a unit that does not run. Why that fails is told once. u.work is held.
func (g *manager) start(u *unit) error {
	g.mu.Lock()
	conf, before := u.conf, u.err
	g.mu.Unlock()
	parts, err := g.s.open(u.brakeOf(g.override(conf)))
	if err == nil {
		g.runs(u, parts)
		g.introduce(parts[0])
		return nil
	}
	if !g.serve {
		g.end(err)
		return err
	}
	g.mu.Lock()
	u.err = err
	g.mu.Unlock()
	if before == nil || before.Error() != err.Error() {
		g.s.log.Error("the folder does not run", "folder", conf.Path, "reason", explain(err))
		g.s.report.event(peer.Event{Event: "stopped", Time: time.Now(), Folder: conf.Path, Text: err.Error()})
	}
	return err
}

// close ends a unit: because of err, or nil because somebody wants it. u.work is held.
func (g *manager) close(u *unit, err error) {
	g.mu.Lock()
	parts := u.parts
	u.parts, u.err = nil, err
	g.mu.Unlock()
	for _, m := range parts {
		st := m.Status()
		g.mu.Lock()
		if err != nil {
			st.Last = m.last
			u.was = append(u.was, left(st, time.Now()))
		}
		g.mu.Unlock()
		g.s.node.Remove(m.Folder)
		g.notice(u, m)
		g.keep(m)
	}
	g.s.refresh()
}

// keep writes down what a part that has ended did.
func (g *manager) keep(m *managed) {
	t := m.Status().Totals
	g.mu.Lock()
	g.gone = plus(g.gone, t)
	g.mu.Unlock()
	g.s.saveRun(m, t)
}

// finish is called when the node has ended. It keeps what every folder did, and
// returns the sum.
func (g *manager) finish() peer.Totals {
	for _, m := range g.running() {
		g.keep(m)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gone
}

// retryEvery is how often a folder that has stopped is tried again.
const retryEvery = 30 * time.Second

// mayHelp reports whether trying again can help without a person: a directory
// or its disk may be back, whoever has it may have ended. Opening checks the
// marker as always. The brake waits for a person.
func mayHelp(err error) bool { return err != nil && !errors.Is(err, peer.ErrBrake) }

// retry starts what has stopped and may run again.
func (g *manager) retry() {
	var again []*unit
	for _, u := range g.all() {
		if mayHelp(g.errOf(u)) && u.work.TryLock() { // else somebody is at it
			u.work.Unlock()
			again = append(again, u)
		}
	}
	g.each(again, func(u *unit) {
		if mayHelp(g.errOf(u)) {
			_ = g.start(u) // why it failed is in its status
		}
	})
}

func (g *manager) errOf(u *unit) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return u.err
}

// errOpening is why a unit does not run that is being opened: for the first time, or
// with other settings.
var errOpening = errors.New("the folder is being opened")

// openTime is how long all others wait for a unit that opens or closes. One on a
// disk that does not answer goes on by itself.
const openTime = 20 * time.Second

// each does something to units, at once to all of them.
func (g *manager) each(units []*unit, do func(*unit)) {
	var all sync.WaitGroup
	for _, u := range units {
		all.Go(func() {
			u.work.Lock()
			defer u.work.Unlock()
			do(u)
		})
	}
	done := make(chan struct{})
	go func() { defer close(done); all.Wait() }()
	select {
	case <-done:
	case <-time.After(openTime):
		g.s.log.Warn("a folder takes long to open or to close; the others go on", "after", openTime)
	}
}
