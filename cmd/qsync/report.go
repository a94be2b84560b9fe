package main

import (
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"qsync/peer"
)

// How often a run tells how it goes.
const (
	drawEvery  = 250 * time.Millisecond // the progress line, while something moves
	lookEvery  = time.Second            // otherwise, and in JSON
	plainEvery = 10 * time.Second       // lines that stay
)

// reporter tells people and scripts how a run goes.
type reporter struct {
	p      *program
	pair   bool                  // its folders are each other's peers
	many   bool                  // there may be several folders: say which
	inside func(dir string) bool // reports a folder whose peer is in this process; nil for none
	meter  meter
	thrift thrift
	spoken time.Time // the last plain progress line, or when the burst began

	since    map[string]time.Time // peers connected, of the goroutine that tells alone
	flapping map[string]bool
	stopped  map[string]bool // folders that do nothing more

	mu       sync.Mutex
	queue    []peer.Event
	dropped  int
	more     chan struct{} // one token when queue has something
	problems map[string]string
	told     map[string]time.Time // when the problem was last told
	closing  bool                 // peers are lost because this node ends
	totals   *peer.Totals         // of the end, once it is known
}

func newReporter(p *program) *reporter {
	return &reporter{
		p: p, more: make(chan struct{}, 1), problems: map[string]string{}, told: map[string]time.Time{},
		since: map[string]time.Time{}, flapping: map[string]bool{}, stopped: map[string]bool{},
	}
}

// ending says that the node is being ended.
func (r *reporter) ending() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closing = true
}

func (r *reporter) isEnding() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closing
}

// maxEvents bounds the events that wait for a slow reader of standard output.
const maxEvents = 100_000

// event takes an event from the node, which must not wait for whoever reads it.
func (r *reporter) event(e peer.Event) {
	r.mu.Lock()
	if len(r.queue) < maxEvents {
		r.queue = append(r.queue, e)
	} else {
		r.dropped++
	}
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// start tells events and progress until the returned function is called.
func (r *reporter) start(s *session) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			select {
			case <-quit:
				r.drain()
				return
			case <-r.more:
				r.drain()
				s.settleModes()
			case <-timer.C:
				timer.Reset(r.look(s))
			}
		}
	}()
	return func() {
		close(quit)
		select {
		case <-ended:
		case <-time.After(time.Second): // nobody reads standard output
		}
		r.p.ui.progress("")
	}
}

func (r *reporter) drain() {
	r.mu.Lock()
	events, dropped := r.queue, r.dropped
	r.queue, r.dropped = nil, 0
	r.mu.Unlock()
	for _, e := range events {
		r.tell(e)
	}
	if dropped > 0 {
		r.p.ui.printf("%d events were left out: whoever reads them is too slow", dropped)
	}
}

// tell prints one event.
func (r *reporter) tell(e peer.Event) {
	again := e.Event == "problem" && r.problem(e)
	if r.p.flags.JSON {
		_ = r.p.printJSON(e) // a closed standard output ends the process by itself
		return
	}
	ui := r.p.ui
	switch e.Event {
	case "peer_connected":
		if r.worthTelling(e) {
			ui.say("connected  %s%s%s", quote(e.Peer), inBrackets(e.Text), r.in(e))
		}
	case "peer_lost":
		if r.worthTelling(e) && !r.isEnding() {
			again := "; trying again"
			if r.stopped[e.Folder] {
				again = ""
			}
			ui.say("lost       %s%s%s%s", quote(e.Peer), inBrackets(e.Text), r.in(e), again)
		}
	case "stopped":
		r.stopped[e.Folder] = true // it is told by whoever supervises the run
	case "conflict":
		ui.say("conflict   %s%s: both versions are kept", quote(e.Path), r.in(e))
	case "problem":
		if !again {
			ui.printf("problem    %s%s: %s", quote(e.Path), r.in(e), e.Text)
		}
	case "paused", "resumed":
		ui.say("%-10s %s", e.Event, quote(e.Folder))
	case "synced":
		maps.DeleteFunc(r.flapping, func(who string, _ bool) bool { return strings.HasSuffix(who, "\x00"+e.Folder) })
		if !ui.terminal && !r.pair {
			ui.say("in sync    %s", quote(e.Folder))
		}
	}
}

// in says which folder an event is about, where there are several.
func (r *reporter) in(e peer.Event) string {
	if !r.many || e.Folder == "" {
		return ""
	}
	return " in " + quote(e.Folder)
}

// sameProblem is how long people are not told of a problem again that is tried
// again and again.
const sameProblem = 10 * time.Minute

// problem notes a problem and reports whether it was told already. Numbers in it
// make it no other: how much room is left, say.
func (r *reporter) problem(e peer.Event) (again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := filepath.Join(e.Folder, e.Path)
	again = kindOf(r.problems[at]) == kindOf(e.Text) && e.Time.Sub(r.told[at]) < sameProblem
	r.problems[at] = e.Text
	if !again {
		r.told[at] = e.Time
	}
	return again
}

// kindOf is the words of a problem that come before its first number.
func kindOf(problem string) string {
	if i := strings.IndexAny(problem, "0123456789"); i > 0 {
		return problem[:i]
	}
	return problem
}

// shortVisit is a connection that ended before anything came of it.
const shortVisit = time.Second

// worthTelling reports whether people want to read that a peer comes or goes:
// not of the other directory of a pair, and once of a peer that comes and goes
// because the two have nothing to say to each other.
func (r *reporter) worthTelling(e peer.Event) bool {
	who := e.Peer + "\x00" + e.Folder
	before := r.flapping[who]
	if e.Event == "peer_connected" {
		r.since[who] = e.Time
	} else {
		r.flapping[who] = e.Time.Sub(r.since[who]) < shortVisit
	}
	return !r.pair && !before && (r.inside == nil || !r.inside(e.Folder))
}

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

type progressJSON struct {
	Event   string      `json:"event"`
	Time    time.Time   `json:"time"`
	Percent int         `json:"percent"`
	Left    peer.Amount `json:"left"`
	Rate    int64       `json:"rate"`
	ETA     *int64      `json:"eta_s"`
	Path    string      `json:"path,omitempty"`

	RawPath []byte `json:"raw_path,omitempty"` // where it is not UTF-8
}

// look reads the meter once and returns when to look again.
func (r *reporter) look(s *session) time.Duration {
	began := time.Now()
	r.thrift.look(began, allocated())
	s.settleModes()
	s.folders.measure()
	if !r.p.flags.JSON && (r.p.ui.quiet || r.many && !r.p.ui.terminal) {
		return lookEvery // nobody looks
	}
	st := s.node.Status()
	cost := time.Since(began)
	now := r.meter.read(st.Folders, r.pair)
	switch {
	case r.p.flags.JSON:
		if now.Busy && !r.p.flags.NoProgress {
			_ = r.p.printJSON(progressJSON{"progress", time.Now().UTC(), now.percent(), now.Left, now.Rate, now.ETA, now.Current, rawName(now.Current)})
		}
	case r.p.flags.NoProgress:
	case r.p.ui.terminal:
		r.p.ui.progress(now.line(r.p.ui.width() - 1))
		if now.Busy {
			return sparing(drawEvery, cost)
		}
	default:
		r.plainly(now)
	}
	return sparing(lookEvery, cost)
}

// plainly tells how far it is where no line can be drawn anew: now and then, and
// not at all of what is soon done.
func (r *reporter) plainly(now reading) {
	at := r.p.now()
	if now.Busy && !now.Began && at.Sub(r.spoken) < plainEvery {
		return
	}
	if now.Busy && !now.Began {
		r.p.ui.say("%s", strings.TrimSpace(now.line(200)))
	}
	r.spoken = at
}

// sparing is how long to wait before a look that takes so long: looking must
// not take more than a twentieth of the time, whatever there is to count.
func sparing(every, cost time.Duration) time.Duration { return max(every, 20*cost) }

// settleModes remembers what folders that were joined turned out to be.
func (s *session) settleModes() {
	for _, m := range s.folders.running() {
		mode := m.Mode()
		if m.settled || m.conf.Mode != "" || m.entry.Mode != peer.ModeAuto.String() || mode == peer.ModeAuto || s.dry {
			continue
		}
		m.settled = true
		s.p.ui.say("mode       %s%s: %s", mode.Role(), s.report.in(peer.Event{Folder: m.entry.Dir}), modeText(mode))
		e := m.entry
		e.Mode = mode.String()
		if _, err := s.home.read(e.tag); err != nil {
			continue // it was forgotten meanwhile
		}
		if err := s.home.save(e); err != nil {
			s.log.Warn("cannot remember the mode of a folder", "error", err)
		}
	}
}

func modeText(m peer.Mode) string {
	switch m {
	case peer.Mirror:
		return "the peer is a one-way source, so this side becomes like it"
	case peer.Receive:
		return "the peer is a one-way source, so this side follows it; what is changed here stays here alone"
	}
	return "changes on either side reach the other"
}
