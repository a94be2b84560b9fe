package web

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// raw sends bytes as they are, and returns the status line and what follows.
func (r *running) raw(text string) string {
	r.t.Helper()
	c, err := net.Dial("tcp", r.host)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, text)
	b, _ := io.ReadAll(bufio.NewReader(c))
	return string(b)
}

func (r *running) asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.api)
}

// TestForeignPages: a page from elsewhere, in a browser that gives it the cookie and
// even the token, gets nothing and changes nothing, whatever it sends.
func TestForeignPages(t *testing.T) {
	r := serve(t, nil)
	in := r.in()
	_, port, _ := net.SplitHostPort(r.host)
	for _, origin := range []string{
		"http://" + r.host + ".evil.example", "http://" + r.host + "@evil.example", "http://evil.example#" + r.host, "http://evil.example/" + r.host,
		"http://localhost:" + port, "http://[::1]:" + port, "http://127.0.0.1", "ws://evil.example", "file://", "null", "%", "http://", "//", r.host,
	} {
		for _, method := range []string{"GET", "POST", "DELETE", "OPTIONS", "PUT", "HEAD"} {
			for _, path := range []string{"/api/v1/pause", "/session", "/metrics", "/api/v1/events"} {
				a, _ := r.do(method, path, "{}", with(in, "Origin: "+origin)...)
				if a.StatusCode != 403 || a.Header.Get("Access-Control-Allow-Origin") != "" || len(a.Cookies()) > 0 {
					t.Errorf("%s %s from %s: %d", method, path, origin, a.StatusCode)
				}
			}
		}
	}
	for _, host := range []string{
		"evil.example", "127.0.0.1.evil.example", "localhost.evil.example:" + port, "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1\u3002evil", "0.0.0.0", "10.0.0.1",
		"[::]", "[fe80::1]", "xn--localhost", "localhost:" + port + ":1", "a@127.0.0.1",
	} {
		if a := r.raw("GET /session HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(a, "HTTP/1.1 421") && !strings.HasPrefix(a, "HTTP/1.1 400") {
			t.Errorf("host %s: %.60q", host, a)
		}
	}
	for _, host := range []string{r.host, "localhost:" + port, "LOCALHOST", "localhost.", "[::1]:" + port, "127.0.0.1:1"} {
		if a, _ := r.do("GET", "/session", "", "Host: "+host); a.StatusCode != 200 {
			t.Errorf("host %s: %d", host, a.StatusCode)
		}
	}
	// The name in the request line counts, not the one in the header; two are none.
	for _, text := range []string{
		"GET http://evil.example/session HTTP/1.1\r\nHost: " + r.host + "\r\nConnection: close\r\n\r\n",
		"GET /session HTTP/1.1\r\nHost: " + r.host + "\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
		"GET /session HTTP/1.1\r\nConnection: close\r\n\r\n",
	} {
		if a := r.raw(text); strings.HasPrefix(a, "HTTP/1.1 200") {
			t.Errorf("%q is answered", text)
		}
	}
	// What a form, a picture and a fetch without CORS can send.
	for _, headers := range [][]string{
		{in[0], "Content-Type: text/plain"}, {in[0], "Content-Type: application/json"}, {in[0], "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors"}, {in[0], "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"},
	} {
		for _, method := range []string{"GET", "POST"} {
			if a, body := r.do(method, "/api/v1/pause?x={}", `{"folder":""}`, headers...); a.StatusCode < 400 {
				t.Errorf("%s with %q: %d %s", method, headers, a.StatusCode, body)
			}
		}
	}
	if r.asked() != 0 {
		t.Errorf("the API was asked %q", r.api)
	}
}

// TestTossedCookies: what another port of this host sets under our name shuts
// nobody out, and lets nobody in.
func TestTossedCookies(t *testing.T) {
	r := serve(t, nil)
	in, other := r.in(), r.in()
	name, _, _ := strings.Cut(strings.TrimPrefix(in[0], "Cookie: "), "=")
	mine := strings.TrimPrefix(in[0], "Cookie: ")
	for _, c := range []string{name + "=x; " + mine, mine + "; " + name + "=x", strings.TrimPrefix(other[0], "Cookie: ") + "; " + mine} {
		if a, body := r.do("POST", "/api/v1/wait", "{}", with(in, "Cookie: "+c)...); a.StatusCode != 200 {
			t.Errorf("%s: %d %s", c, a.StatusCode, body)
		}
	}
	if a, _ := r.do("POST", "/api/v1/wait", "{}", with(in, "Cookie: "+name+"=x; "+name+"=y")...); a.StatusCode != 401 {
		t.Errorf("foreign cookies: %d", a.StatusCode)
	}
	if a, _ := r.do("DELETE", "/session", "", with(in, "Cookie: "+name+"=x; "+mine)...); a.StatusCode != 200 {
		t.Errorf("ending it: %d", a.StatusCode)
	}
	if a, _ := r.do("POST", "/api/v1/wait", "{}", in...); a.StatusCode != 401 {
		t.Errorf("after its end: %d", a.StatusCode)
	}
}

// TestPathsThatAreNotClean lead to no handler but by a redirect within this origin.
func TestPathsThatAreNotClean(t *testing.T) {
	r := serve(t, nil)
	for _, path := range []string{
		"//api/v1/status", "/api/../api/v1/status", "/x/../api/v1/status", "/./metrics", "//metrics", "/%2e%2e/api/v1/status", "//evil.example/..", "/\\evil.example", "/api/v1/../../metrics", "/api%2fv1/status", "/API/v1/status",
	} {
		for _, method := range []string{"GET", "HEAD", "CONNECT", "PRI", "get"} {
			a := r.raw(method + " " + path + " HTTP/1.1\r\nHost: " + r.host + "\r\nConnection: close\r\n\r\n")
			status, rest, _ := strings.Cut(a, "\r\n")
			if strings.Contains(status, " 200 ") {
				t.Errorf("%s %s: %s", method, path, status)
			}
			if _, to, ok := strings.Cut(rest, "\r\nLocation: "); ok && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, "/\\")) {
				t.Errorf("%s %s leads to %.40q", method, path, to)
			}
		}
	}
	if r.asked() != 0 {
		t.Errorf("the API was asked %q", r.api)
	}
}

// TestPackedBodies: nobody unpacks what a request brings.
func TestPackedBodies(t *testing.T) {
	r := serve(t, nil)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(make([]byte, 64<<20))
	_ = z.Close()
	a, _ := r.do("POST", "/api/v1/qr", b.String(), with(r.in(), "Content-Encoding: gzip")...)
	if r.asked() != 1 || a.StatusCode != 200 || r.api[0] != fmt.Sprint("POST /v1/qr ", b.Len()) {
		t.Errorf("%d, the API was asked %q", a.StatusCode, r.api)
	}
	if a, _ := r.do("POST", "/session", b.String(), "Content-Encoding: gzip", "Origin: "+r.url); a.StatusCode != 400 {
		t.Errorf("a packed ticket: %d", a.StatusCode)
	}
}

// TestGuessedTickets go nowhere, and take the good one from nobody.
func TestGuessedTickets(t *testing.T) {
	r := serve(t, nil)
	good := r.Ticket()
	now := time.Now()
	for i := range 20000 {
		if guess := fmt.Sprintf("%032d", i); r.sessions.spend(guess, now, nil) == nil || r.sessions.spend(good[:i%len(good)], now, nil) == nil {
			t.Fatalf("%d lets in", i)
		}
	}
	for _, bad := range []string{`{"ticket":["` + good + `"]}`, `{"ticket":"` + good + `\u0000"}`, `{"ticket":" ` + good + `"}`, strings.Repeat("[", 1<<20), `{"ticket":` + strings.Repeat("[", 20000) + `}`} {
		if a, body := r.do("POST", "/session", bad, "Origin: "+r.url); a.StatusCode != 400 && a.StatusCode != 401 {
			t.Errorf("%.40s: %d %.60s", bad, a.StatusCode, body)
		}
	}
	if r.sessions.spend(good, now, nil) != nil {
		t.Error("the good one is gone")
	}
}

// TestManyConnections: who opens connections, and sends nothing or never the end of
// a header, takes up a bounded number of them, for seconds.
func TestManyConnections(t *testing.T) {
	t.Parallel()
	r := serve(t, nil)
	before := runtime.NumGoroutine()
	began := time.Now()
	var all []net.Conn
	defer func() {
		for _, c := range all {
			_ = c.Close()
		}
	}()
	for i := range 1000 {
		c, err := net.DialTimeout("tcp", r.host, time.Second)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		all = append(all, c)
		if i%2 == 0 {
			_, _ = io.WriteString(c, "POST /session HTTP/1.1\r\nHost: "+r.host+"\r\nX: ")
		}
	}
	if more := runtime.NumGoroutine() - before; more > 3*maxConnections {
		t.Errorf("%d goroutines for them", more)
	}
	// The first ones are ended before long, though they are not closed.
	_ = all[0].SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(all[0]); err != nil {
		t.Errorf("the first connection lives on after %v: %v", time.Since(began), err)
	}
	for _, c := range all[maxConnections:] {
		_ = c.Close()
	}
	client := http.Client{Timeout: 20 * time.Second}
	a, err := client.Get(r.url + "/health")
	if err != nil || a.StatusCode != 200 {
		t.Fatalf("nobody else gets in: %v", err)
	}
	_ = a.Body.Close()
}
