package peer

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// network is the router of a simulated network that can fail.
type network struct {
	mu      sync.Mutex
	nodes   map[string]simnet.PacketReceiver
	cut     map[[2]string]bool
	latency time.Duration
	random  *rand.Rand // delays packets by up to nine times the latency more
	loss    int        // every loss-th packet is lost, 0 none
	count   int
	sent    map[string]int64        // bytes that left an address
	moved   map[string]*net.UDPAddr // machines that run on under another address
	rate    map[string]int64        // bytes a second that an address can send, if that matters
	sending map[string]time.Time    // until when it has what it sends
	onSend  func(simnet.Packet)
	drop    func(simnet.Packet) bool // loses what it returns true for
}

func newNetwork() *network {
	return &network{
		nodes: make(map[string]simnet.PacketReceiver), cut: make(map[[2]string]bool),
		latency: 5 * time.Millisecond, sent: make(map[string]int64), moved: make(map[string]*net.UDPAddr),
		rate: make(map[string]int64), sending: make(map[string]time.Time),
	}
}

func (n *network) AddNode(addr net.Addr, r simnet.PacketReceiver) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[addr.String()] = r
	delete(n.moved, addr.String())
}

func (n *network) RemoveNode(addr net.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.nodes, addr.String())
}

var errNoHost = errors.New("no such host")

// SendPacket implements simnet.Router.
func (n *network) SendPacket(p simnet.Packet) error {
	n.mu.Lock()
	for n.moved[p.From.String()] != nil {
		p.From = n.moved[p.From.String()]
	}
	from, to := p.From.String(), p.To.String()
	r := n.nodes[to]
	n.count++
	n.sent[from] += int64(len(p.Data))
	lost := n.cut[[2]string{from, to}] || n.loss > 0 && n.count%n.loss == 0 || n.drop != nil && n.drop(p) || n.full(from, len(p.Data))
	hook := n.onSend
	n.mu.Unlock()
	if hook != nil {
		hook(p)
	}
	if r == nil {
		return errNoHost
	}
	if !lost {
		r.RecvPacket(p)
	}
	return nil
}

// slow lets a machine send so many bytes a second; 0 is no limit.
func (n *network) slow(m *machine, rate int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rate[m.addr.String()] = rate
}

// full notes that a slow address sends so much, or reports that it has more than
// half a second's worth in its queue already.
func (n *network) full(from string, size int) bool {
	rate, now := n.rate[from], time.Now()
	if rate == 0 {
		return false
	}
	if n.sending[from].Before(now) {
		n.sending[from] = now
	}
	if n.sending[from].Sub(now) > time.Second/2 {
		return true
	}
	n.sending[from] = n.sending[from].Add(time.Duration(size) * time.Second / time.Duration(rate))
	return false
}

func (n *network) delay(p simnet.Packet) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	queued := max(time.Until(n.sending[p.From.String()]), 0)
	if n.random != nil {
		return queued + n.latency + time.Duration(n.random.Int64N(9*int64(n.latency)))
	}
	return queued + n.latency
}

// alias gives a machine one more address. What it sends keeps its first one.
func (n *network) alias(m *machine, addr net.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[addr.String()] = n.nodes[m.addr.String()]
}

// move gives a running machine another address in place of its own. Only the
// network knows.
func (n *network) move(m *machine, to *net.UDPAddr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[to.String()] = n.nodes[m.addr.String()]
	delete(n.nodes, m.addr.String())
	n.moved[m.addr.String()] = to
	m.addr = to
}

// mute loses for a while what a machine sends over the links that it has; new
// ones can be opened (short and long headers, RFC 9000 section 17).
func (n *network) mute(m *machine, d time.Duration) {
	until := time.Now().Add(d)
	from := m.addr.String()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop = func(p simnet.Packet) bool {
		return time.Now().Before(until) && p.From.String() == from && p.Data[0]&0x80 == 0
	}
}

// part cuts the way between two machines, join heals it.
func (n *network) part(a, b *machine) { n.set(a, b, true) }
func (n *network) join(a, b *machine) { n.set(a, b, false) }

func (n *network) set(a, b *machine, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]string{a.addr.String(), b.addr.String()}] = cut
	n.cut[[2]string{b.addr.String(), a.addr.String()}] = cut
}

func (n *network) isCut(a, b *machine) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cut[[2]string{a.addr.String(), b.addr.String()}]
}

// bytes is how much has left a machine's network so far.
func (n *network) bytes(m *machine) int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sent[m.addr.String()]
}
