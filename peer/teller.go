package peer

import (
	"context"
	"errors"
	"io"

	"qsync/folder"
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
}

// next sends what the journal holds next, if anything, and reports whether that
// was all. [store.ErrWait]: not yet.
func (t *teller) next(ctx context.Context) (complete bool, err error) {
	var b store.Batch
	var snapshot, sent bool
	scanned := t.s.toldAll()
	err = t.send(ctx, func() (i *protocol.Index, err error) {
		limits := batchLimits
		limits.Turn = t.s.turn
		b, snapshot, err = t.s.f.store.Since(t.s.id, t.after, limits)
		if sent = err == nil && !snapshot && (t.first || b.Upto > t.after || scanned && !t.toldScan); sent {
			i = indexOf(b, scanned)
			t.s.sent.Store(b.Upto) // it is, or the session ends
		}
		return i, err
	})
	if err != nil {
		return false, err
	}
	if snapshot {
		t.first = true // a snapshot counts only with a complete batch behind it
		return false, t.snapshot(ctx)
	}
	if sent {
		t.first, t.toldScan = false, scanned && b.Complete
	}
	t.after = b.Upto
	return b.Complete, nil
}

// snapshot sends everything there is, in key order.
func (t *teller) snapshot(ctx context.Context) error {
	start := t.s.f.store.Identity().Seq
	for from, more := folder.Path(""), true; more; {
		var b store.Batch
		err := t.send(ctx, func() (i *protocol.Index, err error) {
			if b, err = t.s.f.store.Snapshot(from, start, batchLimits); err == nil {
				i = indexOf(b, t.s.toldAll())
			}
			return i, err
		})
		switch {
		case errors.Is(err, store.ErrWait):
			if !sleep(ctx, retryWait) {
				return ctx.Err()
			}
		case err != nil:
			return err
		default:
			from, more = b.To, b.To != ""
		}
	}
	t.after = start
	t.s.sent.Store(start)
	return nil
}

// send makes a batch and sends it, or nothing if it is nil.
func (t *teller) send(ctx context.Context, read func() (*protocol.Index, error)) error {
	mem := t.s.mem
	if err := mem.take(ctx, frameRoom); err != nil {
		return err
	}
	frame, err := t.encode(ctx, read)
	held := int64(len(frame))
	mem.give(frameRoom - held)
	defer func() { mem.give(held) }()
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

func (t *teller) encode(ctx context.Context, read func() (*protocol.Index, error)) ([]byte, error) {
	all := t.s.f.node.coders
	c, err := all.take(ctx)
	if err != nil {
		return nil, err
	}
	defer all.give(c)
	i, err := read()
	if err != nil || i == nil {
		return nil, err
	}
	return c.encode(i)
}
