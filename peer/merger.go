package peer

import (
	"context"
	"time"

	"qsync/protocol"
)

// merger reads the peer's index into the registers.
type merger struct {
	s      *session
	stall  *stall
	room   bool // for a batch
	merges bool // holds the merge token: while it does, it waits for no memory
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
	c, err := s.f.node.coders.take(ctx)
	if err != nil {
		return false, 0, err
	}
	defer s.f.node.coders.give(c)
	i, err := c.decode(frame)
	if err != nil {
		return false, 0, err
	}
	if s.f.twin == nil {
		wait = s.f.paces.spend(s.id, i)
	}
	snapshot, err = s.accept(i)
	return snapshot, wait, err
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
