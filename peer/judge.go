package peer

import (
	"fmt"
	"path/filepath"
	"strings"

	"qsync/protocol"
)

// judge decides by the peer's Hello whether the two belong together.
func (s *session) judge() error {
	f := s.f
	if want := f.cfg.Expect; want != "" && want != "-" && !s.observer && !samePath(want, s.hello.Folder) {
		err := fmt.Errorf("%w: %s was to be synced with %s, but the peer %q shares %s", ErrPath, f.Dir(), want, s.hello.Name, s.hello.Folder)
		if s.typed {
			f.stop(err)
		}
		return err
	}
	peer := modeOf(s.hello.Mode)
	if !s.observer {
		if err := f.settleMode(s.hello.Mode, s.hello.Name); err != nil {
			return err
		}
	}
	if f.Mode().gives() && peer.gives() && !s.observer && f.cfg.Plan == nil {
		cure := "use qsync join on the receiving side, or -b on both"
		if f.Mode() == Backup && peer == Backup {
			cure = "back each of them up into a folder of its own, with a sync ID of its own: qsync share on the receiving side"
		}
		err := fmt.Errorf("%w: %s here and %s on %q; %s", ErrSources, f.Dir(), s.hello.Folder, s.hello.Name, cure)
		f.note(err)
		return err
	}
	return nil
}

// settleMode makes a mode that was left open what completes the first peer.
func (f *Folder) settleMode(peer protocol.Mode, name string) error {
	f.settling.Lock()
	defer f.settling.Unlock()
	if f.Mode() != ModeAuto {
		return nil
	}
	mode := TwoWay
	switch {
	case peer == protocol.Mirror:
		mode = Mirror
	case modeOf(peer).gives():
		mode = Receive
	}
	if err := f.setMode(mode); err != nil {
		return err
	}
	f.node.cfg.Log.Info("mode settled by the first peer", "folder", f.Dir(), "mode", mode.String(), "peer", name)
	f.changed()
	return nil
}

// samePath compares a path as a person typed it for the other machine with the
// absolute one which that machine shares. A relative one matches as its end.
func samePath(typed, shared string) bool {
	typed, shared = filepath.ToSlash(filepath.Clean(typed)), filepath.ToSlash(filepath.Clean(shared))
	if typed == shared {
		return true
	}
	return !filepath.IsAbs(typed) && strings.HasSuffix(shared, "/"+strings.TrimPrefix(typed, "./"))
}
