package peer

import (
	"context"
	"errors"
	"io"

	"qsync/protocol"
	"qsync/store"
)

// teller sends the index on its stream.
type teller struct {
	s        *session
	out      io.Writer
	stall    *stall
	after    uint64 // position up to which it is sent
	first    bool   // nothing is, in this session or since a snapshot
	toldScan bool   // and with it that a whole scan stands behind it
	holds    bool   // the memory for a batch is taken
}

// next sends what the journal holds next, if anything, and reports whether that
// was all. [store.ErrWait]: not yet.
func (t *teller) next(ctx context.Context) (complete bool, err error) {
	if t.first && t.after == 0 && t.s.compares() {
		return false, t.all(ctx)
	}
	var b store.Batch
	var snapshot, sent bool
	scanned := t.s.toldAll()
	err = t.send(ctx, func() (m protocol.Message, err error) {
		limits := batchLimits
		limits.Turn = t.s.turn
		b, snapshot, err = t.s.f.store.Since(t.s.id, t.after, limits)
		if sent = err == nil && !snapshot && (t.first || b.Upto > t.after || scanned && !t.toldScan); sent {
			m = t.s.deliver(indexOf(b, scanned))
			t.s.sent.Store(b.Upto) // it is, or the session ends
		}
		return m, err
	})
	if err != nil {
		return false, err
	}
	if snapshot {
		return false, t.all(ctx)
	}
	if sent {
		t.first, t.toldScan = false, scanned && b.Complete
	}
	t.after = b.Upto
	return b.Complete, nil
}

// all sends everything there is: what the peer lacks, where that can be found.
func (t *teller) all(ctx context.Context) error {
	t.first = true // a snapshot counts only with a complete batch behind it
	if t.s.compares() {
		return t.compare(ctx)
	}
	start := t.s.f.store.Identity().Seq
	if err := t.stretch(ctx, store.Span{}, start); err != nil {
		return err
	}
	t.sentSnapshot(start)
	return nil
}

// sentSnapshot notes that the map was sent that the journal describes up to start.
func (t *teller) sentSnapshot(start uint64) {
	t.after = start
	t.s.sent.Store(start)
}

// stretch sends what there is in a span, in key order.
func (t *teller) stretch(ctx context.Context, span store.Span, start uint64) error {
	limits := batchLimits
	limits.To = span.To
	for from, more := span.From, true; more; {
		var b store.Batch
		err := t.send(ctx, func() (m protocol.Message, err error) {
			if b, err = t.s.f.store.Snapshot(from, start, limits); err == nil {
				m = indexOf(b, t.s.toldAll())
			}
			return m, err
		})
		switch {
		case errors.Is(err, store.ErrWait):
			if !sleep(ctx, retryWait) {
				return ctx.Err()
			}
		case err != nil:
			return err
		default:
			from, more = b.To, b.To != span.To
		}
	}
	return nil
}

// send makes a batch and sends it, or nothing if it is nil.
func (t *teller) send(ctx context.Context, read func() (protocol.Message, error)) error {
	if mem := t.s.mem; !t.holds {
		if err := mem.take(ctx, frameRoom); err != nil {
			return err
		}
		frame, err := t.encode(ctx, read)
		held := int64(len(frame))
		mem.give(frameRoom - held)
		defer func() { mem.give(held) }()
		return t.write(frame, err)
	}
	return t.write(t.encode(ctx, read))
}

// write sends a frame, if there is one.
func (t *teller) write(frame []byte, err error) error {
	if err != nil || frame == nil {
		return err
	}
	// A peer may have good reason not to read for long: it merges one peer's
	// snapshot at a time.
	t.stall.begin()
	defer t.stall.done()
	_, err = t.out.Write(frame)
	return err
}

func (t *teller) encode(ctx context.Context, read func() (protocol.Message, error)) ([]byte, error) {
	all := t.s.f.node.coders
	c, err := all.take(ctx)
	if err != nil {
		return nil, err
	}
	defer all.give(c)
	m, err := read()
	if err != nil || m == nil {
		return nil, err
	}
	return c.encode(m)
}
