package peer

import (
	"context"
	"errors"
	"time"

	"qsync/certs"
	"qsync/protocol"
	"qsync/store"
)

// attach makes a session of a link whose peer has proved itself. If the peer is
// connected already by a link that stays, it returns that one's session.
func (f *Folder) attach(l *authLink) (*session, error) {
	s := &session{
		f: f, link: l.Link, control: l.Control, peer: l.Ident, id: store.NodeID(l.Ident.Node), dialer: l.Dialed,
		observer: !l.Dialed && l.Ident.Caps&capObserver != 0,
		reader:   protocol.NewReader(l.Control, protocol.Control),
		writer:   protocol.NewWriter(l.Control),
		ended:    make(chan struct{}),
		began:    time.Now(),
		rank:     l.Rank,
		token:    l.Token,
		mem:      f.node.buffers.account(peerRoom),
		again:    make(chan struct{}, 1),
		verdicts: make(chan []protocol.Verdict, 1),
	}
	s.lanes = newLanes(s)
	if at, ok := remoteAddr(l.Link); ok {
		s.typed = f.candidates.isTyped(at)
	}
	var dead *session
	for {
		stays, err := f.admit(s, dead)
		if err == nil && stays != s && time.Since(stays.began) > choiceWait && !stays.alive(f.ctx, choiceWait) {
			dead = stays
			continue
		}
		if stays != s {
			s.link.Close(CodeDuplicate, "")
		}
		return stays, err
	}
}

// admit enters s as the session with its peer and starts it, and returns it or
// the one that stays. dead is one of which it is known that it does not answer.
func (f *Folder) admit(s, dead *session) (*session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.group == nil || f.closing || f.ctx.Err() != nil || isClosed(s.link.Done()) {
		return nil, context.Canceled
	}
	if why := f.bad.reason(s.id); why != "" {
		return nil, errors.New(why)
	}
	all := f.among(s)
	if old := all[s.id]; old != nil {
		if old != dead && !isClosed(old.link.Done()) && !f.replaces(s, old) {
			return old, nil
		}
		old.left, s.follows, s.anew = true, true, s.peer.Epoch != old.peer.Epoch
		old.link.Close(CodeDuplicate, "")
	}
	if f.parted[s.id] && !s.observer {
		s.follows = true
		delete(f.parted, s.id)
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

// replaces decides between two links to one peer that may both be alive, the
// same on both sides and whichever was first: the one whose dialer has the
// smaller node ID stays, and of one dialer's the one of smaller rank. A peer
// that has restarted has no other link.
func (f *Folder) replaces(s, old *session) bool {
	switch {
	case s.peer.Epoch != old.peer.Epoch:
		return true
	case s.dialer == old.dialer:
		return s.rank < old.rank
	}
	weAreSmaller := f.node.cfg.Device.ID().Compare(s.peer.Node) < 0
	return s.dialer == weAreSmaller
}

// converse runs a session to its end and tells what became of it.
func (f *Folder) converse(ctx context.Context, s *session) {
	log := f.node.cfg.Log.With("folder", f.Dir(), "peer", s.peer.Name)
	if !s.observer {
		f.mu.Lock()
		f.met = true
		delete(f.braked, s.id)
		f.mu.Unlock()
		f.parked.hope()
		event := "peer_connected"
		switch {
		case s.anew:
			f.event(Event{Event: "peer_lost", Peer: s.peer.Name})
		case s.follows:
			event = "peer_moved"
		}
		f.event(Event{Event: event, Peer: s.peer.Name, Text: s.link.Remote()})
		log.Info("connected", "address", s.link.Remote())
	}
	f.changed()
	err := s.run(ctx)
	f.mu.Lock()
	all := f.among(s)
	last := all[s.id] == s
	if last {
		delete(all, s.id)
	}
	part := last && !s.observer && isDuplicate(s.link.Err())
	if part {
		f.parted[s.id] = true
	}
	left := s.left
	if last && !s.observer && isBraked(s.link.Err()) {
		f.braked[s.id] = true
	}
	f.mu.Unlock()
	if violation(err) {
		f.violated(s)
	}
	if last && !s.observer {
		f.unfound(s)
	}
	close(s.ended)
	if !s.observer {
		log.Info("disconnected", "reason", err)
	}
	f.wakeSyncer()
	f.changed()
	if !s.observer && !left && (!part || f.stillParted(ctx, s)) {
		f.event(Event{Event: "peer_lost", Peer: s.peer.Name})
	}
}

// isDuplicate reports whether the peer ended a link because another one to it
// stays. Ours may not have entered that one yet.
func isDuplicate(err error) bool {
	var le *LinkError
	return errors.As(err, &le) && le.Remote && le.Code == CodeDuplicate
}

// isBraked reports whether the peer says that its brake has stopped the folder.
func isBraked(err error) bool {
	var le *LinkError
	return errors.As(err, &le) && le.Remote && le.Reason == ErrBrake.Error()
}

// brakedText is what a person can do about a peer whose brake has stopped it.
const brakedText = "its brake has stopped the folder there: 'qsync status' there says for what, and 'qsync confirm DIR' or 'qsync undo DIR' there goes on"

// stillParted waits a moment for the link that the peer of s prefers to s, and
// reports whether none has come.
func (f *Folder) stillParted(ctx context.Context, s *session) bool {
	sleep(ctx, choiceWait)
	f.mu.Lock()
	defer f.mu.Unlock()
	still := f.parted[s.id]
	delete(f.parted, s.id)
	return still
}

// welcome forgets why an earlier peer was sent away: this one belongs here.
func (f *Folder) welcome() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refusal = nil
}

// rolledBack takes a new identity: a peer knows writes of ours that we do not,
// so this map is an old copy. The session ends and the next one starts over.
func (f *Folder) rolledBack(by *session) error {
	f.node.cfg.Log.Warn("the folder map is older than what a peer knows of it; taking a new identity", "folder", f.Dir())
	if err := f.store.Rotate(); err != nil {
		return err
	}
	// Who makes us do this again and again is no better than who breaks the protocol.
	f.violated(by)
	f.mu.Lock()
	defer f.mu.Unlock()
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
