package peer

import (
	"net"
	"sync"
)

// gatherer is a connection on which what is written between Gather and Flush goes
// in one call.
type gatherer interface {
	Gather()
	Flush() error
}

// gathered is a connection under TLS. TLS writes record by record, 16 KiB; between
// Gather and Flush the records wait, and go in one call.
type gathered struct {
	net.Conn
	mu  sync.Mutex
	on  bool
	buf []byte
}

// Gather makes writes wait for Flush.
func (g *gathered) Gather() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.on = true
	if g.buf == nil {
		g.buf = *outPool.Get().(*[]byte)
	}
}

func (g *gathered) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.on {
		return g.Conn.Write(p)
	}
	g.buf = append(g.buf, p...)
	return len(p), nil
}

// Flush sends what waits, and what comes then goes as it comes.
func (g *gathered) Flush() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.on = false
	if len(g.buf) == 0 {
		return nil
	}
	b := g.buf
	g.buf = nil
	_, err := g.Conn.Write(b)
	if b = b[:0]; cap(b) <= 2*outGather {
		outPool.Put(&b)
	}
	return err
}
