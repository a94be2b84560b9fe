package peer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"qsync/protocol"
)

// Over a line where one connection takes every lost packet for a full line a session
// has several lanes, and one file takes all of them: it is asked for in parts, which
// are written in order. Now and then it is seen whether the link is the better way.
const (
	spreadPart  = 1 << 20 // bytes
	spreadEach  = 2       // parts under way on each lane: one is asked for while another one comes
	spreadTries = 3       // on lanes that end
	spreadMost  = 32 << 20
)

// part is a stretch of a file on its way.
type part struct {
	buf    bytes.Buffer
	status protocol.Status
	err    error
	done   chan struct{}
}

// spread brings the next so many bytes of a large file over so many lanes.
func (x *fetchJob) spread(s *session, w want, staged counted, length int64) (status protocol.Status, err error) {
	ctx, stop := context.WithCancel(x.ctx)
	defer stop()
	parts := make(chan *part, max(s.lanes.open(), 1)*spreadEach-1) // the last one may just have ended
	x.f.group.Go(func() error {
		x.begin(ctx, s, parts, stretchOf(w, staged.n.Load(), length))
		return nil
	})
	for p := range parts {
		<-p.done
		switch {
		case err != nil || status != protocol.OK:
		case p.err != nil || p.status != protocol.OK:
			status, err = p.status, p.err
			stop() // the others are of no use
		default:
			if _, werr := staged.Write(p.buf.Bytes()); werr != nil {
				err = fmt.Errorf("%w: %w", errStaging, werr)
				stop()
			}
		}
		x.f.node.fetching.give(spreadPart)
	}
	return status, cmp.Or(err, x.ctx.Err())
}

// begin asks for parts of all, in order, as many at a time as there is room for in
// parts.
func (x *fetchJob) begin(ctx context.Context, s *session, parts chan<- *part, all protocol.Item) {
	defer close(parts)
	mem := x.f.node.fetching // all that a part needs at once: who waits for memory has none for this part
	for end := all.Offset + all.Length; all.Offset < end && ctx.Err() == nil && mem.take(ctx, askRoom+spreadPart) == nil; all.Offset += spreadPart {
		p, item := &part{done: make(chan struct{})}, all
		item.Length = min(spreadPart, end-all.Offset)
		parts <- p // who takes it out does so until the end
		x.f.group.Go(func() error {
			defer close(p.done)
			defer mem.give(askRoom)
			p.status, p.err = x.part(ctx, s, item, &p.buf)
			return nil
		})
	}
}

// part brings one part.
func (x *fetchJob) part(ctx context.Context, s *session, item protocol.Item, to *bytes.Buffer) (status protocol.Status, err error) {
	for range spreadTries {
		to.Reset()
		to.Grow(int(item.Length))
		way, done := s.overLanes()
		status, err = x.stretch(ctx, way, item, to)
		if done(); !errors.Is(err, errLane) || isClosed(s.link.Done()) {
			break
		}
	}
	return status, err
}
