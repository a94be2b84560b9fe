package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"
)

// cheap is the hash of "correct horse" at the least cost.
var cheap = hashed{time: 1, memory: 8 << 10, lanes: 1}.of("correct horse")

// TestPasswords: a hash lets its password in and no other; wrong ones make the
// next attempt wait, also where the answer to it comes long after the request.
func TestPasswords(t *testing.T) {
	hash, err := HashPassword("correct horse")
	if err != nil || CheckHash(hash) != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=65536,t=3,p=1$") {
		t.Fatalf("%q: %v", hash, err)
	}
	r := serve(t, func(c *Config) { c.Password = cheap })
	if _, body := r.do("GET", "/session", ""); !strings.Contains(body, `"password":true`) {
		t.Errorf("it says %s", body)
	}
	enter := func(password string, more ...string) *http.Response {
		a, _ := r.do("POST", "/session", `{"password":"`+password+`"}`, append(more, "Origin: "+r.url)...)
		return a
	}
	first := enter("correct horse")
	if first.StatusCode != 200 || len(first.Cookies()) != 2 {
		t.Fatalf("the password: %d, %v", first.StatusCode, first.Cookies())
	}
	for _, wrong := range []string{"", "wrong horse"} {
		if a := enter(wrong); a.StatusCode != 401 || len(a.Cookies()) != 0 {
			t.Errorf("%q: %d, %v", wrong, a.StatusCode, a.Cookies())
		}
	}
	here := r.door.lane(guest{name: "127.0.0.1"})
	if here.pause != 2*firstWait {
		t.Errorf("after two wrong ones the next waits %v", here.pause)
	}
	began := time.Now()
	if a := enter("correct horse"); a.StatusCode != 200 || time.Since(began) < firstWait || here.pause != 0 {
		t.Errorf("the right one after them: %d after %v", a.StatusCode, time.Since(began))
	}

	// Somebody guesses, from the same address: all places are taken, for as long as it takes.
	here.trying, r.door.strangers.trying = maxTrying, maxStranger
	if a := enter("correct horse"); a.StatusCode != 429 {
		t.Errorf("in a crowd: %d", a.StatusCode)
	}
	known := first.Cookies()[1]
	for name, want := range map[string]int{known.Name + "=" + known.Value: 200, known.Name + "=A" + known.Value[1:] + "A": 429, known.Name + "=" + first.Cookies()[0].Value: 429} {
		if a := enter("correct horse", "Cookie: "+name); a.StatusCode != want {
			t.Errorf("with %s: %d, want %d", name, a.StatusCode, want)
		}
	}
	in := []string{"Cookie: " + known.Name + "=" + known.Value, "Content-Type: application/json"}
	if a, _ := r.do("GET", "/api/v1/status", "", in...); a.StatusCode != 401 {
		t.Errorf("being known lets in: %d", a.StatusCode)
	}
	here.trying, r.door.strangers.trying = 0, 0
}

// TestGuessers: who guesses from one address is slowed down there, and so are many
// addresses together; somebody at another address, and a browser that is known,
// get in meanwhile.
func TestGuessers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := newDoor("")
		d.hash = &hashed{time: 1, memory: 64, lanes: 1, salt: make([]byte, saltSize), hash: argon2.IDKey([]byte("correct horse"), make([]byte, saltSize), 1, 64, 1, hashSize)}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var wrong, crowded atomic.Int32
		began := time.Now()
		for range 2 * maxTrying { // at once, and again as soon as there is an answer
			go func() {
				for ctx.Err() == nil {
					switch err := d.try(ctx, guest{name: "192.0.2.1"}, "guess"); {
					case errors.Is(err, errWrongPassword):
						wrong.Add(1)
					case errors.Is(err, errCrowd):
						crowded.Add(1)
						time.Sleep(time.Second)
					}
				}
			}()
		}
		time.Sleep(10 * time.Minute)
		if n := wrong.Load(); n < 15 || n > 30 || crowded.Load() == 0 {
			t.Errorf("in ten minutes one address has %d attempts, and %d that were refused", n, crowded.Load())
		}
		for who, most := range map[guest]time.Duration{{name: "192.0.2.2"}: lastOfAll, {"anna's", true}: 0} {
			since := time.Now()
			if err := d.try(ctx, who, "correct horse"); err != nil || time.Since(since) > most {
				t.Errorf("meanwhile, %v: %v after %v", who, err, time.Since(since))
			}
		}
		cancel()
		synctest.Wait()
		if took := time.Since(began); took > 11*time.Minute {
			t.Errorf("it ends after %v", took)
		}

		// Each guess from an address of its own.
		const guesses = maxLanes + 100
		began = time.Now()
		for i := range guesses {
			if err := d.try(t.Context(), guest{name: fmt.Sprint(i)}, "guess"); !errors.Is(err, errWrongPassword) {
				t.Fatalf("%d: %v", i, err)
			}
		}
		if took := time.Since(began); took < guesses*lastOfAll-time.Minute || len(d.lanes) > maxLanes {
			t.Errorf("%d guesses take %v, and %d addresses are remembered", guesses, took, len(d.lanes))
		}
		if err := d.try(t.Context(), guest{"anna's", true}, "guess"); !errors.Is(err, errWrongPassword) {
			t.Error(err)
		}
		since := time.Now()
		if err := d.try(t.Context(), guest{"anna's", true}, "correct horse"); err != nil || time.Since(since) != firstWait {
			t.Errorf("after its own mistake: %v after %v", err, time.Since(since))
		}
		// What is given up while it waits costs the next one nothing.
		_ = d.try(t.Context(), guest{name: "x"}, "guess")
		short, over := context.WithTimeout(t.Context(), firstWait/2)
		defer over()
		if err := d.try(short, guest{name: "x"}, "guess"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if l := d.lane(guest{name: "x"}); l.pause != firstWait || l.trying != 0 {
			t.Errorf("after an attempt that was given up: %v, %d", l.pause, l.trying)
		}
	})
}

// TestWhoGuesses: of IPv6 one line is one guest; those of a proxy on this machine
// have its address.
func TestWhoGuesses(t *testing.T) {
	s, err := New(Config{Node: &fakeNode{}, Secret: []byte(testSecret)})
	if err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]string{
		"192.0.2.1:99": "192.0.2.1/32", "[::ffff:192.0.2.1]:7": "192.0.2.1/32", "[2001:db8::1]:1": "2001:db8::/64", "[2001:db8::2:3]:2": "2001:db8::/64", "[fe80::1%eth0]:1": "fe80::/64",
		"127.0.0.1:5": "127.0.0.1", "[::1]:5": "::1",
	} {
		if got := s.guestOf(&http.Request{RemoteAddr: from, Header: http.Header{}}); got != (guest{name: want}) {
			t.Errorf("%s is %v", from, got)
		}
	}
}

// TestEndOfAllSessions: one session ends all, also what is open for one, over a
// restart too; tickets end with them. The secret of the home goes on, and where
// the end cannot be kept nothing ends.
func TestEndOfAllSessions(t *testing.T) {
	var full error
	kept := "first"
	r := serve(t, func(c *Config) {
		c.Generation = kept
		c.Renew = func() (string, error) {
			if full == nil {
				kept += "x"
			}
			return kept, full
		}
	})
	in, other, ticket := r.in(), r.in(), r.Ticket()
	stream := func(headers []string) chan error {
		q, _ := http.NewRequest("GET", r.url+"/api/v1/events", nil)
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			q.Header.Set(name, value)
		}
		a, err := http.DefaultClient.Do(q)
		if err != nil || a.StatusCode != 200 {
			t.Fatalf("the stream: %v, %v", a, err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, a.Body)
			_ = a.Body.Close()
			ended <- err
		}()
		return ended
	}
	ends := func(what string, c chan error) {
		t.Helper()
		select {
		case <-c:
		case <-time.After(pingEvery - time.Second): // at once, not with the next ping
			t.Errorf("%s: its stream does not end", what)
		}
	}
	one := r.in()
	its, others := stream(one), stream(other)
	if a, _ := r.do("DELETE", "/session", "", one...); a.StatusCode != 200 {
		t.Errorf("ending one: %d", a.StatusCode)
	}
	ends("one that was ended", its)
	full = errors.New("no space left on device")
	if a, body := r.do("DELETE", "/sessions", "", in...); a.StatusCode != 500 || !strings.Contains(body, "no session has ended: no space") {
		t.Errorf("on a full disk: %d %s", a.StatusCode, body)
	}
	if a, _ := r.do("GET", "/api/v1/status", "", other...); a.StatusCode != 200 {
		t.Errorf("after that: %d", a.StatusCode)
	}
	full = nil
	for _, headers := range [][]string{nil, one, without(in, "X-Qsync-Token"), with(in, "Origin: http://evil.example")} {
		if a, _ := r.do("DELETE", "/sessions", "", append(headers, "Sec-Fetch-Site: same-origin")...); a.StatusCode != 401 && a.StatusCode != 403 {
			t.Errorf("%q ends all: %d", headers, a.StatusCode)
		}
	}
	if a, _ := r.do("DELETE", "/sessions", "", in...); a.StatusCode != 200 || a.Cookies()[0].Value != "" {
		t.Errorf("ending all: %d", a.StatusCode)
	}
	ends("another session", others)
	for _, headers := range [][]string{in, other} {
		if a, _ := r.do("GET", "/api/v1/status", "", headers...); a.StatusCode != 401 {
			t.Errorf("after the end of all: %d", a.StatusCode)
		}
	}
	if r.sessions.spend(ticket, time.Now(), nil) == nil {
		t.Error("a ticket of before lets in")
	}
	if a, _ := r.do("GET", "/api/v1/status", "", "Authorization: Bearer "+testSecret); a.StatusCode != 200 {
		t.Errorf("the secret: %d", a.StatusCode)
	}
	again := serve(t, func(c *Config) { c.Generation = kept })
	later := r.in()
	for i, headers := range [][]string{in, later} {
		_, cookie, _ := strings.Cut(strings.TrimPrefix(headers[0], "Cookie: "), "=")
		if holds := again.sessions.holds(cookie, strings.TrimPrefix(headers[1], "X-Qsync-Token: "), time.Now()); holds != (i == 1) {
			t.Errorf("after a restart %d: %v", i, holds)
		}
	}
}

// TestSlowReaders: who is let in, asks and does not read the answer has the
// connection for a moment; who reads slowly gets all of it.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	const size = 32 << 20
	ended := make(chan error, 1)
	r := serve(t, func(c *Config) {
		c.API = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(make([]byte, size))
			ended <- err
		})
	}, 3*time.Second)
	ask := func() (net.Conn, *http.Response) {
		c, err := net.Dial("tcp", r.host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.(*net.TCPConn).SetReadBuffer(64 << 10)
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(c, "GET /api/v1/large HTTP/1.1\r\nHost: "+r.host+"\r\nAuthorization: Bearer "+testSecret+"\r\n\r\n")
		a, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		return c, a
	}
	_, _ = ask()
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("nobody reads: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("who does not read has the connection for ever")
	}
	_, a := ask()
	defer a.Body.Close()
	got := 0
	for b := make([]byte, 1<<20); ; { // over longer than the deadline
		n, err := io.ReadFull(a.Body, b)
		if got += n; err != nil {
			break
		}
		time.Sleep(110 * time.Millisecond)
	}
	if err := <-ended; err != nil || got != size {
		t.Errorf("who reads slowly gets %d bytes: %v", got, err)
	}
}
