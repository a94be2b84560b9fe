package peer

import (
	"context"
	"errors"

	"qsync/protocol"
	"qsync/store"
)

// toldAll reports whether a peer that has the whole index knows all there is to
// know here. Of a receiving folder, which adds nothing of its own, that is so
// once a source, or who knows it, has told it all: else receivers that are among
// themselves would take what none of them may announce for what the source lacks.
func (f *Folder) toldAll() bool {
	return f.scanned.isOpen() && (!f.Mode().receives() || f.store.Told())
}

// toldAll is the folder's, unless the peer is a source that only looks: it wants
// to know what is here now, and would be the one to tell the rest.
func (s *session) toldAll() bool {
	return s.f.toldAll() || s.observer && modeOf(s.hello.Mode).gives() && s.f.scanned.isOpen()
}

// tell sends the index: what the journal holds behind the peer's cursor, then
// whatever comes.
func (s *session) tell(ctx context.Context) error {
	out, err := s.link.OpenUni(ctx)
	if err != nil {
		return s.streamEnd(ctx, err)
	}
	t := &teller{s: s, out: out, stall: s.newStall(), after: s.resume.Cursor, first: true}
	for {
		change := s.f.changes()
		complete, err := t.next(ctx)
		switch {
		case errors.Is(err, store.ErrWait):
			if !sleep(ctx, retryWait) {
				return nil
			}
		case err != nil:
			return s.streamEnd(ctx, err)
		case complete:
			if t.toldScan {
				change = nil
			}
			if !s.awaitMore(ctx, t.after, change) {
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

// accept merges batches, the last ones of which the peer told as these messages:
// of what is the same there is none.
func (s *session) accept(told []*protocol.Index, batches []store.Batch) error {
	f := s.f
	for k := range batches {
		batches[k].Turn, batches[k].Sent = s.turn, s.sent.Load
	}
	if f.other != nil {
		for _, i := range told {
			f.other.hear(i)
		}
	}
	n, err := f.store.AcceptAll(s.id, batches)
	switch {
	case errors.Is(err, store.ErrRollback):
		return f.rolledBack(s)
	case err != nil:
		return err
	}
	for _, i := range told {
		if err := s.follow(i, n > 0); err != nil {
			return err
		}
	}
	f.changed()
	return nil
}

// follow follows up what was merged of a message.
func (s *session) follow(i *protocol.Index, changed bool) error {
	f := s.f
	if changed {
		if err := f.heardRivals(i); err != nil {
			return err
		}
	}
	if i.Complete && i.Scanned && f.Mode().receives() {
		if err := s.told(); err != nil {
			return err
		}
	}
	f.holders.heard(s, i.Entries)
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
	if changed || i.Complete {
		f.wakeSyncer()
	}
	return nil
}
