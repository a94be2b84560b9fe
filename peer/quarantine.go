package peer

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"qsync/store"
)

// Violations: so many within the window, and a peer is left out for a while.
const (
	badLimit     = 5
	badWindow    = 10 * time.Minute
	badPause     = time.Hour
	maxOffenders = 1024 // peers whose violations are remembered
)

// quarantine remembers who has broken the protocol, and when.
type quarantine struct {
	mu sync.Mutex
	m  map[store.NodeID]*offender
}

// offender is a peer that has broken the protocol.
type offender struct {
	id            store.NodeID
	name, address string
	times         []time.Time // the last badLimit
}

// out reports whether that was too often.
func (o *offender) out() bool {
	n := len(o.times)
	return n == badLimit && o.times[n-1].Sub(o.times[0]) <= badWindow && time.Since(o.times[n-1]) <= badPause
}

// String says so, for people.
func (o *offender) String() string {
	return fmt.Sprintf("it broke the protocol %d times within %.0f minutes and is left out until %s: see that qsync there is of the version that runs here, and that its disk is sound",
		badLimit, badWindow.Minutes(), o.times[len(o.times)-1].Add(badPause).Format("15:04"))
}

// note counts a violation by the peer of s, and reports whether it is the one
// that makes the peer be left out.
func (q *quarantine) note(s *session) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.m == nil {
		q.m = make(map[store.NodeID]*offender)
	}
	o := q.m[s.id]
	if o == nil {
		if len(q.m) >= maxOffenders {
			q.forget()
		}
		o = &offender{id: s.id}
		q.m[s.id] = o
	}
	was := o.out()
	o.name, o.address = s.peer.Name, s.link.Remote()
	if len(o.times) == badLimit {
		o.times = slices.Delete(o.times, 0, 1)
	}
	o.times = append(o.times, time.Now())
	return o.out() && !was
}

// forget makes room: it drops who has done nothing for so long that it does not
// count any more, else whoever has not been at it for the longest time; those
// who are left out come last.
func (q *quarantine) forget() {
	var first *offender
	for id, o := range q.m {
		if time.Since(o.last()) > badPause {
			delete(q.m, id)
		} else if first == nil || !o.out() && first.out() || o.out() == first.out() && o.last().Before(first.last()) {
			first = o
		}
	}
	if len(q.m) >= maxOffenders {
		delete(q.m, first.id)
	}
}

func (o *offender) last() time.Time { return o.times[len(o.times)-1] }

// reason says why peer id is left out, "" if it is not.
func (q *quarantine) reason(id store.NodeID) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if o := q.m[id]; o != nil && o.out() {
		return o.String()
	}
	return ""
}

// all lists who is left out, by ID.
func (q *quarantine) all() (out []offender) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, o := range q.m {
		if o.out() {
			one := *o
			one.times = slices.Clone(o.times)
			out = append(out, one)
		}
	}
	slices.SortFunc(out, func(a, b offender) int { return slices.Compare(a.id[:], b.id[:]) })
	return out
}

// violated notes that a peer broke the protocol, and tells people when it is
// left out for that.
func (f *Folder) violated(s *session) (out bool) {
	if out = f.bad.note(s); out {
		f.node.cfg.Log.Warn("a peer is left out for a while", "folder", f.Dir(), "peer", s.peer.Name, "reason", f.bad.reason(s.id))
		f.changed()
	}
	return out
}

// leftOut lists the peers that are in quarantine and have never been let in.
func (f *Folder) leftOut() []PeerStatus {
	out := []PeerStatus{}
	for _, o := range f.bad.all() {
		if f.store.Peer(o.id).Number == 0 {
			out = append(out, PeerStatus{
				Name: o.name, Node: fmt.Sprintf("%x", o.id[:]), Address: o.address, Addresses: []string{},
				LastSeen: o.last().UTC(), Reason: o.String(),
			})
		}
	}
	return out
}
