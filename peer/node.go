package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"qsync/certs"
	"qsync/folder/disk"
	"qsync/protocol"
)

// Node runs folders and their links. Make one with [New].
type Node struct {
	cfg     Config
	started time.Time
	run     uint64 // names this run among those of the same device

	buffers  *budget
	fetching *account // of buffers
	recipes  *recipes
	encoders *protocol.Encoders // of what is sent packed
	coders   *coders
	files    *budget                       // of descriptors, for files that are staged
	larders  struct{ fresh, gifts larder } // what the pockets of all folders hold

	mu        sync.Mutex
	folders   []*Folder
	transport *transport
	group     *errgroup.Group // nil unless running
	ctx       context.Context
	eraCtx    context.Context // ends when the network changes
	eraEnd    context.CancelFunc
}

// New returns a node that does nothing yet.
func New(cfg Config) (*Node, error) {
	if cfg.Log == nil {
		return nil, errors.New("peer: a node needs a logger")
	}
	n := &Node{cfg: cfg, started: time.Now(), run: randomRun(), buffers: newBudget(bufferRoom), coders: newCoders()}
	n.fetching = n.buffers.account(fetchRoom)
	n.recipes = newRecipes()
	n.encoders = protocol.NewEncoders(packAtOnce)
	n.files = newBudget(stagedFiles(disk.MaxOpen()))
	n.eraCtx, n.eraEnd = context.WithCancel(context.Background())
	if cfg.Conn != nil || cfg.TCP != nil {
		t, err := newTransport(cfg.Conn, transportConfig{ResetKey: cfg.ResetKey, Device: cfg.Device, Ident: n.ident, Shares: n.shares, TCP: cfg.TCP, Lane: n.lane})
		if err != nil {
			return nil, fmt.Errorf("peer: %w", err)
		}
		n.transport = t
	}
	return n, nil
}

// Add opens a folder and, if the node runs, starts it. Errors to branch on:
// [ErrBusy], [ErrRoot], fs.ErrNotExist, disk.ErrNotDir.
func (n *Node) Add(fc FolderConfig) (*Folder, error) {
	f, err := openFolder(n, fc)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.folders = append(n.folders, f)
	if n.group != nil {
		n.start(f)
	}
	return f, nil
}

// Pair opens two directories of this machine as replicas of one folder, joined
// in memory. Errors as of [Node.Add].
func (n *Node) Pair(src, dst FolderConfig) (s, d *Folder, err error) {
	if s, err = openFolder(n, src); err != nil {
		return nil, nil, err
	}
	if d, err = openFolder(n, dst); err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	s.twin, d.twin, s.leads = d, s, true
	s.paused = s.paused || d.paused
	d.paused = s.paused
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, f := range []*Folder{s, d} {
		n.folders = append(n.folders, f)
		if n.group != nil {
			n.start(f)
		}
	}
	return s, d, nil
}

// Remove stops a folder, saves its state and forgets it.
func (n *Node) Remove(f *Folder) {
	n.mu.Lock()
	n.folders = slices.DeleteFunc(n.folders, func(g *Folder) bool { return g == f })
	running := n.group != nil
	n.mu.Unlock()
	f.stop(nil)
	if running {
		<-f.ended
	} else {
		f.close()
	}
}

// Run keeps all folders in sync until ctx ends. When it returns, every
// goroutine has ended and every folder's state is saved. A folder that stops
// for a reason of its own does not stop the others; see [Folder.Err].
func (n *Node) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	n.mu.Lock()
	n.group, n.ctx = group, ctx
	for _, f := range n.folders {
		n.start(f)
	}
	n.mu.Unlock()
	if n.transport != nil {
		group.Go(func() error { return n.transport.run(ctx, n.accept) })
		group.Go(func() error { return n.watchClock(ctx) })
	}
	// Without folders and transport the group would be empty; it ends with ctx.
	group.Go(func() error { <-ctx.Done(); return nil })
	err := group.Wait()
	n.mu.Lock()
	n.group = nil
	n.mu.Unlock()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return err
}

// start runs f under the node's group; n.mu is held.
func (n *Node) start(f *Folder) {
	ctx := n.ctx
	n.group.Go(func() error {
		f.run(ctx)
		return nil
	})
}

// Folders returns the node's folders, in the order they were added.
func (n *Node) Folders() []*Folder {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.folders)
}

// accept hands a link that a peer opened to the folder it is for.
func (n *Node) accept(l *authLink) {
	for _, f := range n.Folders() {
		if f.keys.ShareID() == l.Share && f.twin == nil {
			f.attach(l)
			return
		}
	}
	l.Link.Close(CodeNotHere, "")
}

// ident is what this node tells a peer that proved itself.
func (n *Node) ident() certs.Ident {
	id := certs.Ident{Name: n.cfg.Name, Epoch: n.run, Caps: capRecipes | capPacked | capCompares | capFollows | capDelivers}
	if n.cfg.TCP != nil {
		id.Caps |= capLanes
	}
	for _, f := range n.Folders() {
		if f.cfg.Plan != nil {
			id.Caps |= capObserver
		}
	}
	return id
}

// shares are the folders that peers may ask for.
func (n *Node) shares() (keys []certs.Keys) {
	for _, f := range n.Folders() {
		if f.twin == nil && f.ctx.Err() == nil && f.cfg.Plan == nil && !f.Paused() {
			keys = append(keys, f.keys)
		}
	}
	return keys
}

// listening returns the addresses at which peers on the network reach this node.
func (n *Node) listening() []string {
	out := []string{}
	var at net.Addr
	switch {
	case n.cfg.Conn != nil:
		at = n.cfg.Conn.LocalAddr()
	case n.cfg.TCP != nil:
		at = n.cfg.TCP.Addr()
	default:
		return out
	}
	local, ok := addrPortOf(at)
	if !ok || !local.Addr().IsUnspecified() {
		return append(out, at.String())
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return append(out, at.String())
	}
	for _, a := range addrs {
		ip, ok := a.(*net.IPNet)
		if !ok || ip.IP.IsLoopback() || ip.IP.IsLinkLocalUnicast() {
			continue
		}
		out = append(out, (&net.UDPAddr{IP: ip.IP, Port: int(local.Port())}).String())
	}
	if len(out) == 0 {
		out = append(out, (&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(local.Port())}).String())
	}
	return out
}

// Status describes the node and all its folders.
func (n *Node) Status() Status {
	s := n.About()
	for _, f := range n.Folders() {
		s.Folders = append(s.Folders, f.Status())
	}
	return s
}

// About is Status without the folders.
func (n *Node) About() Status {
	return Status{
		PID:     os.Getpid(),
		Name:    n.cfg.Name,
		Node:    n.cfg.Device.ID().String(),
		Version: n.cfg.Version,
		Listen:  n.listening(),
		Uptime:  int64(time.Since(n.started).Seconds()),
		Folders: []FolderStatus{},

		Goroutines: runtime.NumGoroutine(),
	}
}
