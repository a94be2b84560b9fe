package web

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	sessionTime = 30 * 24 * time.Hour
	ticketTime  = time.Minute
	maxTickets  = 16
	maxEnded    = 4096 // sessions that were ended, and would still hold
)

// sessions are who is let in. A cookie is
//
//	identifier (16 bytes) | end (8 bytes, seconds since 1970, big endian) | MAC (32 bytes)
//
// in base64url, its token the MAC of the identifier for another purpose.
//
// Their key is made of the secret of the home and of a generation: with another one
// none of them holds, and the secret, which scripts have, stays.
type sessions struct {
	base []byte // the key of the first generation
	*tickets
}

// tickets is what is kept in memory.
type tickets struct {
	mu      sync.Mutex
	key     []byte
	open    map[string]pass
	ended   map[[16]byte]time.Time // until when they would have held
	changed chan struct{}          // closed when some have ended
}

// pass is what a ticket is good for.
type pass struct {
	until time.Time
	user  int // whose browser alone may show it, or anybodys
}

// anybodys is for tickets that everybody may show who has them.
const anybodys = -1

func newSessions(secret []byte, generation string) (sessions, error) {
	if len(secret) < 32 {
		return sessions{}, errors.New("web: the secret is too short")
	}
	s := sessions{mac(secret, "qsync web session 1", nil), &tickets{open: map[string]pass{}, changed: make(chan struct{})}}
	s.begins(generation)
	return s, nil
}

// begins has the sessions of a generation hold, and no others; tickets do not either.
func (s sessions) begins(generation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key = s.base; generation != "" {
		s.key = mac(s.base, "generation", []byte(generation))
	}
	clear(s.open)
	s.ended = map[[16]byte]time.Time{}
	s.tell()
}

// tell has those looked at again who are let in for longer. s.mu is held.
func (s sessions) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// over is closed when some have ended.
func (s sessions) over() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func mac(key []byte, purpose string, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(purpose))
	h.Write(data)
	return h.Sum(nil)
}

func (s sessions) mac(purpose string, data []byte) []byte {
	s.mu.Lock()
	key := s.key
	s.mu.Unlock()
	return mac(key, purpose, data)
}

var text = base64.RawURLEncoding

// begin makes a session.
func (s sessions) begin(now time.Time) (cookie, token string, end time.Time) {
	var b [24]byte
	_, _ = rand.Read(b[:16]) // never fails
	end = now.Add(sessionTime)
	binary.BigEndian.PutUint64(b[16:], uint64(end.Unix()))
	return text.EncodeToString(append(b[:], s.mac("cookie", b[:])...)), text.EncodeToString(s.mac("token", b[:16])), end
}

// read returns the identifier and the end of a session that we began.
func (s sessions) read(cookie string, now time.Time) (id [16]byte, end time.Time, ok bool) {
	b, err := text.DecodeString(cookie)
	if err != nil || len(b) != 24+sha256.Size || !hmac.Equal(b[24:], s.mac("cookie", b[:24])) {
		return id, end, false
	}
	copy(id[:], b)
	end = time.Unix(int64(binary.BigEndian.Uint64(b[16:24])), 0)
	if !now.Before(end) {
		return id, end, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, over := s.ended[id]
	return id, end, !over
}

// holds reports whether cookie and token are the two halves of a session.
func (s sessions) holds(cookie, token string, now time.Time) bool {
	id, _, ok := s.read(cookie, now)
	given, err := text.DecodeString(token)
	return ok && err == nil && hmac.Equal(given, s.mac("token", id[:]))
}

// end makes a session hold no longer.
func (s sessions) end(cookie string, now time.Time) {
	id, end, ok := s.read(cookie, now)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, until := range s.ended {
		if len(s.ended) >= maxEnded || !now.Before(until) {
			delete(s.ended, id)
		}
	}
	s.ended[id] = end
	s.tell()
}

// ticket makes a ticket for a user. Of too many the one that ends first goes.
func (s sessions) ticket(now time.Time, user int) string {
	var b [24]byte
	_, _ = rand.Read(b[:])
	t := text.EncodeToString(b[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	first := ""
	for other, p := range s.open {
		if !now.Before(p.until) {
			delete(s.open, other)
		} else if first == "" || p.until.Before(s.open[first].until) {
			first = other
		}
	}
	if len(s.open) >= maxTickets {
		delete(s.open, first)
	}
	s.open[t] = pass{now.Add(ticketTime), user}
	return t
}

var (
	errSpent  = errors.New("this link was used already, or is older than a minute: 'qsync open' makes another")
	errOthers = errors.New("this link lets in the browser of who ran 'qsync open', on the same machine; 'qsync open --url' prints one for any other")
)

// spend is nil where a ticket was good, and makes it so no more. Who may not show it
// does not spoil it for those who may, nor keeps others waiting while that is found out.
func (s sessions) spend(t string, now time.Time, may func(user int) bool) error {
	have, p := s.shown(t, now)
	switch {
	case have == "":
		return errSpent
	case p.user != anybodys && !may(p.user):
		return errOthers
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, still := s.open[have]; !still {
		return errSpent
	}
	delete(s.open, have)
	return nil
}

// shown is the ticket that somebody shows, "" if it is none.
func (s sessions) shown(t string, now time.Time) (have string, p pass) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for have, p := range s.open {
		if subtle.ConstantTimeCompare([]byte(have), []byte(t)) == 1 && now.Before(p.until) {
			return have, p
		}
	}
	return "", pass{}
}

// cookieName has the port in it: a cookie belongs to a host, not to a port, and
// two nodes of one machine must not take each other's away.
func (s *Server) cookieName() string {
	name := "qsync-" + s.port
	if s.tls {
		name = "__Host-" + name
	}
	return name
}

// entry is what somebody shows to be let in.
type entry struct {
	Ticket   string `json:"ticket"`
	Password string `json:"password"`
	Overview bool   `json:"overview"` // what GET /api/v1/overview says comes with the answer
}

func (s *Server) ask(w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusOK, map[string]any{"password": s.door.has(), "in": s.isIn(r), "version": s.conf.Version})
}

func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	var q entry
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		why := "malformed request"
		if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
			why = "there is no field " + name[:min(len(name), 100)] + ": send ticket or password"
		}
		http.Error(w, why, http.StatusBadRequest)
		return
	}
	if q.Ticket != "" {
		if err := s.sessions.spend(q.Ticket, time.Now(), func(user int) bool { return from(r, user) }); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
	} else {
		err := s.door.try(r.Context(), s.guestOf(r), q.Password)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.bodyTime)) // that may have taken long
		if err != nil {
			code := http.StatusUnauthorized
			if errors.Is(err, errCrowd) {
				code = http.StatusTooManyRequests
			}
			http.Error(w, err.Error(), code)
			return
		}
	}
	cookie, token, end := s.sessions.begin(time.Now())
	s.setCookie(w, s.cookieName(), cookie, end)
	s.makeKnown(w, r)
	let := map[string]any{"token": token}
	if q.Overview {
		if all := s.overview(r); all != nil {
			let["overview"] = all
		}
	}
	reply(w, http.StatusOK, let)
}

// overview is what the API says of everything, nil if it does not. Who comes in by the
// page wants that next, and is spared a way to and fro.
func (s *Server) overview(r *http.Request) json.RawMessage {
	ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "/v1/overview", http.NoBody)
	if err != nil {
		return nil
	}
	var all noted
	if s.conf.API.ServeHTTP(&all, ask); all.code != 0 && all.code != http.StatusOK || !json.Valid(all.Bytes()) {
		return nil
	}
	return all.Bytes()
}

// noted is an answer that goes no further.
type noted struct {
	bytes.Buffer
	header http.Header
	code   int
}

func (n *noted) Header() http.Header {
	if n.header == nil {
		n.header = make(http.Header)
	}
	return n.header
}

func (n *noted) WriteHeader(code int) { n.code = code }

func (s *Server) leave(w http.ResponseWriter, r *http.Request) {
	if cookie := s.sessionOf(r); cookie != "" {
		s.sessions.end(cookie, time.Now())
	}
	s.setCookie(w, s.cookieName(), "", time.Unix(1, 0))
	reply(w, http.StatusOK, map[string]any{})
}

// leaveAll ends every session, of whoever has it. What was shown for one ends as well.
func (s *Server) leaveAll(w http.ResponseWriter, _ *http.Request) {
	generation, err := s.conf.Renew()
	if err != nil {
		s.conf.Log.Error("the sessions could not be ended", "error", err)
		http.Error(w, "no session has ended: "+err.Error(), http.StatusInternalServerError)
		return
	}
	s.sessions.begins(generation)
	s.setCookie(w, s.cookieName(), "", time.Unix(1, 0))
	reply(w, http.StatusOK, map[string]any{})
}

func (s *Server) setCookie(w http.ResponseWriter, name, value string, end time.Time) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", Expires: end, HttpOnly: true, Secure: s.tls, SameSite: http.SameSiteStrictMode,
	})
}
