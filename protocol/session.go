package protocol

import (
	"cmp"
	"errors"
	"fmt"
	"unicode/utf8"

	"qsync/folder"
)

// Mode is what a replica does with changes. What a peer claims is only shown
// and compared: each side enforces its own mode.
type Mode uint8

// The modes of a replica.
const (
	TwoWay  Mode = 1 // sends and applies changes
	Send    Mode = 2 // never applies
	Receive Mode = 3 // never announces a change of its own
	Backup  Mode = 4 // never applies, and would have others keep what it removes
	Archive Mode = 5 // as Receive, and what it knows comes from a Backup
	Mirror  Mode = 6 // as Send, and who has yet to choose a mode becomes like it
)

// String returns the mode as the command line spells it.
func (m Mode) String() string {
	switch m {
	case TwoWay:
		return "two-way"
	case Send:
		return "send"
	case Receive:
		return "receive"
	case Backup:
		return "backup"
	case Archive:
		return "receive (backup)"
	case Mirror:
		return "send (mirror)"
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// Hello is the first message of both sides on the control stream.
type Hello struct {
	Mode    Mode
	Name    string           // for people; UTF-8, at most MaxName bytes, untrusted
	Folder  string           // the sender's absolute path, at most MaxFolder bytes; for people
	Version string           // of the program; UTF-8, at most MaxVersion bytes
	Replica folder.ReplicaID // not 0
	Epoch   uint64           // of the sender's journal, not 0: renewed whenever that is rebuilt
	Seq     uint64           // position of its last entry
	Context folder.Context   // the sender's folder context, at most folder.MaxFolderContext replicas
}

func (*Hello) kind() kind { return kindHello }

func (h *Hello) check() error {
	switch {
	case h.Mode < TwoWay || h.Mode > Mirror:
		return errors.New(h.Mode.String())
	case h.Replica == 0 || h.Epoch == 0:
		return errors.New("replica or epoch 0")
	case !utf8.ValidString(h.Name) || !utf8.ValidString(h.Version):
		return errors.New("text that is not UTF-8")
	}
	return cmp.Or(
		inRange("bytes of name", len(h.Name), 0, MaxName),
		inRange("bytes of folder", len(h.Folder), 0, MaxFolder),
		inRange("bytes of version", len(h.Version), 0, MaxVersion),
		inRange("position", h.Seq, 0, maxCounter),
		inRange("replicas in the context", len(h.Context), 0, folder.MaxFolderContext),
	)
}

func (h *Hello) encode(e *encoder) {
	e.array(8)
	e.uint(uint64(h.Mode))
	e.string(h.Name)
	e.binString(h.Folder)
	e.string(h.Version)
	e.uint(uint64(h.Replica))
	e.uint(h.Epoch)
	e.uint(h.Seq)
	e.context(h.Context)
}

func (h *Hello) decode(d *decoder) {
	d.array(8)
	h.Mode = Mode(d.uint(255))
	h.Name = d.string(MaxName)
	h.Folder = string(d.bin(MaxFolder))
	h.Version = d.string(MaxVersion)
	h.Replica = folder.ReplicaID(d.uint(1<<64 - 1))
	h.Epoch = d.uint(1<<64 - 1)
	h.Seq = d.uint(maxCounter)
	h.Context = d.context()
}

// Resume asks for everything in the journal of the one it is sent to that came
// after Cursor.
type Resume struct {
	Epoch  uint64 // of that journal, as the sender knows it; 0: it knows none
	Cursor uint64 // 0 with Epoch 0
}

func (*Resume) kind() kind { return kindResume }

func (r *Resume) check() error { return checkCursor(r.Epoch, r.Cursor) }

func (r *Resume) encode(e *encoder) {
	e.array(2)
	e.uint(r.Epoch)
	e.uint(r.Cursor)
}

func (r *Resume) decode(d *decoder) {
	d.array(2)
	r.Epoch = d.uint(1<<64 - 1)
	r.Cursor = d.uint(maxCounter)
}

func checkCursor(epoch, cursor uint64) error {
	if epoch == 0 && cursor != 0 {
		return errors.New("a cursor in no epoch")
	}
	return inRange("cursor", cursor, 0, maxCounter)
}

// Progress tells a peer how far its changes have come here, and what is still
// missing. The latest one holds; a sender may leave out those in between.
type Progress struct {
	Epoch       uint64 // of the journal of the one it is sent to; 0: none known yet
	Cursor      uint64 // all registers up to here are durable; 0 with Epoch 0
	WantEntries uint64 // paths whose content the sender has yet to fetch or apply
	WantBytes   uint64 // and the bytes of them
	Scanned     bool   // the sender has finished a whole scan since it started
	Head        uint64 // last position of the sender's own journal, read after all of the above
}

func (*Progress) kind() kind { return kindProgress }

func (p *Progress) check() error {
	return cmp.Or(
		checkCursor(p.Epoch, p.Cursor),
		inRange("wanted entries", p.WantEntries, 0, maxCounter),
		inRange("wanted bytes", p.WantBytes, 0, maxCounter),
		inRange("head", p.Head, 0, maxCounter),
	)
}

func (p *Progress) encode(e *encoder) {
	e.array(6)
	e.uint(p.Epoch)
	e.uint(p.Cursor)
	e.uint(p.WantEntries)
	e.uint(p.WantBytes)
	e.bool(p.Scanned)
	e.uint(p.Head)
}

func (p *Progress) decode(d *decoder) {
	d.array(6)
	p.Epoch = d.uint(1<<64 - 1)
	p.Cursor = d.uint(maxCounter)
	p.WantEntries = d.uint(maxCounter)
	p.WantBytes = d.uint(maxCounter)
	p.Scanned = d.bool()
	p.Head = d.uint(maxCounter)
}
