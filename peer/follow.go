package peer

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"qsync/protocol"
)

// Several receivers of one large file hand on what comes to them while the rest is on
// its way. Who has it gives it to few at a time (see rations); who is refused asks
// those to whom it comes, and is given what they have and what comes to them next.
// Each asks only whoever is ahead of it, so that nobody waits in a circle.
const (
	followAhead   = protocol.MaxData // bytes that the other has to be ahead
	followPart    = 16               // of a file one request is for such a part, within the next two:
	followLeast   = 4 << 20          // then another one may be the better one to ask
	followMost    = 64 << 20
	followTurns   = 3                      // with one who is quick, before the source is asked again
	followTries   = 8                      // others that are asked in turn
	followPause   = 100 * time.Millisecond // about so long, before all are asked again
	followGivesUp = 10 * time.Second       // without a byte from anybody
	followLook    = 10 * time.Millisecond  // at what has come
	followWait    = 5 * time.Second        // for bytes that have yet to come, in one request
	followAnswer  = time.Second / 2        // for the first word
	followTurn    = 6 * time.Second        // of one request: who is followed may be slower than the source
)

// rest brings what is missing of the content of a large file, in one way or another,
// and reports whether all of it came in one piece, which s had.
func (x *fetchJob) rest(s *session, w want, staged counted) (status protocol.Status, one bool, err error) {
	have := staged.n.Load()
	one = have == 0
	for came := time.Now(); ; {
		length := w.size() - have
		switch {
		case !x.f.mayFollow(w): // it has come once as something else: who sends all of it answers for it
		case len(x.fellows(s)) >= rationMany-1:
			length = min(length, followLength(w.size()))
		case have == 0 && x.f.isHuge(w.size()):
			length -= followLeast // in two requests, for neither of which all is digested there once more
		}
		began := time.Now()
		switch {
		case x.leader != nil && x.leader != s && x.f.mayFollow(w) && x.turns%followTurns > 0:
			status, err = protocol.Busy, nil // so it would most likely say
		case length > spreadPart && !x.f.underway.misled.has(w.rec.Path) && s.lanes.spreads():
			one, length = false, min(length, spreadMost)
			status, err = x.spread(s, w, staged, length)
		default:
			status, err = x.restFrom(s, w, staged, length)
		}
		switch {
		case errors.Is(err, errMove):
			came = time.Now()
		case err == nil && status == protocol.Busy && time.Since(came) < followGivesUp:
			if err := x.follow(s, w, staged); err != nil {
				return protocol.Failed, one, err
			}
		case err != nil || status != protocol.OK || length == w.size()-have:
			return status, one, err
		default:
			x.leader = nil // the source gives it
			x.quick(length, began)
		}
		if now := staged.n.Load(); now > have {
			came, have, one = time.Now(), now, false
		}
		if have == w.size() {
			return protocol.OK, one, nil
		}
	}
}

func followLength(size int64) int64 { return min(max(size/followPart, followLeast), followMost) }

// insist asks again while the peer refuses what is made up of parts that are here: it
// gives it to others, and does not refuse for long. came is what has come.
func (x *fetchJob) insist(ask func() (protocol.Status, error), came *atomic.Int64) (status protocol.Status, err error) {
	for began := time.Now(); ; {
		before := came.Load()
		status, err = ask()
		if came.Load() > before {
			began = time.Now()
		}
		if err != nil || status != protocol.Busy || time.Since(began) > followGivesUp || !sleep(x.ctx, followPause) {
			return status, err
		}
	}
}

// follow asks those to whom w comes too, until one of them has given something; if
// none has, it waits a little. The error is one of this machine's.
func (x *fetchJob) follow(s *session, w want, staged counted) error {
	patience := x.patience
	defer func() { x.patience = patience }()
	x.patience = followAnswer
	for _, o := range x.fellows(s) {
		if !x.f.mayFollow(w) {
			break
		}
		have, began := staged.n.Load(), time.Now()
		ctx, end := context.WithTimeout(x.ctx, followTurn)
		_, err := x.stretchIn(ctx, o, stretchOf(w, have, min(w.size()-have, followLength(w.size()))), staged)
		end()
		if errors.Is(err, errStaging) || x.ctx.Err() != nil {
			return err
		}
		x.kept(o, err)
		_ = x.broken(o, err)
		if got := staged.n.Load() - have; got > 0 {
			x.turns++
			if x.leader = o; !x.quick(got, began) {
				x.leader = nil
			}
			return nil
		}
	}
	x.leader = nil
	if !sleep(x.ctx, followPause/2+rand.N(followPause)) {
		return x.ctx.Err()
	}
	return nil
}

// quick reports whether so many bytes since then are half as many a second as anybody
// has given in this job.
func (x *fetchJob) quick(n int64, since time.Time) bool {
	rate := float64(n) / max(time.Since(since).Seconds(), 1e-3)
	x.best = max(x.best, rate)
	return rate >= x.best/2
}

// fellows returns whom s could be left for: the one that was followed last, and
// others in any order.
func (x *fetchJob) fellows(s *session) (out []*session) {
	f := x.f
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.sessions {
		if o != s && o != x.leader && o.peer.Caps&capFollows != 0 && o.fellow.Load() && !time.Now().Before(o.slow) {
			out = append(out, o)
		}
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	if x.leader != nil && x.leader != s {
		out = append([]*session{x.leader}, out...)
	}
	return out[:min(len(out), followTries)]
}

// mayFollow reports whether w may be taken from who has not verified it yet.
func (f *Folder) mayFollow(w want) bool {
	return w.size() >= rationLeast && !f.underway.misled.has(w.rec.Path)
}

// large gives large content, or what has come of it.
func (a *answer) large(f io.ReaderAt, it *protocol.Item) error {
	given, end := a.s.f.underway.going.begin(a.s, it.Digest)
	if given == nil {
		return a.w.Write(&protocol.Response{Status: protocol.Busy})
	}
	defer end()
	a.given = &given.bytes
	return a.parts(f, it)
}

// rations reports whether the answer to it is one of those that not all are given.
func (a *answer) rations(it *protocol.Item) bool {
	return it.Size >= rationLeast && it.Length >= min(spreadPart, it.Size-it.Offset) && a.s.peer.Caps&capFollows != 0
}

// coming gives what has come of content that is on its way here, and what comes of it
// next. It reports false if that is none, or the peer has as much.
func (a *answer) coming(it *protocol.Item) (bool, error) {
	c := a.s.f.underway.of(it.Digest)
	if c == nil || c.size != it.Size || !a.rations(it) || c.file.Landed() < it.Offset+min(followAhead, it.Length) {
		return false, nil
	}
	file, err := c.file.Open()
	if err != nil {
		return false, nil // it is in place by now, or given up
	}
	defer file.Close()
	if isClosed(c.ended) {
		return false, nil // that may be another attempt's
	}
	return true, a.large(&arriving{ctx: a.ctx, f: file, c: c}, it)
}

// arriving reads what comes, and waits for it.
type arriving struct {
	ctx    context.Context
	f      io.ReaderAt
	c      *arrival
	waited time.Duration
}

// errNotComing says that the rest of what was to come does not.
var errNotComing = errors.New("it does not come any more")

// ReadAt implements io.ReaderAt.
func (r *arriving) ReadAt(p []byte, off int64) (int, error) {
	for r.c.file.Landed() < off+int64(len(p)) {
		if r.waited += followLook; isClosed(r.c.ended) || r.waited > followWait {
			return 0, errNotComing
		}
		if !sleep(r.ctx, followLook) {
			return 0, r.ctx.Err()
		}
	}
	return r.f.ReadAt(p, off)
}
