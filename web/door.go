package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Failed attempts make the next one wait, so that trying goes nowhere. They do so
// apart for each address, so that whoever guesses keeps nobody else out; and all
// addresses together wait too, a little, for one may have very many. A browser that
// was let in before is known by a cookie, and waits for nothing but its own failures,
// wherever it is: behind a proxy all have the address of the guesser.
const (
	firstWait   = 250 * time.Millisecond
	lastWait    = 30 * time.Second // of one address, or one browser
	lastOfAll   = 2 * time.Second  // of all addresses together
	maxTrying   = 8                // of one at once
	maxStranger = 32               // of all addresses
	maxLanes    = 1024             // that are remembered
)

var (
	errNoPassword    = errors.New("no password is set: 'qsync open' opens this page")
	errWrongPassword = errors.New("this is not the password")
	errCrowd         = errors.New("too many attempts at once: wait a moment, or run 'qsync open' on the machine itself")
)

// door is where a password lets in.
type door struct {
	hash      *hashed       // nil: there is none
	hashing   chan struct{} // one at a time: it takes a core and much memory
	strangers *lane

	mu    sync.Mutex
	lanes map[string]*lane // by address or browser
}

func newDoor(hash string) (*door, error) {
	d := &door{hashing: make(chan struct{}, 1), strangers: newLane(maxStranger, lastOfAll), lanes: map[string]*lane{}}
	if hash == "" {
		return d, nil
	}
	h, err := parseHash(hash)
	d.hash = &h
	return d, err
}

func (d *door) has() bool { return d.hash != nil }

// guest is who tries a password.
type guest struct {
	name  string // an address, or a browser
	known bool   // it is a browser that was let in before
}

// try is nil where the password is right.
func (d *door) try(ctx context.Context, who guest, password string) error {
	if d.hash == nil {
		return errNoPassword
	}
	ways := []*lane{d.lane(who)}
	if !who.known {
		ways = append(ways, d.strangers)
	}
	right := false
	for _, l := range ways {
		if err := l.take(ctx); err != nil {
			return err
		}
		defer func() { l.leave(right) }()
	}
	select {
	case d.hashing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-d.hashing }()
	for _, l := range ways {
		l.tried()
	}
	if right = len(password) <= maxPassword && d.hash.is(password); right {
		return nil
	}
	return errWrongPassword
}

// lane is that of a guest. Of too many the one goes that has waited out longest ago.
func (d *door) lane(who guest) *lane {
	key := who.name
	if who.known {
		key = "browser " + key
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := d.lanes[key]; l != nil {
		return l
	}
	if len(d.lanes) >= maxLanes {
		oldest, since := "", time.Time{}
		for other, l := range d.lanes {
			if next, idle := l.state(); idle && (oldest == "" || next.Before(since)) {
				oldest, since = other, next
			}
		}
		delete(d.lanes, oldest)
	}
	l := newLane(maxTrying, lastWait)
	d.lanes[key] = l
	return l
}

// lane is where attempts come one after another, each later after one that failed.
type lane struct {
	most  int // at once
	limit time.Duration
	turn  chan struct{}

	mu     sync.Mutex
	trying int
	made   bool // the attempt whose turn it is was made
	pause  time.Duration
	next   time.Time
}

func newLane(most int, limit time.Duration) *lane {
	return &lane{most: most, limit: limit, turn: make(chan struct{}, 1)}
}

// state is when the next attempt is allowed, and whether nobody is there.
func (l *lane) state() (next time.Time, idle bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next, l.trying == 0
}

// take waits for the turn and the time of an attempt. Without an error leave has to follow.
func (l *lane) take(ctx context.Context) error {
	l.mu.Lock()
	if l.trying >= l.most {
		l.mu.Unlock()
		return errCrowd
	}
	l.trying++
	l.mu.Unlock()
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		l.gone()
		return ctx.Err()
	}
	next, _ := l.state()
	select {
	case <-time.After(time.Until(next)):
		return nil
	case <-ctx.Done():
		<-l.turn
		l.gone()
		return ctx.Err()
	}
}

func (l *lane) gone() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trying--
}

// tried says that the attempt is being made. One that was given up before costs nothing.
func (l *lane) tried() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made = true
}

// leave lets the next one in, after a pause where this one failed.
func (l *lane) leave(right bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case right:
		l.pause = 0
	case l.made:
		l.pause = min(max(2*l.pause, firstWait), l.limit)
		l.next = time.Now().Add(l.pause)
	}
	l.made = false
	l.trying--
	<-l.turn
}

// knownTime is how long a browser that was let in is known: as long as browsers keep a cookie.
const knownTime = 400 * 24 * time.Hour

func (s *Server) knownName() string { return s.cookieName() + "-known" }

// guestOf is who tries a password. The cookie of a browser that was let in before is a
// name and its MAC, and lets nobody in.
func (s *Server) guestOf(r *http.Request) guest {
	for _, c := range r.CookiesNamed(s.knownName()) {
		b, err := text.DecodeString(c.Value)
		if err == nil && len(b) == 16+sha256.Size && hmac.Equal(b[16:], mac(s.sessions.base, "known", b[:16])) {
			return guest{string(b[:16]), true}
		}
	}
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	if p, counted := network(net.TCPAddrFromAddrPort(from)); counted {
		return guest{name: p.String()}
	}
	return guest{name: from.Addr().Unmap().String()} // this machine, or a proxy on it
}

// makeKnown gives a browser that is let in a name, if it has none.
func (s *Server) makeKnown(w http.ResponseWriter, r *http.Request) {
	if s.door.hash == nil || s.guestOf(r).known {
		return
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	s.setCookie(w, s.knownName(), text.EncodeToString(append(b[:], mac(s.sessions.base, "known", b[:])...)), time.Now().Add(knownTime))
}
