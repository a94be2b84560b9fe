package peer

import (
	"context"
	"errors"
	"time"

	"qsync/protocol"
	"qsync/store"
)

// toldAll reports whether a peer that has the whole index knows all there is to
// know here. Of a receiving folder, which adds nothing of its own, that is so
// once a source, or who knows it, has told it all: else receivers that are among
// themselves would take what none of them may announce for what the source lacks.
func (f *Folder) toldAll() bool {
	return f.scanned.isOpen() && (f.Mode() != Receive || f.store.Told())
}

// tell sends the index: what the journal holds behind the peer's cursor, then
// whatever comes.
func (s *session) tell(ctx context.Context) error {
	out, err := s.link.OpenUni(ctx)
	if err != nil {
		return s.streamEnd(ctx, err)
	}
	w := protocol.NewWriter(out)
	after, toldScan, first := s.resume.Cursor, false, true
	for {
		change := s.f.changes()
		scanned := s.f.toldAll()
		b, snapshot, err := s.f.store.Since(s.id, after, batchLimits)
		if snapshot {
			after, err = s.tellSnapshot(ctx, w)
			if err != nil {
				return s.streamEnd(ctx, err)
			}
			first = true // a snapshot counts only with a complete batch behind it
			continue
		}
		if errors.Is(err, store.ErrWait) {
			if !sleep(ctx, retryWait) {
				return nil
			}
			continue
		}
		if err != nil {
			return err
		}
		if first || b.Upto > after || scanned && !toldScan {
			if err := w.Write(indexOf(b, scanned)); err != nil {
				return s.streamEnd(ctx, err)
			}
			first, toldScan = false, scanned && b.Complete
		}
		after = b.Upto
		if b.Complete {
			if toldScan {
				change = nil
			}
			if !s.awaitMore(ctx, after, change) {
				return nil
			}
		}
	}
}

// awaitMore waits until the journal goes on or, unless it is nil, on change: the
// peer does not know yet that it was told all.
func (s *session) awaitMore(ctx context.Context, after uint64, change <-chan struct{}) bool {
	if change == nil {
		return s.f.store.Wait(ctx, after) == nil
	}
	wctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	s.waits.Add(1)
	go func() {
		defer s.waits.Done()
		defer close(done)
		s.f.store.Wait(wctx, after)
	}()
	select {
	case <-done:
	case <-change:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

func (s *session) tellSnapshot(ctx context.Context, w *protocol.Writer) (uint64, error) {
	start := s.f.store.Identity().Seq
	b := store.Batch{}
	for from, more := b.To, true; more; from, more = b.To, b.To != "" {
		var err error
		for {
			b, err = s.f.store.Snapshot(from, start, batchLimits)
			if !errors.Is(err, store.ErrWait) {
				break
			}
			if !sleep(ctx, retryWait) {
				return 0, ctx.Err()
			}
		}
		if err != nil {
			return 0, err
		}
		if err := w.Write(indexOf(b, s.f.toldAll())); err != nil {
			return 0, err
		}
	}
	return start, nil
}

// batchLimits keep an Index within the protocol's bounds.
var batchLimits = store.Limits{
	Entries: protocol.MaxEntries,
	Bytes:   protocol.MaxIndex / 2, // leaves room for the folder context
	Size: func(e store.Entry) int {
		return protocol.Entry{Path: e.Path, Register: e.Register}.Size()
	},
}

func indexOf(b store.Batch, scanned bool) *protocol.Index {
	i := &protocol.Index{
		Snapshot: b.Snapshot, After: b.After, Upto: b.Upto, From: b.From, To: b.To,
		Complete: b.Complete, Scanned: scanned, Context: b.Context,
		Entries: make([]protocol.Entry, len(b.Entries)),
	}
	for k, e := range b.Entries {
		i.Entries[k] = protocol.Entry(e)
	}
	return i
}

func batchOf(i *protocol.Index) store.Batch {
	b := store.Batch{
		Snapshot: i.Snapshot, After: i.After, Upto: i.Upto, From: i.From, To: i.To,
		Complete: i.Complete, Context: i.Context,
		Entries: make([]store.Entry, len(i.Entries)),
	}
	for k, e := range i.Entries {
		b.Entries[k] = store.Entry(e)
	}
	return b
}

// merge reads the peer's index into the registers.
func (s *session) merge(ctx context.Context) error {
	in, err := s.link.AcceptUni(ctx)
	if err != nil {
		return s.streamEnd(ctx, err)
	}
	defer in.Cancel()
	r := protocol.NewReader(in, protocol.Indexes)
	// Who begins a snapshot and goes no further must not keep the others waiting.
	stalled := time.AfterFunc(snapshotWait, func() { s.link.Close(CodeShutdown, "") })
	stalled.Stop()
	defer stalled.Stop()
	holding := false // the merge token, over a whole snapshot
	defer func() {
		if holding {
			<-s.f.merging
		}
	}()
	for {
		m, err := r.Next()
		stalled.Stop()
		if err != nil {
			return s.streamEnd(ctx, err)
		}
		i := m.(*protocol.Index)
		if !holding {
			select {
			case s.f.merging <- struct{}{}:
				holding = true
			case <-ctx.Done():
				return nil
			}
		}
		snapshot, err := s.accept(i)
		if snapshot {
			stalled.Reset(snapshotWait)
		} else {
			<-s.f.merging
			holding = false
		}
		if err != nil {
			return err
		}
	}
}

// accept merges one batch and reports whether the peer is in the middle of a
// snapshot.
func (s *session) accept(i *protocol.Index) (snapshot bool, err error) {
	f := s.f
	if f.other != nil {
		f.other.hear(i)
	}
	n, err := f.store.Accept(s.id, batchOf(i))
	switch {
	case errors.Is(err, store.ErrRollback):
		return false, f.rolledBack(s.id)
	case err != nil:
		return false, err
	}
	if i.Complete && i.Scanned && f.Mode() == Receive {
		if err := f.store.SetTold(); err != nil {
			return false, err
		}
	}
	for _, e := range i.Entries {
		if e.Have {
			f.parked.free(e.Path)
		}
		if !e.Register.Live() { // what was to come into a directory may have been all that kept it
			f.lostEntry(e.Path)
			f.lostEntry(e.Path.Dir())
		}
	}
	s.mu.Lock()
	s.caught = s.caught || i.Complete
	s.peerScanned = s.peerScanned || i.Complete && i.Scanned
	s.mu.Unlock()
	if n > 0 || i.Complete {
		f.wakeSyncer()
	}
	f.changed()
	return f.store.Peer(s.id).Snapshot, nil
}
