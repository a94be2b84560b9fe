package web

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// listening is an open stream of events.
type listening struct {
	t    *testing.T
	got  chan [3]string // id, event, data
	stop func()
}

func (r *running) listen(last string) *listening {
	r.t.Helper()
	q, _ := http.NewRequest("GET", r.url+"/api/v1/events", nil)
	q.Header.Set("Authorization", "Bearer "+testSecret)
	if last != "" {
		q.Header.Set("Last-Event-ID", last)
	}
	a, err := (&http.Client{Transport: &http.Transport{}}).Do(q)
	if err != nil || a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/event-stream" {
		r.t.Fatalf("the stream: %v %v", a, err)
	}
	l := &listening{t: r.t, got: make(chan [3]string, 4096), stop: sync.OnceFunc(func() { _ = a.Body.Close() })}
	r.t.Cleanup(l.stop)
	go func() {
		defer close(l.got)
		in := bufio.NewScanner(a.Body)
		in.Buffer(nil, 1<<20)
		var m [3]string
		for in.Scan() {
			switch name, value, _ := strings.Cut(in.Text(), ": "); name {
			case "id":
				m[0] = value
			case "event":
				m[1] = value
			case "data":
				m[2] = value
			case "":
				if m[1] != "" {
					l.got <- m
				}
				m = [3]string{}
			}
		}
	}()
	return l
}

// next is the next event, within a time that is long for all of them.
func (l *listening) next() [3]string {
	l.t.Helper()
	select {
	case m := <-l.got:
		return m
	case <-time.After(5 * time.Second):
		l.t.Fatal("no event comes")
	}
	return [3]string{}
}

func (l *listening) expect(event, data string) (id string) {
	l.t.Helper()
	m := l.next()
	if m[1] != event || m[2] != data {
		l.t.Fatalf("%q came, not %s %s", m, event, data)
	}
	return m[0]
}

// TestEvents: a stream begins with reset, tells what is other than before and
// nothing else, and goes on where it broke off.
func TestEvents(t *testing.T) {
	r := serve(t, nil)
	r.node.set("/a", `{"path":"/a","n":1}`)
	s := r.listen("")
	s.expect("reset", "{}")
	s.expect("node", `{"name":"n"}`)
	s.expect("folder", `{"path":"/a","n":1}`)
	r.node.set("/a", `{"path":"/a","n":2}`)
	r.Wake()
	id := s.expect("folder", `{"path":"/a","n":2}`)
	r.Publish(map[string]string{"event": "synced"})
	s.expect("happened", `[{"event":"synced"}]`)
	second := r.listen("")
	second.expect("reset", "{}")
	s.stop()
	r.node.set("/a", "")
	r.Wake()
	second.expect("gone", `{"path":"/a"}`)
	again := r.listen(id)
	again.expect("happened", `[{"event":"synced"}]`)
	again.expect("gone", `{"path":"/a"}`)
	for _, last := range []string{"ffffffff-1", "nonsense", r.hub.boot + "-99999", r.hub.boot + "-x"} {
		r.listen(last).expect("reset", "{}")
	}
}

// TestCutOff: the one stream is cut off, something happens, and it comes back with the
// last id: it is told of that.
func TestCutOff(t *testing.T) {
	r := serve(t, nil)
	s := r.listen("")
	id := s.expect("reset", "{}")
	for n := range 3 {
		s.stop()
		for end := time.Now().Add(time.Minute); r.hub.looking.Load() > 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		r.Publish(map[string]int{"n": n})
		time.Sleep(2 * gather)
		s = r.listen(id)
		for m := s.next(); ; m = s.next() {
			if m[1] == "happened" {
				if m[2] != fmt.Sprintf(`[{"n":%d}]`, n) {
					t.Errorf("%d: %s", n, m[2])
				}
				id = m[0]
				break
			}
		}
	}
}

// TestManyEvents: of 10 000 that happen at once a stream is told in a few
// messages, in order, with how many more there were.
func TestManyEvents(t *testing.T) {
	r := serve(t, nil)
	s := r.listen("")
	s.expect("reset", "{}")
	for n := range 10_000 {
		r.Publish(map[string]int{"n": n})
	}
	messages, told := 0, 0
	for told < 10_000 {
		m := s.next()
		if m[1] != "happened" {
			continue
		}
		messages++
		told += strings.Count(m[2], `"n":`)
		if _, more, ok := strings.Cut(m[2], `"event":"more","text":"`); ok {
			var n int
			fmt.Sscan(strings.TrimRight(more, `"}]`), &n)
			told += n
		}
	}
	if told != 10_000 || messages > 20 {
		t.Errorf("%d told in %d messages", told, messages)
	}
}

// TestGap: who misses more than is kept is told to load everything, and the ring
// stays within its bounds.
func TestGap(t *testing.T) {
	h := newHub(nil)
	h.mu.Lock()
	for range ringSize + 10 {
		h.send("folder", []byte(`{}`))
	}
	h.mu.Unlock()
	if len(h.ring) != ringSize {
		t.Errorf("%d are kept", len(h.ring))
	}
	if all, _, gap := h.from(9); !gap || all != nil {
		t.Errorf("from 9: %d, %v", len(all), gap)
	}
	if all, _, gap := h.from(10); gap || len(all) != ringSize || all[0].n != 11 {
		t.Errorf("from 10: %d, %v", len(all), gap)
	}
	if all, _, gap := h.from(h.newest()); gap || len(all) != 0 {
		t.Errorf("from the newest: %d, %v", len(all), gap)
	}
	h.mu.Lock()
	h.send("folder", make([]byte, ringBytes))
	h.send("folder", []byte(`{}`))
	h.mu.Unlock()
	if len(h.ring) != 1 {
		t.Errorf("beside a large one %d are kept", len(h.ring))
	}
}

// TestNobodyLooks: without a stream nothing is looked at and nothing is kept; with
// one and nothing new, once a second.
func TestNobodyLooks(t *testing.T) {
	r := serve(t, nil)
	for range 100 {
		r.Publish(1)
		r.Wake()
	}
	time.Sleep(3 * gather)
	r.node.mu.Lock()
	looks := r.node.looks
	r.node.mu.Unlock()
	if looks != 0 || len(r.hub.pending) != 0 {
		t.Errorf("%d looks, %d kept", looks, len(r.hub.pending))
	}
}

// TestStreams: they are bounded, and end with the server.
func TestStreams(t *testing.T) {
	r := serve(t, nil)
	r.hub.looking.Store(maxStream)
	if a, _ := r.do("GET", "/api/v1/events", "", "Authorization: Bearer "+testSecret); a.StatusCode != 503 {
		t.Errorf("one too many: %d", a.StatusCode)
	}
	r.hub.looking.Store(0)
	r.listen("") // open when the server ends; the cleanup waits for that
}
