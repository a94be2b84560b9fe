package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"qsync/certs"
	"qsync/protocol"
	"qsync/store"
)

// DefaultPort is where nodes listen unless told otherwise.
const DefaultPort = 2121

// Dialling: how long one attempt may take, and how long to wait between them.
const (
	dialWait = 5 * time.Second
	dialMin  = 250 * time.Millisecond
	dialMax  = 5 * time.Second
	quietGap = time.Minute // between two lines about the same unreachable remote
)

// Violations: so many within the window, and a peer is left out for a while.
const (
	badLimit  = 5
	badWindow = 10 * time.Minute
	badPause  = time.Hour
)

// dialLoop keeps trying one remote whenever no session with it is there.
func (f *Folder) dialLoop(ctx context.Context, remote string) error {
	wait, said := dialMin, time.Time{}
	for ctx.Err() == nil {
		began := time.Now()
		s, err := f.dialOnce(ctx, remote)
		if s != nil {
			f.remoteResult(remote, nil)
			f.awaitEnd(ctx, s)
			// One that ends at once has a reason that will still be there.
			if time.Since(began) > dialMax {
				wait = dialMin
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			f.remoteResult(remote, err)
			if time.Since(said) > quietGap {
				f.node.cfg.Log.Warn("cannot reach the peer yet; trying again until it is there", "remote", remote, "error", err)
				said = time.Now()
			}
		}
		if !sleep(ctx, wait) {
			return nil
		}
		wait = min(2*wait, dialMax)
	}
	return nil
}

// awaitEnd blocks while there is a session with the peer of s, be it s or one
// that took its place: the peer may have dialled us as well, or be known under
// several addresses.
func (f *Folder) awaitEnd(ctx context.Context, s *session) {
	for s != nil {
		select {
		case <-s.ended:
		case <-ctx.Done():
			return
		}
		f.mu.Lock()
		s = f.sessions[s.id]
		f.mu.Unlock()
	}
}

// remoteResult keeps what came of dialling a remote. When every remote refuses
// our sync ID and nobody was ever met, going on would be pointless.
func (f *Folder) remoteResult(remote string, err error) {
	f.mu.Lock()
	f.wrong[remote] = err
	hopeless := !f.met && len(f.wrong) == len(f.cfg.Remotes)
	for _, e := range f.wrong {
		hopeless = hopeless && errors.Is(e, certs.ErrWrongID)
	}
	f.mu.Unlock()
	f.changed()
	if hopeless {
		f.stop(fmt.Errorf("%w: %s; compare the IDs (qsync id show on both sides), and see that the folder is being shared there", ErrWrongID, strings.Join(f.cfg.Remotes, ", ")))
	}
}

// dialOnce tries every address of a remote in turn and returns the session with
// the peer found there, which may be an older one.
func (f *Folder) dialOnce(ctx context.Context, remote string) (*session, error) {
	addrs, err := resolve(ctx, remote)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, a := range addrs {
		dctx, cancel := context.WithTimeout(ctx, dialWait)
		l, err := f.node.transport.dial(dctx, a, f.keys)
		cancel()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s, err := f.attach(l)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		return s, nil
	}
	return nil, errors.Join(errs...)
}

// SplitRemote takes HOST[:PORT] apart: a name, an IPv4 or an IPv6 address with
// or without brackets.
func SplitRemote(remote string) (host string, port int, err error) {
	host, service, err := net.SplitHostPort(remote)
	if err != nil {
		host, service = strings.Trim(remote, "[]"), strconv.Itoa(DefaultPort)
	}
	port, err = strconv.Atoi(service)
	if err != nil || port < 1 || port > 65535 || host == "" {
		return "", 0, fmt.Errorf("%q is no HOST or HOST:PORT", remote)
	}
	return host, port, nil
}

func resolve(ctx context.Context, remote string) ([]*net.UDPAddr, error) {
	host, port, err := SplitRemote(remote)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return nil, err
	}
	var out []*net.UDPAddr
	for _, ip := range ips {
		out = append(out, &net.UDPAddr{IP: ip.IP, Port: port, Zone: ip.Zone})
	}
	return out, nil
}

// attach makes a session of a link whose peer has proved itself. If the peer is
// connected already by a link that stays, it returns that one's session.
func (f *Folder) attach(l *authLink) (*session, error) {
	s := &session{
		f: f, link: l.Link, control: l.Control, peer: l.Ident, id: store.NodeID(l.Ident.Node), dialer: l.Dialed,
		observer: !l.Dialed && l.Ident.Caps&capObserver != 0,
		reader:   protocol.NewReader(l.Control, protocol.Control),
		writer:   protocol.NewWriter(l.Control),
		ended:    make(chan struct{}),
	}
	stays, err := f.admit(s)
	if stays != s {
		s.link.Close(CodeDuplicate, "")
	}
	return stays, err
}

// admit enters s as the session with its peer and starts it, and returns it or
// the one that stays.
func (f *Folder) admit(s *session) (*session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.group == nil || f.closing || f.ctx.Err() != nil {
		return nil, context.Canceled
	}
	if n := f.quarantined(s.id); n > 0 {
		return nil, fmt.Errorf("the peer broke the protocol %d times within %v and is left out for %v", n, badWindow, badPause)
	}
	all := f.among(s)
	if old := all[s.id]; old != nil {
		if !f.replaces(s, old) {
			return old, nil
		}
		old.link.Close(CodeDuplicate, "")
	}
	all[s.id] = s
	ctx := f.work
	f.group.Go(func() error {
		f.converse(ctx, s)
		return nil
	})
	return s, nil
}

// among returns the sessions of the kind of s, one a node. f.mu is held.
func (f *Folder) among(s *session) map[store.NodeID]*session {
	if s.observer {
		return f.observers
	}
	return f.sessions
}

// replaces decides between two links to one peer, the same on both sides: the
// one whose dialer has the smaller node ID stays. A peer that has restarted, or
// that dials again, knows that its old link is dead.
func (f *Folder) replaces(s, old *session) bool {
	if s.peer.Epoch != old.peer.Epoch || s.dialer == old.dialer {
		return true
	}
	weAreSmaller := f.node.cfg.Device.ID().Compare(s.peer.Node) < 0
	return s.dialer == weAreSmaller
}

// quarantined returns how often a peer has broken the protocol lately, 0 unless
// that is too often. f.mu is held.
func (f *Folder) quarantined(id store.NodeID) int {
	times := slices.DeleteFunc(f.bad[id], func(t time.Time) bool { return time.Since(t) > badPause })
	f.bad[id] = times
	n := len(times)
	if n < badLimit || times[n-1].Sub(times[n-badLimit]) > badWindow {
		return 0
	}
	return n
}

// converse runs a session to its end and tells what became of it.
func (f *Folder) converse(ctx context.Context, s *session) {
	log := f.node.cfg.Log.With("folder", f.Dir(), "peer", s.peer.Name)
	if !s.observer {
		f.mu.Lock()
		f.met = true
		f.mu.Unlock()
		f.parked.hope()
		f.event(Event{Event: "peer_connected", Peer: s.peer.Name, Text: s.link.Remote()})
		log.Info("connected", "address", s.link.Remote())
	}
	f.changed()
	err := s.run(ctx)
	f.mu.Lock()
	if all := f.among(s); all[s.id] == s {
		delete(all, s.id)
	}
	if violation(err) {
		f.bad[s.id] = append(f.bad[s.id], time.Now())
	}
	f.mu.Unlock()
	close(s.ended)
	if !s.observer {
		f.event(Event{Event: "peer_lost", Peer: s.peer.Name})
		log.Info("disconnected", "reason", err)
	}
	f.wakeSyncer()
	f.changed()
}

// welcome forgets why an earlier peer was sent away: this one belongs here.
func (f *Folder) welcome() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refusal = nil
}

// rolledBack takes a new identity: a peer knows writes of ours that we do not,
// so this map is an old copy. The session ends and the next one starts over.
func (f *Folder) rolledBack(peer store.NodeID) error {
	f.node.cfg.Log.Warn("the folder map is older than what a peer knows of it; taking a new identity", "folder", f.Dir())
	if err := f.store.Rotate(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	// Who makes us do this again and again is no better than who breaks the protocol.
	f.bad[peer] = append(f.bad[peer], time.Now())
	for _, s := range f.sessions {
		s.link.Close(CodeShutdown, "")
	}
	return store.ErrRollback
}

// pairLoop joins the two directories of a pair by a link in memory.
func (f *Folder) pairLoop(ctx context.Context) error {
	for ctx.Err() == nil {
		a, b := memPair()
		here, _ := f.twinSession(ctx, a, true)
		there, _ := f.twin.twinSession(ctx, b, false)
		for _, s := range []*session{here, there} {
			if s == nil {
				continue // one of the two has just ended, and the link with it
			}
			select {
			case <-s.ended:
			case <-ctx.Done():
				return nil
			}
		}
		if !sleep(ctx, dialMin) {
			return nil
		}
	}
	return nil
}

// twinSession makes this folder's end of the link in a pair.
func (f *Folder) twinSession(ctx context.Context, l Link, first bool) (*session, error) {
	open := l.AcceptStream
	if first {
		open = l.OpenStream
	}
	control, err := open(ctx)
	if err != nil {
		return nil, err
	}
	name := "source"
	if first {
		name = "destination"
	}
	p := certs.Ident{Name: name, Node: twinID(name)}
	// The other directory may not have started yet, or just pause.
	for !f.admits() {
		if !sleep(ctx, 10*time.Millisecond) {
			return nil, ctx.Err()
		}
	}
	return f.attach(&authLink{Link: l, Control: control, Ident: p, Dialed: first})
}

// admits reports whether the folder can have sessions now.
func (f *Folder) admits() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.group != nil && !f.closing && f.ctx.Err() == nil
}

// twinID names a directory of a pair; such names never leave the process.
func twinID(name string) (id certs.NodeID) {
	copy(id[:], "pair "+name)
	return id
}
