package peer

import (
	"context"
	"crypto/rand"
	"time"

	"qsync/folder"
	"qsync/protocol"
	"qsync/store"
)

// compareLimits is when and how maps are compared.
type compareLimits struct {
	from  uint64             // how long both journals are at least for it to be worth its round trips
	each  [compareRounds]int // how many registers a range has in each round
	first int                // how many ranges of the first round are looked into at a time
}

// compareRounds is how often ranges are split at most, and once more.
const compareRounds = 4

var usualCompare = &compareLimits{1000, [...]int{32768, 2048, 128, 16}, 64}

func (f *Folder) compareLimits() *compareLimits {
	if c := f.cfg.compare; c != nil {
		return c
	}
	return usualCompare
}

// turnWait is how long the dialer lets the other side tell first.
const turnWait = time.Minute

// compares reports whether what the peer lacks is found by a comparison of maps.
// It depends on what both have said in their greeting, so that both decide alike.
func (s *session) compares() bool {
	able := s.peer.Caps&capCompares != 0 && !s.observer && s.f.twin == nil
	return able && min(s.hello.Seq, s.head) >= s.f.compareLimits().from
}

// compare sends the map as a snapshot does, without what the peer finds to have.
func (t *teller) compare(ctx context.Context) error {
	s := t.s
	if s.dialer {
		// Were both to tell at once what the other does not know, each would answer
		// it with what has come of it, and everything would be told twice.
		if err := s.awaitCaught(ctx); err != nil {
			return err
		}
	}
	if err := s.mem.take(ctx, 2*frameRoom); err != nil {
		return err
	}
	t.holds = true
	defer func() { t.holds = false; s.mem.give(2 * frameRoom) }()
	c := comparison{t: t, upto: s.f.store.Identity().Seq}
	if _, err := rand.Read(c.key[:]); err != nil {
		return err
	}
	for more := true; more; {
		if err := c.window(ctx); err != nil {
			return err
		}
		for len(c.ranges) > 0 {
			span := c.take()
			if c.from = span.To; span.tell {
				if err := t.stretch(ctx, span.Span, c.upto); err != nil {
					return err
				}
			}
		}
		more = c.from != ""
	}
	t.sentSnapshot(c.upto)
	return nil
}

// awaitCaught waits until the peer has told all it had, but not for long.
func (s *session) awaitCaught(ctx context.Context) error {
	late := time.NewTimer(turnWait)
	defer late.Stop()
	for {
		change := s.f.changes()
		s.mu.Lock()
		caught := s.caught
		s.mu.Unlock()
		if caught {
			return nil
		}
		select {
		case <-change:
		case <-late.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// comparison is what a teller knows of how far two maps are equal.
type comparison struct {
	t      *teller
	key    [32]byte
	upto   uint64
	from   folder.Path // where the ranges begin
	ranges []judged    // up to where the window ends
}

// judged is a range and what the peer thinks of it.
type judged struct {
	protocol.Range
	verdict protocol.Verdict
}

// toldSpan is a span that is either told or equal.
type toldSpan struct {
	store.Span
	tell bool
}

// take takes the ranges of the same verdict off the front.
func (c *comparison) take() toldSpan {
	v, n := c.ranges[0].verdict, 1
	for n < len(c.ranges) && c.ranges[n].verdict == v {
		n++
	}
	span := toldSpan{store.Span{From: c.from, To: c.ranges[n-1].To}, v == protocol.Tell}
	c.ranges = c.ranges[n:]
	return span
}

// window finds out what differs in the next stretch of the map, in rounds.
func (c *comparison) window(ctx context.Context) error {
	l := c.t.s.f.compareLimits()
	first, err := c.t.s.f.store.Ranges(c.key, store.Span{From: c.from}, l.each[0], l.first)
	if err != nil {
		return err
	}
	c.ranges = nil
	for _, r := range first {
		c.ranges = append(c.ranges, judged{protocol.Range(r), protocol.Split})
	}
	if err := c.ask(ctx, c.from); err != nil {
		return err
	}
	for _, each := range l.each[1:] {
		n, err := c.split(each)
		if err != nil || n == 0 {
			return err
		}
		if err := c.ask(ctx, c.from); err != nil {
			return err
		}
	}
	for i := range c.ranges {
		if c.ranges[i].verdict == protocol.Split {
			return protocol.ErrProtocol
		}
	}
	return nil
}

// split replaces the ranges of which the peer wants to know more by smaller ones,
// as long as there is room for them, and returns how many it is to judge.
func (c *comparison) split(each int) (asked int, err error) {
	total, bytes := len(c.ranges), 0
	for i := range c.ranges {
		bytes += c.ranges[i].Size()
	}
	var out []judged
	from := c.from
	for _, r := range c.ranges {
		if r.verdict != protocol.Split {
			out, from = append(out, r), r.To
			continue
		}
		parts := []store.Range{store.Range(r.Range)}
		if protocol.RangesFit(total+int(r.Count)/each, bytes) {
			if parts, err = c.t.s.f.store.Ranges(c.key, store.Span{From: from, To: r.To}, each, protocol.MaxRanges); err != nil {
				return 0, err
			}
		}
		size := 0
		for _, p := range parts {
			size += protocol.Range(p).Size()
		}
		if !protocol.RangesFit(total+len(parts)-1, bytes+size-r.Size()) {
			parts, size = []store.Range{store.Range(r.Range)}, r.Size()
		}
		total, bytes = total+len(parts)-1, bytes+size-r.Size()
		for _, p := range parts {
			out = append(out, judged{protocol.Range(p), protocol.Split})
		}
		asked += len(parts)
		from = r.To
	}
	c.ranges = out
	return asked, nil
}

// ask has the peer judge the ranges whose verdict is Split, and notes what it says.
func (c *comparison) ask(ctx context.Context, from folder.Path) error {
	m := &protocol.Ranges{Key: c.key, Upto: c.upto, From: from}
	for i := range c.ranges {
		if c.ranges[i].verdict == protocol.Split {
			m.Ranges = append(m.Ranges, c.ranges[i].Range)
		}
	}
	s := c.t.s
	s.asking.Store(true)
	defer s.asking.Store(false)
	err := c.t.send(ctx, func() (protocol.Message, error) { return m, nil })
	if err != nil {
		return err
	}
	c.t.stall.begin()
	defer c.t.stall.done()
	var said []protocol.Verdict
	select {
	case said = <-s.verdicts:
	case <-ctx.Done():
		return ctx.Err()
	}
	if len(said) != len(m.Ranges) {
		return protocol.ErrProtocol
	}
	for i := range c.ranges {
		if c.ranges[i].verdict == protocol.Split {
			c.ranges[i].verdict, said = said[0], said[1:]
		}
	}
	return nil
}

// judge hands the verdicts of the peer to the teller who waits for them.
func (s *session) judged(v *protocol.Verdicts) error {
	if !s.asking.Load() {
		return protocol.ErrProtocol
	}
	select {
	case s.verdicts <- v.Verdicts:
		return nil
	default:
		return protocol.ErrProtocol
	}
}
