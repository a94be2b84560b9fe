package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"qsync/cmd/qsync/config"
	"qsync/peer"
	"qsync/web"
)

// window is the page of a running node. It is served from the start, or when
// 'qsync open' asks for it. That it cannot be served ends nothing: it is tried
// again.
type window struct {
	s      *session
	listen string // as config.ParseWeb reads it
	wanted bool   // from the start
	asked  chan struct{}

	mu      sync.Mutex
	server  *web.Server // nil while it is not served
	address string      // of the page, without a ticket
	err     error       // why it is not
	changed chan struct{}
}

// openWindow makes the window that flags and config.yaml ask for. Without either
// only a 'qsync serve' has it from the start.
func (s *session) openWindow() {
	w := &window{s: s, listen: s.conf.Web.Listen, asked: make(chan struct{}, 1), changed: make(chan struct{})}
	w.wanted = w.listen != config.WebAuto
	if given := string(s.flags.Web); given != "" {
		w.listen, w.wanted = given, true
	}
	s.window = w
	s.chores = append(s.chores, w.run)
}

// run serves the page until ctx ends.
func (w *window) run(ctx context.Context) {
	if w.listen == config.WebOff {
		w.set(nil, "", usagef("the page is off: take 'listen: off' out of config.yaml, below web:, or --web=off away"))
		return
	}
	if !w.wanted && !w.s.folders.serve && !w.wait(ctx, nil) {
		return
	}
	for {
		err := w.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		w.mu.Lock()
		before := w.err
		w.mu.Unlock()
		w.set(nil, "", err)
		if before == nil || before.Error() != err.Error() {
			w.s.log.Error("the page is not served; it is tried again", "reason", explain(err))
		}
		if !w.wait(ctx, time.After(retryEvery)) {
			return
		}
	}
}

// wait waits until somebody asks for the page or it is time; false is the end.
func (w *window) wait(ctx context.Context, until <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-w.asked:
	case <-until:
	}
	return true
}

// set tells those who wait for the page how it is.
func (w *window) set(s *web.Server, address string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.server, w.address, w.err = s, address, err
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *window) serve(ctx context.Context) error {
	secret, err := w.s.home.webSecret()
	if err != nil {
		return err
	}
	generation, err := w.s.home.webSessions()
	if err != nil {
		return err
	}
	c := w.s.conf.Web
	srv, err := web.New(web.Config{
		Node: w, API: w.s.windowAPI(), Secret: []byte(secret), Version: version, Log: w.s.log,
		Generation: generation, Renew: w.s.home.endWebSessions,
		Password: c.Password, Cert: c.Cert, Key: c.Key, Names: c.Names,
	})
	if errors.Is(err, web.ErrPassword) {
		return usagef("web.password of config.yaml: %v", err)
	}
	if err != nil {
		return failf("the page: %v", err)
	}
	l, err := listenWeb(w.listen)
	if err != nil {
		return err
	}
	if err = srv.Check(l.Addr()); err == nil { // else nobody is told of it
		address := addressOf(l.Addr(), srv.Secure(), c.Names)
		w.set(srv, address, nil)
		w.s.say("page: %s ('qsync open' lets you in)", address)
	}
	err = srv.Serve(ctx, l)
	if errors.Is(err, web.ErrExposed) {
		return usagef("web.listen %s: %v: set them in config.yaml ('qsync config password' writes the password), or take 127.0.0.1:%s", w.listen, err, config.DefaultWebPort)
	}
	if err == nil && ctx.Err() == nil {
		err = failf("the page: the socket was closed")
	}
	return err
}

// listenWeb opens the socket of the page.
func listenWeb(listen string) (net.Listener, error) {
	if listen == config.WebAuto {
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", config.DefaultWebPort)); err == nil {
			return l, nil
		}
		listen = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, failf("port %s of the page is taken by another program: choose another one, web.listen in config.yaml or --web=PORT", listen)
	}
	if err != nil {
		return nil, failf("the page cannot listen on %s: %v", listen, err)
	}
	return l, nil
}

// addressOf is what a browser of this machine opens, or one elsewhere, if there
// is a name for it.
func addressOf(a net.Addr, secure bool, names []string) string {
	scheme, at := "http://", a.String()
	if secure {
		scheme = "https://"
	}
	host, port, _ := net.SplitHostPort(at)
	if len(names) > 0 && secure {
		at = net.JoinHostPort(names[0], port)
	} else if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		at = net.JoinHostPort("127.0.0.1", port)
	}
	return scheme + at + "/"
}

// ticketTime is how long 'qsync open' waits for the page.
const ticketTime = 5 * time.Second

// ticket has the page served, and returns an address of it that lets in once,
// within a minute: anybody, or the browser of that user alone.
func (w *window) ticket(ctx context.Context, user *int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, ticketTime)
	defer cancel()
	first := true
	for {
		w.mu.Lock()
		server, address, err, changed := w.server, w.address, w.err, w.changed
		w.mu.Unlock()
		switch {
		case server != nil:
			if user != nil {
				return address + "#ticket=" + server.TicketFor(*user), nil
			}
			return address + "#ticket=" + server.Ticket(), nil
		case err != nil && (!first || w.listen == config.WebOff):
			return "", err
		}
		if first {
			select {
			case w.asked <- struct{}{}:
			default: // somebody else has asked already
			}
			first = false
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", failf("the page does not come up")
		}
	}
}

// comes waits a moment until the page is served, or cannot be, and reports which.
func (w *window) comes(ctx context.Context) bool {
	if w == nil {
		return false
	}
	late := time.After(time.Second)
	for {
		w.mu.Lock()
		server, err, changed := w.server, w.err, w.changed
		w.mu.Unlock()
		if server != nil || err != nil {
			return server != nil
		}
		select {
		case <-changed:
		case <-late:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// where is the address of the page, "" while it is not served.
func (w *window) where() string {
	if w == nil {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.address
}

// publish tells who looks at the page.
func (w *window) publish(e peer.Event) {
	if w == nil {
		return
	}
	w.mu.Lock()
	server := w.server
	w.mu.Unlock()
	if server != nil {
		server.Publish(e)
	}
}

// secretName is the file with what lets scripts in, and what sessions are made of.
const secretName = "web.token"

// webSecret is the home's secret for the page, 64 hexadecimal digits.
func (h home) webSecret() (string, error) {
	path := filepath.Join(h.dir, secretName)
	text, err := os.ReadFile(path)
	if secret := strings.TrimSpace(string(text)); err == nil && len(secret) >= 32 {
		return secret, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", failf("cannot read %s: %v", quote(path), reason(err))
	}
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	secret := hex.EncodeToString(b[:])
	tmp, err := writeBeside(path, func(*os.File) ([]byte, error) { return []byte(secret + "\n"), nil })
	if err != nil {
		return "", failf("cannot write %s: %v", quote(path), reason(err))
	}
	defer os.Remove(tmp)
	if len(text) > 0 { // it was cut short
		_ = os.Remove(path)
	}
	if err := os.Link(tmp, path); errors.Is(err, fs.ErrExist) {
		return h.webSecret() // another process was first
	} else if err != nil { // a file system without links
		err = os.Rename(tmp, path)
		if err != nil {
			return "", failf("cannot write %s: %v", quote(path), reason(err))
		}
	}
	return secret, nil
}

// openWindowRequest is the control socket's: it gives a windowAnswer.
func (c *control) openWindow(w http.ResponseWriter, r *http.Request) {
	var q windowRequest
	if r.ContentLength != 0 && !decode(w, r, &q) {
		return
	}
	var a windowAnswer
	if c.window == nil {
		a.waitAnswer = waitAnswer{Code: exitCode(errUsage), Missing: "this process has no page; 'qsync serve' has"}
	} else if url, err := c.window.ticket(r.Context(), q.User); err != nil {
		a.waitAnswer = waitAnswer{Code: exitCode(err), Missing: explain(err)}
	} else {
		a.URL, a.User = url, q.User
	}
	answer(w, a)
}

// windowRequest asks for an address that lets in once. With a user, which is a number
// of the system, it lets in a browser of that user on this machine alone.
type windowRequest struct {
	User *int `json:"user,omitempty"`
}

// windowAnswer is an address that lets in once.
type windowAnswer struct {
	waitAnswer
	URL  string `json:"url,omitempty"`
	User *int   `json:"user,omitempty"` // whose browser alone it lets in; an older node knows of no such thing
}
