package peer

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"qsync/certs"
	"qsync/store"
)

// yieldTime is how long the node with the greater ID lets the other one redial
// first when their link is lost, lest both do at once.
const yieldTime = time.Second

// Offer hands in addresses at which a member of this folder may be reached, as
// an advert names them. It may be called from any goroutine and never blocks;
// nil, foreign and impossible addresses do no harm. An address offered again is
// dialled again soon, whatever came of it before: call it for what is new.
//
// At most 64 addresses are kept and four dialled at a time; one address is
// dialled at most once a second and, while it fails, after 1 s, 2 s ... 60 s. A
// node that is connected is not dialled, and nothing that is found at an
// offered address stops the folder.
func (f *Folder) Offer(addrs []netip.AddrPort) {
	f.candidates.offer(addrs, f.connected())
}

// connected returns the nodes with which there is a session, and where.
func (f *Folder) connected() live {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make(live, len(f.sessions))
	for id, s := range f.sessions {
		out[id], _ = remoteAddr(s.link)
	}
	return out
}

// seekLoop dials the candidates as they come due.
func (f *Folder) seekLoop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		at, wait := f.candidates.take(f.connected())
		if at.IsValid() {
			f.group.Go(func() error { f.try(ctx, at); return nil })
			continue
		}
		timer.Stop()
		if wait != never {
			timer.Reset(wait)
		}
		select {
		case <-ctx.Done():
		case <-f.candidates.wake:
		case <-timer.C:
		}
	}
	return nil
}

// try dials one candidate.
func (f *Folder) try(ctx context.Context, at netip.AddrPort) {
	era := f.node.era()
	s, err := f.dial(ctx, net.UDPAddrFromAddrPort(at))
	var id store.NodeID
	if s != nil {
		id = s.id
	}
	if f.candidates.done(at, id, err, isClosed(era.Done())) {
		f.selfOnce.Do(func() {
			f.node.cfg.Log.Info("an address that was found leads back to this node itself; it is left alone", "folder", f.Dir(), "address", at)
		})
	} else if err != nil && ctx.Err() == nil {
		f.node.cfg.Log.Debug("nobody yet at a found address", "folder", f.Dir(), "address", at, "error", err)
	}
}

// dial opens a link to one address and returns the session with the peer found
// there, which may be an older one. It is given up when the network changes.
func (f *Folder) dial(ctx context.Context, addr *net.UDPAddr) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	stop := context.AfterFunc(f.node.era(), cancel)
	defer stop()
	l, err := f.node.transport.dial(ctx, addr, f.keys)
	if err != nil {
		return nil, err
	}
	return f.attach(l)
}

// found notes that the peer of s, which has greeted, is where it is.
func (f *Folder) found(s *session) {
	if at, ok := remoteAddr(s.link); ok {
		f.candidates.learn(at, s.id, f.connected())
	}
}

// unfound notes the end of a session that no other one replaced.
func (f *Folder) unfound(s *session) {
	if at, ok := remoteAddr(s.link); ok && s.greeted.Load() {
		f.store.Reached(s.id, at)
	}
	moment := yieldTime
	var closed *LinkError
	if f.node.cfg.Device.ID().Compare(s.peer.Node) < 0 || errors.As(s.link.Err(), &closed) && closed.Code == CodeSilent {
		moment = 0 // of a silent link the other side may not know yet
	}
	f.candidates.lost(s.id, time.Since(s.began), moment)
}

// stillReached keeps the addresses of long sessions from growing old.
func (f *Folder) stillReached() {
	f.mu.Lock()
	var all []*session
	for _, s := range f.sessions {
		all = append(all, s)
	}
	f.mu.Unlock()
	for _, s := range all {
		if at, ok := remoteAddr(s.link); ok && s.greeted.Load() {
			f.store.Reached(s.id, at)
		}
	}
}

// remoteAddr is where the peer of a link can be dialled: a node dials and
// listens on one socket. A link in memory has no such address.
func remoteAddr(l Link) (netip.AddrPort, bool) {
	a, err := netip.ParseAddrPort(l.Remote())
	if err != nil {
		return a, false
	}
	return dialable(a)
}

// addrsOf is where the store should remember that the peer of a link is.
func addrsOf(l Link) []store.Addr {
	at, ok := remoteAddr(l)
	if !ok {
		return nil
	}
	return []store.Addr{{At: at, Worked: time.Now()}}
}

// dialers describes every address at which the folder looks for peers.
func (f *Folder) dialers() []Dialer {
	out := []Dialer{}
	f.mu.Lock()
	for _, r := range f.cfg.Remotes {
		err, tried := f.wrong[r]
		d := Dialer{Address: r, Source: "remote", State: "dialing"}
		switch {
		case err != nil:
			d.State, d.Result = "waiting", dialResult(err)
		case tried:
			d.State, d.Result = "resting", dialResult(nil)
		}
		out = append(out, d)
	}
	f.mu.Unlock()
	return append(out, f.candidates.status(f.connected())...)
}

func (c *candidates) status(connected live) (out []Dialer) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.all {
		d := Dialer{Address: e.at.String(), Source: "found", State: "waiting"}
		if e.remembered {
			d.Source = "remembered"
		}
		if e.met() {
			d.Node = certs.NodeID(e.node).String()
		}
		if !e.began.IsZero() && !e.dialing {
			d.Result = dialResult(e.err)
		}
		switch {
		case e.dialing:
			d.State = "dialing"
		case connected.has(e.node), c.typedLocked(e.at):
			d.State = "resting"
		default:
			d.Next = max(int64(e.next.Sub(now).Seconds()), 0)
		}
		out = append(out, d)
	}
	for _, a := range c.self {
		out = append(out, Dialer{Address: a.String(), Source: "found", State: "resting", Result: dialResult(certs.ErrSelf)})
	}
	return out
}

// dialResult says for people what came of a dial.
func dialResult(err error) string {
	var op *net.OpError
	var late net.Error
	switch {
	case err == nil:
		return "answered"
	case errors.Is(err, certs.ErrSelf):
		return "this node itself"
	case errors.Is(err, certs.ErrWrongID):
		return "somebody is there who does not hold this sync ID"
	case errors.Is(err, context.Canceled), errors.As(err, &late) && late.Timeout():
		return "no answer"
	case errors.As(err, &op):
		return plain(op.Err)
	}
	return plain(err)
}

// resolved is where a typed remote leads, in the form of candidates.
func resolved(addrs []*net.UDPAddr) (out []netip.AddrPort) {
	for _, u := range addrs {
		if a, ok := dialable(u.AddrPort()); ok && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}
