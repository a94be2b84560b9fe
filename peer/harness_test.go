package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"qsync/certs"
	"qsync/folder"
	"qsync/folder/disk"
	"qsync/store"
)

// cluster is a handful of machines in one bubble of virtual time.
type cluster struct {
	*testing.T
	dir   string // holds everything
	id    certs.SyncID
	net   *network
	nodes []*machine
	sync  bool // let the nodes come to rest before every change of a file
}

// machine is a device that runs one folder, and stops and starts.
type machine struct {
	c      *cluster
	name   string
	dir    string // the folder
	state  string
	device certs.Device
	addr   *net.UDPAddr
	cfg    FolderConfig
	events []Event
	mu     sync.Mutex // guards events

	node   *Node // nil while it is down
	f      *Folder
	hints  hints
	link   *simnet.SimulatedLink
	cancel context.CancelFunc
	done   chan error
}

// bubble runs fn on a cluster of n machines that are still down, in virtual
// time that starts at the real one, since that is what file systems stamp.
func bubble(t *testing.T, n int, fn func(*cluster)) {
	base := ""
	if fi, err := os.Stat("/dev/shm"); err == nil && fi.IsDir() {
		base = "/dev/shm"
	}
	dir, err := os.MkdirTemp(base, "qsync-peer-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	// Symlinks in the way would make the paths of errors differ from ours.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(start))
		c := &cluster{T: t, dir: dir, net: newNetwork(), sync: true}
		if c.id, err = certs.NewSyncID(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.stop)
		for range n {
			c.add()
		}
		fn(c)
	})
}

// add makes one more machine.
func (c *cluster) add() *machine {
	c.Helper()
	i := len(c.nodes)
	dev, err := certs.NewDevice()
	if err != nil {
		c.Fatal(err)
	}
	m := &machine{
		c: c, name: string(rune('a' + i)), device: dev,
		addr: &net.UDPAddr{IP: net.IPv4(10, 0, 0, byte(i+1)), Port: 2121},
	}
	m.dir, m.state = filepath.Join(c.dir, m.name), filepath.Join(c.dir, m.name+".state")
	if err := os.Mkdir(m.dir, 0o755); err != nil {
		c.Fatal(err)
	}
	m.cfg = FolderConfig{ID: c.id, Dir: m.dir, State: m.state, Mode: TwoWay, Versions: 5, Rescan: time.Hour}
	m.cfg.Watch = func() Watcher { return m.hints }
	c.nodes = append(c.nodes, m)
	return m
}

// hints is a watcher that a test feeds.
type hints struct{ c chan disk.Hint }

func (h hints) Hints() <-chan disk.Hint { return h.c }

// dials makes m look for the others.
func (m *machine) dials(others ...*machine) {
	for _, o := range others {
		m.cfg.Remotes = append(m.cfg.Remotes, o.addr.String())
	}
}

// line, star, ring and full are the ways to connect machines.
func (c *cluster) line() {
	for i, m := range c.nodes[1:] {
		m.dials(c.nodes[i])
	}
}

func (c *cluster) star() {
	for _, m := range c.nodes[1:] {
		m.dials(c.nodes[0])
	}
}

func (c *cluster) ring() {
	for i, m := range c.nodes {
		m.dials(c.nodes[(i+1)%len(c.nodes)])
	}
}

func (c *cluster) full() {
	for i, m := range c.nodes {
		m.dials(slices.Concat(c.nodes[:i], c.nodes[i+1:])...)
	}
}

// start runs all machines, or those given.
func (c *cluster) start(ms ...*machine) {
	c.Helper()
	if len(ms) == 0 {
		ms = c.nodes
	}
	for _, m := range ms {
		if err := m.start(); err != nil {
			c.Fatalf("starting %s: %v", m.name, err)
		}
	}
}

func (c *cluster) stop() {
	for _, m := range c.nodes {
		m.stop()
	}
}

// start runs the machine; the error is that of Node.Add.
func (m *machine) start() error {
	m.link = &simnet.SimulatedLink{LatencyFunc: m.c.net.delay, UploadPacket: m.c.net}
	conn := simnet.NewBlockingSimConn(m.addr, m.link)
	m.link.Start()
	m.c.net.AddNode(m.addr, m.link)
	m.hints = hints{make(chan disk.Hint, 1<<12)}
	n, err := New(Config{
		Name: m.name, Version: "test", Device: m.device, Machine: "machine " + m.name, ResetKey: [32]byte{m.name[0]},
		Conn: conn, Log: slog.New(slog.NewTextHandler(logWriter{m}, logOptions())), Events: m.event,
	})
	if err != nil {
		m.c.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f, aerr := n.Add(m.cfg)
	m.node, m.f, m.cancel, m.done = n, f, cancel, make(chan error, 1)
	go func() { m.done <- n.Run(ctx) }()
	if aerr != nil {
		m.stop()
	}
	return aerr
}

// stop ends the machine's node and checks what it leaves behind.
func (m *machine) stop() {
	m.c.Helper()
	if m.node == nil {
		return
	}
	m.cancel()
	select {
	case err := <-m.done:
		if err != nil {
			m.c.Errorf("%s: %v", m.name, err)
		}
	case <-time.After(time.Minute):
		m.c.Errorf("%s does not end", m.name)
		<-m.done
	}
	m.c.net.RemoveNode(m.addr)
	if err := m.link.Close(); err != nil {
		m.c.Error(err)
	}
	ran := m.f != nil
	m.node, m.f = nil, nil
	if ran {
		m.check()
	}
}

// check opens the map of a machine that is down and checks it.
func (m *machine) check() {
	m.c.Helper()
	m.withStore(func(s *store.Store) {
		if err := s.Check(); err != nil {
			m.c.Errorf("%s: %v", m.name, err)
		}
		if n := s.Note(); n != "" {
			m.c.Errorf("%s: %s", m.name, n)
		}
	})
}

// withStore opens the map of a machine that is down.
func (m *machine) withStore(fn func(*store.Store)) {
	m.c.Helper()
	s, err := store.Open(m.mapFile(), store.Options{Machine: "machine " + m.name})
	if err != nil {
		m.c.Fatalf("%s: %v", m.name, err)
	}
	defer s.Close()
	fn(s)
}

func (m *machine) mapFile() string { return filepath.Join(m.state, "map.db") }

// wipe loses the map of a machine that is down.
func (m *machine) wipe() {
	if err := os.RemoveAll(m.state); err != nil {
		m.c.Fatal(err)
	}
}

func (m *machine) event(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, e)
}

// told counts the events of a kind.
func (m *machine) told(kind string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.events {
		if e.Event == kind {
			n++
		}
	}
	return n
}

func (m *machine) up() bool { return m.node != nil && m.f.Err() == nil }

// peers counts the machines that m can be connected to now.
func (m *machine) peers() (n int) {
	for _, o := range m.c.nodes {
		if o == m || !o.up() || m.c.net.isCut(m, o) {
			continue
		}
		if slices.Contains(m.cfg.Remotes, o.addr.String()) || slices.Contains(o.cfg.Remotes, m.addr.String()) {
			n++
		}
	}
	return n
}

// settle waits until every running machine says that it is in sync with all
// that it can reach, and nothing has moved for two seconds.
func (c *cluster) settle(bound time.Duration) time.Duration {
	c.Helper()
	began := time.Now()
	for _, m := range c.nodes {
		if m.up() {
			ctx, cancel := context.WithTimeout(context.Background(), bound)
			if err := m.f.Rescan(ctx); err != nil && m.f.Err() == nil {
				c.Errorf("%s: rescan: %v", m.name, err)
			}
			cancel()
		}
	}
	const step, quiet = 100 * time.Millisecond, 2 * time.Second
	last, since := c.position(), time.Now()
	for time.Since(began) < bound+quiet {
		if time.Since(since) >= quiet {
			return since.Sub(began)
		}
		time.Sleep(step)
		if now := c.position(); now != last || c.missing() != "" {
			last, since = now, time.Now()
		}
	}
	c.dump()
	c.Fatalf("not at rest after %v: %s", bound, c.missing())
	return 0
}

// position changes whenever any journal does.
func (c *cluster) position() string {
	var b strings.Builder
	for _, m := range c.nodes {
		if m.up() {
			fmt.Fprintf(&b, "%s %d ", m.name, m.f.store.Identity().Seq)
		}
	}
	return b.String()
}

func (c *cluster) missing() string {
	for _, m := range c.nodes {
		if !m.up() {
			continue
		}
		if s := m.f.Missing(m.peers()); s != "" {
			return m.name + ": " + s
		}
	}
	return ""
}

// equal fails the test unless the trees of all machines, or of those given, are
// the same, and returns the tree.
func (c *cluster) equal(ms ...*machine) tree {
	c.Helper()
	if len(ms) == 0 {
		ms = c.nodes
	}
	first := ms[0].tree()
	for _, m := range ms[1:] {
		here := m.tree()
		for p := range here {
			// The mode of a directory that is there only for what lives in it
			// is each machine's own.
			if e, ok := first[p]; ok && e.kind == 'd' && (m.implicit(p) || ms[0].implicit(p)) {
				here[p] = e
			}
		}
		if d := first.diff(here); d != "" {
			c.dump()
			c.Fatalf("%s and %s differ:\n%s", ms[0].name, m.name, d)
		}
	}
	return first
}

// implicit reports whether a directory is there without anybody having made it.
func (m *machine) implicit(p string) bool {
	if !m.up() {
		return false
	}
	r, err := m.f.store.Record(folder.Path(p))
	return err == nil && r.Local.Implicit
}

// converged is settle and equal.
func (c *cluster) converged(bound time.Duration) tree {
	c.Helper()
	c.settle(bound)
	return c.equal()
}

// dump logs all that helps to understand a failure.
func (c *cluster) dump() {
	for _, m := range c.nodes {
		if m.node == nil {
			c.Logf("%s is down", m.name)
			continue
		}
		s := m.f.Status()
		c.Logf("%s: %s %s, want %+v, missing %q, err %v, problems %v, conflicts %v", m.name, s.State, s.Reason, s.Want, m.f.Missing(m.peers()), m.f.Err(), s.Problems, s.Conflicts)
		if m.f.Err() != nil {
			continue
		}
		for _, p := range s.Peers {
			c.Logf("  peer %s: connected %v, in sync %v, queued %+v", p.Name, p.Connected, p.InSync, p.Queued)
		}
		id := m.f.store.Identity()
		c.Logf("  replica %x, journal %d, context %v", id.Replica, id.Seq, id.Context)
		for r, err := range m.f.store.Records("") {
			if err != nil {
				c.Log(err)
				break
			}
			wanted, _ := r.Wanted()
			c.Logf("  %q at %d, wanted %v, disk %s %s, register %s", r.Path, r.Seq, wanted, brief(r.Local.Value), dotText(r.Local.Dot), registerText(r.Register))
		}
		c.Logf("  tree %s", m.tree())
	}
}

func brief(v folder.Value) string {
	switch v.Kind {
	case folder.File:
		s := fmt.Sprintf("%x %o %d", v.Digest[:3], v.Mode, v.MTime%1e12)
		if v.Base.Content != 0 {
			s += fmt.Sprintf(" after %x %o", v.Base.Content>>40, v.Base.Mode)
		}
		return s
	case folder.Dir:
		return fmt.Sprintf("dir %o %d", v.Mode, v.MTime%1e12)
	case folder.Symlink:
		return "-> " + v.Target
	}
	return "nothing"
}

func dotText(d folder.Dot) string { return fmt.Sprintf("(%x,%d)", uint16(d.Replica>>48), d.Counter) }

func registerText(r folder.Register) string {
	var parts []string
	for _, s := range r.Sibs {
		parts = append(parts, dotText(s.Dot)+" "+brief(s.Value))
	}
	for _, d := range r.Ctx {
		parts = append(parts, "ctx"+dotText(d))
	}
	return "[" + strings.Join(parts, "; ") + "]"
}

// logWriter passes a node's log on to the test.
type logWriter struct{ m *machine }

func logOptions() *slog.HandlerOptions {
	o := &slog.HandlerOptions{Level: slog.LevelWarn}
	if os.Getenv("QSYNC_PEER_LOG") != "" {
		o.Level = slog.LevelDebug
	}
	return o
}

func (w logWriter) Write(p []byte) (int, error) {
	w.m.c.Logf("%s: %s", w.m.name, bytes.TrimSpace(p))
	return len(p), nil
}

// network is the router of a simulated network that can fail.
type network struct {
	mu      sync.Mutex
	nodes   map[string]simnet.PacketReceiver
	cut     map[[2]string]bool
	latency time.Duration
	loss    int // every loss-th packet is lost, 0 none
	count   int
	sent    map[string]int64 // bytes that left an address
	onSend  func(simnet.Packet)
}

func newNetwork() *network {
	return &network{
		nodes: make(map[string]simnet.PacketReceiver), cut: make(map[[2]string]bool),
		latency: 5 * time.Millisecond, sent: make(map[string]int64),
	}
}

func (n *network) AddNode(addr net.Addr, r simnet.PacketReceiver) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[addr.String()] = r
}

func (n *network) RemoveNode(addr net.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.nodes, addr.String())
}

var errNoHost = errors.New("no such host")

// SendPacket implements simnet.Router.
func (n *network) SendPacket(p simnet.Packet) error {
	from, to := p.From.String(), p.To.String()
	n.mu.Lock()
	r := n.nodes[to]
	n.count++
	n.sent[from] += int64(len(p.Data))
	lost := n.cut[[2]string{from, to}] || n.loss > 0 && n.count%n.loss == 0
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

func (n *network) delay(simnet.Packet) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.latency
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
