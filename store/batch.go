package store

import (
	"fmt"

	"qsync/folder"
)

// NodeID names a peer: a hash of its device key.
type NodeID [16]byte

// Entry is what one replica tells another of a path.
type Entry struct {
	Path     folder.Path
	Register folder.Register
	Have     bool // the teller's disk holds the content
}

// Batch is a stretch of a replica's journal, or of its records in key order.
type Batch struct {
	Snapshot bool
	Same     bool        // snapshot: the receiver has found that its own registers of the span are these; no entries, no context
	After    uint64      // journal: the batch covers positions (After, Upto]
	Upto     uint64      // snapshot: in the last batch the position to read on from
	From, To folder.Path // snapshot: the batch covers keys (From, To], To "" is the end
	Complete bool        // the head of the journal was reached in the same read as Context
	Context  folder.Context
	Entries  []Entry

	// Of who receives it: the session in which it came ([Peer.Turn]), and how far
	// that session has sent our own journal by now, or resumed it; nil for nowhere.
	Turn uint64
	Sent func() uint64
}

// check refuses a batch whose own parts contradict each other: read wrongly,
// its gaps would declare living paths dead.
func (b *Batch) check() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrForged, what) }
	if !b.Snapshot {
		if b.Upto < b.After || b.Same {
			return bad("a batch that runs backwards")
		}
		return nil
	}
	if b.Same && (len(b.Entries) != 0 || len(b.Context) != 0) {
		return bad("entries in a span that is the same")
	}
	if b.Complete || (b.To != "" && b.From.Compare(b.To) >= 0) {
		return bad("bounds of a snapshot")
	}
	last := b.From
	for i := range b.Entries {
		p := b.Entries[i].Path
		if p.Compare(last) <= 0 || (b.To != "" && p.Compare(b.To) > 0) {
			return bad("order of a snapshot")
		}
		last = p
	}
	return nil
}

// follows reports whether b is the batch to come next from p.
func (p *Peer) follows(b Batch) error {
	switch {
	case b.Snapshot && b.From == "":
		return nil // may begin at any time
	case b.Snapshot:
		if !p.Snapshot || !p.walking || b.From != p.walked || b.Upto != p.Reached {
			return fmt.Errorf("%w: snapshot from %q", ErrGap, b.From)
		}
		return nil
	case p.Snapshot && p.walking:
		return fmt.Errorf("%w: the snapshot is not at its end", ErrGap)
	}
	reached := p.Cursor
	if p.Snapshot {
		reached = p.Reached
	}
	if b.After != reached {
		return fmt.Errorf("%w: after %d, cursor %d", ErrGap, b.After, reached)
	}
	return nil
}

// advance notes that b has been merged.
func (p *Peer) advance(b Batch) {
	switch {
	case b.Snapshot:
		p.Snapshot, p.Reached = true, b.Upto
		p.walking, p.walked = b.To != "", b.To
	case p.Snapshot:
		p.Reached = b.Upto
	default:
		p.Cursor = b.Upto
	}
}
