package discovery

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// station is one interface in one family: a socket, or the wait for one.
type station struct {
	link   link
	family Family

	conn     *conn // nil while there is none
	retry    time.Time
	patience time.Duration // before the retry after the next failure
	plan     schedule
	answer   []byte // nil with no folder to announce
	asked    uint16 // the number of our latest question

	sent, heard, found, refused atomic.Uint64

	mu  sync.Mutex
	err error
}

// send sends a packet to the link, or gives the socket up.
func (s *station) send(packet []byte, now time.Time) {
	if s.conn == nil || packet == nil {
		return
	}
	if err := s.conn.send(packet); err != nil {
		s.fail(err, now)
		return
	}
	s.sent.Add(1)
	s.patience = 0
	s.note(nil)
}

// fail closes the socket and plans for another, after 1, 2, 4 and so on up to 60
// seconds.
func (s *station) fail(err error, now time.Time) {
	s.close()
	s.patience = min(max(firstGap, 2*s.patience), lastGap)
	s.retry = now.Add(s.patience)
	s.note(err)
}

func (s *station) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *station) close() {
	if s.conn != nil {
		s.conn.close()
		s.conn = nil
	}
}

// read tells the run what comes in, until the socket closes or fails.
func (r *run) read(c *conn) {
	buf := make([]byte, 1<<16) // some systems make an error of what does not fit
	var p pace
	for failed := 0; ; {
		n, ours, err := c.read(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil && failed < 10:
			failed++ // of some one packet, on some systems
			time.Sleep(10 * time.Millisecond)
			continue
		case err != nil:
			r.tell(event{from: c, err: err})
			return
		}
		failed = 0
		if ours && mentions(buf[:n]) && p.parse() {
			h, ok := parse(buf[:n])
			if !ok {
				h.refused = 1
			}
			r.tell(event{from: c, heard: h})
		}
		time.Sleep(p.read(time.Now()))
	}
}

func (r *run) tell(e event) {
	select {
	case r.events <- e:
	case <-r.ctx.Done():
	}
}

// Link is what a beacon has seen on one interface in one family since that
// interface last changed.
type Link struct {
	Interface string // "" for the one that the system chooses
	Family    Family
	Addrs     []string // where it says that the node is reached
	Sent      uint64   // packets
	Heard     uint64   // packets about qsync, our own among them
	Found     uint64   // adverts of folders that this node holds
	Refused   uint64   // packets and records that nobody of ours wrote
	Err       error    // why nothing can be sent or heard now
}

// Report says what a running beacon sees, by interface and family. A row
// without an interface and with an error is about all of them.
func (b *Beacon) Report() (all []Link) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.seen {
		s.mu.Lock()
		l := Link{Interface: s.link.name, Family: s.family, Err: s.err,
			Sent: s.sent.Load(), Heard: s.heard.Load(), Found: s.found.Load(), Refused: s.refused.Load()}
		s.mu.Unlock()
		for _, a := range s.link.at {
			l.Addrs = append(l.Addrs, a.String())
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(x, y Link) int {
		return strings.Compare(fmt.Sprint(x.Interface, " ", x.Family), fmt.Sprint(y.Interface, " ", y.Family))
	})
	if b.err != nil {
		all = append(all, Link{Err: b.err})
	}
	if b.over > 0 {
		all = append(all, Link{Err: fmt.Errorf("%d more interfaces are not used: at most %d are", b.over, maxLinks)})
	}
	return all
}

func (b *Beacon) note(stations map[string]*station, over int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen, b.over, b.err = nil, over, err
	for _, s := range stations {
		b.seen = append(b.seen, s)
	}
}
