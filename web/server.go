package web

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

// Node is what the window sees of a node.
type Node interface {
	// Overview describes the node, and each of its folders by its path, as JSON
	// objects. It is asked several times a second while somebody looks.
	Overview() (node json.RawMessage, folders map[string]json.RawMessage)
	Health() Health
	Metrics() []Metric
}

// Health is how a node is, for a check that may know no more than that.
type Health struct {
	Folders  int // all
	Ill      int // that do not sync and should
	Problems int // paths, of all folders, that cannot be synced
}

// Config is what a [Server] needs.
type Config struct {
	Node       Node
	API        http.Handler           // answers /v1/...; whoever reaches it is trusted
	Secret     []byte                 // of the home, at least 32 bytes
	Renew      func() (string, error) // makes another Generation, for this server and later ones; nil: for this one alone
	Version    string                 // of the program: a page of another one loads itself anew
	Generation string                 // of sessions: those that were begun with another one do not hold
	Log        *slog.Logger

	// For others than this machine; see [Server.Serve].
	Password string   // as [HashPassword] gives it
	Cert     string   // files, PEM
	Key      string   //
	Names    []string // under which people reach it
}

// The bounds of the server.
const (
	maxConnections = 128
	maxHeader      = 16 << 10
	maxBody        = 1 << 20
	maxImage       = 8 << 20          // of a request that brings a picture
	bodyTime       = 30 * time.Second // in which a request has to come, and each part of an answer to be read
	endTime        = 2 * time.Second
)

// ErrExposed: the address is not this machine's alone, and TLS or the password
// is missing.
var ErrExposed = errors.New("an address that others reach needs web.cert, web.key and web.password")

// Server is the window of one node.
type Server struct {
	conf     Config
	sessions sessions
	door     *door
	hub      *hub
	static   map[string]*file
	page     string // the name of all of it together
	certs    keyPair
	handler  http.Handler
	port     string // of the listener, for the name of the cookie
	tls      bool
	local    bool
	bodyTime time.Duration
}

// New makes a server. The error is about the configuration.
func New(c Config) (*Server, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{conf: c, bodyTime: bodyTime, certs: keyPair{cert: c.Cert, key: c.Key}}
	if c.Renew == nil {
		s.conf.Renew = func() (string, error) { return rand.Text(), nil }
	}
	var err error
	if s.sessions, err = newSessions(c.Secret, c.Generation); err != nil {
		return nil, err
	}
	if s.door, err = newDoor(c.Password); err != nil {
		return nil, err
	}
	if s.static, s.page, err = loadStatic(c.Version); err != nil {
		return nil, err
	}
	s.hub = newHub(c.Node.Overview)
	s.handler = s.routes()
	return s, nil
}

// Check says why the server may not or cannot serve an address: [ErrExposed], or
// that there is no certificate where there should be.
func (s *Server) Check(a net.Addr) error {
	if !loopback(a) && (!s.Secure() || s.conf.Password == "") {
		return ErrExposed
	}
	if s.Secure() {
		_, err := s.certs.get(nil)
		return err
	}
	return nil
}

func loopback(a net.Addr) bool {
	at, _ := a.(*net.TCPAddr)
	return at != nil && at.IP.IsLoopback()
}

// Serve answers on l until ctx ends. Plain HTTP is spoken on a loopback address
// alone, else TLS 1.3. The error is also that of [Server.Check]. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer l.Close()
	if err := s.Check(l.Addr()); err != nil {
		return err
	}
	s.local, s.tls = loopback(l.Addr()), s.Secure()
	if _, port, err := net.SplitHostPort(l.Addr().String()); err == nil {
		s.port = port
	}
	if !s.local {
		l = newFairListener(l)
	}
	l = netutil.LimitListener(l, maxConnections)
	if s.tls {
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: s.certs.get, NextProtos: []string{"http/1.1"}})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	running, stop := context.WithCancel(context.WithoutCancel(ctx)) // what is being answered may end
	defer stop()
	srv := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return running },
		ErrorLog:    slog.NewLogLogger(s.conf.Log.Handler(), slog.LevelDebug),
	}
	var beside sync.WaitGroup
	beside.Go(func() { s.hub.run(ctx) })
	beside.Go(func() {
		<-ctx.Done()
		end, over := context.WithTimeout(context.Background(), endTime)
		defer over()
		_ = srv.Shutdown(end) // the hub ends the streams
		stop()
		_ = srv.Close()
	})
	err := srv.Serve(l)
	cancel()
	beside.Wait()
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Secure reports whether the server speaks TLS.
func (s *Server) Secure() bool { return s.conf.Cert != "" || s.conf.Key != "" }

// Ticket makes a ticket: whoever shows it within a minute, once, gets a session.
func (s *Server) Ticket() string { return s.sessions.ticket(time.Now(), anybodys) }

// TicketFor makes one that only what belongs to a user of this machine may show, as far
// as the system tells whose a connection is; see [from].
func (s *Server) TicketFor(user int) string { return s.sessions.ticket(time.Now(), user) }

// Publish tells all who look of something that happened, an object that is
// marshalled. Within a tenth of a second only so many are told of one by one.
func (s *Server) Publish(happened any) { s.hub.publish(happened) }

// Wake has the overview looked at soon.
func (s *Server) Wake() { s.hub.wake() }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range s.own() {
		mux.Handle(pattern, h)
	}
	mux.Handle("/api/v1/", s.inside(s.read(http.StripPrefix("/api", s.waking(s.conf.API)))))
	mux.HandleFunc("/", s.files)
	return s.guard(mux)
}

// own are the requests that are answered here, by pattern, but for files.
func (s *Server) own() map[string]http.Handler {
	return map[string]http.Handler{
		"GET /health":        http.HandlerFunc(s.health),
		"GET /session":       http.HandlerFunc(s.ask),
		"POST /session":      http.HandlerFunc(s.enter),
		"DELETE /session":    http.HandlerFunc(s.leave),
		"DELETE /sessions":   s.inside(http.HandlerFunc(s.leaveAll)),
		"GET /metrics":       s.inside(s.read(http.HandlerFunc(s.metrics))),
		"GET /api/v1/events": s.inside(http.HandlerFunc(s.events)),
	}
}

// waking looks at the overview after each request that may have changed it.
func (s *Server) waking(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		if r.Method != http.MethodGet {
			s.hub.wake()
		}
	})
}

// health tells no name and no reason: it is for everybody who can connect. A path that
// cannot be synced is no reason to start a node anew, but one for whoever asks strictly.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	h := s.conf.Node.Health()
	status, code := "ok", http.StatusOK
	if h.Ill > 0 || h.Problems > 0 && r.URL.Query().Has("strict") {
		status, code = "not well", http.StatusServiceUnavailable
	}
	reply(w, code, map[string]any{"status": status, "folders": h.Folders, "ill": h.Ill, "problems": h.Problems})
}

func reply(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // whoever asked may be gone
}
