package discovery

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// run is one run of a beacon. Everything but reading happens in one goroutine.
type run struct {
	b        *Beacon
	ctx      context.Context
	readers  sync.WaitGroup
	events   chan event
	keys     []key
	stations map[string]*station // by the id of their link and family
	relink   time.Time           // when to look at the interfaces, zero for not
	nonces   []nonce             // of our latest adverts
}

// event is what a reader has to tell: a packet, or that it ended.
type event struct {
	from  *conn
	heard heard
	err   error
}

// ownNonces is how many nonces are remembered: more than all sockets together
// use within the time that a packet travels.
const ownNonces = 4 * 2 * maxLinks

// due does what it is time for and returns when to come again.
func (r *run) due(now time.Time) time.Time {
	next := now.Add(time.Hour)
	soonest := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	if !r.relink.IsZero() && !r.relink.After(now) {
		r.relink = time.Time{}
		r.look()
	}
	soonest(r.relink)
	for _, s := range r.stations {
		if s.conn == nil {
			if s.retry.After(now) {
				soonest(s.retry)
				continue
			}
			r.open(s, now)
		}
		for _, t := range r.serve(s, now) {
			soonest(t)
		}
	}
	return next
}

// serve sends what a station has to send by now and returns its next times.
func (r *run) serve(s *station, now time.Time) []time.Time {
	if s.conn == nil {
		return []time.Time{s.retry}
	}
	if len(r.keys) == 0 {
		return nil // nothing to say and nobody to look for
	}
	due := func(t time.Time) bool { return !t.IsZero() && !t.After(now) }
	if due(s.plan.change) {
		r.rename(s, now)
	}
	if due(s.plan.tell) {
		s.plan.hasTold(now)
		s.send(s.answer, now)
	}
	if due(s.plan.ask) {
		s.plan.hasAsked(now)
		r.ask(s, now)
	}
	return []time.Time{s.plan.change, s.plan.tell, s.plan.ask, s.retry}
}

// look compares the interfaces of the machine with the stations. One that
// changed in any way gets new sockets, and a new name with them.
func (r *run) look() {
	found, err := links(r.b.config.Listen)
	if err != nil {
		r.relink = time.Now().Add(pollEvery)
		r.b.note(r.stations, 0, err)
		return
	}
	over := max(0, len(found)-maxLinks)
	found = found[:len(found)-over]
	stations := map[string]*station{}
	for _, l := range found {
		for _, f := range []Family{IPv4, IPv6} {
			id := l.id(f)
			s := r.stations[id]
			if s == nil && l.has(f) {
				s = &station{link: l, family: f}
			}
			if s != nil {
				s.patience = 0 // whatever kept it from working may be over
				if s.conn == nil {
					s.retry = time.Time{}
				}
				stations[id] = s
				delete(r.stations, id)
			}
		}
	}
	for _, s := range r.stations {
		s.close()
	}
	r.stations = stations
	r.b.note(stations, over, nil)
}

// open gives a station its socket and starts its reader.
func (r *run) open(s *station, now time.Time) {
	c, err := open(r.ctx, s.link, s.family)
	if err != nil {
		s.fail(err, now)
		return
	}
	s.conn, s.retry = c, time.Time{}
	s.plan.start(now)
	r.rename(s, now)
	r.readers.Go(func() { r.read(c) })
}

func (r *run) ask(s *station, now time.Time) {
	packet, id, err := question()
	if err != nil {
		s.fail(err, now)
		return
	}
	s.asked = id
	s.send(packet, now)
}

// announce gives every station a new face to tell.
func (r *run) announce() {
	now := time.Now()
	for _, s := range r.stations {
		if s.conn != nil {
			s.plan.start(now)
			r.rename(s, now)
		}
	}
}

// rename takes a new label, host name and nonce, and plans to tell them.
func (r *run) rename(s *station, now time.Time) {
	s.answer = nil
	if len(r.keys) == 0 {
		return
	}
	f := newFace(s.link, r.keys)
	packet, err := f.answer()
	if err != nil {
		s.fail(err, now)
		return
	}
	r.nonces = append(r.nonces, f.advert.nonce)
	r.nonces = r.nonces[max(0, len(r.nonces)-ownNonces):]
	s.answer = packet
	s.plan.announce(now)
}

// take handles what a reader heard.
func (r *run) take(e event) {
	var s *station
	for _, each := range r.stations {
		if each.conn == e.from {
			s = each
		}
	}
	if s == nil {
		return // of a socket that is closed by now
	}
	now := time.Now()
	if e.err != nil {
		s.fail(e.err, now)
		return
	}
	s.heard.Add(1)
	s.refused.Add(uint64(e.heard.refused))
	if e.heard.asked && e.heard.id != s.asked && s.answer != nil {
		s.plan.asked(now)
		s.plan.othersAsk(now)
	}
	for _, a := range e.heard.adverts {
		r.match(s, a)
	}
}

// match finds the keys that an advert was made with.
func (r *run) match(s *station, a advert) {
	if slices.Contains(r.nonces, a.nonce) {
		return // our own voice
	}
	addrs := slices.DeleteFunc(s.link.dialable(a.addrs), r.ours)
	known := false
	for _, k := range r.keys {
		if !a.madeWith(k) {
			continue
		}
		known = true
		if len(addrs) > 0 {
			r.b.config.Found(k, slices.Clone(addrs))
		}
	}
	if known {
		s.found.Add(1)
	}
}

// ours reports whether it is this node that would be dialled: a peer on the
// same machine has another port.
func (r *run) ours(a netip.AddrPort) bool {
	plain := netip.AddrPortFrom(a.Addr().WithZone(""), a.Port())
	for _, s := range r.stations {
		if slices.Contains(s.link.at, plain) {
			return true
		}
	}
	return false
}

func (r *run) closeAll() {
	for _, s := range r.stations {
		s.close()
	}
}
