package peer

import "sync"

const ringLeast = 64 << 10

// ring is what has come in on a stream and is to be read. It grows with what
// waits in it, up to the stream's window.
type ring struct {
	b       []byte // its length is a power of two, or 0
	at, end int    // of what is to be read; positions modulo the length
}

// ringPool lends the usual size; larger ones are made.
var ringPool = sync.Pool{New: func() any { b := make([]byte, muxAnswers); return &b }}

func (r *ring) len() int { return r.end - r.at }

// space returns where the next bytes may be written, at least one and at most n.
func (r *ring) space(n int) []byte {
	if r.len() == 0 {
		r.at, r.end = 0, 0 // stay where the cache is warm
	}
	if r.len()+n > len(r.b) {
		r.extend(r.len() + n)
	}
	from := r.end & (len(r.b) - 1)
	return r.b[from:min(from+n, len(r.b))]
}

func (r *ring) wrote(n int) { r.end += n }

func (r *ring) read(p []byte) (n int) {
	for n < len(p) && r.at < r.end {
		from := r.at & (len(r.b) - 1)
		k := copy(p[n:], r.b[from:min(from+r.len(), len(r.b))])
		r.at += k
		n += k
	}
	return n
}

func (r *ring) extend(need int) {
	size := max(len(r.b), ringLeast)
	for size < need {
		size *= 2
	}
	var b []byte
	if size == muxAnswers {
		b = *ringPool.Get().(*[]byte)
	} else {
		b = make([]byte, size)
	}
	n := (&ring{r.b, r.at, r.end}).read(b)
	r.free()
	r.b, r.at, r.end = b, 0, n
}

func (r *ring) free() {
	if len(r.b) == muxAnswers {
		b := r.b
		ringPool.Put(&b)
	}
	*r = ring{}
}

// growth is what the windows of one link have grown by: bounded for the link,
// and by what the node has for all.
type growth struct {
	of   func(delta int) bool // takes from, or gives back to, what is for all
	mu   sync.Mutex
	held int
	over bool
}

func (g *growth) take(n int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over || g.held+n > maxWindow || !g.of(n) {
		return false
	}
	g.held += n
	return true
}

func (g *growth) give(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n > 0 && !g.over {
		g.held -= n
		g.of(-n)
	}
}

func (g *growth) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.over {
		g.over = true
		g.of(-g.held)
	}
}
