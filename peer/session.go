package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"qsync/certs"
	"qsync/protocol"
	"qsync/store"
)

// Waits of a session.
const (
	helloWait    = 15 * time.Second // for the first messages of the peer
	progressWait = 5 * time.Millisecond
	comesEvery   = time.Second // it is said how much of a large file has come
	refusalWait  = time.Second // for the peer to read what makes it refuse us too
	snapshotWait = time.Minute // for the next batch of a snapshot
	retryWait    = time.Second // before a register that cannot be told yet is tried again
)

// Capability bits of the handshake.
const (
	capObserver = 1 << iota // the dialer only looks: it is told the index, leaves no trace and sends nothing
	capRecipes              // the node answers a RecipeRequest
	capPacked               // it reads packed frames in answers
	capLanes                // it knows TCP: lanes, and links over it
	capCompares             // it answers Ranges
	capFollows              // refused large content, it asks those to whom that comes
	capDelivers             // it reads content that comes with the index
)

// session is the conversation with one peer about one folder.
type session struct {
	f        *Folder
	link     Link
	control  Stream
	peer     certs.Ident
	id       store.NodeID
	dialer   bool // we dialled
	observer bool // the peer only looks
	reader   *protocol.Reader
	writer   *protocol.Writer
	speaking sync.Mutex // guards writer once the greeting is over

	hello  *protocol.Hello // the peer's
	resume *protocol.Resume
	epoch  uint64 // ours, as this session knows it
	head   uint64 // of our journal, as we said in our hello
	ended  chan struct{}
	waits  sync.WaitGroup
	mem    *account // what is held for the peer
	flow   flow     // how fast answers go out over the link
	token  [32]byte // of the link, for lanes
	lanes  *lanes
	known  bool          // the store knows that the peer is here
	turn   uint64        // names the session in the store
	sent   atomic.Uint64 // how far in our journal the peer is, or has been sent it

	began    time.Time
	rank     uint64 // among the links that one of the two sides dialled
	typed    bool   // dialled where a person said the peer is
	greeted  atomic.Bool
	asking   atomic.Bool             // the teller waits for verdicts
	verdicts chan []protocol.Verdict // of the peer on its ranges
	again    chan struct{}           // asks for the progress to be told once more
	follows  bool                    // it took the place of another link to the same node
	anew     bool                    // but the peer has restarted since
	left     bool                    // another one took its place; under f.mu
	taker    atomic.Bool             // content goes along with the index to it
	wants    atomic.Bool             // the peer lacks something
	fellow   atomic.Bool             // or did so in this session: see holders

	mu          sync.Mutex
	caught      bool // the peer's whole journal has been merged in this session
	peerScanned bool // and it speaks of a whole scan
	heard       protocol.Progress
	slow        time.Time // the peer kept us waiting: ask others first until then; under f.mu
}

// run speaks with the peer until the link ends, ctx does or something is wrong.
func (s *session) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { s.shut(context.Cause(ctx)) })
	defer stop()
	group.Go(func() error {
		select {
		case <-ctx.Done():
		case <-s.link.Done():
			return s.link.Err()
		}
		return nil
	})
	group.Go(func() error { return s.talk(ctx, group) })
	err := group.Wait()
	s.waits.Wait()
	s.f.holders.leave(s)
	if s.taker.Load() {
		s.f.takers.Add(-1)
	}
	if s.known {
		s.f.store.Leave(s.id)
	}
	s.shut(err)
	return err
}

// newStall returns what ends the session when something gets nowhere with memory
// that others need.
func (s *session) newStall() *stall {
	return newStall(s.f.node.buffers, func() { s.link.Close(CodeShutdown, "") })
}

// shut closes the link, with a word on why.
func (s *session) shut(why error) {
	code := CodeShutdown
	if violation(why) {
		code = CodeProtocol
	}
	text := ""
	if errors.Is(s.f.Err(), ErrBrake) {
		text = ErrBrake.Error()
	}
	s.link.Close(code, text)
	s.lanes.end()
}

// violation reports whether a session ended because the peer broke the
// protocol, be it in what it said or in an answer or a request.
func violation(err error) bool {
	var closed *LinkError
	if errors.As(err, &closed) {
		return closed.Code == CodeProtocol && !closed.Remote
	}
	return errors.Is(err, protocol.ErrProtocol) || errors.Is(err, store.ErrForged)
}

// talk greets and then starts the four conversations of a session.
func (s *session) talk(ctx context.Context, group *errgroup.Group) error {
	if err := s.greet(); err != nil {
		if errors.Is(err, ErrSources) {
			// Closing would overtake our Hello, by which the peer sees the same.
			select {
			case <-s.link.Done():
			case <-ctx.Done():
			case <-time.After(refusalWait):
			}
		}
		return err
	}
	group.Go(func() error { return s.hear(ctx) })
	slots := make(chan struct{}, serveAtOnce)
	group.Go(func() error { return s.streamEnd(ctx, s.answersOn(ctx, s.link, &s.flow, slots)) })
	group.Go(func() error { return s.keepLanes(ctx, slots) })
	if s.f.cfg.Plan == nil || s.f.twin != nil {
		group.Go(func() error { return s.tell(ctx) })
	}
	if s.observer {
		return nil
	}
	group.Go(func() error { return s.report(ctx) })
	return s.merge(ctx)
}

// greet exchanges Hello and Resume, and settles what must be settled before
// anything else is said.
func (s *session) greet() error {
	f := s.f
	s.control.SetDeadline(time.Now().Add(helloWait))
	id := f.store.Identity()
	s.epoch, s.head = id.Epoch, id.Seq
	err := s.writer.Write(&protocol.Hello{
		Mode: f.modeOnWire(), Name: certs.CleanName(f.node.cfg.Name), Folder: f.Dir(), Version: f.node.cfg.Version,
		Replica: id.Replica, Epoch: id.Epoch, Seq: id.Seq, Context: id.Context,
	})
	if err != nil {
		return err
	}
	m, err := s.reader.Next()
	if err != nil {
		return err
	}
	hello, ok := m.(*protocol.Hello)
	if !ok {
		return fmt.Errorf("%w: no hello", protocol.ErrProtocol)
	}
	s.hello = hello
	if err := s.judge(); err != nil {
		return err
	}
	knows := hello.Context.Counter(id.Replica)
	hello.Context = nil // it may be long, and the session too
	if knows > id.Context.Counter(id.Replica) {
		return f.rolledBack(s)
	}
	return s.greetResume()
}

func (s *session) greetResume() error {
	f := s.f
	p := f.store.Peer(s.id)
	if !s.observer {
		var err error
		p, err = f.store.Greet(store.Peer{
			ID: s.id, Replica: s.hello.Replica, Epoch: s.hello.Epoch,
			Name: s.hello.Name, Address: s.link.Remote(), Addrs: addrsOf(s.link), Mode: uint8(modeOf(s.hello.Mode)),
		})
		if errors.Is(err, store.ErrCrowded) {
			f.note(fmt.Errorf("not syncing with %q: %w; it can join when one of them has been away for a week", s.hello.Name, err))
		}
		if err != nil {
			return err
		}
		s.known, s.turn = true, p.Turn
		f.greets(s.id, modeOf(s.hello.Mode))
	}
	if err := s.writer.Write(&protocol.Resume{Epoch: p.Epoch, Cursor: p.Cursor}); err != nil {
		return err
	}
	m, err := s.reader.Next()
	if err != nil {
		return err
	}
	r, ok := m.(*protocol.Resume)
	if !ok {
		return fmt.Errorf("%w: no resume", protocol.ErrProtocol)
	}
	if r.Epoch == s.epoch && r.Cursor > f.store.Identity().Seq {
		return f.rolledBack(s) // the peer has read further than we have written
	}
	if r.Epoch != s.epoch {
		r.Epoch, r.Cursor = s.epoch, 0
	}
	f.welcome()
	if !s.observer {
		f.store.Confirm(s.id, r.Epoch, r.Cursor, f.store.Peer(s.id).Want)
	}
	s.resume = r
	s.sent.Store(r.Cursor)
	if s.takesContent() {
		s.taker.Store(true)
		f.takers.Add(1)
	}
	s.control.SetDeadline(time.Time{})
	if !s.observer {
		s.greeted.Store(true)
		f.found(s)
		f.wakeSyncer()
	}
	return nil
}

// hear reads the control stream.
func (s *session) hear(ctx context.Context) error {
	for {
		m, err := s.reader.Next()
		if err != nil {
			return s.streamEnd(ctx, err)
		}
		if v, ok := m.(*protocol.Verdicts); ok {
			if err := s.judged(v); err != nil {
				return fmt.Errorf("%w: verdicts that nobody asked for", err)
			}
			continue
		}
		p, ok := m.(*protocol.Progress)
		if !ok {
			return fmt.Errorf("%w: a second greeting", protocol.ErrProtocol)
		}
		if s.observer || p.Epoch != s.epoch {
			continue
		}
		if p.Cursor > s.f.store.Identity().Seq {
			return fmt.Errorf("%w: progress beyond the journal", protocol.ErrProtocol)
		}
		s.mu.Lock()
		s.heard = *p
		s.mu.Unlock()
		if s.wants.Store(p.WantEntries > 0); p.WantEntries > 0 {
			s.fellow.Store(true)
		}
		s.f.store.Confirm(s.id, p.Epoch, p.Cursor, store.Want{Entries: int64(p.WantEntries), Bytes: int64(p.WantBytes)})
		s.f.changed()
	}
}

// streamEnd makes the end of a stream that should not end an error.
func (s *session) streamEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// report tells the peer how far we are whenever that changes, or when asked to.
func (s *session) report(ctx context.Context) error {
	var last protocol.Progress
	for again := true; ; {
		change := s.f.changes()
		now := s.ours()
		if again || now != last {
			again = false
			if err := s.say(&now); err != nil {
				return s.streamEnd(ctx, err)
			}
			last = now
			// Nobody needs every step: give the next one a moment to gather.
			if !sleep(ctx, progressWait) {
				return nil
			}
		}
		var comes <-chan time.Time
		if s.f.underway.busy() {
			comes = time.After(comesEvery)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.again:
			again = true
		case <-change:
		case <-comes:
		}
	}
}

// say sends a message on the control stream.
func (s *session) say(m protocol.Message) error {
	s.speaking.Lock()
	defer s.speaking.Unlock()
	return s.writer.Write(m)
}

// ours is our progress in the peer's journal. The cursor is read before the
// want: the other way round a batch merged in between would be reported as
// merged and nothing wanted.
func (s *session) ours() protocol.Progress {
	p := s.f.store.Peer(s.id)
	out := protocol.Progress{Epoch: p.Epoch, Cursor: p.Cursor, Scanned: s.f.toldAll()}
	if s.f.settles() {
		w := s.f.want()
		out.WantEntries, out.WantBytes = uint64(w.Entries), uint64(w.Bytes)
	}
	out.Head = s.f.store.Identity().Seq // last: what fell out of the want, such as a conflict copy, stands before it
	return out
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
