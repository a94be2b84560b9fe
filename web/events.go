package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of the stream of events.
const (
	lookFast  = 250 * time.Millisecond // while something changes
	lookSlow  = time.Second
	restless  = 5 * time.Second // after the last change
	gather    = 100 * time.Millisecond
	maxTold   = 100 // of what happened, one by one, in that time
	ringSize  = 2048
	ringBytes = 8 << 20
	pingEvery = 15 * time.Second
	writeTime = 10 * time.Second
	maxStream = 32
	linger    = 30 * time.Second // in which whoever was cut off comes back
)

// message is one event as it goes over the line.
type message struct {
	n    uint64
	data []byte // with its id, and the empty line at the end
}

// hub tells everybody who looks what has changed. It keeps the last messages, so
// that whoever was away for a moment misses none; who was away for longer is told
// to load everything anew. Nothing is looked at while nobody does, but for that moment.
type hub struct {
	boot     string
	overview func() (node json.RawMessage, folders map[string]json.RawMessage)
	kick     chan struct{}
	over     chan struct{} // closed when the streams are to end
	looking  atomic.Int32  // streams
	left     atomic.Int64  // when the last one ended, in nanoseconds since 1970

	mu      sync.Mutex
	next    uint64
	ring    []message
	bytes   int
	changed chan struct{} // closed with the next message
	pending []any         // what happened and was not told yet
	more    int           // of it, what will not be told one by one
	node    []byte        // as they were told of last
	folders map[string][]byte
}

func newHub(overview func() (json.RawMessage, map[string]json.RawMessage)) *hub {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return &hub{boot: hex.EncodeToString(b[:]), overview: overview, kick: make(chan struct{}, 1), over: make(chan struct{}), next: 1, changed: make(chan struct{}), folders: map[string][]byte{}}
}

// wake has the overview looked at soon.
func (h *hub) wake() {
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

// watched reports whether somebody looks, or did a moment ago and may come back with the
// number of the last message, to miss none.
func (h *hub) watched() bool {
	return h.looking.Load() > 0 || time.Since(time.Unix(0, h.left.Load())) < linger
}

// publish notes something that happened.
func (h *hub) publish(v any) {
	if !h.watched() {
		return
	}
	h.mu.Lock()
	if len(h.pending) < maxTold {
		h.pending = append(h.pending, v)
	} else {
		h.more++
	}
	h.mu.Unlock()
	h.wake()
}

// run looks and tells until ctx ends.
func (h *hub) run(ctx context.Context) {
	var last, looked time.Time // when something was other than before; the last look
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer close(h.over)
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.kick:
			last = time.Now()
			if !sleep(ctx, gather) { // what comes together is told together
				return
			}
		case <-timer.C:
		}
		if !h.watched() {
			timer.Reset(time.Hour) // the next stream wakes us
			continue
		}
		h.tell()
		if time.Since(looked) >= lookFast {
			if looked = time.Now(); h.look() {
				last = looked
			}
		}
		pace := lookSlow
		if time.Since(last) < restless {
			pace = lookFast
		}
		timer.Reset(pace)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// tell sends what happened.
func (h *hub) tell() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.pending) == 0 {
		return
	}
	all := h.pending
	if h.more > 0 {
		all = append(all, map[string]any{"event": "more", "text": strconv.Itoa(h.more)})
	}
	h.pending, h.more = nil, 0
	if data, err := json.Marshal(all); err == nil {
		h.send("happened", data)
	}
}

// look sends what of the overview is other than it was, and reports whether
// anything is.
func (h *hub) look() bool {
	node, folders := h.overview()
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.next
	if !bytes.Equal(node, h.node) {
		h.node = node
		h.send("node", node)
	}
	for path, f := range folders {
		if !bytes.Equal(f, h.folders[path]) {
			h.folders[path] = f
			h.send("folder", f)
		}
	}
	for path := range h.folders {
		if _, there := folders[path]; !there {
			delete(h.folders, path)
			data, _ := json.Marshal(map[string]string{"path": path})
			h.send("gone", data)
		}
	}
	return h.next != before
}

// send appends a message. h.mu is held. JSON has no line break in it.
func (h *hub) send(kind string, data []byte) {
	m := message{n: h.next, data: fmt.Appendf(nil, "id: %s-%d\nevent: %s\ndata: %s\n\n", h.boot, h.next, kind, bytes.TrimSpace(data))}
	h.next++
	h.ring = append(h.ring, m)
	h.bytes += len(m.data)
	for len(h.ring) > 1 && (len(h.ring) > ringSize || h.bytes > ringBytes) {
		h.bytes -= len(h.ring[0].data)
		h.ring[0].data = nil
		h.ring = h.ring[1:]
	}
	close(h.changed)
	h.changed = make(chan struct{})
}

// from returns the messages after number n, and what is closed when there are
// more; gap says that some of them are gone.
func (h *hub) from(n uint64) (all []message, more <-chan struct{}, gap bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := h.next
	if len(h.ring) > 0 {
		first = h.ring[0].n
	}
	if n+1 < first || n >= h.next {
		return nil, h.changed, n+1 != h.next
	}
	return append(all, h.ring[n+1-first:]...), h.changed, false
}

// position is the number that a client saw last, ok where it is one of this
// node's life.
func (h *hub) position(id string) (n uint64, ok bool) {
	boot, number, _ := strings.Cut(id, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	return n, err == nil && boot == h.boot
}

// newest is the number of the last message.
func (h *hub) newest() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next - 1
}

// events is one stream. It begins with reset where the client has to load
// everything, for it was not here before or misses something.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	h := s.hub
	if h.looking.Add(1) > maxStream {
		h.looking.Add(-1)
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	defer func() {
		h.left.Store(time.Now().UnixNano())
		h.looking.Add(-1)
	}()
	h.wake()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy must not hold it back
	line := stream{w, http.NewResponseController(w)}
	seen, ok := h.position(r.Header.Get("Last-Event-ID"))
	if !ok {
		seen = h.newest()
		if line.write(h.reset(seen)) != nil {
			return
		}
	} else if line.write([]byte(": here\n\n")) != nil {
		return
	}
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		over := s.sessions.over()
		if !s.isIn(r) { // not any more
			return
		}
		all, more, gap := h.from(seen)
		if gap {
			seen = h.newest()
			all = []message{{seen, h.reset(seen)}}
		}
		for _, m := range all {
			if line.write(m.data) != nil {
				return
			}
			seen = m.n
		}
		if len(all) > 0 {
			continue
		}
		select {
		case <-r.Context().Done():
			return
		case <-h.over:
			return
		case <-more:
		case <-over:
		case <-ping.C:
			if line.write([]byte(": ping\n\n")) != nil {
				return
			}
		}
	}
}

func (h *hub) reset(n uint64) []byte {
	return fmt.Appendf(nil, "id: %s-%d\nevent: reset\ndata: {}\n\n", h.boot, n)
}

// stream is a response that is written piece by piece. Who does not read for ten
// seconds is let go.
type stream struct {
	w http.ResponseWriter
	c *http.ResponseController
}

func (s stream) write(data []byte) error {
	_ = s.c.SetWriteDeadline(time.Now().Add(writeTime)) // a recorder in a test has none
	if _, err := s.w.Write(data); err != nil {
		return err
	}
	return s.c.Flush()
}
