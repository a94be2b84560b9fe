package web

import (
	"crypto/subtle"
	"crypto/tls"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// policy is what the page may load and do: our own files, pictures that it makes
// of content, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// guard is what every request passes first.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		_ = c.SetWriteDeadline(time.Now().Add(s.bodyTime)) // who does not read the answer keeps the connection from others
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Qsync-Version", s.conf.Version)
		h.Set("X-Qsync-Page", s.page) // one of another name loads itself anew
		if !s.known(r.Host) {
			http.Error(w, "this name is not this node's: open it by its address, or add the name to web.names in config.yaml", http.StatusMisdirectedRequest)
			return
		}
		if !s.ownOrigin(r) {
			http.Error(w, "the request comes from another page", http.StatusForbidden)
			return
		}
		limit := int64(maxBody)
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); strings.HasPrefix(kind, "image/") {
			limit = maxImage
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		if r.ContentLength != 0 {
			_ = c.SetReadDeadline(time.Now().Add(s.bodyTime)) // a recorder in a test has none
			r.Body = inTime{r.Body, c}
		}
		next.ServeHTTP(w, r)
	})
}

// inTime is a body that has to come by a deadline. The deadline ends with it: an
// answer may take longer, and one that is reached ends the request as a browser
// does that has gone.
type inTime struct {
	io.ReadCloser
	c *http.ResponseController
}

func (b inTime) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.c.SetReadDeadline(time.Time{})
	}
	return n, err
}

// known reports whether a Host header names this node. An address cannot be
// rebound; a name can.
func (s *Server) known(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if ip, err := netip.ParseAddr(name); err == nil {
		return !s.local || ip.Unmap().IsLoopback()
	}
	return name == "localhost" || slices.ContainsFunc(s.conf.Names, func(n string) bool { return strings.EqualFold(n, name) })
}

// ownOrigin reports whether a request comes from our own page, or from no page
// at all. What a browser sends to the API from a foreign one is refused whatever
// it asks; the page itself can be opened from everywhere.
func (s *Server) ownOrigin(r *http.Request) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) && (u.Scheme == "https") == (r.TLS != nil)
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
		return reads || bearer(r) != "" || r.Header.Get(tokenHeader) != "" // no browser, or an old one that showed our token
	}
	return reads && !guarded(r.URL.Path)
}

// guarded are the paths that tell something.
func guarded(path string) bool {
	return path == "/metrics" || strings.HasPrefix(path, "/session") || strings.HasPrefix(path, "/api/")
}

// inside lets those through who are let in.
func (s *Server) inside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.isIn(r) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="qsync"`)
			reply(w, http.StatusUnauthorized, map[string]any{"error": "not let in: 'qsync open' opens this page", "password": s.door.has()})
			return
		}
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); r.Method == http.MethodPost && kind != "application/json" && !strings.HasPrefix(kind, "image/") {
			http.Error(w, "the body must be JSON", http.StatusUnsupportedMediaType)
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // what was asked for may take long
		next.ServeHTTP(w, r)
	})
}

// read has an answer read, a part within the time for one: who stops reading has to go,
// and who is slow may be, since what was asked for can be some megabytes.
func (s *Server) read(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := parts{w, http.NewResponseController(w), s.bodyTime}
		next.ServeHTTP(p, r)
		p.begin() // what is still held back goes now
	})
}

const partSize = 64 << 10

// parts is an answer that is written in parts, each by a deadline of its own.
type parts struct {
	http.ResponseWriter
	c    *http.ResponseController
	time time.Duration
}

func (p parts) begin() { _ = p.c.SetWriteDeadline(time.Now().Add(p.time)) } // a recorder in a test has none

// Write is http.ResponseWriter's.
func (p parts) Write(b []byte) (n int, err error) {
	for first := true; err == nil && (first || n < len(b)); first = false {
		p.begin()
		var m int
		m, err = p.ResponseWriter.Write(b[n:min(n+partSize, len(b))])
		n += m
	}
	return n, err
}

// Unwrap is for http.ResponseController.
func (p parts) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (s *Server) isIn(r *http.Request) bool {
	if b := bearer(r); b != "" {
		return subtle.ConstantTimeCompare([]byte(b), s.conf.Secret) == 1
	}
	return s.sessionOf(r) != ""
}

// sessionOf is the cookie of the session that a request has, "" for none. There may be
// several of the name: the page of another port can set some.
func (s *Server) sessionOf(r *http.Request) string {
	for _, c := range r.CookiesNamed(s.cookieName()) {
		if s.sessions.holds(c.Value, r.Header.Get(tokenHeader), time.Now()) {
			return c.Value
		}
	}
	return ""
}

// tokenHeader carries the half of a session that the page holds.
const tokenHeader = "X-Qsync-Token"

func bearer(r *http.Request) string {
	scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(secret)
}

// keyPair reads a certificate and its key again when a file has changed, as it
// does when it is renewed.
type keyPair struct {
	cert, key string

	mu   sync.Mutex
	seen [2]time.Time
	pair *tls.Certificate
}

func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var now [2]time.Time
	for i, name := range []string{k.cert, k.key} {
		if fi, err := os.Stat(name); err == nil {
			now[i] = fi.ModTime()
		}
	}
	if k.pair != nil && now == k.seen {
		return k.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(k.cert, k.key)
	if err != nil {
		if k.pair != nil { // half written: the old one still holds
			return k.pair, nil
		}
		return nil, err
	}
	k.pair, k.seen = &pair, now
	return k.pair, nil
}
