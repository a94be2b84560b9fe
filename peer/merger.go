package peer

import (
	"context"
	"time"

	"qsync/protocol"
	"qsync/store"
)

// merger reads the peer's index into the registers.
type merger struct {
	s      *session
	stall  *stall
	room   bool // for a batch
	merges bool // holds the merge token: while it does, it waits for no memory

	compared *compared // of the comparison under way
}

// merge reads the peer's index until its end.
func (s *session) merge(ctx context.Context) error {
	in, err := s.link.AcceptUni(ctx)
	if err != nil {
		return s.streamEnd(ctx, err)
	}
	defer in.Cancel()
	r := protocol.NewReader(in, protocol.Indexes)
	// Who begins a snapshot and goes no further must not keep the others waiting.
	late := time.AfterFunc(snapshotWait, func() { s.link.Close(CodeShutdown, "") })
	late.Stop()
	defer late.Stop()
	m := &merger{s: s, stall: s.newStall()}
	defer m.free()
	for {
		frame, err := r.Frame(func() error { return m.admit(ctx) })
		late.Stop()
		if err != nil {
			return s.streamEnd(ctx, err)
		}
		snapshot, wait, err := m.merge(ctx, frame)
		if !snapshot || err != nil {
			m.free() // a snapshot keeps the others waiting, and its memory, to its end
		}
		if err != nil {
			return s.streamEnd(ctx, err)
		}
		if wait > 0 && !sleep(ctx, wait) {
			return nil
		}
		if snapshot {
			late.Reset(snapshotWait)
		}
	}
}

// admit takes the memory for a batch that has begun to arrive.
func (m *merger) admit(ctx context.Context) error {
	m.stall.begin()
	if m.room {
		return nil
	}
	err := m.s.mem.take(ctx, frameRoom)
	m.room = err == nil
	return err
}

// merge merges one batch. It reports whether the peer is in the middle of a
// snapshot, and how long to wait with the next one.
func (m *merger) merge(ctx context.Context, frame []byte) (snapshot bool, wait time.Duration, err error) {
	s := m.s
	if !m.merges {
		select {
		case s.f.merging <- struct{}{}:
			m.merges = true
		case <-ctx.Done():
			return false, 0, ctx.Err()
		}
	}
	m.stall.done()
	answer, wait, err := m.take(ctx, frame)
	if err == nil && answer != nil {
		err = s.say(answer)
	}
	return m.compared != nil || s.f.store.Peer(s.id).Snapshot, wait, err
}

// take decodes a batch and merges it, or returns the answer that it asks for.
func (m *merger) take(ctx context.Context, frame []byte) (answer protocol.Message, wait time.Duration, err error) {
	s := m.s
	c, err := s.f.node.coders.take(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer s.f.node.coders.give(c)
	message, err := c.decode(frame)
	if err != nil {
		return nil, 0, err
	}
	if d, ok := message.(*protocol.Delivery); ok {
		s.delivered(d)
	}
	message, contents := opened(message)
	i, ok := message.(*protocol.Index)
	if !ok {
		return m.judge(message.(*protocol.Ranges))
	}
	if s.f.twin == nil {
		wait = s.f.paces.spend(s.id, i, contents)
	}
	if m.compared == nil {
		return nil, wait, s.accept([]*protocol.Index{i}, []store.Batch{batchOf(i)})
	}
	if err = m.compared.hear(i); err == nil {
		err = m.gathered()
	}
	return nil, wait, err
}

// judge compares what the peer has in some ranges with what is here.
func (m *merger) judge(r *protocol.Ranges) (answer protocol.Message, wait time.Duration, err error) {
	if m.compared == nil {
		m.compared = &compared{s: m.s}
	}
	v, err := m.compared.judge(r)
	wait = m.s.f.paces.compare(m.s.id, m.compared.cost)
	if err == nil {
		err = m.gathered()
	}
	return v, wait, err
}

// gathered merges what a comparison has gathered, if it is time.
func (m *merger) gathered() error {
	done := m.compared.done
	i, b := m.compared.gathered()
	if done {
		m.compared = nil
	}
	if len(b) == 0 {
		return nil
	}
	return m.s.accept(i, b)
}

// free gives back what a batch, or a snapshot, needed.
func (m *merger) free() {
	m.stall.done()
	if m.room {
		m.s.mem.give(frameRoom)
	}
	if m.merges {
		<-m.s.f.merging
	}
	m.room, m.merges = false, false
}
