package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// fakeNode is a node with folders that tests change.
type fakeNode struct {
	mu      sync.Mutex
	folders map[string]string
	health  Health
	metrics []Metric
	looks   int
}

func (n *fakeNode) Overview() (json.RawMessage, map[string]json.RawMessage) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.looks++
	all := map[string]json.RawMessage{}
	for path, text := range n.folders {
		all[path] = json.RawMessage(text)
	}
	return json.RawMessage(`{"name":"n"}`), all
}
func (n *fakeNode) Health() Health    { return n.health }
func (n *fakeNode) Metrics() []Metric { return n.metrics }
func (n *fakeNode) set(path, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if text == "" {
		delete(n.folders, path)
		return
	}
	n.folders[path] = text
}

var testSecret = strings.Repeat("5", 64)

// running is a server on a free loopback port, and what its API was asked.
type running struct {
	*Server
	t    *testing.T
	url  string
	host string
	node *fakeNode
	mu   sync.Mutex
	api  []string // method, path and body of each request
}

func serve(t *testing.T, adjust func(*Config), bodyTime ...time.Duration) *running {
	t.Helper()
	r := &running{t: t, node: &fakeNode{folders: map[string]string{}}}
	c := Config{Node: r.node, Secret: []byte(testSecret), Version: "1.2", API: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		r.mu.Lock()
		r.api = append(r.api, q.Method+" "+q.URL.Path+" "+strconv.Itoa(len(body)))
		r.mu.Unlock()
		_, _ = w.Write([]byte(`{"ok":true}`))
	})}
	if adjust != nil {
		adjust(&c)
	}
	var err error
	if r.Server, err = New(c); err != nil {
		t.Fatal(err)
	}
	for _, d := range bodyTime {
		r.bodyTime = d
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.host = l.Addr().String()
	r.url = "http://" + r.host
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("it ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("it does not end")
		}
	})
	return r
}

// do sends a request with headers "Name: value"; "Host: x" is the host. One that is refused before all of its body has come finds the
// connection closed now and then, before it has seen the answer: it is sent again.
func (r *running) do(method, path, body string, headers ...string) (*http.Response, string) {
	r.t.Helper()
	for again := 20; ; again-- {
		a, text, err := r.once(method, path, body, headers)
		if err == nil {
			return a, text
		}
		if again == 0 || !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			r.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
}

func (r *running) once(method, path, body string, headers []string) (*http.Response, string, error) {
	q, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			q.Host = value
			continue
		}
		q.Header.Set(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	a, err := client.Do(q)
	if err != nil {
		return nil, "", err
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	return a, string(text), err
}

// in begins a session with a ticket, and returns the headers that carry it.
func (r *running) in() []string {
	r.t.Helper()
	a, body := r.do("POST", "/session", `{"ticket":"`+r.Ticket()+`"}`, "Origin: "+r.url)
	var got struct{ Token string }
	if err := json.Unmarshal([]byte(body), &got); err != nil || a.StatusCode != 200 || len(a.Cookies()) != 1 || got.Token == "" {
		r.t.Fatalf("a ticket gives %d %s", a.StatusCode, body)
	}
	c := a.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure {
		r.t.Errorf("the cookie is %+v", c)
	}
	return []string{"Cookie: " + c.Name + "=" + c.Value, "X-Qsync-Token: " + got.Token, "Origin: " + r.url, "Content-Type: application/json"}
}

// without is a list of headers without one.
func without(headers []string, name string) (rest []string) {
	for _, h := range headers {
		if !strings.HasPrefix(h, name+": ") {
			rest = append(rest, h)
		}
	}
	return rest
}

func with(headers []string, more ...string) []string {
	for _, m := range more {
		name, _, _ := strings.Cut(m, ": ")
		headers = without(headers, name)
	}
	return append(headers, more...)
}

// TestWhoIsLetIn has every way to be let in and not to be.
func TestWhoIsLetIn(t *testing.T) {
	r := serve(t, nil)
	in, other := r.in(), r.in()
	bearer := []string{"Authorization: Bearer " + testSecret, "Content-Type: application/json"}
	cookieOf := func(headers []string) string { return headers[0] }
	tokenOf := func(headers []string) string { return headers[1] }
	for name, c := range map[string]struct {
		headers []string
		want    int
	}{
		"a session":               {in, 200},
		"the secret":              {bearer, 200},
		"nothing":                 {[]string{"Content-Type: application/json", "Origin: " + r.url}, 401},
		"the cookie alone":        {without(in, "X-Qsync-Token"), 401},
		"the token alone":         {without(in, "Cookie"), 401},
		"another session's token": {with(in, tokenOf(other)), 401},
		"another cookie":          {with(in, cookieOf(other)), 401},
		"a cookie that was bent":  {with(in, strings.Replace(cookieOf(in), "=", "=A", 1)), 401},
		"a wrong secret":          {with(bearer, "Authorization: Bearer "+strings.Repeat("6", 64)), 401},
		"a short secret":          {with(bearer, "Authorization: Bearer 5"), 401},
		"a foreign origin":        {with(in, "Origin: http://evil.example"), 403},
		"another port":            {with(in, "Origin: http://127.0.0.1:1"), 403},
		"a null origin":           {with(in, "Origin: null"), 403},
		"https instead":           {with(in, "Origin: https://"+r.host), 403},
		"from another site":       {with(without(in, "Origin"), "Sec-Fetch-Site: cross-site"), 403},
		"from the same site":      {with(without(in, "Origin"), "Sec-Fetch-Site: same-site"), 403},
		"a foreign host":          {with(in, "Host: evil.example", "Origin: http://evil.example"), 421},
		"a host that ends so":     {with(in, "Host: evil.localhost.example"), 421},
		"a foreign address":       {with(in, "Host: 192.0.2.1"), 421},
		"no JSON":                 {with(in, "Content-Type: text/plain"), 415},
		"a form":                  {with(in, "Content-Type: application/x-www-form-urlencoded"), 415},
	} {
		a, body := r.do("POST", "/api/v1/wait", "{}", c.headers...)
		if a.StatusCode != c.want {
			t.Errorf("%s: %d %s, not %d", name, a.StatusCode, body, c.want)
		}
	}
	for _, path := range []string{"/api/v1/status", "/metrics", "/api/v1/events"} {
		if a, _ := r.do("GET", path, ""); a.StatusCode != 401 {
			t.Errorf("%s without anything: %d", path, a.StatusCode)
		}
		if a, _ := r.do("GET", path, "", with(without(in, "Origin"), "Sec-Fetch-Site: cross-site")...); a.StatusCode != 403 {
			t.Errorf("%s from another site: %d", path, a.StatusCode)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.api) != 2 || r.api[0] != "POST /v1/wait 2" {
		t.Errorf("the API was asked %q", r.api)
	}
}

// TestSessions: a ticket is good once, a session until it is ended, also after a
// restart; with another secret it is none.
func TestSessions(t *testing.T) {
	r := serve(t, nil)
	ticket := r.Ticket()
	for i, want := range []int{200, 401} {
		if a, body := r.do("POST", "/session", `{"ticket":"`+ticket+`"}`, "Origin: "+r.url); a.StatusCode != want {
			t.Errorf("use %d of a ticket: %d %s", i+1, a.StatusCode, body)
		}
	}
	if a, body := r.do("POST", "/session", `{"ticket":"x","pasword":"x"}`, "Origin: "+r.url); a.StatusCode != 400 || !strings.Contains(body, `no field "pasword"`) {
		t.Errorf("a field that there is not: %d %s", a.StatusCode, body)
	}
	for _, body := range []string{`{"ticket":"x"}`, `{}`, `{"password":"x"}`, `nonsense`, ``} {
		if a, _ := r.do("POST", "/session", body, "Origin: "+r.url); a.StatusCode == 200 {
			t.Errorf("%q lets in", body)
		}
	}
	in := r.in()
	if _, body := r.do("GET", "/session", "", in...); !strings.Contains(body, `"in":true`) || !strings.Contains(body, `"version":"1.2"`) {
		t.Errorf("inside, it says %s", body)
	}
	_, cookie, _ := strings.Cut(strings.TrimPrefix(in[0], "Cookie: "), "=")
	token := strings.TrimPrefix(in[1], "X-Qsync-Token: ")
	now := time.Now()
	for name, c := range map[string]struct {
		secret, generation string
		at                 time.Time
		want               bool
	}{
		"after a restart":       {testSecret, "", now, true},
		"nearly a month later":  {testSecret, "", now.Add(sessionTime - time.Hour), true},
		"a month later":         {testSecret, "", now.Add(sessionTime), false},
		"under another secret":  {strings.Repeat("7", 64), "", now, false},
		"in another generation": {testSecret, "2", now, false},
	} {
		s, err := newSessions([]byte(c.secret), c.generation)
		if err != nil || s.holds(cookie, token, c.at) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a, _ := r.do("DELETE", "/session", "", in...); a.StatusCode != 200 || a.Cookies()[0].Value != "" {
		t.Errorf("ending it: %d", a.StatusCode)
	}
	if a, _ := r.do("GET", "/api/v1/status", "", in...); a.StatusCode != 401 {
		t.Errorf("after its end: %d", a.StatusCode)
	}
	if _, err := newSessions([]byte("short"), ""); err == nil {
		t.Error("a short secret will do")
	}
}

// TestBodies: what is too large is refused, and no path leads out of the page's files.
func TestBodies(t *testing.T) {
	r := serve(t, nil)
	in := r.in()
	for kind, limit := range map[string]int{"application/json": maxBody, "image/png": maxImage} {
		if a, body := r.do("POST", "/api/v1/qr", strings.Repeat("x", limit), with(in, "Content-Type: "+kind)...); a.StatusCode != 200 {
			t.Errorf("%d bytes of %s: %d %s", limit, kind, a.StatusCode, body)
		}
		if a, _ := r.do("POST", "/api/v1/qr", strings.Repeat("x", limit+1), with(in, "Content-Type: "+kind)...); a.StatusCode != 413 {
			t.Errorf("a byte more of %s: %d", kind, a.StatusCode)
		}
	}
	q, _ := http.NewRequest("GET", r.url, nil)
	q.Header.Set("X-Long", strings.Repeat("x", 2*maxHeader))
	if a, err := http.DefaultClient.Do(q); err == nil && a.StatusCode != 431 { // or the connection ends before the answer is read
		t.Errorf("long headers: %d", a.StatusCode)
	}
	for _, path := range []string{"/../server.go", "/static/index.html", "/%2e%2e/go.mod", "/server.go", "/app.js/", "//etc/passwd", "/.", "/static"} {
		if a, body := r.do("GET", path, ""); a.StatusCode == 200 && !strings.HasPrefix(body, "<!doctype html>") {
			t.Errorf("%s: %d %.60s", path, a.StatusCode, body)
		}
	}
	if a, _ := r.do("PUT", "/index.html", "x", "Origin: "+r.url); a.StatusCode != 405 {
		t.Errorf("PUT: %d", a.StatusCode)
	}
}

// TestHeaders: every answer forbids what the page does not do, and the page has
// nothing inline and nothing of elsewhere.
func TestHeaders(t *testing.T) {
	r := serve(t, nil)
	for _, path := range []string{"/", "/health", "/session", "/nothing", "/api/v1/status"} {
		a, _ := r.do("GET", path, "")
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin", "X-Qsync-Version": "1.2",
		} {
			if !strings.HasPrefix(a.Header.Get(name), want) {
				t.Errorf("%s: %s is %q", path, name, a.Header.Get(name))
			}
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") {
		t.Errorf("the policy is %s", policy)
	}
	a, _ := r.do("GET", "/", "", "Accept-Encoding: gzip")
	tag := a.Header.Get("ETag")
	if tag == "" || a.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("the page has %v", a.Header)
	}
	if a, body := r.do("GET", "/", "", "If-None-Match: "+tag); a.StatusCode != 304 || body != "" {
		t.Errorf("the same again: %d", a.StatusCode)
	}
	// Whoever follows a link from elsewhere may open the page, and nothing else.
	if a, _ := r.do("GET", "/", "", "Sec-Fetch-Site: cross-site"); a.StatusCode != 200 {
		t.Errorf("a link to the page: %d", a.StatusCode)
	}
}

// TestMetrics has the text format with all that has to be escaped.
func TestMetrics(t *testing.T) {
	r := serve(t, nil)
	r.node.metrics = []Metric{
		{Name: "a_bytes", Help: "One\nline \\.", Kind: "gauge", Samples: []Sample{{map[string]string{"z": "a\"b\\\n", "b": "\xff"}, 1.5}, {nil, 1e12}}},
		{Name: "empty", Kind: "gauge"},
	}
	a, body := r.do("GET", "/metrics", "", "Authorization: Bearer "+testSecret)
	want := "# HELP a_bytes One\\nline \\\\.\n# TYPE a_bytes gauge\na_bytes{b=\"\uFFFD\",z=\"a\\\"b\\\\\\n\"} 1.5\na_bytes 1e+12\n"
	if a.StatusCode != 200 || body != want || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("%d\n%q, not\n%q", a.StatusCode, body, want)
	}
}
