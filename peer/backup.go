package peer

import (
	"errors"

	"qsync/folder"
	"qsync/folder/disk"
	"qsync/protocol"
	"qsync/store"
)

// law is what mode m means for the map. A backup drops what vanishes: the others
// keep it. What was dropped stays so in a send folder; in one that applies it is
// wanted again, and before a mirror, whose receivers become like it, it is gone.
func (f *Folder) law(m Mode) store.Law {
	return store.Law{
		Mode: uint8(m), Announces: m.announces(),
		Drops: m == Backup, Lets: m == Backup || m == Send && !f.cfg.Mirror,
		Keeps: m == Receive, Waives: f.newest(),
	}
}

// modeOnWire is what peers are told of the own mode.
func (f *Folder) modeOnWire() protocol.Mode {
	switch m := f.Mode(); {
	case m == ModeAuto:
		return protocol.TwoWay
	case m.receives() && f.store.Kept():
		return protocol.Archive
	case m == Mirror:
		return protocol.Receive
	case m == Send && f.cfg.Mirror:
		return protocol.Mirror
	default:
		return protocol.Mode(m)
	}
}

// modeOf is what a peer says its mode is.
func modeOf(m protocol.Mode) Mode {
	switch m {
	case protocol.Archive:
		return Receive
	case protocol.Mirror:
		return Send
	}
	return Mode(m)
}

// keeps reports whether what the peer knows comes from a source that only backs
// up: then what it does not know of is not extra, but may be older than it.
func (s *session) keeps() bool {
	return s.hello.Mode == protocol.Backup || s.hello.Mode == protocol.Archive
}

// keepsOwn reports whether rec is something that this machine alone has, and that
// stays: a backup's receiver takes nothing for extra.
func (f *Folder) keepsOwn(rec *store.Record) bool {
	own := rec.Local.Value.Kind != folder.Absent && rec.Local.Dot.IsZero() && !rec.Local.Implicit
	return own && !rec.Register.Live() && f.Mode().receives() && f.store.Kept()
}

// told notes in a receiving folder that a peer has told everything. Receivers
// further on hear from the greeting what kind of source it comes from; those
// that were greeted before it was known are greeted again.
func (s *session) told() error {
	f := s.f
	before := f.modeOnWire()
	kept := s.keeps() || f.store.Kept() && modeOf(s.hello.Mode) != Send
	if err := f.store.SetTold(kept); err != nil || f.modeOnWire() == before {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, other := range f.sessions {
		if other != s {
			other.link.Close(CodeShutdown, "")
		}
	}
	return nil
}

// away notes that a peer does not have the content of w. If it is the source that
// has dropped it, or a receiver that waits for nothing any more, nobody has it:
// to wait for it would be in vain. Who has an older version keeps that.
func (x *fetchJob) away(s *session, w want, status protocol.Status) {
	if status != protocol.NotHere || !s.greeted.Load() {
		return
	}
	s.mu.Lock()
	settled := s.caught && s.peerScanned && s.heard.WantEntries == 0
	s.mu.Unlock()
	if s.hello.Mode != protocol.Backup && (s.hello.Mode != protocol.Archive || !settled) {
		return
	}
	if x.lost == nil {
		x.lost = make(map[folder.Path]bool)
	}
	x.lost[w.rec.Path] = true
}

var errHides = errors.New("not backed up: there was a directory of this name, and the others keep what it held; give this file another name")

// hides reports whether a file stands here where others are to keep a directory
// that was dropped. It cannot be told to them without taking that away.
func (f *Folder) hides(x disk.Found) (bool, error) {
	if f.Mode() != Backup || x.After.Value.Kind == folder.Dir {
		return false, nil
	}
	live, err := f.store.LiveBelow(x.Path)
	if live {
		f.problem(x.Path, errHides)
	}
	return live, err
}
