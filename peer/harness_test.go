package peer

import (
	"context"
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
	sync  bool   // let the nodes come to rest before every change of a file
	wires *wires // TCP among those for whom it is not turned off, nil for none
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
	mu     sync.Mutex       // guards events
	wall   func() time.Time // see Config
	within string           // where the verbs of its user act, "" for the whole folder
	noTCP  bool
	noUDP  bool

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
	// The bubble's clock stands still while a test writes, the one that stamps what
	// it writes does not. Started ahead it is never behind, as no machine's own is, be
	// the machine slow.
	start := time.Now().Add(15 * time.Second)
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
	cfg := Config{
		Name: m.name, Version: "test", Device: m.device, Machine: "machine " + m.name, ResetKey: [32]byte{m.name[0]},
		Conn: conn, Log: slog.New(slog.NewTextHandler(logWriter{m}, logOptions())), Events: m.event, Wall: m.wall,
	}
	if m.c.wires != nil && !m.noTCP {
		cfg.TCP = m.c.wires.listen(m.addr.AddrPort())
	}
	if m.noUDP {
		cfg.Conn = nil
	}
	n, err := New(cfg)
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
	time.Sleep(10 * time.Millisecond) // its last words are still on the way
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

// links counts the links that this machine has had.
func (m *machine) links() int { return m.told("peer_connected") + m.told("peer_moved") }

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

func (m *machine) up() bool { return m.node != nil && m.f.Err() == nil && !m.f.Paused() }

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
	last, since, why := c.position(), time.Now(), ""
	for time.Since(began) < bound+quiet {
		if time.Since(since) >= quiet {
			return since.Sub(began)
		}
		time.Sleep(step)
		if now, missing := c.position(), c.missing(); now != last || missing != "" {
			last, since, why = now, time.Now(), fmt.Sprintf("journals at %s, %s", now, missing)
		}
	}
	c.dump()
	c.Fatalf("not at rest after %v; %v ago: %s", bound, time.Since(since), why)
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
